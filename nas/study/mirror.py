"""The samplers' own view of a study: every point they should know of, trained or not.

The durable record holds facts only. A sampler needs more: designs that a rule rejected (told as violations; told as
failures they would be invisible to it), designs too expensive to train, the known result of a design proposed a second
time, and a guess for a candidate that was stopped early. The mirror is a function of the record: points stand in the
order of their candidates' numbers, and the points refused while a candidate was sought stand before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from nas.study.candidate import Genotype, Value
from nas.study.parameters import Parameters

PointState = Literal["pending", "told", "refused", "unknown"]


@dataclass(slots=True)
class Point:
    """One design as samplers see it.

    Args:
        values: parameter name → value; a design refused while it was built has only the decisions it got to.
        genotype: path → value, the same decisions.
        state: `pending`: being evaluated. `told`: `losses` are known, or guessed for a stopped candidate. `refused`:
            a rule, a constraint on costs or a failed training says no; `violation` says by how much. `unknown`: its
            worker was lost, so nothing is learnt.
        number: of the candidate whose outcome it shares; None for one that was never trained.
        whole: whether `genotype` is a whole architecture.
        losses: objectives, all minimised.
        slacks: one for each constraint, positive where violated.
        violation: 1 where no training can ever succeed, whatever the constraints say.
        stopped: whether it is told, but `losses` are those of the last rung that it reached.
    """

    values: dict[str, Value]
    genotype: Genotype
    state: PointState = "pending"
    number: int | None = None
    whole: bool = True
    losses: tuple[float, ...] | None = None
    slacks: tuple[float, ...] = ()
    violation: float = 0.0
    stopped: bool = False

    @property
    def total_violation(self) -> float:
        """0 for a feasible point, else the sum of all that it violates."""
        return self.violation + sum(max(slack, 0.0) for slack in self.slacks)


@dataclass
class Mirror:
    """All points in order, and the names of their parameters.

    Args:
        results: how many candidates are told.
        reached: rung of the stopping rule → number of a candidate → its losses there, costs included, also of candidates
            that are still being evaluated; in no order that means anything. Empty where nobody is ever stopped.
        budget: of one candidate, in the unit of the rungs; infinite where none was given.
    """

    parameters: Parameters = field(default_factory=Parameters)
    points: list[Point] = field(default_factory=list)
    results: int = 0
    reached: Mapping[int, Mapping[int, tuple[float, ...]]] = field(default_factory=dict)
    budget: float = math.inf
    _of: dict[int, list[Point]] = field(default_factory=dict)

    def add(self, point: Point) -> None:
        """A new point at the end; a pending one waits for the outcome of its candidate."""
        self.points.append(point)
        if point.number is not None:
            self._of.setdefault(point.number, []).append(point)

    def twin(self, values: dict[str, Value], genotype: Genotype, number: int) -> None:
        """A design that is candidate `number` once more: it shares the outcome, now or later.

        Also where it is the very genotype again. TPE then has more points there than it takes for good ones and moves on:
        on `families` that left 28 duplicates to 200 trials, where not telling it left 1,135, and a larger hypervolume.
        """
        self.add(replace(self._of[number][0], values=values, genotype=genotype))

    def tell(
        self,
        number: int,
        state: PointState,
        losses: tuple[float, ...] | None,
        slacks: Sequence[float],
        violation: float,
        stopped: bool = False,
    ) -> None:
        """The outcome of candidate `number`, for its own point and for its twins."""
        self.results += state == "told"
        for point in self._of[number]:
            point.state, point.losses, point.slacks, point.violation = state, losses, tuple(slacks), violation
            point.stopped = stopped

    def told(self) -> list[Point]:
        """Points with losses, in order."""
        return [point for point in self.points if point.state == "told"]
