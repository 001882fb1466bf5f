"""Which decisions mattered: fANOVA over the candidates that were trained to the end.

Candidates of a conditional space do not all take the same decisions, so there is no one table: decisions that all candidates take are
weighed among all, those that a family takes within that family, and what only some networks of a group take is named,
not guessed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.errors import ParetoError
from nas.pareto.features import features, is_number

if TYPE_CHECKING:
    from nas.pareto.front import Front
    from nas.study.objectives import Objective
    from nas.study.records import TrialRecord

LEAST = 20
"""Candidates of a group below which a forest says nothing."""
MOST = 400
"""Candidates of a group that a forest is grown on; of more, so many are drawn. The time grows faster than their number."""
ALL = "all candidates"


@dataclass(frozen=True)
class Importance:
    """What decided the values of one objective within one group of candidates.

    Args:
        objective: one that training decides.
        group: `all candidates`, or a family.
        n: candidates of the group that the forest was grown on.
        shares: decision → share of the variance of the objective that it explains by itself, largest first; what is missing
            to 1 is explained by decisions together.
        fit: how much of the variance the forest predicts of candidates that it was not grown on (R², five folds); shares of a
            forest near 0 say nothing.
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

    It speaks of the candidates seen, over the values seen: a search that learns looks where it expects good ones, and one
    that stops early trains no bad ones to the end. Constraints are satisfied by all of them.

    Raises: ParetoError: scikit-learn, which grows the forest, is not installed.
    Source: Hutter et al. 2014, "An Efficient Approach for Assessing Hyperparameter Importance", as
        `optuna.importance.FanovaImportanceEvaluator`.
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
    shares, fit = _fanova(columns, values, seed)
    return Importance(objective, group, len(trials), shares, fit, tuple(name for name in names if name not in common))


def _fanova(
    columns: dict[str, list[float | str]], values: Sequence[float], seed: int
) -> tuple[dict[str, float], float]:
    """Shares of the variance, largest first, and R² on candidates left out."""
    try:
        from sklearn.ensemble import RandomForestRegressor
        from sklearn.model_selection import KFold, cross_val_predict
    except ImportError:
        raise ParetoError("decision importance needs scikit-learn: pip install 'hourglass-nas[data]'") from None
    import optuna

    distributions = {name: _distribution(column) for name, column in columns.items()}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    study.add_trials(
        [
            optuna.trial.create_trial(
                params={name: _value(column[i]) for name, column in columns.items()},
                distributions=distributions,
                value=value,
            )
            for i, value in enumerate(values)
        ]
    )
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=32, max_depth=16, seed=seed)
    shares = {name: float(share) for name, share in evaluator.evaluate(study).items()}
    coded = np.hstack([_coded(column) for column in columns.values()])
    forest = RandomForestRegressor(n_estimators=32, max_depth=16, random_state=seed)
    target = np.asarray(values, dtype=np.float64)
    predicted = cross_val_predict(forest, coded, target, cv=KFold(5, shuffle=True, random_state=seed))
    fit = 1 - float(((target - predicted) ** 2).sum() / ((target - target.mean()) ** 2).sum())
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0]))), fit


def _distribution(column: Sequence[float | str]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if all(map(is_number, column)):
        return FloatDistribution(float(min(column)), float(max(column)))
    return CategoricalDistribution(sorted(set(map(_value, column)), key=str))


def _value(value: float | str) -> float | str:
    return float(value) if is_number(value) else str(value)


def _coded(column: Sequence[float | str]) -> np.ndarray[Any, Any]:
    """A numeric column as it is, words as one column of 0 and 1 each."""
    if all(map(is_number, column)):
        return np.asarray(column, dtype=np.float64)[:, None]
    words = sorted(set(map(str, column)))
    return np.array([[float(str(value) == word) for word in words] for value in column])
