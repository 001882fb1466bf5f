"""One run of a space's equations: a decider fills the holes, the builder grows the graph, the rules watch."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nas.errors import Fault, Place, ShapeError
from nas.graph.builder import Builder
from nas.graph.cost import Costs
from nas.graph.graph import Call
from nas.graph.operators import TABLE
from nas.space.aliases import operator_hint
from nas.space.arguments import block_arguments, constant, operator_arguments, tied_name
from nas.space.arithmetic import error
from nas.space.builtins import BUILTINS
from nas.space.domains import Categorical, Domain, Value
from nas.space.program import BlockSpec, DecisionSpec, Expression, Program, RuleSpec
from nas.space.values import AxisName, AxisSize, Callee, Element, Tensor, describe

__all__ = ["BUILTINS", "Decider", "Frame", "Rejected", "Run"]

STEPS_PER_NODE = 20  # of the limit on nodes: the work that a build may take


class Decider(Protocol):
    """Whoever fills the holes."""

    def decide(self, path: str, domain: Domain) -> Value:
        """The value of the decision at `path`, a member of `domain`."""
        ...


class Rejected(Exception):
    """A rule or a limit says no to this candidate.

    `genotype` and `domains` hold what was decided until then, `steps` the work that the equations took.
    """

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule
        self.genotype: dict[str, Value] = {}
        self.domains: dict[str, Domain] = {}
        self.steps = 0

    def again(self) -> Rejected:
        """The same, to be raised anew."""
        copy = Rejected(self.rule)
        copy.genotype, copy.domains, copy.steps = self.genotype, self.domains, self.steps
        return copy


class _Unknown(Exception):
    """A rule looked at something that is not decided yet: a path, or a cost of the unfinished graph (None)."""

    def __init__(self, path: str | None) -> None:
        self.path = path


class Frame:
    """One call of a block: its arguments and local variables, its decisions, and where it stands."""

    __slots__ = ("block", "depth", "locals", "loops", "parent", "path", "run", "scope", "suffix", "values", "weights")

    def __init__(self, run: Run, block: BlockSpec, parent: Frame | None, path: str) -> None:
        self.run = run
        self.block = block
        self.parent = parent
        self.path = path  # before the names of its decisions
        self.locals: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.depth = 0
        self.scope: tuple[Call, ...] = ()
        self.weights = ""
        self.loops: tuple[int, ...] = ()
        self.suffix = ""  # the loops' indices as written in paths: [1][2]


class Run:
    """The state of one build. Construct it, `execute` it once."""

    def __init__(self, program: Program, axes: Mapping[str, AxisSize], builder: Builder, decider: Decider) -> None:
        self.program = program
        self.axes = axes
        self.builder = builder
        self.decider = decider
        self.drawn: dict[str, Value] = {}
        self.domains: dict[str, Domain] = {}
        self.costs: Costs | None = None
        self.top = Frame(self, program.model, None, "")
        self._steps = STEPS_PER_NODE * program.max_nodes
        self._waiting: dict[str, list[tuple[Frame, RuleSpec]]] = {}
        self._costly: list[tuple[Frame, RuleSpec]] = []
        self._limits: dict[str, tuple[float, RuleSpec]] = {}
        self._max_nodes = program.max_nodes

    # ------------------------------------------------------------------ decisions

    def decide(self, frame: Frame, name: str) -> Any:
        """Read the decision `name` of the frame's block, drawing it where no one has yet."""
        spec = frame.block.decisions[name]
        path = frame.path + name
        domain = spec.constant or spec.domain(frame)
        if spec.needs:
            domain = self._ending(frame, spec, domain)
        if path in self.drawn:
            value = self.drawn[path]
            if domain is not self.domains[path] and not domain.contains(value):
                raise Rejected(f"the shared decision `{path}` = {value} does not fit everywhere it is used")
        else:
            path = sys.intern(path)  # every design that is kept has it; they share it
            value = self.decider.decide(path, domain)
            self.drawn[path] = value
            self.domains[path] = domain
        element = spec.by_value.get(value) if spec.by_value else None
        read: Any = value
        if element is not None and element.callee:
            read = Element(str(value), element.callee, element.bound, frame)
        frame.values[name] = read
        if self._waiting:
            for waiting_frame, rule in self._waiting.pop(path, ()):
                self._check(waiting_frame, rule)
        return read

    def _ending(self, frame: Frame, spec: DecisionSpec, domain: Domain) -> Domain:
        """The domain without the elements that could no longer end within the recursion limit."""
        left = self.program.max_depth - frame.depth
        if max(spec.needs) <= left or not isinstance(domain, Categorical):
            return domain
        kept = [i for i, need in enumerate(spec.needs) if need <= left]
        if not kept:
            raise Rejected(f"limits: depth {self.program.max_depth}")
        if len(kept) == len(domain.options):
            return domain
        weights = tuple(domain.weights[i] for i in kept) if domain.weights else None
        return Categorical(tuple(domain.options[i] for i in kept), weights)

    def peek(self, frame: Frame, name: str) -> Any:
        """A rule's look at a decision: what only rules read is drawn by the first that needs it.

        Raises: _Unknown: the equations have not read it.
        """
        if name in frame.values:
            return frame.values[name]
        path = frame.path + name
        if path in self.drawn or frame.block.decisions[name].rule_only:
            return self.decide(frame, name)
        raise _Unknown(path)

    def cost(self, name: str) -> int:
        if self.costs is None:
            raise _Unknown(None)
        return int(getattr(self.costs, name))

    # ------------------------------------------------------------------ rules

    def watch(self, frame: Frame) -> None:
        """Begin to check the rules of the frame's block."""
        for rule in frame.block.rules:
            self._check(frame, rule)

    def _check(self, frame: Frame, rule: RuleSpec) -> None:
        try:
            if rule.early is not None and self.costs is None:
                cost, limit, strict = rule.early
                bound = limit(frame)
                if not isinstance(bound, int | float):
                    raise error(rule.place, f"a cost is compared with {describe(bound)}; it takes a number")
                bound = math.ceil(bound) - 1 if strict else bound  # costs are integers
                if bound < self._limits.get(cost, (float("inf"), rule))[0]:
                    self._limits[cost] = (bound, rule)
                self._costly.append((frame, rule))
                return
            if not rule.holds(frame):
                raise Rejected(rule.text)
        except _Unknown as unknown:
            if unknown.path is None:
                self._costly.append((frame, rule))
            else:
                self._waiting.setdefault(unknown.path, []).append((frame, rule))

    def settle(self, costs: Callable[[], Costs]) -> None:
        """After the build: check what waited for the costs. What waits for a decision still does not apply."""
        if self._costly:
            self.costs = costs()
            for frame, rule in self._costly:
                self._check(frame, rule)

    # ------------------------------------------------------------------ calls

    @property
    def steps(self) -> int:
        """The work so far: nodes, and what was spent on the equations."""
        return STEPS_PER_NODE * self.program.max_nodes - self._steps + len(self.builder.nodes)

    def spend(self, steps: int, place: Place) -> None:
        """Count work, so that a hostile or mistaken space ends."""
        self._steps -= steps
        if self._steps < 0:
            most = STEPS_PER_NODE * self.program.max_nodes
            raise error(
                place, f"the equations take more than {most:,} steps; shorten the loops, or raise `limits: nodes`"
            )

    def call(
        self,
        frame: Frame,
        callee: Any,
        args: Sequence[Expression],
        keywords: Sequence[tuple[str, Expression]],
        site: str,
        place: Place,
    ) -> Any:
        """Call what a decision, a variable or an argument holds."""
        if isinstance(callee, Element):
            name, bound = callee.callee, callee.arguments()
        elif isinstance(callee, Callee):
            name, bound = callee.name, {}
        else:
            name = site.split("#")[0]
            if isinstance(callee, str) and not isinstance(callee, AxisName):
                hint = operator_hint(callee, {*TABLE, *self.program.blocks})
                raise error(place, f"`{name}` is '{callee}' here, which is neither an operator nor a block{hint}")
            raise error(
                place, f"`{name}` holds {describe(callee)}, which cannot be called; name an operator or a block"
            )
        if bound:
            for key, _ in keywords:
                if key in bound:
                    raise error(place, f"`{key}` is bound in `{callee}` and given here again")
            keywords = (*keywords, *((key, constant(value)) for key, value in bound.items()))
        if name in self.program.blocks:
            return self.call_block(frame, name, args, keywords, site, place, indirect=True)
        return self.call_operator(frame, name, args, keywords, site, place)

    def call_operator(
        self,
        frame: Frame,
        name: str,
        args: Sequence[Expression],
        keywords: Sequence[tuple[str, Expression]],
        site: str,
        place: Place,
    ) -> Tensor:
        tensors, rest, given = operator_arguments(frame, name, args, keywords, place)
        return self.apply(frame, name, tensors, rest, given, site, place)

    def apply(
        self,
        frame: Frame,
        name: str,
        tensors: tuple[int, ...],
        rest: Sequence[Any],
        given: dict[str, Any],
        site: str,
        place: Place,
    ) -> Tensor:
        """Append one operator to the graph."""
        tied = given.pop("tied", None) if given else None
        tied = None if tied is None else tied_name(tied, place)
        weights = f"{frame.weights}tied:{tied}" if tied else frame.weights + site + frame.suffix
        builder = self.builder
        try:
            node = builder.apply(name, tensors, rest, given, frame.scope, weights)
        except ShapeError as problem:
            raise ShapeError(*(Fault(fault.message, place) for fault in problem.faults)) from None
        if node >= self._max_nodes:
            raise Rejected(f"limits: nodes {self._max_nodes}")
        if self._limits and self.program.drops_nothing:
            for cost, (bound, rule) in self._limits.items():
                if getattr(builder, cost) > bound:
                    raise Rejected(rule.text)
        return Tensor(node)

    def call_block(
        self,
        frame: Frame,
        name: str,
        args: Sequence[Expression],
        keywords: Sequence[tuple[str, Expression]],
        site: str,
        place: Place,
        indirect: bool = False,
    ) -> Any:
        values, tied = block_arguments(frame, self.program.blocks[name], args, keywords, place)
        return self.enter(frame, name, values, tied, site, place, indirect)

    def enter(
        self, frame: Frame, name: str, values: dict[str, Any], tied: str | None, site: str, place: Place, indirect: bool
    ) -> Any:
        """Run a block's equations with a value for every parameter."""
        block = self.program.blocks[name]
        self.spend(block.steps, place)
        if frame.depth >= self.program.max_depth:
            raise Rejected(f"limits: depth {self.program.max_depth}")
        inner = Frame(self, block, frame, self._path(frame, name, site, tied, indirect))
        inner.locals = values
        inner.depth = frame.depth + 1
        inner.scope = (*frame.scope, Call(name, site, frame.loops))
        inner.weights = f"{frame.weights}{f'tied:{tied}' if tied else site + frame.suffix}/"
        if block.rules:
            self.watch(inner)
        return block.body(inner)

    @staticmethod
    def _path(frame: Frame, name: str, site: str, tied: str | None, indirect: bool) -> str:
        """Where the decisions of a block call stand: shared in a scope, shared by a tie, or its own."""
        scope: Frame | None = frame
        while scope is not None:
            if name in scope.block.share:
                return f"{scope.path}{name}."
            scope = scope.parent
        own = f"{frame.path}{tied}" if tied else f"{frame.path}{site}{frame.suffix}"
        return f"{own}.{name}." if indirect else f"{own}."
