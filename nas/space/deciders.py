"""Who fills the holes: each decider is a few lines, the interpreter does the rest."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random as Generator

from nas.errors import SpaceError
from nas.space.domains import Categorical, Domain, Value
from nas.space.run import Decider

__all__ = ["Crossover", "Decider", "Mutation", "Prefix", "Random", "Replay"]

Genotype = Mapping[str, Value]


class GenotypeError(SpaceError):
    """A genotype does not fit the space."""


class Random:
    """Draws every decision from its domain."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng

    def decide(self, path: str, domain: Domain) -> Value:
        return domain.sample(self.rng)


class Replay:
    """Repeats a genotype, a partial one if there is a `rest` to decide what it does not say.

    With `lenient`, a value that its domain no longer holds is left to `rest` too; otherwise it is an error. `used`
    collects the paths that were read.
    """

    def __init__(self, genotype: Genotype, rest: Decider | None = None, lenient: bool = False) -> None:
        self.genotype = genotype
        self.rest = rest
        self.lenient = lenient
        self.used: set[str] = set()

    def decide(self, path: str, domain: Domain) -> Value:
        if path in self.genotype:
            value = self.genotype[path]
            if domain.contains(value):
                self.used.add(path)
                return value
            if not self.lenient:
                raise GenotypeError(f"`{path}` is {domain}; the genotype says {_shown(value)}")
        if self.rest is None:
            raise GenotypeError(f"the genotype does not say `{path}`, which is {domain}")
        return self.rest.decide(path, domain)


def _shown(value: object) -> str:
    """A value of any type and size, for a message."""
    try:
        shown = repr(value)
    except (ValueError, RecursionError):  # more digits than Python prints, or a list in itself
        shown = f"a very long {type(value).__name__}"
    return shown if len(shown) <= 60 else shown[:60] + "…"


class Mutation:
    """Repeats a genotype with the decisions in `changed` drawn anew, to another value where there is one."""

    def __init__(self, genotype: Genotype, changed: frozenset[str], rng: Generator) -> None:
        self.genotype = genotype
        self.changed = changed
        self.rng = rng

    def decide(self, path: str, domain: Domain) -> Value:
        if path not in self.genotype or not domain.contains(self.genotype[path]):
            return domain.sample(self.rng)
        if path in self.changed:
            return another(domain, self.genotype[path], self.rng)
        return self.genotype[path]


class Crossover:
    """Takes each decision from one of two parents; what neither has is drawn.

    In half of the children the decisions of one block call stay together, in the other half each goes its own way:
    the first keeps what has proved itself as a whole, the second mixes parents that differ inside one block alone.
    """

    def __init__(self, first: Genotype, second: Genotype, rng: Generator) -> None:
        self.parents = (first, second)
        self.rng = rng
        self.together = rng.random() < 0.5
        self.side: dict[str, int] = {}

    def decide(self, path: str, domain: Domain) -> Value:
        owner = (path.rpartition(".")[0] or path) if self.together else path
        side = self.side.setdefault(owner, self.rng.randrange(2))
        for parent in (self.parents[side], self.parents[1 - side]):
            if path in parent and domain.contains(parent[path]):
                return parent[path]
        return domain.sample(self.rng)


class Prefix:
    """Follows a list of positions in the domains, then takes first values; remembers the way, for enumeration."""

    def __init__(self, positions: list[int]) -> None:
        self.positions = positions
        self.way: list[tuple[str, Domain, int]] = []

    def decide(self, path: str, domain: Domain) -> Value:
        number = len(self.way)
        position = self.positions[number] if number < len(self.positions) else 0
        self.way.append((path, domain, position))
        return domain.nth(position)


def another(domain: Domain, value: Value, rng: Generator) -> Value:
    """A value other than `value` where there is one: near it for half of the numbers, anywhere else."""
    if domain.size == 1:
        return value
    if isinstance(domain, Categorical):
        return rng.choice([option for option in domain.options if option != value])
    assert isinstance(value, int | float)
    for _ in range(16):
        if rng.random() < 0.5:
            drawn: Value = domain.sample(rng)
        else:
            scale = abs(value) * 0.25 if domain.log else (domain.high - domain.low) * 0.1
            drawn = domain.snap(value + rng.choice((-1, 1)) * max(domain.step or 0, abs(rng.gauss(0, scale))))
            if domain.log and isinstance(drawn, float) and drawn <= 0:
                continue
        if drawn != value and domain.contains(drawn):
            return drawn
    steps = int(domain.size) if domain.size != float("inf") else 0
    if not steps:
        return domain.sample(rng)
    position = rng.randrange(steps - 1)
    candidate = domain.nth(position)
    return candidate if candidate != value else domain.nth(steps - 1)


def others(domain: Domain, value: Value, rng: Generator, most: int = 8) -> list[Value]:
    """Values other than `value`: all where there are few, else the nearest ones and some at random."""
    if isinstance(domain, Categorical):
        rest = [option for option in domain.options if option != value]
        return rest if len(rest) <= most else rng.sample(rest, most)
    assert isinstance(value, int | float)
    if domain.size <= most + 1:
        return [domain.nth(k) for k in range(int(domain.size)) if domain.nth(k) != value]
    step = domain.step or (domain.high - domain.low) / 20
    near = [domain.snap(value + move * step) for move in (-1, 1)]
    far = [domain.sample(rng) for _ in range(most - 2)]
    return [other for other in dict.fromkeys([*near, *far]) if other != value]
