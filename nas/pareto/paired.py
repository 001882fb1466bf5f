"""Whether one thing beats another, seed by seed: an exact test that assumes no distribution, and an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nas.errors import ParetoError

N_EXACT = 13
"""Pairs up to which every assignment of signs is gone through, 2¹³ of them; beyond, 9,999 are drawn."""


@dataclass(frozen=True)
class PairedTest:
    """The mean of paired differences, and whether it may be chance.

    Args:
        n: pairs.
        mean: of the differences.
        low, high: 95 % confidence interval of the mean by Student's t; nan for one pair.
        p: two-sided, of the sign-flip permutation test; 1 for one pair. It cannot be smaller than 2/2ⁿ: with five seeds
            0.0625, however clear the difference is.
    """

    n: int
    mean: float
    low: float
    high: float
    p: float

    @property
    def least_p(self) -> float:
        """The smallest p that so many pairs can give."""
        return min(1.0, 2.0 ** (1 - self.n))


def paired_test(differences: Sequence[float]) -> PairedTest:
    """Test whether paired `differences` are centred at 0.

    Under the hypothesis that the two are exchangeable within each pair, every difference is as likely with the other sign;
    p is the share of all sign assignments whose mean is at least as far from 0.

    Args:
        differences: one finite number for each pair, at least one.
    Raises: ParetoError: there is none, or one is not finite.
    Source: Fisher 1935, "The Design of Experiments", §21, as `scipy.stats.permutation_test`; the interval is Student's.

    >>> paired_test([1.0, 2.0, 3.0]).p
    0.25
    """
    from scipy import stats

    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ParetoError(f"a paired test takes one finite difference for each pair, got {values.tolist()}")
    n, mean = len(values), float(values.mean())
    if n == 1:
        return PairedTest(1, mean, math.nan, math.nan, 1.0)
    test = stats.permutation_test(
        (values, np.zeros(n)),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if n <= N_EXACT else 9_999,
        rng=np.random.default_rng(0),
    )
    half = float(stats.t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return PairedTest(n, mean, mean - half, mean + half, float(test.pvalue))


@dataclass(frozen=True)
class Contest:
    """`first` against `second`: the test of first − second."""

    first: str
    second: str
    test: PairedTest


def contests(measured: Mapping[str, Mapping[int, float]], least: int = 2) -> tuple[Contest, ...]:
    """Every pair of names, paired over the keys that both have, such as seeds; pairs with fewer than `least` are left out.

    >>> [(one.first, one.test.mean) for one in contests({"a": {1: 2.0, 2: 3.0}, "b": {1: 1.0, 2: 1.0, 9: 0.0}})]
    [('a', 1.5)]
    """
    found = []
    for first, second in combinations(measured, 2):
        common = sorted(measured[first].keys() & measured[second].keys())
        if len(common) >= max(least, 1):
            test = paired_test([measured[first][key] - measured[second][key] for key in common])
            found.append(Contest(first, second, test))
    return tuple(found)
