"""How the frontier's decisions move with the budget: does the best network grow deeper, or wider?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from nas.errors import ParetoError
from nas.pareto.features import features, is_number

if TYPE_CHECKING:
    from nas.pareto.front import Front

LEAST = 5
"""Members below which no order of theirs is evidence: of four, every twelfth rises or falls throughout by chance."""

ALPHA = 0.05


@dataclass(frozen=True)
class Trend:
    """One decision against the size of the members that take it.

    Args:
        decision: its path, with `[·]` where it is taken for each layer and the mean is meant.
        rho: Spearman's rank correlation with the size: 1 where larger members always have more.
        p: of a correlation as large as this, up or down, by chance in any of the decisions looked at (Holm).
        least_p: the smallest that so few members can give among so many decisions (Bonferroni).
        points: `(size, value)` of each member that takes the decision, by size.
    """

    decision: str
    rho: float
    p: float
    least_p: float
    points: tuple[tuple[float, float], ...]

    @property
    def n(self) -> int:
        """How many members take the decision."""
        return len(self.points)

    @property
    def is_clear(self) -> bool:
        """Whether chance is refuted at 5 %."""
        return self.p <= ALPHA

    @property
    def verdict(self) -> str:
        """In words: `rises`, `falls`, `no evidence`, or `too few members` for any."""
        if self.is_clear:
            return "rises" if self.rho > 0 else "falls"
        return "too few members" if self.least_p > ALPHA else "no evidence"


def trends(front: Front, size: str | None = None, draws: int = 9_999, seed: int = 0) -> tuple[Trend, ...]:
    """The trends of all numeric decisions that at least five members take and in which they differ, clearest first.

    A decision that only one family has speaks of that family's members alone; `Trend.n` says of how many. Members are no random
    sample but neighbours on one frontier: the test asks whether their order could be chance, not whether other frontiers
    would have it.

    Args:
        size: a cost; by default the first objective that is one, else `params`.
        draws: permutations of the test, at least 1.
        seed: the result is a function of the arguments.
    Raises: ParetoError: there is no draw.
    Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    name = size or size_of(front)
    points: dict[str, list[tuple[float, float]]] = {}
    for trial in front.members:
        if name in trial.costs:
            for decision, value in features(trial.genotype).items():
                if is_number(value):
                    points.setdefault(decision, []).append((float(trial.costs[name]), float(value)))
    tested = []
    for decision, pairs in points.items():
        sizes, values = zip(*sorted(pairs), strict=True)
        if len(pairs) >= LEAST and len(set(sizes)) > 1 and len(set(values)) > 1:
            tested.append((decision, rank_correlation(sizes, values, draws, seed), tuple(sorted(pairs))))
    found, highest = [], 0.0
    for rank, (decision, (rho, p, least), at) in enumerate(sorted(tested, key=lambda one: one[1][1])):
        highest = min(max(highest, p * (len(tested) - rank)), 1.0)
        found.append(Trend(decision, rho, highest, min(least * len(tested), 1.0), at))
    return tuple(sorted(found, key=lambda one: (not one.is_clear, -abs(one.rho), one.decision)))


def size_of(front: Front) -> str:
    """The cost that says how large a candidate is: the first objective that is a cost, else `params`."""
    return next((one.name for one in front.record.objectives if one.is_cost), "params")


def rank_correlation(
    x: Sequence[float], y: Sequence[float], draws: int = 9_999, seed: int = 0
) -> tuple[float, float, float]:
    """Spearman's rho and its permutation test.

    Exact where there are no more than `draws` permutations, else over so many drawn, the given order being one more.

    Returns: rho; p, of one as far from 0 on either side; the least p that any order of these values can have. nan where a side does not vary.
    Raises: ParetoError: there is no draw.
    Source: Spearman 1904; Fisher 1935, "The Design of Experiments", as `scipy.stats.permutation_test`.
    """
    if draws < 1:
        raise ParetoError(f"a permutation test needs at least one draw, got {draws}")
    from scipy.stats import rankdata

    ranked = rankdata([x, y], axis=-1) - (len(x) + 1) / 2  # ties share their mean rank
    scale = math.sqrt(float((ranked**2).sum(axis=-1).prod()))
    if scale == 0:
        return math.nan, math.nan, math.nan
    order = np.arange(len(x))
    if math.factorial(len(x)) <= draws:
        orders = np.array(list(permutations(order)))
    else:
        drawn = np.random.default_rng(seed).permuted(np.tile(order, (draws, 1)), axis=1)
        orders = np.vstack([order, drawn])
    found = np.abs(ranked[1][orders] @ ranked[0]) / scale
    rho = float(ranked[0] @ ranked[1]) / scale
    rising, other = np.sort(ranked[0]), np.sort(ranked[1])
    most = max(abs(float(rising @ other)), abs(float(rising @ other[::-1]))) / scale
    p, least = (float(np.mean(found >= bound - 1e-9)) for bound in (abs(rho), most))
    return rho, p, max(least, 1 / len(orders))
