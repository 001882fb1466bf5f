"""A frontier laid out in a plane: which quantity goes on which axis, in which scale, and the line of the frontier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from nas.errors import ParetoError, nearest
from nas.pareto import geometry, numbers
from nas.study.latency import LATENCY
from nas.study.objectives import COSTS

if TYPE_CHECKING:
    from nas.pareto.front import Front
    from nas.study.records import TrialRecord

Point = tuple[float, float]


@dataclass(frozen=True)
class Axis:
    """One quantity along one direction of a picture.

    Args:
        name: an objective, a cost or a metric.
        direction: which way is better; None where nobody said.
        log: whether the scale is logarithmic.
    """

    name: str
    direction: str | None
    log: bool

    def place(self, value: float) -> float:
        """Where `value` lies on the scale, rising with it."""
        return math.log10(max(value, 1e-300)) if self.log else value

    def title(self, upright: bool = False) -> str:
        """What to write at the axis: its name, with an arrow that points to where it is better.

        Args:
            upright: whether the axis goes up rather than to the right.

        >>> Axis("params", "minimize", True).title(), Axis("accuracy", "maximize", False).title(upright=True)
        ('← fewer parameters', '↑ accuracy, validation')
        """
        name = numbers.spoken(self.name) + ("" if self.name in (*COSTS, LATENCY) else ", validation")
        if self.direction is None:
            return name
        if self.direction == "minimize":
            return f"{'↓' if upright else '←'} {'fewer' if self.name in COSTS else 'lower'} {name}"
        return f"↑ {name}" if upright else f"{name} →"


@dataclass(frozen=True)
class Plane:
    """Two axes. Costs go to x and quality to y, as in the papers."""

    x: Axis
    y: Axis

    def point(self, trial: TrialRecord) -> Point | None:
        """The values of `trial` on both axes, or None where it lacks one or it cannot be shown on the scale."""
        x, y = quantity(trial, self.x.name), quantity(trial, self.y.name)
        if any(value is None or (axis.log and value <= 0) for value, axis in ((x, self.x), (y, self.y))):
            return None
        assert x is not None and y is not None
        return x, y

    def points(self, trials: Sequence[TrialRecord]) -> list[Point]:
        """The points of those `trials` that have one."""
        return [point for point in map(self.point, trials) if point is not None]

    def frontier(self, points: Sequence[Point]) -> list[Point]:
        """The nondominated ones of `points` from best to worst x, each once; empty where a direction is not known."""
        if self.x.direction is None or self.y.direction is None or not points:
            return []
        losses = geometry.oriented(points, (self.x.direction, self.y.direction))
        unique = {points[i] for i, best in enumerate(geometry.nondominated(losses)) if best}
        return sorted(unique, reverse=self.x.direction == "maximize")


def plane_of(front: Front, x: str | None = None, y: str | None = None) -> Plane:
    """The plane to show `front` in.

    Args:
        x, y: names of objectives, costs or metrics; by default the first objective that is a cost (else the second
            objective, else `params`) against the first that training decides (else the first).
    Raises: ParetoError: no candidate has a quantity of that name, or there is none to choose.
    """
    goals = front.record.objectives
    known = dict.fromkeys(one.name for one in goals)
    for trial in front.candidates:
        known.update(dict.fromkeys([*trial.costs, *trial.metrics]))
    for name in (x, y):
        if name is not None and name not in known:
            raise ParetoError(f"no candidate has a `{name}`{nearest(name, known) or '.'} Known: {', '.join(known)}")
    y = y or next((one.name for one in goals if one.is_learned and one.name != x), None)
    y = y or next((name for name in known if name != x), None)
    x = x or next((one.name for one in goals if one.is_cost and one.name != y), None)
    x = x or next(
        (name for name in (*(one.name for one in goals), "params", *known) if name != y and name in known), None
    )
    if x is None or y is None:
        raise ParetoError(f"a picture needs two quantities, the study has only {', '.join(known)}")
    return Plane(axis_of(front, x), axis_of(front, y))


def quantity(trial: TrialRecord, name: str) -> float | None:
    """The finite value of a cost or a metric of `trial`, or None."""
    value = trial.costs.get(name, trial.metrics.get(name))
    return None if value is None or not math.isfinite(value) else float(value)


def staircase(frontier: Sequence[Point]) -> list[Point]:
    """Corners of the line that bounds what `frontier` dominates: from each member along x, then along y to the next.

    Args:
        frontier: nondominated points sorted by x from best to worst, as `Plane.frontier` gives them.

    >>> staircase([(1, 5), (3, 7)])
    [(1, 5), (3, 5), (3, 7)]
    """
    corners = list(frontier[:1])
    for (_, before), (x, y) in pairwise(frontier):
        corners += [(x, before), (x, y)]
    return corners


def ticks(low: float, high: float, n: int, log: bool) -> list[float]:
    """Round values from `low` to `high`, about `n`: in steps of 1, 2 or 5, or on a log scale decades divided likewise.

    >>> ticks(0.1, 0.93, 5, False)
    [0.2, 0.4, 0.6, 0.8]
    >>> ticks(120, 40_000, 5, True)
    [300.0, 1000.0, 3000.0, 10000.0, 30000.0]
    """
    if not high > low:
        return [low]
    if log:
        start, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
        for digits in ((1, 2, 5), (1, 3), (1,)):
            found = [float(f"{digit}e{power}") for power in range(start, end + 1) for digit in digits]
            found = [value for value in found if low <= value <= high]
            if 2 <= len(found) <= max(n, 2):
                return found
        if len(found) >= 2:
            return found[:: math.ceil(len(found) / max(n, 2))]
    raw = (high - low) / max(n, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((digit * power for digit in (1, 2, 5, 10)), key=lambda size: abs(math.log(size / raw)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def axis_of(front: Front, name: str) -> Axis:
    """The axis for `name`: better where its objective says so, costs better where lower, wide-ranging counts in a log scale."""
    direction: str | None = next((one.direction for one in front.record.objectives if one.name == name), None)
    values = [value for value in (quantity(trial, name) for trial in front.candidates) if value is not None]
    is_count = name in COSTS or any(name in trial.costs for trial in front.candidates)
    if direction is None and is_count:
        direction = "minimize"
    log = is_count and bool(values) and min(values) > 0 and max(values) >= 5 * min(values)
    return Axis(name, direction, log)
