"""What the sealed test split said, once: how much worse it is than validation, and whether it ranks candidates alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.pareto.confirmation import Spread

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.study.objectives import Objective
    from nas.study.records import StudyRecord


@dataclass(frozen=True)
class Sealed:
    """One objective on validation and on test, over the retrained candidates that have both.

    Args:
        objective: one that training decides.
        drop: by how much the means are worse on test than on validation; positive is worse.
        luck: by how much the retrained means are worse on validation than what the search saw: what its choice of the luckiest
            was worth; positive is worse.
        tau: Kendall's rank correlation of the means on validation with those on test; nan for fewer than three candidates,
            or where one side does not vary.
        tau_search: the same of what the search saw with the means on test.
    """

    objective: Objective
    drop: Spread
    luck: Spread
    tau: float
    tau_search: float


def sealed(record: StudyRecord, confirmation: Confirmation) -> tuple[Sealed, ...]:
    """One for each objective of which some retrained candidate has both splits.

    A frontier spans sizes, and size alone ranks much of it: tau is high for that reason too. Candidates are those of the
    confirmation; their number is `drop.n`.

    Source: Kendall 1938, "A New Measure of Rank Correlation", variant b, as `scipy.stats.kendalltau`.
    """
    searched = {trial.number: trial.metrics for trial in record.trials}
    found = []
    for objective in (one for one in record.objectives if one.is_learned):
        rows = []
        for one in confirmation.candidates:
            means = [one.spread(objective.name, split).mean for split in ("validation", "test")]
            losses = [objective.loss(mean) for mean in means]
            if all(map(math.isfinite, losses)):
                before = objective.loss(searched.get(one.number, {}).get(objective.name, math.nan))
                rows.append((before, losses[0], losses[1]))
        if rows:
            known = [row for row in rows if math.isfinite(row[0])]
            drop, luck = Spread.of([row[2] - row[1] for row in rows]), Spread.of([row[1] - row[0] for row in known])
            tau = kendall([(row[1], row[2]) for row in rows])
            tau_search = kendall([(row[0], row[2]) for row in known])
            found.append(Sealed(objective, drop, luck, tau, tau_search))
    return tuple(found)


def kendall(pairs: list[tuple[float, float]]) -> float:
    """Kendall's tau-b; nan for fewer than three pairs, or where one side does not vary.

    >>> round(kendall([(1, 1), (2, 3), (3, 2)]), 3)
    0.333
    """
    from scipy import stats

    sides = list(zip(*pairs, strict=True))
    if len(pairs) < 3 or any(len(set(side)) < 2 for side in sides):
        return math.nan
    return float(stats.kendalltau(*sides).statistic)
