"""Trends and their columns: against scipy's rank correlation, and on frontiers whose law is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from nas.errors import ParetoError
from nas.pareto.features import features
from nas.pareto.front import frontier
from nas.pareto.trends import rank_correlation, size_of, trends
from nas.study.objectives import Goal
from nas.study.records import StudyRecord, TrialRecord


def test_features_summarise_what_is_decided_for_each_layer() -> None:
    genotype = {"kind": "a", "s[0].w": 4, "s[1].w": 6.0, "s[0].f[1].act": "x", "s[1].f[0].act": "x", "bias": True}
    assert features(genotype) == {"kind": "a", "s[·].w": 5.0, "s[·].f[·].act": "x", "bias": "true"}
    assert features({"s[0].norm": True, "s[1].norm": False, "t[0]": None}) == {"s[·].norm": "mixed", "t[·]": "none"}


@pytest.mark.parametrize("seed", range(5))
def test_rho_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, size=(2, 12)).astype(float)
    assert rank_correlation(x, y, draws=5)[0] == pytest.approx(stats.spearmanr(x, y).statistic)


@pytest.mark.parametrize("n", [5, pytest.param(7, marks=pytest.mark.slow)])
def test_p_is_scipys_over_all_permutations(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(4):
        x, y = rng.integers(0, 5, size=(2, n)).astype(float)
        expected = stats.permutation_test(
            (x,), lambda one, y=y: abs(stats.spearmanr(one, y).statistic),
            permutation_type="pairings", n_resamples=math.inf, alternative="greater",
        )  # fmt: skip
        assert rank_correlation(x, y)[1] == pytest.approx(expected.pvalue)


def test_p_is_right_about_as_often_as_it_says() -> None:
    """Where there is nothing to find, one in ten has a p of at most a tenth."""
    rng = np.random.default_rng(2)
    found = [rank_correlation(*rng.normal(size=(2, 20)).tolist(), draws=199)[1] for _ in range(300)]
    assert 0.06 <= np.mean(np.array(found) <= 0.1) <= 0.14
    assert rank_correlation(range(20), range(20), draws=199)[1:] == (1 / 200, 1 / 200)


def test_the_least_p_is_that_of_a_perfect_order() -> None:
    assert rank_correlation(range(5), [3, 1, 2, 5, 4])[2] == pytest.approx(2 / 120)
    assert rank_correlation(range(5), [1, 2, 3, 4, 5])[1:] == pytest.approx((2 / 120, 2 / 120))
    assert rank_correlation(range(5), [0, 1, 0, 0, 0])[2] == pytest.approx(2 / 5), "one that differs stands at an end"


def test_what_does_not_vary_has_no_correlation() -> None:
    assert all(map(math.isnan, rank_correlation([1, 2, 3], [5, 5, 5])))
    with pytest.raises(ParetoError, match="a permutation test needs at least one draw, got 0"):
        rank_correlation([1, 2], [1, 2], draws=0)


@pytest.fixture
def grown(new_trial: Callable[..., TrialRecord], new_study: Callable[..., StudyRecord]) -> Callable[..., StudyRecord]:
    """A study whose members grow deeper with size, while their width goes up and down, and half of them have a gate."""

    def grown(n: int) -> StudyRecord:
        goal = Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])

        def genotype(i: int) -> dict[str, object]:
            gate: dict[str, object] = {"gate": 40 - i} if i % 2 else {}
            return {"depth": 1 + i // 2, "width": 8 * (i % 3), "act": "relu", "same": 3, **gate}

        def values(i: int) -> Sequence[float]:
            return 0.5 + i / 100, 100 * 2**i

        return new_study(
            [
                new_trial(
                    i, genotype=genotype(i), costs={"params": values(i)[1]}, metrics={"accuracy": values(i)[0]},
                    values=values(i), feasible=True,
                )
                for i in range(n)
            ],
            goal,
        )  # fmt: skip

    return grown


def test_a_trend_is_found_and_its_absence_too(grown: Callable[..., StudyRecord]) -> None:
    front = frontier(grown(12))
    found = {one.decision: one for one in trends(front)}
    assert size_of(front) == "params"
    assert found.keys() == {"depth", "width", "gate"}, "words and what never varies have no trend"
    assert found["depth"].rho == pytest.approx(stats.spearmanr(range(12), [i // 2 for i in range(12)]).statistic)
    assert found["depth"].is_clear
    assert not found["width"].is_clear
    assert (found["gate"].rho, found["gate"].n) == (-1.0, 6)
    assert found["depth"].points[0] == (100.0, 1.0)
    assert next(iter(found)) == "gate", "the clearest comes first"
    assert [found[name].verdict for name in ("gate", "depth", "width")] == ["falls", "rises", "no evidence"]
    assert found["gate"].p == pytest.approx(2 / 720 * 2), "the second smallest of three"


def test_five_members_are_too_few_for_several_decisions(grown: Callable[..., StudyRecord]) -> None:
    found = {one.decision: one for one in trends(frontier(grown(5)))}
    assert found["depth"].rho > 0.9
    assert found["depth"].verdict == "too few members"
    found = {one.decision: one for one in trends(frontier(grown(7)))}
    assert found["depth"].verdict == "rises"


def test_few_members_have_no_trend(grown: Callable[..., StudyRecord]) -> None:
    assert trends(frontier(grown(4))) == ()
