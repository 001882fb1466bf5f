"""A Gaussian process over columns of numbers, whose length scales are fitted group by group.

The kernel is `signal · (Matérn-5/2 of the weighted distance) + noise · identity`, after the values are warped to look
normal and standardised. Weights are inverse squared length scales; columns of one group share theirs, so that a space
of thousands of decisions has few numbers to fit.

Source: Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", chapters 2 and 5. Fits are by the maximum
a posteriori, with the priors of Hvarfner et al. 2024, "Vanilla Bayesian Optimization Performs Great in High Dimensions",
that expect longer scales where there are more columns.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

ROOT5 = math.sqrt(5.0)
JITTER = 1e-8
NOISE_FLOOR = 1e-5
N_TOGETHER = 64  # designs whose covariances are computed at once


@dataclass(frozen=True)
class Scales:
    """What is fitted: log weight of each group, log signal and log noise variance, for standardised values."""

    log_weights: Array
    log_signal: float
    log_noise: float

    @classmethod
    def of(cls, vector: Array) -> Scales:
        return cls(vector[:-2], float(vector[-2]), float(vector[-1]))


@dataclass(frozen=True)
class Prior:
    """Normal priors on the logarithms, group by group."""

    mean: Array
    deviation: Array


def prior(n_groups: int) -> Prior:
    """What is believed before any value is seen, of groups that have the variance 1 each: all of them together make two random
    designs differ by about 1.
    """
    mean = np.concatenate([np.full(n_groups, -math.log(2.0 * n_groups)), [0.0, math.log(1e-2)]])
    return Prior(mean, np.concatenate([np.full(n_groups, 1.75), [0.7, 1.5]]))


def matern(squared: Array) -> Array:
    """The kernel at squared distances."""
    scaled, decay = _decay(squared)
    found: Array = (1 + scaled + 5 / 3 * squared) * decay
    return found


def matern_and_slope(squared: Array) -> tuple[Array, Array]:
    """The kernel at squared distances, and minus twice its derivative by them."""
    scaled, decay = _decay(squared)
    return (1 + scaled + 5 / 3 * squared) * decay, 5 / 3 * (1 + scaled) * decay


def _decay(squared: Array) -> tuple[Array, Array]:
    scaled = ROOT5 * np.sqrt(np.maximum(squared, 1e-30))
    return scaled, np.exp(-scaled)


def squared_distances(first: Array, second: Array) -> Array:
    """Between all rows of `first` (n, p) and of `second` (m, p): (n, m)."""
    found: Array = (first**2).sum(1)[:, None] + (second**2).sum(1)[None, :]
    found -= 2 * first @ second.T
    return np.maximum(found, 0.0, out=found)


def fit(columns: Array, values: Array, groups: NDArray[np.intp], prior: Prior, extra: Array, steps: int) -> Scales:
    """The most probable scales.

    Args:
        columns: (n, p). values: (n,), standardised. groups: (p,), the group of each column.
        prior: where the search begins, too. extra: (n,), variance of each value beyond the noise.
        steps: of L-BFGS at most.
    """
    n, n_groups = len(values), len(prior.mean) - 2
    member = np.zeros((len(groups), n_groups))
    member[np.arange(len(groups)), groups] = 1.0
    identity, squares = np.eye(n), columns**2

    def loss(vector: Array) -> tuple[float, Array]:
        weights = np.exp(vector[:n_groups])
        signal, noise = math.exp(vector[-2]), math.exp(vector[-1]) + NOISE_FLOOR
        scaled = columns * np.sqrt(weights[groups])
        shape, slope = matern_and_slope(squared_distances(scaled, scaled))
        try:
            lower = cholesky(signal * shape + np.diag(noise + JITTER + extra), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e25, np.zeros_like(vector)
        alpha = cho_solve((lower, True), values, check_finite=False)
        inverse = cho_solve((lower, True), identity, check_finite=False)
        off = (vector - prior.mean) / prior.deviation
        nll = 0.5 * values @ alpha + np.log(np.diag(lower)).sum() + 0.5 * (off @ off)
        pull = inverse - np.outer(alpha, alpha)  # twice the derivative by the covariance
        by_distance = -0.25 * signal * pull * slope
        by_column = 2 * (by_distance.sum(1) @ squares - np.einsum("np,np->p", columns, by_distance @ columns))
        gradient = np.empty_like(vector)
        gradient[:n_groups] = (by_column @ member) * weights
        gradient[-2] = 0.5 * signal * np.sum(pull * shape)
        gradient[-1] = 0.5 * (noise - NOISE_FLOOR) * np.trace(pull)
        return float(nll), gradient + off / prior.deviation

    bounds = [(mean - 6 * wide, mean + 6 * wide) for mean, wide in zip(prior.mean, prior.deviation, strict=True)]
    found: Any = minimize(loss, prior.mean, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps})
    return Scales.of(found.x if np.isfinite(found.fun) else prior.mean)


class Kernel:
    """Covariances under fitted scales; those of observed designs are remembered while the scales stay.

    Args:
        groups: (p,), the group of each column.
    """

    def __init__(self, groups: NDArray[np.intp], scales: Scales) -> None:
        self.scales = scales
        self.noise = math.exp(scales.log_noise) + NOISE_FLOOR
        self._roots = np.sqrt(np.exp(scales.log_weights))[groups]
        self._signal = math.exp(scales.log_signal)
        self._place: dict[Hashable, int] = {}
        self._rows, self._known = np.empty((0, len(groups))), np.empty((0, 0))
        # Megabytes that come fresh from the system at every turn take longer than what is put in.
        self._lent = np.empty(0)

    def scaled(self, columns: Array) -> Array:
        """Columns (m, p) in length scales."""
        return columns * self._roots

    def between(self, first: Array, second: Array) -> Array:
        """Of all scaled rows of `first` (n, p) with those of `second` (m, p): (n, m)."""
        return self._signal * matern(squared_distances(first, second))

    def among(self, designs: Sequence[Hashable], rows: Array) -> Array:
        """Of `designs` with scaled `rows` (n, p) with one another: (n, n), to be used up before they are asked for again.

        Pair by pair, so that no bit depends on what was asked before: a resumed search, which asks for all of them at once, finds the same.
        """
        new = [i for i, design in enumerate(designs) if design not in self._place]
        if new:
            self._remember([designs[i] for i in new], rows[new])
        places = [self._place[design] for design in designs]
        n = len(places)
        if places != list(range(n)):
            return self._known[np.ix_(places, places)]
        if n * n > self._lent.size:
            self._lent = np.empty(self._known.size)
        found: Array = self._lent[: n * n].reshape(n, n)
        found[:] = self._known[:n, :n]
        return found

    def _remember(self, designs: Sequence[Hashable], rows: Array) -> None:
        """Covariances of these new designs with one another and with all that are known."""
        before, size = len(self._place), len(self._place) + len(designs)
        if size > len(self._known):
            room = size + size // 8  # for the next ones, so that few of them move all
            self._rows, self._known = _enlarged(self._rows, (room, rows.shape[1])), _enlarged(self._known, (room, room))
        self._place.update((design, before + i) for i, design in enumerate(designs))
        self._rows[before:size] = rows
        for start in range(before, size, N_TOGETHER):
            end = min(start + N_TOGETHER, size)
            added = self._signal * matern(cdist(self._rows[start:end], self._rows[:end], "sqeuclidean"))
            self._known[start:end, :end], self._known[:end, start:end] = added, added.T


class Process:
    """The posterior given observations.

    Args:
        kernel: of their columns; it lends its memory, so the next process of the same kernel ends this one.
        designs: whose rows these are. columns: (n, p). values: (n,), standardised.
        extra: (n,), variance that values have beyond the noise; None: none.
        means: (n,), what is believed of the observed ones.
    """

    def __init__(
        self, kernel: Kernel, designs: Sequence[Hashable], columns: Array, values: Array, extra: Array | None = None
    ) -> None:
        self.kernel = kernel
        self._rows = kernel.scaled(columns)
        own = kernel.noise + JITTER + (np.zeros(len(values)) if extra is None else extra)
        covariance = kernel.among(designs, self._rows)
        covariance[np.diag_indices_from(covariance)] += own
        # It is symmetric, and its transpose has the order in memory that the solver wants.
        self._lower = cholesky(covariance.T, lower=True, overwrite_a=True, check_finite=False)
        self._alpha = cho_solve((self._lower, True), values, check_finite=False)
        self.means: Array = values - own * self._alpha

    def predict(self, columns: Array, before: Prediction | None = None) -> Prediction:
        """Of the rows of `columns` (m, p), those of `before` first."""
        rows = self.kernel.scaled(columns)
        new = rows if before is None else rows[len(before.means) :]
        cross = self.kernel.between(self._rows, new)
        half = solve_triangular(self._lower, cross, lower=True, check_finite=False)
        means = cross.T @ self._alpha
        if before is not None:
            half, means = np.concatenate([before.half, half], 1), np.concatenate([before.means, means])
        return Prediction(means, half, self.kernel.between(rows, rows) - half.T @ half)


@dataclass(frozen=True)
class Prediction:
    """What is believed of m designs: `means` (m,) and `covariance` (m, m), without noise.

    Args:
        half: (n, m), their covariances with the n observed ones, solved by the lower factor of those.
    """

    means: Array
    half: Array
    covariance: Array


def learnt(covariance: Array, which: int, noise: float) -> Array:
    """The covariance (m, m) of designs once design `which` is observed, whatever it turns out to be."""
    column = covariance[which]
    found: Array = covariance - np.outer(column, column) / (column[which] + noise)
    return found


def _enlarged(array: Array, shape: tuple[int, int]) -> Array:
    """`array` in the corner of a larger one."""
    found = np.zeros(shape)
    found[: array.shape[0], : array.shape[1]] = array
    return found
