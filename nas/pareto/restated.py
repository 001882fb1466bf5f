"""A study under other objectives than it searched for: any of its costs, its metrics, and what follows from its record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nas.errors import ExperimentError, ParetoError
from nas.study.objectives import Objective, parse_objective

if TYPE_CHECKING:
    from nas.study.records import StudyRecord, TrialRecord

TOOK = ("seconds", "joules")
"""What training a candidate took; energy where it was measured. Both depend on the machine and what else it did."""
WEIGHT_BYTES = "weight_bytes"
"""Parameters and buffers in float32."""


def restated(record: StudyRecord, objectives: Sequence[str]) -> StudyRecord:
    """`record` with the values of other objectives; constraints stay as they were.

    The search looked for what it was told: under other objectives its frontier shows what it came across.

    Args:
        objectives: such as `minimize macs`; names are costs and metrics that some complete candidate has, and
            `weight_bytes`, `seconds` and `joules`.
    Raises: ParetoError: a text is not understood, a name is unknown or stated twice, or nothing is complete.
    """
    complete = [trial for trial in record.trials if trial.state == "complete"]
    known = dict.fromkeys(name for trial in complete for name in (*trial.costs, *trial.metrics))
    try:
        goals = [parse_objective(text, (*known, WEIGHT_BYTES, *TOOK)) for text in objectives]
    except ExperimentError as fault:
        raise ParetoError(str(fault)) from None
    names = [goal.name for goal in goals]
    if len(set(names)) < len(names) or not names:
        raise ParetoError(f"objectives are different quantities, at least one, got {', '.join(objectives) or 'none'}")
    return replace(record, objectives=tuple(goals), trials=tuple(_valued(trial, goals) for trial in record.trials))


def _valued(trial: TrialRecord, goals: Sequence[Objective]) -> TrialRecord:
    """The trial with these values; without, and not feasible, where it lacks one."""
    asked = {goal.name for goal in goals}
    took = {"seconds": trial.seconds, "joules": sum(trial.joules.values()) if trial.joules else math.nan}
    metrics = {**trial.metrics, **{name: value for name, value in took.items() if name in asked}}
    costs = dict(trial.costs)
    if WEIGHT_BYTES in asked and "params" in costs:
        costs.setdefault(WEIGHT_BYTES, 4 * (costs["params"] + costs.get("buffers", 0)))
    known = {**metrics, **costs}
    values = tuple(known.get(goal.name, math.nan) for goal in goals)
    if trial.state != "complete" or not all(map(math.isfinite, values)):
        return replace(trial, values=None, feasible=False)
    return replace(trial, values=values, metrics=metrics, costs=costs)
