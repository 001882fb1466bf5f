"""How sure a retrained frontier is: the noise between seeds carried over to whatever the frontier says.

One model of the noise serves all: each candidate's true mean is uncertain as Student's t says, candidates are independent,
costs are exact. With few seeds this is wider than the bootstrap, which for five seeds leaves out a tenth of the standard error and
the uncertainty of the spread itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nas.errors import ParetoError
from nas.pareto import geometry

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation, Confirmed, Split
    from nas.study.objectives import Objective

DRAWS = 2000
_RANGES = {
    "accuracy": (0.0, 1.0), "auc": (0.0, 1.0), "error": (0.0, 1.0),
    "latency": (0.0, math.inf), "mae": (0.0, math.inf), "rmse": (0.0, math.inf), "r2": (-math.inf, 1.0),
}  # fmt: skip
"""What a metric can be, by its name or the end of it; Student's t knows nothing of it."""


def drawn_means(samples: Sequence[geometry.Array], draws: int = DRAWS, seed: int = 0) -> geometry.Array:
    """Draws of the true means of several candidates, given a few noisy values of each.

    With n rows x₁ … xₙ of one candidate, each draw is x̄ + t S^½/√n with n − 1 degrees of freedom: for one column the
    distribution behind the usual confidence interval, for several with their covariance. A column that never varies, such as a
    cost, stays exact. A single row says nothing about noise and is taken as the truth.

    Args:
        samples: for each candidate an `(n, m)` array, n ≥ 1, the same m in all.
        draws: how many, at least 1.
        seed: the result is a function of the arguments.
    Returns: `(draws, candidates, m)`.
    Raises: ParetoError: there is no draw.
    Source: Gelman et al. 2013, "Bayesian Data Analysis", §3.2: the mean of normal values under the uninformative prior.
    """
    if draws < 1:
        raise ParetoError(f"probabilities need at least one draw, got {draws}")
    rng = np.random.default_rng(seed)
    found = np.empty((draws, len(samples), samples[0].shape[1] if samples else 0))
    for i, values in enumerate(samples):
        n = len(values)
        mean = _mean(values)
        found[:, i] = mean
        if n > 1:
            weights = rng.standard_normal((draws, n)) / np.sqrt(rng.chisquare(n - 1, size=(draws, 1)) * n)
            found[:, i] += weights @ (values - mean)
    return found


