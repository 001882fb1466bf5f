"""How many genotypes a space accepts: exactly where that can be done, by Knuth's estimator elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isqrt, log10, sqrt
from random import Random as Generator
from typing import Any

from nas.errors import Place, ShapeError, SpaceError
from nas.graph.builder import Builder
from nas.graph.graph import Node
from nas.graph.types import TensorType
from nas.space.domains import Domain, Value
from nas.space.run import Frame, Rejected, Run
from nas.space.space import Space
from nas.space.values import Element, Tensor

MAX_RUNS = 5_000
SOLVED_RUNS = 3  # that a build counts for which solves for a value: it takes a dozen, fewer where it is rejected
ROUGH_PROBES = 200
PROBES = 2_000
MAX_STEPS = 60_000  # nodes and steps of the equations, over all probes


@dataclass(frozen=True)
class Count:
    """The number of accepted genotypes, and the standard error of `value` where it is not exact.

    `value` is infinite where a decision is a real number without a step, and an integer where no float holds it.
    """

    value: float
    error: float = 0.0
    exact: bool = True

    def __str__(self) -> str:
        if self.value == inf:
            return "infinitely many (a decision is a real number)"
        if self.exact:
            return f"{int(self.value):,}" if self.value < 10**24 else _power(self.value, 2)
        value = f"{self.value:,.0f}" if self.value < 1e6 else _power(self.value, 2)
        return f"about {value} (± {_power(self.error, 1)}, estimated)"


def _power(number: float, digits: int) -> str:
    """A number of any size with so many digits, such as 1.5e+12."""
    if number < 10**300:
        return f"{number:.{digits}g}"
    exponent = int(log10(number))
    return f"{number // 10 ** (exponent - 6) / 10**6:.{digits}g}e+{exponent}"


def count(space: Space, seed: int = 0) -> Count:
    """The number of genotypes that the space accepts.

    Exact, with the ways through each block counted once for each situation it is called in, where no rule reads a cost
    and the situations are few; by enumeration where the space is small. Elsewhere the mean over random ways of the
    product of the numbers of branches (Knuth 1975, "Estimating the Efficiency of Backtrack Programs").
    """
    costly = space.program.solved is not None or any(rule.costly for rule in space.program.model.rules)
    rough = _estimate(space, Generator(seed), ROUGH_PROBES)
    if rough.value == inf:
        return rough
    if not costly or rough.value < MAX_RUNS:
        for nodes_matter in (False, True):
            try:
                return Count(_Counter(space, not costly, nodes_matter).whole())
            except _NodesMatter:
                continue
            except _TooMany:
                break
    return _estimate(space, Generator(seed), PROBES)


class _TooMany(Exception):
    """More runs than exact counting may take."""


class _NodesMatter(Exception):
    """Some ways through a block make more nodes than there may be, so ways of unlike length are not alike."""


class _Script:
    """A way through the choice points of one frame: follows positions, then takes the first branch each time."""

    def __init__(self, positions: list[int]) -> None:
        self.positions = positions
        self.way: list[tuple[int, int]] = []  # (position, number of branches)
        self.ways = 1  # how many genotypes this way stands for

    def branch(self, branches: int) -> int:
        number = len(self.way)
        position = self.positions[number] if number < len(self.positions) else 0
        self.way.append((position, branches))
        return position

    def decide(self, path: str, domain: Domain) -> Value:
        if domain.size == inf:
            raise OverflowError
        return domain.nth(self.branch(int(domain.size)))

    def following(self) -> list[int] | None:
        """The positions of the next way, None after the last."""
        way = self.way
        while way and way[-1][0] + 1 >= way[-1][1]:
            way.pop()
        return [*(position for position, _ in way[:-1]), way[-1][0] + 1] if way else None


Drawn = tuple[tuple[str, Value, Domain], ...]  # top-level decisions with their values
Outcome = tuple[tuple[TensorType, ...], bool, int, Drawn]  # types of the results, whether a list, nodes made, drawn


class _Pending(Exception):
    """A rule inside a block waits for a decision that is drawn after the block."""


class _Counter:
    def __init__(self, space: Space, memoise: bool, nodes_matter: bool) -> None:
        self.space = space
        self.memoise = memoise
        self.nodes_matter = nodes_matter
        self.runs = 0
        self.outcomes: dict[Any, list[tuple[Outcome, int]] | None] = {}  # None: it cannot be told apart from its caller
        program = space.program
        self.reach = {name: {name, *program.reach[name]} for name in program.blocks}
        self.reads = {name: self._top_reads(reach) for name, reach in self.reach.items()}
        self.shared = set().union(program.model.share, *(block.share for block in program.blocks.values()))

    def _top_reads(self, blocks: set[str]) -> list[str]:
        """Top-level decisions that these blocks may read, also through the arguments bound to a choice."""
        decisions = self.space.program.decisions
        read = set().union(*(self.space.program.blocks[name].reads for name in blocks)) & set(decisions)
        for _ in decisions:
            read |= set().union(*(decisions[name].mentions for name in read)) if read else set()
        return sorted(read & set(decisions))

    def spend(self) -> None:
        self.runs += SOLVED_RUNS if self.space.program.solved else 1
        if self.runs > MAX_RUNS:
            raise _TooMany

    def reject(self, rejected: Rejected) -> None:
        """A way that is not accepted. Raises: _NodesMatter: it may be only because a longer one was taken for it."""
        if self.memoise and not self.nodes_matter and rejected.rule.startswith("limits: nodes"):
            raise _NodesMatter

    def whole(self) -> float:
        total = 0
        positions: list[int] | None = []
        while positions is not None:
            self.spend()
            script = _Script(positions)
            try:
                self._build(script)
                total += script.ways
            except OverflowError:
                return inf
            except Rejected as rejected:
                self.reject(rejected)
            positions = script.following()
        return total

    def _build(self, script: _Script) -> None:
        space = self.space
        if not self.memoise:
            space.build(script)
            return
        builder = Builder(space.input_types)
        run = _CountingRun(self, script, builder)
        run.top.locals.update((name, Tensor(i)) for i, name in enumerate(space.program.inputs))
        try:
            run.watch(run.top)
            space._outputs(space.program.model.body(run.top), builder)
            for setting in space.program.recipe.values():
                setting(run.top)
            run.settle(lambda: None)  # type: ignore[arg-type, return-value]
        except (ShapeError, SpaceError) as problem:
            raise Rejected(str(problem)) from None


class _CountingRun(Run):
    """A run in which the call of a block is one choice point: among its outcomes, each with its number of ways."""

    def __init__(self, counter: _Counter, script: _Script, builder: Builder) -> None:
        space = counter.space
        super().__init__(space.program, space.axes, builder, script)
        self.counter = counter
        self.script = script
        self.sharing = 0  # calls around this one whose decisions others may share

    def enter(
        self, frame: Frame, name: str, values: dict[str, Any], tied: str | None, site: str, place: Place, indirect: bool
    ) -> Any:
        counter = self.counter
        sharing = tied is not None or bool(counter.reach[name] & counter.shared)
        outcomes = None
        if not sharing and not self.sharing and all(map(_simple, values.values())):
            nodes = self.builder.nodes
            key = (
                name,
                tuple(_key(values[param], nodes) for param in self.program.blocks[name].params),
                tuple((decision, decision in self.drawn, self.drawn.get(decision)) for decision in counter.reads[name]),
                self.program.max_depth - frame.depth,
            )
            if key not in counter.outcomes:
                try:
                    counter.outcomes[key] = self._outcomes(frame, name, values, place)
                except _Pending:
                    counter.outcomes[key] = None
            outcomes = counter.outcomes[key]
        if outcomes is None:
            self.sharing += sharing
            result = super().enter(frame, name, values, tied, site, place, indirect)
            self.sharing -= sharing
            return result
        return self._taken(outcomes)

    def _taken(self, outcomes: list[tuple[Outcome, int]]) -> Any:
        """One of the ways through a block, as the next branch of this way."""
        if not outcomes:
            raise Rejected("no way through a block")
        (types, several, made, drawn), ways = outcomes[self.script.branch(len(outcomes))]
        self.script.ways *= ways
        self._max_nodes -= made - len(types)
        results = [self._placed(type_) for type_ in types]
        if len(self.builder.nodes) > self._max_nodes:
            raise Rejected("limits: nodes")
        for decision, value, domain in drawn:
            self.drawn[decision], self.domains[decision] = value, domain
            self.decide(self.top, decision)  # so that the rules that wait for it are checked
        return results if several else results[0]

    def _placed(self, type_: TensorType) -> Tensor:
        nodes = self.builder.nodes
        nodes.append(Node(len(nodes), "input", (("name", ""),), (), type_))
        return Tensor(len(nodes) - 1)

    def _outcomes(self, frame: Frame, name: str, values: dict[str, Any], place: Place) -> list[tuple[Outcome, int]]:
        """Every way through the block, gathered by what the caller can tell apart."""
        found: dict[tuple[Any, ...], int] = {}
        longest: dict[tuple[Any, ...], int] = {}
        positions: list[int] | None = []
        while positions is not None:
            self.counter.spend()
            script = _Script(positions)
            inner = _CountingRun(self.counter, script, Builder({}))
            known = [decision for decision in self.counter.reads[name] if decision in self.drawn]
            for decision in known:  # paths inside start afresh
                inner.drawn[decision] = self.drawn[decision]
                inner.domains[decision] = self.domains[decision]
            moved = {param: inner._moved(value, self) for param, value in values.items()}
            given = len(inner.builder.nodes)
            outer = Frame(inner, self.program.model, None, "")
            outer.depth = frame.depth
            try:
                result = Run.enter(inner, outer, name, moved, None, "counted", place, False)
                inner.settle(lambda: None)  # type: ignore[arg-type, return-value]
                if any(path in self.program.decisions for path in inner._waiting):
                    raise _Pending
                several = isinstance(result, list)
                tensors = result if isinstance(result, list) else [result]
                if not all(isinstance(tensor, Tensor) for tensor in tensors):
                    raise _TooMany
                hidden = self.program.max_nodes - inner._max_nodes
                made = len(inner.builder.nodes) - given + hidden
                types = tuple(inner.builder.nodes[tensor.id].type for tensor in tensors)
                drawn = [d for d in inner.drawn if d in self.program.decisions and d not in known]
                met = tuple((d, inner.drawn[d], inner.domains[d]) for d in drawn)
                outcome = (types, several, made if self.counter.nodes_matter else 0, met)
                found[outcome] = found.get(outcome, 0) + script.ways
                longest[outcome] = max(longest.get(outcome, 0), made)
            except Rejected as rejected:
                self.counter.reject(rejected)
            except (ShapeError, SpaceError):
                pass
            positions = script.following()
        return [((o[0], o[1], longest[o], o[3]), ways) for o, ways in found.items()]

    def _moved(self, value: Any, origin: Run) -> Any:
        if isinstance(value, Tensor):
            return self._placed(origin.builder.nodes[value.id].type)
        if isinstance(value, list):
            return [self._moved(item, origin) for item in value]
        return value


def _simple(value: Any) -> bool:
    """Whether a value can be told apart by `_key`: a choice with bound arguments belongs to its own frame."""
    if isinstance(value, list):
        return all(_simple(item) for item in value)
    return not (isinstance(value, Element) and value.bound)


def _key(value: Any, nodes: list[Node]) -> Any:
    if isinstance(value, Tensor):
        return nodes[value.id].type
    if isinstance(value, list):
        return tuple(_key(item, nodes) for item in value)
    return type(value), value


def _estimate(space: Space, rng: Generator, probes: int) -> Count:
    total = squares = made = steps = 0
    while made < probes and (steps < MAX_STEPS or made < ROUGH_PROBES):
        probe = _Probe(rng)
        made += 1
        try:
            steps += len(space.build(probe).graph.nodes)
        except Rejected as rejected:
            steps += rejected.steps
            continue
        except OverflowError:
            return Count(inf)
        total += probe.branches
        squares += probe.branches**2
    # whole numbers, as the products outgrow the floats
    spread = max(squares * made - total * total, 0)
    if max(total, spread) < 10**300:
        return Count(total / made, sqrt(spread / made**3), exact=False)
    return Count(total // made, isqrt(spread // made**3), exact=False)


class _Probe:
    """A uniform way down the tree of decisions; `branches` is the product of the numbers of branches."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.branches = 1

    def decide(self, path: str, domain: Domain) -> Value:
        if domain.size == inf:
            raise OverflowError
        self.branches *= int(domain.size)
        return domain.nth(self.rng.randrange(int(domain.size)))
