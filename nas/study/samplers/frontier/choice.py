"""Which design of a pool to take next, and the next after it, before any of them is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import moocore
import numpy as np
from numpy.typing import NDArray

from nas.study.samplers.frontier.improvement import hypervolume_improvement, scalarised_improvement
from nas.study.samplers.frontier.process import learnt

Array = NDArray[np.float64]

MARGIN = 0.1  # of the reference beyond what was seen
N_DRAWS = 64  # of the scalarised improvement
CERTAIN = 1e-12  # the least variance
MOST_COSTS = 2  # for which the hypervolume is exact


class Choice:
    """Chooses by the expected growth of the frontier, and believes of what it took that it turns out as expected.

    With one uncertain loss and at most two costs that is the growth of the hypervolume. With more objectives it is the
    improvement of one weighted worst objective, whose weights are drawn anew each time.

    Args:
        means: of each uncertain loss, (m,), on a scale where it looks standard normal; covariances: (m, m); noises: variances.
        costs: (m, d), known losses. chances: (m,), that a design succeeds at all.
        losses: (k, q), expected, of the designs seen so far. paid: (k, d), their costs.
        n_offered: only the first so many of the m designs may be chosen; the others are being trained.
        seed: of the weights.
        greedy: believe the expectations, and doubt nothing.

    Source: Ginsbourger et al. 2010, "Kriging Is Well-Suited to Parallelize Optimization" (the kriging believer).
    """

    def __init__(
        self,
        means: Sequence[Array],
        covariances: Sequence[Array],
        noises: Sequence[float],
        costs: Array,
        chances: Array,
        losses: Array,
        paid: Array,
        n_offered: int,
        seed: int,
        greedy: bool = False,
    ) -> None:
        self._means = np.stack(means, 1)
        self._covariances, self._noises = list(covariances), noises
        self._costs, self._chances = costs, chances
        good = undominated(np.concatenate([losses, paid], 1))  # the others have no say in what is better
        self._losses, self._paid = losses[good], paid[good]
        every = np.concatenate([paid, costs])
        self._most, self._reach = every.max(0), np.ptp(every, axis=0)
        self._rng = np.random.default_rng(seed)
        self._free = np.arange(len(costs)) < n_offered
        self._greedy = greedy

    def take(self, which: int) -> None:
        """Design `which` is being trained: it is no longer to be had, and counts as turning out as expected."""
        self._covariances = [
            learnt(covariance, which, noise) for covariance, noise in zip(self._covariances, self._noises, strict=True)
        ]
        self._losses = np.concatenate([self._losses, self._means[which : which + 1]])
        self._paid = np.concatenate([self._paid, self._costs[which : which + 1]])
        self._free[which] = False

    def best(self, doubt: float = 1.0) -> int | None:
        """The design to take, where the belief is so many times as uncertain as it says; None where none is left."""
        return int(np.argmax(self._gains(doubt))) if self._free.any() else None

    def order(self) -> list[int]:
        """The designs that may be taken, the most promising first."""
        return [int(i) for i in np.argsort(-self._gains(), kind="stable") if self._free[i]]

    def _gains(self, doubt: float = 1.0) -> Array:
        deviations = doubt * np.stack([np.sqrt(np.maximum(np.diag(one), CERTAIN)) for one in self._covariances], 1)
        if self._greedy:
            deviations = np.full_like(deviations, math.sqrt(CERTAIN))
        if self._means.shape[1] == 1 and self._costs.shape[1] <= MOST_COSTS:
            gain = hypervolume_improvement(
                self._means[:, 0], deviations[:, 0], self._costs, self._losses[:, 0], self._paid, self._reference()
            )
        else:
            gain = self._scalarised(deviations)
        return np.where(self._free, gain * self._chances, -np.inf)

    def _reference(self) -> Array:
        """Beyond the worst loss of a good design, and beyond all costs."""
        frontier = self._losses[undominated(np.concatenate([self._losses, self._paid], 1)), 0]
        worst = frontier.max() + MARGIN * (1 + np.ptp(frontier))
        return np.concatenate([[worst], self._most + MARGIN * self._reach + 1e-9])

    def _scalarised(self, deviations: Array) -> Array:
        seen = np.concatenate([self._losses, self._paid], 1)
        ours = np.concatenate([self._means, self._costs], 1)
        good = seen[undominated(seen)]
        low, span = good.min(0), np.ptp(good, axis=0) + 1e-9
        weights = self._rng.dirichlet(np.ones(len(low)))
        draws = self._rng.standard_normal((N_DRAWS, len(low)))
        wide = np.concatenate([deviations, np.zeros_like(self._costs)], 1) / span
        return scalarised_improvement((ours - low) / span, wide, (seen - low) / span, weights, draws)


def undominated(losses: Array) -> NDArray[np.bool_]:
    """Which rows of `losses` (n, m) no other row dominates: (n,)."""
    found: NDArray[np.bool_] = moocore.is_nondominated(losses, keep_weakly=True)
    return found
