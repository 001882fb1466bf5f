"""How the frontier's decisions move with the budget: does the best network grow deeper, or wider?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.errors import ParetoError
from nas.pareto.features import features, is_number

if TYPE_CHECKING:
    from nas.pareto.front import Front

LEAST = 5
"""Members below which nothing is said of a trend."""


@dataclass(frozen=True)
class Trend:
    """One decision against the size of the members that take it.

    Args:
        decision: its path, with `[·]` where it is taken for each layer and the mean is meant.
        rho: Spearman's rank correlation with the size: 1 where larger members always have more.
        low, high: its 95 % interval.
        points: `(size, value)` of each member that takes the decision, by size.
    """

    decision: str
    rho: float
    low: float
    high: float
    points: tuple[tuple[float, float], ...]

    @property
    def n(self) -> int:
        """How many members take the decision."""
        return len(self.points)

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def trends(front: Front, size: str | None = None, draws: int = 2000, seed: int = 0) -> tuple[Trend, ...]:
    """The trends of all numeric decisions that at least five members take and in which they differ, clearest first.

    A decision that only one family has speaks of that family's members alone; `Trend.n` says of how many. The interval is a
    percentile bootstrap over members. They are no random sample but neighbours on one frontier, and several decisions
    are looked at: an interval that just leaves out 0 is a hint, no proof.

    Args:
        size: a cost; by default the first objective that is one, else `params`.
        draws: bootstrap samples, at least 1.
        seed: the result is a function of the arguments.
    Raises: ParetoError: there is no draw.
    """
    name = size or size_of(front)
    points: dict[str, list[tuple[float, float]]] = {}
    for trial in front.members:
        if name in trial.costs:
            for decision, value in features(trial.genotype).items():
                if is_number(value):
                    points.setdefault(decision, []).append((float(trial.costs[name]), float(value)))
    found = []
    for decision, pairs in points.items():
        sizes, values = zip(*sorted(pairs), strict=True)
        if len(pairs) >= LEAST and len(set(sizes)) > 1 and len(set(values)) > 1:
            found.append(Trend(decision, *rank_correlation(sizes, values, draws, seed), tuple(sorted(pairs))))
    return tuple(sorted(found, key=lambda one: (not one.is_clear, -abs(one.rho), one.decision)))


def size_of(front: Front) -> str:
    """The cost that says how large a candidate is: the first objective that is a cost, else `params`."""
    return next((one.name for one in front.record.objectives if one.is_cost), "params")


def rank_correlation(
    x: Sequence[float], y: Sequence[float], draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Spearman's rho and the bounds of its 95 % percentile bootstrap interval.

    Draws in which one side does not vary have no correlation and are left out.

    Returns: rho, low, high; nan where a side does not vary.
    Raises: ParetoError: there is no draw.
    Source: Spearman 1904; Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    """
    if draws < 1:
        raise ParetoError(f"a bootstrap needs at least one draw, got {draws}")
    pairs = np.array([x, y], dtype=np.float64)
    rho = float(_spearman(pairs[:, None, :])[0])
    picked = np.random.default_rng(seed).integers(pairs.shape[1], size=(draws, pairs.shape[1]))
    drawn = _spearman(pairs[:, picked])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn) or math.isnan(rho):
        return rho, math.nan, math.nan
    low, high = np.quantile(drawn, [0.025, 0.975])
    return rho, float(low), float(high)


def _spearman(pairs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`(2, draws, n)` → `(draws,)`, nan where a side does not vary; ties share their mean rank."""
    from scipy.stats import rankdata

    ranked = rankdata(pairs, axis=-1) - (pairs.shape[-1] + 1) / 2
    scale = np.sqrt((ranked**2).sum(axis=-1).prod(axis=0))
    product = ranked.prod(axis=0).sum(axis=-1)
    found: npt.NDArray[np.float64] = np.full(len(scale), math.nan)
    np.divide(product, scale, out=found, where=scale > 0)
    return found