def stability(
    confirmation: Confirmation,
    objectives: Sequence[Objective],
    split: Split = "test",
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[int, float]:
    """How probably each candidate is on the frontier of the retrained ones, given the noise between seeds.

    In each draw of the candidates' true means (`drawn_means`) the frontier is taken; the probability is the share of draws
    in which a candidate is nondominated.

    Args:
        objectives: as the study's; costs are exact and do not vary.
        split: whose metrics are meant.
        draws: how many, at least 1.
        seed: the result is a function of the arguments.
    Returns: trial number → probability; 0 for a candidate of which no run has a value.
    Raises: ParetoError: there is no draw.
    """
    share = {one.number: 0.0 for one in confirmation.candidates}
    usable = _usable(confirmation, objectives, split)
    means = drawn_means([values for _, values in usable], draws, seed)
    if not usable:
        return share
    counts = sum(geometry.nondominated(drawn).astype(int) for drawn in means)
    for (one, _), count in zip(usable, np.atleast_1d(counts), strict=True):
        share[one.number] = float(count) / draws
    return share


def confirmed_frontier(
    confirmation: Confirmation, objectives: Sequence[Objective], split: Split = "test"
) -> tuple[int, ...]:
    """Numbers of the retrained candidates that no other one dominates by its means over seeds, in their order."""
    usable = _usable(confirmation, objectives, split)
    if not usable:
        return ()
    best = geometry.nondominated(np.array([_mean(values) for _, values in usable]))
    return tuple(one.number for (one, _), kept in zip(usable, best, strict=True) if kept)


def _mean(values: geometry.Array) -> geometry.Array:
    """Of each column. An average of equal numbers may differ from them in the last digit, and then dominate its equals."""
    found: geometry.Array = np.where(np.ptp(values, axis=0) == 0, values[0], values.mean(axis=0))
    return found


@dataclass(frozen=True)
class Band:
    """Where the frontier of the retrained candidates lies, pointwise.

    Args:
        x, y: the objectives; y is the best that is reached with at most so much of x.
        at: values of x at which candidates stand, from best to worst.
        low, middle, high: at each of them the bounds of the central `level` of the draws and their median, in y's unit, low
            ≤ middle ≤ high.
        level: such as 0.95.
    """

    x: Objective
    y: Objective
    at: tuple[float, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    level: float

    def drawn(self, means: Sequence[float]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """`low` and `high` cut where they leave `means`, the y that are drawn, by more than the span of these.

        An interval of two seeds may be a hundred times as wide as the frontier is high, which would be drawn as a flat line.
        """
        ys = [*means, *self.middle]
        extent = max(*self.high, *ys) - min(*self.low, *ys)
        margin = max(max(ys) - min(ys), extent / 10)
        low, high = min(ys) - margin, max(ys) + margin
        return tuple(max(value, low) for value in self.low), tuple(min(value, high) for value in self.high)


def frontier_band(
    confirmation: Confirmation,
    objectives: Sequence[Objective],
    split: Split = "test",
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Band | None:
    """The confidence band of the retrained frontier.

    Of the first objective that is a cost (else the second) against the first that is not (else the first). In each draw of
    the true means, the best y among the candidates with at most so much x; the band is its quantiles, cut to what y can be
    where that is known. It is pointwise: the whole frontier lies within it less often than `level`. A best of several means is
    too good by a little where they are close.

    Args: as `stability`; `level` above 0 and below 1.
    Returns: the band, or None where fewer than two objectives or no run with values is known.
    Raises: ParetoError: there is no draw, or the level is no share.
    """
    if not 0 < level < 1:
        raise ParetoError(f"the level of a band is a share between 0 and 1, got {level:g}")
    if len(objectives) < 2:
        return None
    up = next((i for i, one in enumerate(objectives) if one.is_learned), 0)
    across = next((i for i, one in enumerate(objectives) if one.is_cost and i != up), 1 if up == 0 else 0)
    x, y = objectives[across], objectives[up]
    usable = _usable(confirmation, (x, y), split)
    if not usable:
        return None
    means = drawn_means([values for _, values in usable], draws, seed)
    places = [(values[:, 0].mean(), one.spread(x.name, split).mean) for one, values in usable]
    at = sorted(set(places))
    best = [np.where(means[:, :, 0] <= place + 1e-12, means[:, :, 1], np.inf).min(axis=1) for place, _ in at]
    tail = (1 - level) / 2
    # By order statistics, for the draws without any candidate so small hold no number to interpolate with.
    quantiles = np.quantile(np.array(best), [tail, 0.5, 1 - tail], axis=1, method="inverted_cdf")
    kept = np.isfinite(quantiles).all(axis=0)
    sign = -1.0 if y.direction == "maximize" else 1.0
    least, most = _range(y.name, [sign * value for _, values in usable for value in values[:, 1]])
    rows = [tuple(np.clip(sign * row[kept], least, most).tolist()) for row in quantiles]
    low, middle, high = rows if sign > 0 else rows[::-1]
    return Band(x, y, tuple(v for (_, v), keep in zip(at, kept, strict=True) if keep), low, middle, high, level)


def _range(name: str, seen: Sequence[float]) -> tuple[float, float]:
    """What the metric can be; anything, where its name says nothing or what was seen says otherwise, such as a share in percent."""
    least, most = _RANGES.get(name.rpartition("_")[2], (-math.inf, math.inf))
    return (least, most) if all(least <= value <= most for value in seen) else (-math.inf, math.inf)


def _usable(
    confirmation: Confirmation, objectives: Sequence[Objective], split: Split
) -> list[tuple[Confirmed, geometry.Array]]:
    """The candidates of which a run has every objective, with `(runs, objectives)`, all minimised."""
    found = []
    for one in confirmation.candidates:
        rows = []
        for run in one.runs:
            known = {**run.metrics(split), **one.costs}
            row = [objective.loss(known.get(objective.name, math.nan)) for objective in objectives]
            if run.state == "complete" and all(map(math.isfinite, row)):
                rows.append(row)
        if rows:
            found.append((one, np.array(rows, dtype=np.float64)))
    return found
