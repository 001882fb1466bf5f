"""What a stopping rule is: something that says, from all reports so far, whether a candidate ends at a rung.

Candidates are compared *at the same rung*, each against all that have reached it so far, whether they went on or not.
Nobody waits for anybody (asynchronous). What a rule knows is what candidates reported, and nothing else, so that a
resumed study decides as one that was never interrupted; the order in which reports of different candidates came plays
no part.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.errors import ExperimentError
from nas.study.objectives import Objective


@dataclass(frozen=True)
class Setting:
    """What a user may set.

    Args:
        default: the value where nothing is said.
        takes: what it takes and what it is, for messages and lists.
        fits: whether a value is of that kind.
        quiet: whether it is not written down where it has its default: it came later, and does nothing then.
    """

    default: int | float | str | None
    takes: str
    fits: Callable[[object], bool] = field(repr=False)
    quiet: bool = False

    def checked(self, name: str, value: object) -> Any:
        """`value`. Raises: ExperimentError: it is of another kind."""
        if not self.fits(value):
            raise ExperimentError(f"stopping: `{name}` is {self.takes}, here stands {value!r}")
        return value


def whole(default: int, doc: str, low: int, quiet: bool = False) -> Setting:
    """A whole number of at least `low`."""
    return Setting(default, f"a whole number of at least {low} ({doc})", lambda value: _whole(value, low), quiet)


def number(default: float | None, doc: str, low: float = -math.inf, high: float = math.inf) -> Setting:
    """A finite number from `low` to `high`; None, where it is the default, too."""
    reach = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}" if low > -math.inf else ""

    def fits(value: object) -> bool:
        return (value is None and default is None) or (_finite(value) and low <= value <= high)  # type: ignore[operator]

    return Setting(default, " ".join(("a number", reach, f"({doc})")).replace("  ", " "), fits)


def above(default: float, doc: str, low: float) -> Setting:
    """A number greater than `low`."""
    return Setting(
        default,
        f"a number greater than {low:g} ({doc})",
        lambda value: _finite(value) and low < value < 1e6,  # type: ignore[operator]
    )


def choice(options: tuple[str, ...], doc: str, quiet: bool = False) -> Setting:
    """One of these words, the first by default."""
    return Setting(options[0], f"one of {', '.join(options)} ({doc})", lambda value: value in options, quiet)


def _whole(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Stopping:
    """A rule by name and all its settings.

    Args:
        rungs: amounts of the budget's unit, rising; none: nobody is ever stopped.
        settings: name → value, defaults filled in.
        budget: of one candidate, in the unit of the rungs; infinite where none was given.
        written: names in `settings` that are written down.
    """

    rule: str = "none"
    rungs: tuple[int, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    budget: float = math.inf
    written: frozenset[str] = field(default=frozenset(), compare=False)

    def to_json(self) -> dict[str, Any]:
        if not self.rungs:
            return {"rule": "none"}
        kept = {name: value for name, value in self.settings.items() if name in self.written}
        return {"rule": self.rule, "rungs": list(self.rungs), **kept}


class Rule(ABC):
    """Decides for one study. Equal reports give equal decisions."""

    def __init__(self, stopping: Stopping, objectives: tuple[Objective, ...]) -> None:
        self.stopping, self.objectives = stopping, objectives
        self.uncertain = [i for i, one in enumerate(objectives) if one.is_learned]

    @abstractmethod
    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        """Whether candidate `number`, which has reported at `rung`, ends there."""

    def entered(self, rungs: Rungs, rung: int, number: int, again: bool) -> None:  # noqa: B027
        """Called after each new report; `again`: it replaces one. For rules that keep a picture of the reports."""

    def finished(self, rungs: Rungs, number: int) -> None:  # noqa: B027
        """Called after a candidate has completed."""


@dataclass
class Rungs:
    """What is known at each rung, and the decision.

    Args:
        rule: None: nobody is stopped.
        reached: rung → candidate's number → its losses there, costs included.
        finished: number → losses of candidates that were trained to the end.
        infeasible: those of them that violate a constraint.
    """

    stopping: Stopping = field(default_factory=Stopping)
    rule: Rule | None = None
    reached: dict[int, dict[int, tuple[float, ...]]] = field(default_factory=dict)
    finished: dict[int, tuple[float, ...]] = field(default_factory=dict)
    infeasible: set[int] = field(default_factory=set)

    def enter(self, rung: int, number: int, losses: tuple[float, ...]) -> None:
        """Write down the losses of candidate `number` at `rung`.

        Another value than before means that the candidate was begun again: what it reported later is void.
        """
        if rung not in self.stopping.rungs or self.at(rung).get(number) == losses:
            return
        again = number in self.at(rung)
        for later in (one for one in self.stopping.rungs if one > rung):
            again |= self.reached.get(later, {}).pop(number, None) is not None
        self.reached.setdefault(rung, {})[number] = losses
        if self.rule is not None:
            self.rule.entered(self, rung, number, again)

    def finish(self, number: int, losses: tuple[float, ...], feasible: bool = True) -> None:
        """Write down that candidate `number` was trained to the end."""
        self.finished[number] = losses
        if not feasible:
            self.infeasible.add(number)
        if self.rule is not None:
            self.rule.finished(self, number)

    def goes_on(self, rung: int, number: int) -> bool:
        """Whether candidate `number` may go on beyond `rung`; always where it has not reported there."""
        if self.rule is None or number not in self.at(rung):
            return True
        early = rung < self.stopping.settings["warmup"] or number < self.stopping.settings["grace"]
        return early or not self.rule.stops(self, rung, number)

    def at(self, rung: int) -> Mapping[int, tuple[float, ...]]:
        """The losses of all that have reached `rung`, by number."""
        return self.reached.get(rung, {})

    def curve(self, number: int, last: int) -> list[tuple[int, tuple[float, ...]]]:
        """Rungs and losses of candidate `number`, up to the rung `last`."""
        return [
            (rung, self.at(rung)[number]) for rung in self.stopping.rungs if rung <= last and number in self.at(rung)
        ]


@dataclass(frozen=True)
class RuleEntry:
    """One line of the table of rules.

    Args:
        name: in an experiment file.
        summary: one sentence for `nas stopping`.
        make: builds it for a study's objectives.
        settings: what a user may set beside the rungs.
        one_objective: it can judge one uncertain objective only.
        keeps_front: whether nobody of non-dominated rank 0 among those compared is ever stopped.
        check: further demands on the settings; raises ExperimentError.
    """

    name: str
    summary: str
    make: Callable[[Stopping, tuple[Objective, ...]], Rule]
    settings: Mapping[str, Setting]
    one_objective: bool = False
    keeps_front: bool = False
    check: Callable[[Stopping], None] = field(default=lambda stopping: None, repr=False)
