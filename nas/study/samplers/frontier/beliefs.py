"""What is believed of one uncertain loss: a Gaussian process on a scale where the losses look normal.

A candidate that was stopped, or is still being trained, is an observation too: its loss at the last rung it reached, moved by
what those that went on gained from there to the end, and as uncertain as that gain varied among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from nas.study.samplers.frontier.columns import Columns, Described
from nas.study.samplers.frontier.process import Kernel, Process, fit, prior

Array = NDArray[np.float64]

N_FITTED = 200  # observations that length scales are fitted to
N_STEPS = 25
N_DEVIATIONS = 15.0  # median absolute ones, beyond which a loss has no say in the scale
POWERS = (-6.0, 6.0)  # of the transform
N_PAIRS = 4  # candidates that went on, before their gain is taken for typical


class Warp:
    """Losses on a scale where they look normal and standard. It rises, so who is better stays better.

    Source: Yeo and Johnson 2000, "A New Family of Power Transformations to Improve Normality or Symmetry".
    """

    def __init__(self, losses: Array) -> None:
        self._centre = float(np.median(losses))
        # Of losses cut off far out: one training that exploded would leave the good ones no room.
        reach = N_DEVIATIONS * float(np.median(np.abs(losses - self._centre))) or math.inf
        near = np.clip(losses, self._centre - reach, self._centre + reach)
        self._scale = float(near.std()) or 1.0
        scaled = (losses - self._centre) / self._scale
        stretch = np.sum(np.sign(scaled) * np.log1p(np.abs(scaled)))

        def unlikely(power: float) -> float:
            spread = yeo_johnson(scaled, power).var()
            return float(0.5 * len(scaled) * np.log(spread + 1e-300) - (power - 1) * stretch)

        self._power = float(minimize_scalar(unlikely, bounds=POWERS, method="bounded").x)
        warped = yeo_johnson(scaled, self._power)
        self._mean, self._deviation = float(warped.mean()), float(warped.std()) or 1.0

    def __call__(self, losses: Array) -> Array:
        found: Array = (yeo_johnson((losses - self._centre) / self._scale, self._power) - self._mean) / self._deviation
        return found


def yeo_johnson(values: Array, power: float) -> Array:
    """Bends the two halves of the line apart from 0, each by a power: as they are for 1."""
    size = np.log1p(np.abs(values))
    above = size if abs(power) < 1e-9 else np.expm1(power * size) / power
    other = 2 - power
    below = size if abs(other) < 1e-9 else np.expm1(other * size) / other
    found: Array = np.where(values >= 0, above, -below)
    return found


@dataclass(frozen=True, slots=True)
class Observed:
    """Losses seen, one objective: `whole` (n,) at the end of training, nan where that was not reached; `rungs` for each rung
    the losses (n,) there, nan likewise."""

    whole: Array
    rungs: Mapping[int, Array]

    def first(self, count: int) -> Observed:
        """Of the first so many designs."""
        return Observed(self.whole[:count], {rung: here[:count] for rung, here in self.rungs.items()})

    def expected(self) -> tuple[Array, Array]:
        """Losses at the end (n,) as known or expected, and the standard deviation (n,) of what is only expected."""
        losses, doubt = self.whole.copy(), np.zeros(len(self.whole))
        for rung in sorted(self.rungs):
            here = self.rungs[rung]
            gains = (self.whole - here)[np.isfinite(self.whole) & np.isfinite(here)]
            open_ = np.isnan(self.whole) & np.isfinite(here)
            if len(gains) >= N_PAIRS:
                gain = float(np.median(gains))
                spread = 1.4826 * float(np.median(np.abs(gains - gain)))
            else:
                known = here[np.isfinite(here)]
                gain, spread = 0.0, 0.5 * float(known.std()) if len(known) > 1 else 0.0
            losses[open_] = here[open_] + gain
            doubt[open_] = spread
        return losses, doubt


class Belief:
    """The posterior of one loss over designs.

    Args:
        columns: which rows of numbers stand for designs. designs: the n observed ones.
        observed: what was seen of them.
        fitted: how many of the first designs the length scales are fitted to, so that they need not be fitted every time.
        known: the kernel of these columns and the same `fitted`.
    """

    def __init__(
        self, columns: Columns, designs: Sequence[Described], observed: Observed, fitted: int, known: Kernel | None
    ) -> None:
        rows = columns.rows(designs)
        if known is None:
            # As it was when there were no more than these, whatever has come since: a resumed search fits the same.
            _, early, unsure = _standardised(observed.first(fitted))
            chosen = _telling(early, unsure)
            start = prior(len(columns.names))
            scales = fit(rows[chosen], early[chosen], columns.groups, start, unsure[chosen], N_STEPS)
            known = Kernel(columns.groups, scales)
        self.warp, values, extra = _standardised(observed)
        self.process = Process(known, designs, rows, values, extra)


def _standardised(observed: Observed) -> tuple[Warp, Array, Array]:
    """The warp of what is known and expected, the values on its scale (n,), and their variance (n,) beyond the noise."""
    losses, doubt = observed.expected()
    warp = Warp(losses)
    return warp, warp(losses), ((warp(losses + doubt) - warp(losses - doubt)) / 2) ** 2


class Odds:
    """How likely designs are to be trained to the end and to keep the constraints, learnt from those that were or were not.

    A regression on the two outcomes, whose belief in the better one is read off as a probability.

    Args:
        designs: n, in the order of their numbers. failed: (n,). fitted, known: as for `Belief`.

    Source: Rasmussen and Williams 2006, chapter 6.5, "Least-squares Classification".
    """

    def __init__(
        self,
        columns: Columns,
        designs: Sequence[Described],
        failed: NDArray[np.bool_],
        fitted: int,
        known: Kernel | None,
    ) -> None:
        rows = columns.rows(designs)
        self._rate, self._spread = float(failed.mean()), float(failed.std()) or 1.0
        values: Array = (failed.astype(np.float64) - self._rate) / self._spread
        if known is None:
            early: Array = failed[:fitted].astype(np.float64)
            early = (early - early.mean()) / (float(early.std()) or 1.0)
            chosen = np.unique(np.linspace(0, fitted - 1, min(fitted, N_FITTED)).round().astype(int))
            start = prior(len(columns.names))
            scales = fit(rows[chosen], early[chosen], columns.groups, start, np.zeros(len(chosen)), N_STEPS)
            known = Kernel(columns.groups, scales)
        self.process = Process(known, designs, rows, values)

    def success(self, rows: Array) -> Array:
        """The probability (m,) at each of `rows` (m, p)."""
        found = self.process.predict(rows)
        deviation = np.sqrt(np.maximum(np.diag(found.covariance), 0.0) + self.process.kernel.noise) * self._spread
        odds: Array = ndtr((0.5 - self._rate - found.means * self._spread) / deviation)
        return odds


def _telling(values: Array, extra: Array) -> NDArray[np.intp]:
    """Which observations to fit to: the better half of the allowance is the best, the rest spread over all others."""
    if len(values) <= N_FITTED:
        return np.arange(len(values))
    order = np.argsort(values + np.sqrt(extra), kind="stable")
    others = order[N_FITTED // 2 :]
    spread = others[np.linspace(0, len(others) - 1, N_FITTED - N_FITTED // 2).round().astype(int)]
    return np.sort(np.concatenate([order[: N_FITTED // 2], spread]))


def milestone(count: int, first: int, growth: float = 1.08) -> int:
    """The largest number of a growing sequence that is at most `count`: where length scales are fitted anew."""
    reached = first
    while (following := max(reached + 1, int(reached * growth))) <= count:
        reached = following
    return reached


def gathered(
    numbers: Sequence[int], index: int, reached: Mapping[int, Mapping[int, tuple[float, ...]]]
) -> dict[int, Array]:
    """Loss `index` of candidates at each rung, nan where they have none."""
    return {
        rung: np.array([at[number][index] if number in at else np.nan for number in numbers])
        for rung, at in reached.items()
    }
