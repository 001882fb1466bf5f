"""The unseen designs among which the model chooses: children of good ones, and the rest of the space.

Every result adds a handful of designs, drawn from the results until then; those of the latest results are in the pool
together. So designs are built a few at a time, and the pool is a function of the record: a search that is resumed finds
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from nas.space import Rejected
from nas.space.deciders import Random as Draw
from nas.space.domains import Domain
from nas.study.candidate import Genotype, Value
from nas.study.mirror import Point
from nas.study.ranking import best_first
from nas.study.samplers.frontier.columns import N_KEPT, Described

if TYPE_CHECKING:
    from nas.space import Architecture, Space

Describe = Callable[["Architecture"], Described]

N_LATEST = 8  # results whose designs are in the pool
CHILDREN = 8 / 3  # of the designs believed to be best, for each that a result adds
N_NODES = 62.5  # of a graph; larger ones give fewer designs
N_LEAST = 6
N_PARENTS = 12
MUTATED, CROSSED = 0.4, 0.3  # shares of the designs for each result; the others are drawn at random
ONE_MORE = 0.3  # chance that a mutation changes one more decision


@dataclass(frozen=True, slots=True)
class Unseen:
    """A design of the pool: what it is, what the model sees of it, and where it comes from; `design` unless it was met before."""

    genotype: Genotype
    seen: Described
    origin: str
    design: Architecture | None = None


class Pool:
    """See the module.

    Args:
        space: bound to the task. salt: differs between searches. describe: what the model sees of a design.
        n_new: designs that each result adds, of small graphs.
    """

    def __init__(self, space: Space, salt: int, describe: Describe, n_new: int) -> None:
        self._salt, self._n_new = salt, n_new
        self._breeding = _Flat(space, describe) if space.is_flat else _Breeding(space, describe)
        self._added: dict[int, list[Unseen]] = {}

    def drawn(self, told: Sequence[Point]) -> list[Unseen]:
        """The pool after these results; some may be known already, and some may stand in it twice."""
        latest = range(max(len(told) - N_LATEST, 0) + 1, len(told) + 1)
        for count in [count for count in self._added if count not in latest]:
            del self._added[count]
        for count in latest:
            if count not in self._added:
                self._added[count] = self._new(told[:count], Random(self._salt * 1_000_003 + count))
        return [one for count in latest for one in self._added[count]]

    def children(self, parents: Sequence[Genotype], turn: int) -> list[Unseen]:
        """Mutations of these designs; likewise."""
        rng = Random(self._salt * 1_000_033 + turn)
        return self._breeding.several(
            round(CHILDREN * self._n_new), lambda: self._breeding.mutation(rng.choice(parents), rng, "model")
        )

    def _new(self, told: Sequence[Point], rng: Random) -> list[Unseen]:
        losses = np.array([point.losses for point in told])
        violations = np.array([point.total_violation for point in told])
        parents = [told[i] for i in best_first(losses, violations, N_PARENTS)]
        return self._breeding.several(self._n_new, lambda: self._one(parents, rng))

    def _one(self, parents: Sequence[Point], rng: Random) -> Unseen:
        chance = rng.random()
        mother, father = rng.choice(parents), rng.choice(parents)
        if chance < MUTATED:
            return self._breeding.mutation(mother.genotype, rng, f"mutation of {mother.number}")
        if chance < MUTATED + CROSSED and mother is not father:
            origin = f"crossover of {mother.number} and {father.number}"
            return self._breeding.crossover(mother.genotype, father.genotype, rng, origin)
        return self._breeding.random(rng)


class _Breeding:
    """Designs from designs, by running the equations of the space."""

    def __init__(self, space: Space, describe: Describe) -> None:
        self._space, self._describe = space.remembering(), describe
        self._n_nodes = 0

    def several(self, most: int, make: Callable[[], Unseen]) -> list[Unseen]:
        """At most so many designs, fewer where graphs are large."""
        found: list[Unseen] = []
        self._n_nodes = 0
        for _ in range(most):
            if self._n_nodes > N_NODES * most and len(found) >= N_LEAST:
                break
            with suppress(Rejected):
                found.append(make())
        return found

    def mutation(self, genotype: Genotype, rng: Random, origin: str) -> Unseen:
        return self._made(self._space.mutate(genotype, rng), origin)

    def crossover(self, mother: Genotype, father: Genotype, rng: Random, origin: str) -> Unseen:
        return self._made(self._space.crossover(mother, father, rng), origin)

    def random(self, rng: Random) -> Unseen:
        return self._made(self._space.build(Draw(rng)), "model")

    def _made(self, design: Architecture, origin: str) -> Unseen:
        self._n_nodes += len(design.graph.nodes)
        return Unseen(dict(design.genotype), self._describe(design), origin, design)


class _Flat(_Breeding):
    """The same in a space whose designs all have the same decisions: no design is built twice, however often it is met."""

    def __init__(self, space: Space, describe: Describe) -> None:
        super().__init__(space, describe)
        self._space = space  # what is known of a design is kept here
        typical = space.sample(Random(0))
        self._domains: Mapping[str, Domain] = typical.domains
        self._size = len(typical.graph.nodes)
        self._known: dict[tuple[Value, ...], Described | None] = {}

    def several(self, most: int, make: Callable[[], Unseen]) -> list[Unseen]:
        most = min(most, max(N_LEAST, int(N_NODES * most / self._size)))
        found: list[Unseen] = []
        for _ in range(most):
            with suppress(Rejected):
                found.append(make())
        return found

    def mutation(self, genotype: Genotype, rng: Random, origin: str) -> Unseen:
        paths = [path for path, domain in self._domains.items() if domain.size > 1]
        count = 1
        while count < len(paths) and rng.random() < ONE_MORE:
            count += 1
        changed = {path: self._domains[path].sample(rng) for path in rng.sample(paths, count)}
        return self._of({**genotype, **changed}, origin)

    def crossover(self, mother: Genotype, father: Genotype, rng: Random, origin: str) -> Unseen:
        return self._of({path: rng.choice((mother, father))[path] for path in self._domains}, origin)

    def random(self, rng: Random) -> Unseen:
        return self._of({path: domain.sample(rng) for path, domain in self._domains.items()}, "model")

    def _of(self, genotype: Genotype, origin: str) -> Unseen:
        """Raises: Rejected: a rule refuses the design."""
        values = tuple(genotype[path] for path in self._domains)
        if values not in self._known:
            if len(self._known) >= N_KEPT:
                self._known.clear()
            self._known[values] = self._built(genotype)
        seen = self._known[values]
        if seen is None:
            raise Rejected("met before")
        return Unseen(genotype, seen, origin)

    def _built(self, genotype: Genotype) -> Described | None:
        try:
            return self._describe(self._space.replay(genotype))
        except Rejected:
            return None
