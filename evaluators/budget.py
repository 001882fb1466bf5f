"""How long a candidate trains, and at which steps it is measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.errors import ExperimentError, nearest

UNITS = ("epochs", "steps")

# A curve with more points than this costs evaluations that nobody can see.
MOST_POINTS = 50

# Of seconds between two checkpoints; small candidates never come to the first.
CHECKPOINT_S = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to take, and what to do after which.

    Args:
        steps: all of them.
        marks: step → units of the budget spent by then, where the candidate is measured; ends with `steps`.
        due: the marks at which a report is due.
    """

    steps: int
    marks: dict[int, int]
    due: frozenset[int]


def check_budget(budget: Mapping[str, Any], rungs: Sequence[int] = ()) -> tuple[str, int]:
    """Unit and amount of `budget`.

    Raises: ExperimentError: not one of `epochs` and `steps`, not a whole number from 1, or a rung outside of it.
    """
    units = ", ".join(UNITS)
    if not isinstance(budget, Mapping) or len(budget) != 1:
        raise ExperimentError(f"budget: expected one of {units}, such as {{epochs: 30}}, got {budget!r}")
    unit, amount = next(iter(budget.items()))
    if unit not in UNITS:
        raise ExperimentError(f"budget: no unit is called `{unit}`{nearest(str(unit), UNITS)}; there are {units}")
    if (
        isinstance(amount, bool)
        or not isinstance(amount, (int, float))
        or amount != amount // 1
        or not 1 <= amount < math.inf
    ):
        raise ExperimentError(f"budget: `{unit}` is a whole number from 1, got {amount!r}")
    for rung in rungs:
        if not 1 <= rung <= amount:
            raise ExperimentError(f"budget: rung {rung} is not between 1 and the whole budget of {int(amount)} {unit}")
    return unit, int(amount)


def plan(budget: Mapping[str, Any], rungs: Sequence[int], batches: int) -> Plan:
    """Marks and steps where an epoch has `batches` steps. The end of the budget is always a mark, and due.

    Raises: ExperimentError: as `check_budget`.
    """
    unit, amount = check_budget(budget, rungs)
    length = batches if unit == "epochs" else 1
    apart = math.ceil(amount / MOST_POINTS) if unit == "epochs" else max(batches, math.ceil(amount / MOST_POINTS))
    spent = sorted({*range(apart, amount, apart), *rungs, amount})
    due = frozenset(units * length for units in (*rungs, amount))
    return Plan(amount * length, {units * length: units for units in spent}, due)
