"""How well the rungs of a study predict its end: the ground on which stopping early stands.

Only candidates that were trained to the end can say. Where a rule stopped the worst at a rung, those left are more alike
there, and their correlation is lower than that of all would have been.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nas.study.records import StudyRecord

WEAK = 0.5
"""A rung with a smaller rank correlation to the end is a poor judge."""
ENOUGH = 10
"""Candidates below which nothing is said of a weak correlation: it may be chance."""


@dataclass(frozen=True)
class RungCorrelation:
    """How the order of candidates at a rung agrees with that at the end.

    Args:
        objective: one that training decides.
        rung: in the budget's unit.
        rho: Spearman's rank correlation, from -1 to 1.
        n: candidates trained to the end that reported it at the rung.
    """

    objective: str
    rung: int
    rho: float
    n: int

    @property
    def is_weak(self) -> bool:
        """Whether a rule that stops at this rung is likely to stop what would have become good."""
        return self.n >= ENOUGH and self.rho < WEAK


def rung_correlations(record: StudyRecord) -> tuple[RungCorrelation, ...]:
    """One for each uncertain objective and each rung at which at least three complete candidates reported and differ.

    The rungs are those of the stopping rule or, where there is none, all at which anybody reported before its end.

    Source: Spearman 1904, "The Proof and Measurement of Association between Two Things"; equal values share their mean rank.
    """
    complete = [trial for trial in record.trials if trial.state == "complete" and trial.curve]
    stopping = record.experiment.get("stopping")
    rungs = stopping.get("rungs") if isinstance(stopping, dict) else None
    if not rungs:
        rungs = sorted({report.rung for trial in complete for report in trial.curve[:-1]})
    found = []
    for objective in (one.name for one in record.objectives if one.is_learned):
        for rung in rungs:
            pairs = [
                (report.metrics[objective], trial.metrics[objective])
                for trial in complete
                for report in trial.curve
                if report.rung == rung and objective in report.metrics and objective in trial.metrics
            ]
            finite = [pair for pair in pairs if all(map(math.isfinite, pair))]
            rho = spearman(finite)
            if rho is not None:
                found.append(RungCorrelation(objective, rung, rho, len(finite)))
    return tuple(found)


def spearman(pairs: list[tuple[float, float]]) -> float | None:
    """Rank correlation of the first with the second; None of fewer than three pairs, or where one side is constant.

    >>> spearman([(1, 10), (2, 20), (3, 15)])
    0.5
    """
    if len(pairs) < 3:
        return None
    from scipy.stats import rankdata  # half a second

    first, second = (rankdata(side) - (len(pairs) + 1) / 2 for side in zip(*pairs, strict=True))
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale > 0 else None


def warning(correlations: tuple[RungCorrelation, ...]) -> str:
    """One sentence on the rungs that predict the end badly; empty where there is none."""
    weak = [f"{one.objective} at rung {one.rung} (rho {one.rho:.2f}, n {one.n})" for one in correlations if one.is_weak]
    if not weak:
        return ""
    return (
        f"early values do not predict the final ones: {', '.join(weak)}; stopping there goes largely by luck: "
        "begin at later rungs (`warmup`) or stop nobody"
    )
