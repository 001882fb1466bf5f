"""A study under other objectives than it searched for: any of its costs, its metrics and what training took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nas.errors import ExperimentError, ParetoError
from nas.study.objectives import Objective, parse_objective

if TYPE_CHECKING:
    from nas.study.records import StudyRecord, TrialRecord

SECONDS = "seconds"
"""What training a candidate took, as an objective."""


def restated(record: StudyRecord, objectives: Sequence[str]) -> StudyRecord:
    """`record` with the values of other objectives; constraints stay as they were.

    The search looked for what it was told: under other objectives its frontier shows what it came across.

    Args:
        objectives: such as `minimize macs`; names are costs and metrics that some complete candidate has, and `seconds`.
    Raises: ParetoError: a text is not understood, a name is unknown or stated twice, or nothing is complete.
    """
    complete = [trial for trial in record.trials if trial.state == "complete"]
    known = dict.fromkeys(name for trial in complete for name in (*trial.costs, *trial.metrics))
    try:
        goals = [parse_objective(text, (*known, SECONDS)) for text in objectives]
    except ExperimentError as fault:
        raise ParetoError(str(fault)) from None
    names = [goal.name for goal in goals]
    if len(set(names)) < len(names) or not names:
        raise ParetoError(f"objectives are different quantities, at least one, got {', '.join(objectives) or 'none'}")
    return replace(record, objectives=tuple(goals), trials=tuple(_valued(trial, goals) for trial in record.trials))


def _valued(trial: TrialRecord, goals: Sequence[Objective]) -> TrialRecord:
    """The trial with these values; without, and not feasible, where it lacks one."""
    known = {**trial.metrics, **trial.costs, SECONDS: trial.seconds}
    values = tuple(known.get(goal.name, math.nan) for goal in goals)
    if trial.state != "complete" or not all(map(math.isfinite, values)):
        return replace(trial, values=None, feasible=False)
    return replace(trial, values=values, metrics={**trial.metrics, SECONDS: trial.seconds})
