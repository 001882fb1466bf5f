"""The paired test against all assignments of signs, one by one, and against scipy's own of another make."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nas.errors import ParetoError
from nas.pareto.paired import contests, paired_test


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_p_counts_assignments_of_signs(differences: list[int]) -> None:
    means = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(differences))
    ]
    test = paired_test(differences)
    assert test.p == pytest.approx(sum(mean >= abs(sum(differences)) for mean in means) / len(means))
    assert test.p >= test.least_p


def test_the_interval_is_students() -> None:
    values = [0.3, 0.1, 0.4, 0.2, 0.6]
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    test = paired_test(values)
    assert (test.mean, test.low, test.high) == pytest.approx((0.32, low, high))
    assert test.p == test.least_p == 2 / 2**5


def test_many_pairs_agree_with_the_t_test() -> None:
    values = np.random.default_rng(0).normal(0.25, 1.0, size=60)
    assert paired_test(values).p == pytest.approx(stats.ttest_1samp(values, 0).pvalue, abs=0.02)


def test_chance_alone_is_rarely_called_clear() -> None:
    rng = np.random.default_rng(1)
    found = [paired_test(rng.normal(size=7)).p <= 0.05 for _ in range(300)]
    assert sum(found) / 300 == pytest.approx(6 / 128, abs=0.035)  # the steps of p are 2/2⁷: at most 0.05 are 3 of them


def test_one_pair_says_nothing() -> None:
    test = paired_test([3.0])
    assert (test.n, test.mean, test.p, test.least_p) == (1, 3.0, 1.0, 1.0)
    assert math.isnan(test.low)
    assert math.isnan(test.high)


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [[1.0]]])
def test_what_cannot_be_tested_is_refused(values: list[float]) -> None:
    with pytest.raises(ParetoError, match="a paired test takes one finite difference for each pair"):
        paired_test(values)


def test_contests_pair_what_both_have() -> None:
    measured = {"a": {1: 2.0, 2: 3.0, 3: 1.0}, "b": {1: 1.0, 2: 1.0}, "c": {9: 0.0}}
    (one,) = contests(measured)
    assert (one.first, one.second, one.test.n, one.test.mean) == ("a", "b", 2, 1.5)
