"""The largest value that satisfies a rule: `hidden: {solve: "params <= budget", int: [8, 4096]}`.

The value is not chosen, so no decider is asked for it and no genotype holds it: it follows from the other decisions. It is
found by bisection over probes, each a run of the equations with the same decisions and one value for the solved one.
The first probe takes the lowest value and asks the decider; the others repeat what it said. Bisection needs that what the
rule bounds grows with the value, and that the value does not decide which decisions there are; a probe that shows
otherwise is an error of the space.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nas.errors import Fault, SpaceError
from nas.graph.builder import Builder
from nas.space.architecture import Architecture
from nas.space.domains import Domain, Integer, Value
from nas.space.program import COSTS, DecisionSpec, RuleSpec
from nas.space.run import Decider, Frame, Rejected, Run

if TYPE_CHECKING:
    from nas.space.space import Space


def solve(space: Space, spec: DecisionSpec, decider: Decider, strict: bool) -> Architecture:
    """The architecture with the largest value of the decision `spec` that satisfies its rule.

    Takes 2 + log2(number of values) probes at most.

    Raises:
        Rejected: even the lowest value breaks the rule; or other rules refuse the architecture that is found.
        SpaceError: the probes contradict one another; with `strict`, also where the pieces do not fit.
    """
    return _Solver(space, spec, decider, strict).solved()


class _Unknown(Exception):
    """A probe read a decision that the first one did not."""

    def __init__(self, path: str) -> None:
        self.path = path


class _Moved(Exception):
    """A probe met a decision with another domain than the first one did."""

    def __init__(self, path: str, before: Domain, now: Domain) -> None:
        self.path, self.before, self.now = path, before, now


class _Answers:
    """What the decider said, for all probes; after the first one it is not asked any more."""

    def __init__(self, decider: Decider) -> None:
        self.decider = decider
        self.given: dict[str, tuple[Value, Domain]] = {}
        self.first = True

    def decide(self, path: str, domain: Domain) -> Value:
        if path not in self.given:
            if not self.first:
                raise _Unknown(path)
            self.given[path] = self.decider.decide(path, domain), domain
        value, known = self.given[path]
        if known != domain:
            raise _Moved(path, known, domain)
        return value


class _Probe(Run):
    """A run with one value for the solved decision, at `position` of its domain.

    It ends early only for the rule that is solved and for rules that the value cannot change. What the others refuse
    counts only if this probe turns out to be the solution, so it is kept in `refused`.
    """

    def __init__(self, space: Space, spec: DecisionSpec, answers: _Answers, position: int) -> None:
        super().__init__(space.program, space.axes, Builder(space.input_types), answers)
        self.spec = spec
        self.position = position
        self.values: Integer | None = None  # of the solved decision, where the equations read it
        self.refused: Rejected | None = None
        self.built: Architecture | None = None  # where the probe satisfies the rule

    @property
    def value(self) -> int:
        assert self.values is not None
        return self.values.nth(self.position)

    def decide(self, frame: Frame, name: str) -> Any:
        if frame is not self.top or name != self.spec.name:
            return super().decide(frame, name)
        domain = self.spec.constant or self.spec.domain(frame)
        assert isinstance(domain, Integer) and self.spec.solve is not None
        self.values = domain
        frame.values[name] = self.value
        self._check(frame, self.spec.solve)
        for waiting, rule in self._waiting.pop(name, ()):
            self._check(waiting, rule)
        return self.value

    def _check(self, frame: Frame, rule: RuleSpec) -> None:
        solved = rule is self.spec.solve
        if rule.early is not None and not solved and self.costs is None:
            self._costly.append((frame, rule))  # what it bounds may be over the limit only in this probe
            return
        try:
            super()._check(frame, rule)
        except Rejected as rejected:
            if solved or (frame is self.top and not rule.costly and self.spec.name not in rule.mentions):
                raise
            self.refused = self.refused or rejected


class _Solver:
    def __init__(self, space: Space, spec: DecisionSpec, decider: Decider, strict: bool) -> None:
        assert spec.solve is not None
        self.space = space
        self.spec = spec
        self.rule = spec.solve
        self.strict = strict
        self.answers = _Answers(decider)
        self.steps = 0  # of all probes

    def solved(self) -> Architecture:
        low = self._first()
        if low.values is None:  # these decisions do without the solved one
            return self._judged(low)
        last = low.values.size - 1
        high = self._probe(last, low)
        if high.built is not None:
            return self._judged(high)
        while high.position - low.position > 1:
            middle = self._probe((low.position + high.position) // 2, low, high)
            if middle.built is not None:
                low = middle
            else:
                high = middle
        return self._judged(low)

    def _first(self) -> _Probe:
        """The probe of the lowest value, which asks the decider. Raises: Rejected: there is no solution."""
        probe = _Probe(self.space, self.spec, self.answers, 0)
        try:
            probe.built = self.space.execute(probe, self.strict)
        except Rejected as rejected:
            self.answers.first = False
            if rejected.rule == self.rule.text and probe.values is not None:
                self._hopeless(probe)
            raise
        self.answers.first = False
        self.steps += probe.steps
        return probe

    def _hopeless(self, low: _Probe) -> None:
        """Make sure that where the lowest value breaks the rule, the highest does too, as far as the decisions say."""
        assert low.values is not None
        high = _Probe(self.space, self.spec, self.answers, low.values.size - 1)
        try:
            self.space.execute(high, False)
        except (Rejected, _Unknown, _Moved):
            return
        raise self._fault(
            f"`{self.rule.text}` holds with `{self._at(high)}` and not with `{self._at(low)}`; the largest value is solved "
            "for, so what the rule bounds has to grow with it"
        )

    def _probe(self, position: int, low: _Probe, high: _Probe | None = None) -> _Probe:
        """A probe between `low`, which satisfies the rule, and `high`, which does not, and whether it contradicts them."""
        probe = _Probe(self.space, self.spec, self.answers, position)
        limits = (self.rule.text, "limits:")  # like the rule, the limits leave a candidate room to grow up to a point
        try:
            probe.built = self.space.execute(probe, self.strict)
        except _Unknown as new:
            raise self._conditional(new.path, probe, low) from None
        except _Moved as moved:
            now = f"with `{self._at(probe)}` `{moved.path}` is {moved.now}"
            raise self._fault(
                f"{now}, with `{self._at(low)}` {moved.before}; what is chosen from may not depend on a solved value"
            ) from None
        except Rejected as rejected:
            if not rejected.rule.startswith(limits):
                raise self._misfit(probe, Fault(rejected.rule)) from None
        except SpaceError as problem:
            raise self._misfit(probe, problem.faults[0]) from None
        self.steps += probe.steps
        gone = [path for path in self.answers.given if path not in probe.drawn]
        if probe.built is not None and gone:
            raise self._conditional(gone[0], low, probe)
        self._grows(low, probe)
        if high is not None:
            self._grows(probe, high)
        return probe

    def _judged(self, probe: _Probe) -> Architecture:
        """The solution, if the other rules accept it too."""
        if probe.refused is not None:
            refused = probe.refused
            refused.genotype, refused.domains, refused.steps = probe.drawn, probe.domains, self.steps
            raise refused
        assert probe.built is not None
        if probe.values is None:
            return probe.built
        capped = probe.position == probe.values.size - 1
        return replace(probe.built, solved={self.spec.name: probe.value}, capped=capped)

    # ------------------------------------------------------------------ contradictions

    def _grows(self, below: _Probe, above: _Probe) -> None:
        """Raises: SpaceError: a cost that the rule reads falls as the value grows."""
        if below.costs is None or above.costs is None:
            return
        for cost in COSTS:
            before, after = getattr(below.costs, cost), getattr(above.costs, cost)
            if cost in self.rule.mentions and after < before:
                raise self._fault(
                    f"`{cost}` falls from {before:,} with `{self._at(below)}` to {after:,} with `{self._at(above)}`; a value "
                    "is solved for where the cost grows with it"
                )

    def _conditional(self, path: str, there: _Probe, absent: _Probe) -> SpaceError:
        return self._fault(
            f"the equations read `{path}` with `{self._at(there)}` and not with `{self._at(absent)}`; a solved value may not "
            "decide which decisions there are"
        )

    def _misfit(self, probe: _Probe, fault: Fault) -> SpaceError:
        said = f"with `{self._at(probe)}`, a value that the search for the largest passes: {fault.message}"
        advice = "all values of a solved decision have to fit; a `step` leaves out those that do not"
        return SpaceError(Fault(f"{said}\n{advice}", fault.place or self.spec.place))

    def _fault(self, message: str) -> SpaceError:
        return SpaceError(Fault(message, self.spec.place))

    def _at(self, probe: _Probe) -> str:
        """A probe as people name it: hidden = 64."""
        return f"{self.spec.name} = {probe.value}" if probe.values else f"another {self.spec.name}"
