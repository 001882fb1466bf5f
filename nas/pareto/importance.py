"""Which decisions mattered: by how much a forest errs more when it is told another candidate's decision.

Candidates of a conditional space do not all take the same decisions, so there is no one table: decisions that all candidates take are
weighed among all, those that a family takes within that family, and what only some networks of a group take is named,
not guessed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.errors import ParetoError
from nas.pareto.features import features, is_number

if TYPE_CHECKING:
    from nas.pareto.front import Front
    from nas.study.objectives import Objective
    from nas.study.records import TrialRecord

LEAST = 20
"""Candidates of a group below which a forest says nothing."""
MOST = 1000
"""Candidates of a group that are looked at; of more, so many are drawn."""
ALL = "all candidates"
N_TREES, N_FOLDS, N_SHUFFLES = 32, 5, 5


@dataclass(frozen=True)
class Importance:
    """What decided the values of one objective within one group of candidates.

    Args:
        objective: one that training decides.
        group: `all candidates`, or a family.
        n: candidates of the group that were looked at.
        shares: decision → share of the variance of the objective that is due to it, alone or together with others, largest
            first; so they may sum to more than the whole.
        fit: how much of the variance the forest predicts of candidates that it was not grown on (R²). Where it is near 0 the
            shares say nothing. A share is estimated from how much worse shuffled predictions are, and may be larger.
        left_out: decisions that only some candidates of the group take.
    """

    objective: Objective
    group: str
    n: int
    shares: dict[str, float]
    fit: float
    left_out: tuple[str, ...]


def importances(front: Front, seed: int = 0) -> tuple[Importance, ...]:
    """For every objective that training decides: all candidates, then each family that has enough of them.

    Each candidate is predicted by a forest grown on others; then one decision's values are shuffled among them. Half of the
    growth of the squared error, over the variance, estimates the total effect of the decision: for independent decisions and
    a perfect forest it is Sobol's total index.

    It speaks of the candidates seen, over the values seen: a search that learns looks where it expects good ones, and one
    that stops early trains no bad ones to the end. Decisions that go together share what they have in common.

    Raises: ParetoError: scikit-learn, which grows the forest, is not installed.
    Source: Breiman 2001, "Random Forests", §10; Homma & Saltelli 1996, "Importance Measures in Global Sensitivity Analysis".
    """
    found = []
    groups: dict[str, list[TrialRecord]] = {ALL: list(front.candidates)}
    if front.decision is not None:
        for trial in front.candidates:
            groups.setdefault(front.family(trial), []).append(trial)
    for at, objective in enumerate(front.record.objectives):
        if objective.is_cost:
            continue
        for group, trials in groups.items():
            if len(trials) >= LEAST:
                chosen = random.Random(seed).sample(trials, MOST) if len(trials) > MOST else trials
                values = [float((trial.values or ())[at]) for trial in chosen]
                weighed = _weighed(objective, group, chosen, values, seed)
                if weighed is not None:
                    found.append(weighed)
    return tuple(found)


def _weighed(
    objective: Objective, group: str, trials: Sequence[TrialRecord], values: Sequence[float], seed: int
) -> Importance | None:
    """None where the candidates do not differ, in what they decided or in what came of it."""
    rows = [features(trial.genotype) for trial in trials]
    names = dict.fromkeys(name for row in rows for name in row)
    common = [name for name in names if all(name in row for row in rows)]
    telling = [name for name in common if len({row[name] for row in rows}) > 1]
    if not telling or len(set(values)) < 2:
        return None
    columns = {name: [row[name] for row in rows] for name in telling}
    shares, fit = _shuffled(columns, values, seed)
    return Importance(objective, group, len(trials), shares, fit, tuple(name for name in names if name not in common))


def _shuffled(
    columns: dict[str, list[float | str]], values: Sequence[float], seed: int
) -> tuple[dict[str, float], float]:
    """Shares of the variance, largest first, and R², both on candidates left out."""
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.model_selection import KFold
    except ImportError:
        raise ParetoError("decision importance needs scikit-learn: pip install 'hourglass-nas[data]'") from None
    coded = [_coded(column) for column in columns.values()]
    ends = np.cumsum([0, *(block.shape[1] for block in coded)])
    inputs, target = np.hstack(coded), np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    known, misled = 0.0, np.zeros(len(columns))
    for grown_on, left_out in KFold(N_FOLDS, shuffle=True, random_state=seed).split(inputs):
        forest = RandomForestRegressor(N_TREES, min_samples_leaf=2, random_state=seed)
        forest.fit(inputs[grown_on], target[grown_on])
        known += float(((forest.predict(inputs[left_out]) - target[left_out]) ** 2).sum())
        told = np.tile(inputs[left_out], (len(columns), N_SHUFFLES, 1, 1))
        for i in range(len(columns)):
            for copy in told[i]:
                copy[:, ends[i] : ends[i + 1]] = rng.permutation(copy[:, ends[i] : ends[i + 1]])
        errors = (forest.predict(told.reshape(-1, inputs.shape[1])).reshape(told.shape[:3]) - target[left_out]) ** 2
        misled += errors.sum(axis=2).mean(axis=1)
    variation = float(((target - target.mean()) ** 2).sum())
    shares = np.clip((misled - known) / (2 * variation), 0.0, None)
    ranked = sorted(zip(columns, shares.tolist(), strict=True), key=lambda item: (-item[1], item[0]))
    return dict(ranked), 1 - known / variation


def _coded(column: Sequence[float | str]) -> npt.NDArray[np.float64]:
    """A numeric column as it is, words as one column of 0 and 1 each."""
    if all(map(is_number, column)):
        return np.asarray(column, dtype=np.float64)[:, None]
    words = sorted(set(map(str, column)))
    return np.array([[float(str(value) == word) for word in words] for value in column])
