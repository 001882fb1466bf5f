"""A search space: a program with holes. Deciders fill them; the result is an `Architecture`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf, prod
from random import Random as Generator
from typing import TYPE_CHECKING, Any

from nas.errors import Fault, Place, ShapeError, SpaceError, nearest
from nas.graph.builder import Builder
from nas.graph.cost import costs
from nas.graph.simplify import simplify
from nas.graph.types import Axis, TensorType
from nas.space.architecture import Architecture
from nas.space.binding import bound_sizes
from nas.space.deciders import Crossover, Decider, GenotypeError, Mutation, Prefix, Random, Replay, others
from nas.space.domains import Domain, Value
from nas.space.memory import Memory
from nas.space.program import Program
from nas.space.run import Rejected, Run
from nas.space.solve import solve
from nas.space.values import AxisSize, Tensor, describe

if TYPE_CHECKING:
    from nas.space.count import Count

ASSUMED_SIZE = 64  # of an axis that neither a task nor the file's `sizes` gives a size
MAX_DRAWS = 20_000  # without one that is accepted
MUTATIONS = 20  # tries to change something
MAX_STEPS = 600_000  # of all these draws together
ALL = 1 - 1e-9  # of what can be decided, added up in floats

Genotype = Mapping[str, Value]


class NothingAccepted(SpaceError):
    """None of many draws is accepted; `reasons` counts what rejected them."""

    reasons: Counter[str]


@dataclass(frozen=True)
class Space:
    """A search space, bound to axis sizes.

    Args:
        program: the compiled equations.
        sizes: of the axes of inputs and outputs; where a task has not bound them, the file's examples.
        seeds: known designs by name, as partial genotypes; see `seed_space` for the sizes they were published with.
        text, file: the YAML as read, and where from.
    """

    program: Program
    sizes: Mapping[str, int]
    seeds: Mapping[str, Genotype]
    doc: str
    source: str
    text: str
    file: str
    assumed: tuple[str, ...] = field(default=())  # axes whose size nobody gave
    operator_files: Mapping[str, str] = field(default_factory=dict)  # Python files with operators, path → text
    examples: Mapping[str, int] = field(default_factory=dict)  # the sizes that the file gives
    seed_sizes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)  # those that seeds give, by seed
    memory: Memory | None = field(default=None, compare=False, repr=False)  # of designs built; see `remembering`

    @property
    def name(self) -> str:
        return self.program.name

    # ------------------------------------------------------------------ binding

    def bind(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> Space:
        """The space with the axis sizes of a task, by position.

        Args:
            inputs: shape of each input, without the batch; outputs: of each output.
                A space that names one axis where the task has several takes them flattened, in order; where it names
                more than the task has, the last get the size 1: a signal is an image of width 1 with one channel.
        Raises: SpaceError: the number of inputs or axes differs, or an axis would have two sizes.
        """
        return replace(self, sizes=bound_sizes(self.program, self.file, inputs, outputs), assumed=(), memory=None)

    def with_sizes(self, sizes: Mapping[str, int]) -> Space:
        """The space with some axis sizes given by name. Raises: SpaceError: not an axis, or not a size."""
        for axis, size in sizes.items():
            if axis not in self.sizes:
                hint = nearest(axis, self.sizes)
                raise SpaceError(f"`{axis}` is not an axis of {self.name}, which has {', '.join(self.sizes)}{hint}")
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise SpaceError(f"the size of `{axis}` is a positive integer, got {size!r}")
        assumed = tuple(axis for axis in self.assumed if axis not in sizes)
        return replace(self, sizes={**self.sizes, **sizes}, assumed=assumed, memory=None)

    def seed_space(self, name: str) -> Space:
        """The space at the sizes that the seed `name` was published with.

        Sizes that the seed does not give are the file's examples, also where a task has bound others; those that the
        file does not give either are the space's own.
        Raises: SpaceError: there is no such seed.
        """
        if name not in self.seeds:
            hint = nearest(name, self.seeds) or f"; it has {', '.join(self.seeds) or 'none'}"
            raise SpaceError(f"{self.file} has no seed `{name}`{hint}")
        return self.with_sizes({**self.examples, **self.seed_sizes.get(name, {})})

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self.program.inputs)

    @cached_property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(self.sizes[axis] for axis in axes) for axes in self.program.inputs.values())

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        return tuple(self.sizes[axis] for axis in self.program.outputs)

    @cached_property
    def axes(self) -> dict[str, AxisSize]:
        return {name: AxisSize(name, size) for name, size in self.sizes.items()}

    @cached_property
    def input_types(self) -> dict[str, TensorType]:
        return {
            name: TensorType(tuple(Axis(axis, self.sizes[axis]) for axis in axes))
            for name, axes in self.program.inputs.items()
        }

    # ------------------------------------------------------------------ building

    def build(self, decider: Decider, strict: bool = False) -> Architecture:
        """Run the equations, asking `decider` at every hole.

        Raises:
            Rejected: a rule or a limit says no, or the pieces do not fit; with what was decided until then.
            SpaceError: with `strict`, instead of `Rejected` where the pieces do not fit.
            GenotypeError: a replayed genotype does not belong to the space.
            SpaceError: the space solves for a value that cannot be solved for; see `nas.space.solve`.
        """
        if self.memory is not None and not strict:
            return self.memory.build(self._built, decider)
        return self._built(decider, strict)

    def remembering(self) -> Space:
        """The same space, which remembers the last designs that it built and does not build them again.

        It is for those who come by the same designs again and again; architectures that it returns may be shared.
        """
        return replace(self, memory=Memory())

    def _built(self, decider: Decider, strict: bool = False) -> Architecture:
        if self.program.solved is not None:
            return solve(self, self.program.solved, decider, strict)
        return self.execute(Run(self.program, self.axes, Builder(self.input_types), decider), strict)

    def execute(self, run: Run, strict: bool) -> Architecture:
        """Carry out one run, as `build` says."""
        program, builder, top = self.program, run.builder, run.top
        top.locals.update((name, Tensor(position)) for position, name in enumerate(program.inputs))
        try:
            run.watch(top)
            outputs = self._outputs(program.model.body(top), builder)
            recipe = {key: _plain(setting(top)) for key, setting in program.recipe.items()}
            graph = simplify(builder.finish(outputs))
            measured: list[Any] = []

            def measure() -> Any:
                measured.append(costs(graph))
                return measured[0]

            run.settle(measure)
        except Rejected as rejected:
            raise self._told(rejected, run) from None
        except GenotypeError:
            raise
        except (ShapeError, SpaceError) as problem:
            if strict:
                raise SpaceError(*problem.faults) from None
            raise self._told(Rejected(str(problem)), run) from None
        except RecursionError:
            raise self._told(Rejected("the equations nest too deep"), run) from None
        members = graph.nodes[graph.outputs[0]].type.shape[0] if program.ensemble else 1
        built = Architecture(run.drawn, run.domains, graph, recipe, members, builder.params)
        if measured:
            built.__dict__["costs"] = measured[0]
        return built

    @staticmethod
    def _told(rejected: Rejected, run: Run) -> Rejected:
        """The rejection with what was decided and done until then."""
        rejected.genotype, rejected.domains, rejected.steps = run.drawn, run.domains, run.steps
        return rejected

    def _outputs(self, result: Any, builder: Builder) -> list[int]:
        place = self.program.model.place
        if not isinstance(result, Tensor):
            raise SpaceError(Fault(f"the model returns {describe(result)}; it returns the output tensor", place))
        type_ = builder.nodes[result.id].type
        wanted = ", ".join(f"{axis}={self.sizes[axis]}" for axis in self.program.outputs)
        shape, members = type_.shape, self.program.ensemble
        if members:
            wanted = f"{members}, {wanted}"
            shape = shape[1:] if type_.names[:1] == (members,) else ()
        if shape != self.output_shape:
            raise ShapeError(
                Fault(f"the model returns {type_}; the output is [{wanted}], so the sizes do not fit", place)
            )
        return [result.id]

    # ------------------------------------------------------------------ drawing

    def sample(self, rng: Generator) -> Architecture:
        """Draw until the rules accept.

        Raises: SpaceError: none of many draws is accepted; says which rules reject.
        """
        return self._until_accepted(lambda: Random(rng))

    def _until_accepted(self, decider: Any, attempts: int = MAX_DRAWS) -> Architecture:
        reasons: Counter[str] = Counter()
        steps = 0
        domains: Mapping[str, Domain] = {}
        refused: set[str] = set()  # sets of decisions
        covered = 0.0  # their share of all that can be decided
        for draws in range(1, attempts + 1):
            try:
                return self.build(decider())
            except Rejected as rejected:
                reasons[rejected.rule] += 1
                steps += rejected.steps
                domains = rejected.domains
                if (decided := repr(rejected.genotype)) not in refused:
                    refused.add(decided)
                    covered += prod(1 / domains[path].size for path in rejected.genotype)
                if covered > ALL or steps > MAX_STEPS:  # whatever is decided is refused; or enough
                    attempts = draws
                    break
        listed = "\n".join(f"  {count / attempts:7.1%}  {rule}" for rule, count in reasons.most_common(5))
        place = self._rule_place(reasons.most_common(1)[0][0])
        where = "" if place else f"{self.file}: "
        if not domains:
            said = f"{where}the space has one candidate, without a decision, and it is rejected:\n{listed}"
        else:
            advice = "loosen the rules and limits, or check them for a contradiction"
            which = "no candidate" if covered > ALL else f"none of {attempts:,} draws"
            said = f"{where}{which} is accepted; {advice}:\n{listed}"
        nothing = NothingAccepted(Fault(said, place))
        nothing.reasons = reasons
        raise nothing

    def _rule_place(self, text: str) -> Place | None:
        """Where a rule stands that rejects."""
        blocks = (self.program.model, *self.program.blocks.values())
        solved = self.program.solved
        rules = [solved.solve] if solved is not None and solved.solve is not None else []
        rules.extend(rule for block in blocks for rule in block.rules)
        return next((rule.place for rule in rules if rule.text == text), None)

    def replay(self, genotype: Genotype, rng: Generator | None = None) -> Architecture:
        """The architecture of a genotype; with `rng`, of a partial one, the rest drawn until the rules accept.

        Raises:
            GenotypeError: a value is missing, outside its domain, or not of this space.
            Rejected: the rules reject it (without `rng`); SpaceError: with `rng`, no completion is accepted.
        """
        replay = Replay(genotype)
        if rng is None:
            built = self.build(replay)
        else:

            def decider() -> Decider:
                nonlocal replay
                replay = Replay(genotype, Random(rng))
                return replay

            built = self._until_accepted(decider, attempts=2_000)
        for path in genotype:
            if path in built.solved:
                if built.solved[path] != genotype[path]:
                    raise GenotypeError(
                        f"`{path}` is solved to be {built.solved[path]} here; it cannot be set to another value"
                    )
            elif path not in replay.used:
                known = ", ".join(built.genotype)
                hint = nearest(path, built.genotype) or f"; it has {known}"
                raise GenotypeError(f"`{path}` is no decision of this architecture{hint}")
        return built

    def mutate(self, genotype: Genotype, rng: Generator) -> Architecture:
        """A child with one decision or a few drawn anew, everything else kept where it still exists."""
        genotype = self._chosen(genotype)
        paths = sorted(genotype)
        if not paths:
            return self.sample(rng)

        def decider() -> Decider:
            count = 1
            while count < len(paths) and rng.random() < 0.2:
                count += 1
            return Mutation(genotype, frozenset(rng.sample(paths, count)), rng)

        try:
            child = self._until_accepted(decider, attempts=200)
            for _ in range(MUTATIONS):  # a decision at its limit has nothing else to be
                if dict(child.genotype) != genotype:
                    break
                child = self._until_accepted(decider, attempts=200)
            return child
        except NothingAccepted:
            return self.sample(rng)

    def crossover(self, first: Genotype, second: Genotype, rng: Generator) -> Architecture:
        """A child of two parents; the decisions of one block call come from the same one."""
        try:
            return self._until_accepted(lambda: Crossover(first, second, rng), attempts=100)
        except NothingAccepted:
            return self.mutate(first, rng)

    def _chosen(self, genotype: Genotype) -> dict[str, Value]:
        """The genotype without what is solved for, as records hold it."""
        solved = self.program.solved
        return {path: value for path, value in genotype.items() if solved is None or path != solved.name}

    def neighbours(self, genotype: Genotype, rng: Generator) -> Iterator[Architecture]:
        """Accepted architectures that differ in one decision, in random order.

        Every other element of a choice, the nearest and a few random values of a number; what a change makes newly
        readable is drawn.
        """
        domains = self.replay(genotype).domains
        genotype = self._chosen(genotype)
        moves = [(path, value) for path in genotype for value in others(domains[path], genotype[path], rng)]
        rng.shuffle(moves)
        for path, value in moves:
            try:
                yield self.build(Replay({**genotype, path: value}, Random(rng), lenient=True))
            except Rejected:
                continue

    # ------------------------------------------------------------------ the whole space

    def enumerate(self) -> Iterator[Architecture]:
        """Every accepted architecture once, in the order of the domains.

        Raises: SpaceError: a decision is a real number without a step, so there is no end.
        """
        positions: list[int] = []
        while True:
            prefix = Prefix(positions)
            try:
                built: Architecture | None = self.build(prefix)
            except Rejected:
                built = None
            for path, domain, _ in prefix.way:
                if domain.size == inf:
                    raise SpaceError(
                        f"{self.file}: `{path}` is {domain} without a step; such a space has no list of members"
                    )
            if built is not None:
                yield built
            way = prefix.way
            while way and way[-1][2] + 1 >= way[-1][1].size:
                way.pop()
            if not way:
                return
            positions = [position for _, _, position in way]
            positions[-1] += 1

    def count(self) -> Count:
        """How many genotypes the rules accept; see `nas.space.count`."""
        from nas.space.count import count

        return count(self)

    @cached_property
    def is_flat(self) -> bool:
        """Whether all architectures have the same decisions with the same domains; judged by many draws."""
        rng = Generator(0)
        first: Mapping[str, Domain] | None = None
        for _ in range(100):
            drawn = self._draw_domains(rng)
            if drawn is None:
                continue
            if first is None:
                first = drawn
            elif dict(first) != dict(drawn):
                return False
        return True

    def _draw_domains(self, rng: Generator) -> Mapping[str, Domain] | None:
        try:
            return self.build(Random(rng)).domains
        except Rejected:
            return None


def _plain(value: Any) -> Any:
    """A recipe's value as plain JSON."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return value
    raise SpaceError(f"a training setting is a number, a word or a list, not {describe(value)}")
