"""How well scores at initialisation rank the candidates of a search, beside what their exact costs achieve for nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evaluators.evaluator import chosen_device
from evaluators.tasks import Task
from nas.errors import StudyError
from nas.experiment.prepare import Prepared
from nas.experiment.session import Search
from nas.space import Architecture
from nas.study.correlation import spearman
from nas.study.proposals import order_of
from nas.study.records import StudyRecord, TrialRecord
from nas.study.scores import SCORES

BASELINES = ("params", "macs")
N_RESAMPLES = 2_000


@dataclass(frozen=True)
class Agreement:
    """How a quantity known before training agrees with an objective that training decides.

    Args:
        name: a score, or a cost.
        objective: such as `maximize accuracy`.
        rho: Spearman's rank correlation; 1: the larger the quantity, the better the candidate. None: of fewer than three
            candidates, or where one side is constant.
        at_equal_params: the partial rank correlation given the parameters: what the quantity knows beyond size. None with `rho`,
            or where the parameters say all of one side.
        low, high: 95 % of what it is in resamples of the candidates; None with `rho`.
        n: candidates that it is of.
        n_not_finite: others, whose score is infinite or nan.
    """

    name: str
    objective: str
    rho: float | None
    at_equal_params: float | None
    low: float | None
    high: float | None
    n: int
    n_not_finite: int

    @property
    def is_cost(self) -> bool:
        """Whether it is a baseline, that a score has to beat."""
        return self.name in BASELINES


def agreements(
    search: Search, names: Iterable[str] = SCORES, record: StudyRecord | None = None
) -> tuple[Agreement, ...]:
    """For each objective that training decides, the costs, then these scores.

    Of all candidates trained to the end. A score stands in the record, or is computed now, on the weights and the samples with
    which that training began.

    Args:
        names: of `nas.study.scores.SCORES`.
        record: the search's; its control's, to have chance choose the candidates.
    Raises: StudyError: nothing was trained here, or nothing to its end. ExperimentError: there is no score of that name.
    """
    from evaluators.zero_cost import checked

    names, record = checked(names), record or search.record()
    if not search.trains:
        raise StudyError(f"{search.directory} trained nothing, so there is nothing that a score could be held against")
    trials = [trial for trial in record.trials if trial.state == "complete"]
    if not trials:
        raise StudyError(f"{search.directory}: no candidate is complete yet")
    known = [{**_baselines(trial), **_scores(search, trial, names)} for trial in trials]
    found = []
    for objective in (one for one in record.objectives if one.is_learned):
        quality = [-objective.loss(trial.metrics.get(objective.name, math.nan)) for trial in trials]
        for name in (*BASELINES, *names):
            rows = [(one[name], good, one["params"]) for one, good in zip(known, quality, strict=True)]
            found.append(_agreement(name, str(objective), rows))
    return tuple(found)


def statistics_of(prepared: Prepared) -> Callable[[Architecture], Mapping[str, float]]:
    """The scores that an experiment asks for, of designs that have no number and so no seed yet: on the study's."""
    from evaluators.zero_cost import zero_cost
    from nas.codegen import source

    evaluator, task, seed = prepared.evaluator, prepared.evaluator.subject, prepared.experiment.seed
    assert isinstance(task, Task)
    computed = partial(zero_cost, seed=seed, order=order_of(seed), device=chosen_device(evaluator.device))

    def statistics(design: Architecture) -> Mapping[str, float]:
        try:
            return computed(source(design.graph), task, evaluator.scores, members=design.members)
        except RuntimeError:  # such as no memory: training will say so, if it comes to that
            return dict.fromkeys(evaluator.scores, math.nan)

    return statistics


def _baselines(trial: TrialRecord) -> dict[str, float]:
    return {name: float(trial.costs[name]) for name in BASELINES}


def _scores(search: Search, trial: TrialRecord, names: Sequence[str]) -> Mapping[str, float]:
    """As recorded, the others computed."""
    from evaluators.zero_cost import zero_cost
    from nas.codegen import source

    evaluator = search.prepared.evaluator
    missing = [name for name in names if name not in trial.metrics]
    if not missing:
        return trial.metrics
    design, task = search.architecture(trial), evaluator.subject
    assert isinstance(task, Task)
    computed = zero_cost(
        source(design.graph),
        task,
        missing,
        seed=trial.seed,
        order=order_of(search.record().seed),
        members=design.members,
        device=chosen_device(evaluator.device),
    )
    return {**trial.metrics, **computed}


def _agreement(name: str, objective: str, rows: Sequence[tuple[float, float, float]]) -> Agreement:
    """Of rows of a quantity, a quality and the parameters."""
    trained = [row for row in rows if math.isfinite(row[1])]
    finite = [row for row in trained if math.isfinite(row[0])]
    pairs = [(value, good) for value, good, _ in finite]
    rho = spearman(pairs)
    low, high = (None, None) if rho is None else _interval(np.array(pairs))
    given = None if rho is None or name == "params" else _partial(rho, finite)
    return Agreement(name, objective, rho, given, low, high, len(finite), len(trained) - len(finite))


def _partial(rho: float, rows: Sequence[tuple[float, float, float]]) -> float | None:
    """Spearman's rho of the first two columns with the third held fixed.

    Source: Kendall 1942, "Partial Rank Correlation", with Spearman's rho in Pearson's formula.
    """
    first = spearman([(value, size) for value, _, size in rows]) or 0.0
    second = spearman([(good, size) for _, good, size in rows]) or 0.0
    scale = math.sqrt(max((1 - first**2) * (1 - second**2), 0.0))
    return (rho - first * second) / scale if scale > 1e-9 else None


def _interval(pairs: NDArray[np.float64]) -> tuple[float, float]:
    """Percentiles of Spearman's rho over resamples of `pairs`, (n, 2), those left out in which a side is constant.

    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    """
    from scipy.stats import rankdata  # half a second

    drawn = np.random.default_rng(0).integers(len(pairs), size=(N_RESAMPLES, len(pairs)))
    first, second = (rankdata(pairs[drawn, side], axis=1) - (len(pairs) + 1) / 2 for side in (0, 1))
    scale = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    found = (first * second).sum(1)[scale > 0] / scale[scale > 0]
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)
