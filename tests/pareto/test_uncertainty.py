"""Probabilities and bands of a retrained frontier: closed forms, and simulations in which the truth is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy import stats

from nas.errors import ParetoError
from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
from nas.pareto.front import frontier
from nas.pareto.uncertainty import Band, drawn_means, frontier_band, stability
from nas.study.objectives import Objective
from nas.study.records import StudyRecord

GOALS = (Objective("maximize", "accuracy"), Objective("minimize", "params"))


def retrained(number: int, params: int, accuracies: Sequence[float]) -> Confirmed:
    runs = [Retraining(s, "complete", {}, {"accuracy": float(a)}) for s, a in enumerate(accuracies)]
    return Confirmed(number, f"{number:032x}", {"params": params}, tuple(runs))


def of(*candidates: Confirmed) -> Confirmation:
    return Confirmation("made-up", "mnist1d", (0, 1, 2), candidates)


def test_drawn_means_are_students() -> None:
    values = np.array([[0.1, 5.0], [0.4, 5.0], [0.3, 5.0], [0.7, 5.0]])
    drawn = drawn_means([values], draws=40_000)[:, 0]
    expected = stats.t(3, loc=0.375, scale=values[:, 0].std(ddof=1) / 2)
    for share in (0.025, 0.25, 0.5, 0.9):
        assert np.quantile(drawn[:, 0], share) == pytest.approx(expected.ppf(share), abs=0.015)
    assert (drawn[:, 1] == 5.0).all(), "what never varies stays exact"


def test_drawn_means_keep_what_objectives_have_to_do_with_each_other() -> None:
    a = np.random.default_rng(0).normal(size=6)
    drawn = drawn_means([np.stack([a, -2 * a + 1], axis=1)], draws=500)[:, 0]
    assert drawn[:, 1] == pytest.approx(-2 * drawn[:, 0] + 1)


def test_without_noise_stability_is_the_frontier() -> None:
    certain = of(retrained(0, 100, [0.5] * 3), retrained(1, 200, [0.7] * 3), retrained(2, 300, [0.6] * 3))
    assert stability(certain, GOALS, draws=50) == {0: 1.0, 1: 1.0, 2: 0.0}


def test_equals_of_another_number_of_seeds_do_not_dominate_each_other() -> None:
    # 0.1 three times over has a mean of 0.10000000000000002 in floating point.
    twins = of(retrained(0, 100, [0.1] * 3), retrained(1, 100, [0.1] * 2))
    assert stability(twins, GOALS, draws=10) == {0: 1.0, 1: 1.0}


def test_stability_of_two_candidates_has_a_closed_form() -> None:
    noisy, sure = [0.60, 0.66, 0.58, 0.64, 0.63], 0.61
    share = stability(of(retrained(0, 100, noisy), retrained(1, 100, [sure])), GOALS, draws=20_000)
    t = (np.mean(noisy) - sure) / (np.std(noisy, ddof=1) / math.sqrt(5))
    assert share[0] == pytest.approx(stats.t(4).cdf(t), abs=0.015)
    assert share[1] == pytest.approx(1 - stats.t(4).cdf(t), abs=0.015)


def test_a_smaller_candidate_is_never_dominated() -> None:
    share = stability(of(retrained(0, 100, [0.1, 0.9]), retrained(1, 101, [0.8, 0.9])), GOALS, draws=200)
    assert share[0] == 1.0


def test_probabilities_come_true() -> None:
    # Two candidates of one size whose truth is drawn anew each time: of those called better with 0.6 to 0.8, so many are.
    rng = np.random.default_rng(5)
    said, came = [], []
    for _ in range(400):
        truth = rng.normal(0.5, 0.02, size=2)
        samples = rng.normal(truth[:, None], 0.03, size=(2, 5))
        confirmation = of(*(retrained(i, 100, values) for i, values in enumerate(samples)))
        said.append(stability(confirmation, GOALS, draws=100)[0])
        came.append(truth[0] > truth[1])
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        chosen = [(p, c) for p, c in zip(said, came, strict=True) if low <= p < high]
        assert len(chosen) > 30
        assert np.mean([c for _, c in chosen]) == pytest.approx(np.mean([p for p, _ in chosen]), abs=0.13)


def test_the_band_of_one_candidate_is_students_interval() -> None:
    values = [0.60, 0.66, 0.58, 0.64, 0.63]
    band = frontier_band(of(retrained(0, 100, values)), GOALS, draws=20_000)
    assert band is not None
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (band.at, band.x.name, band.y.name) == ((100.0,), "params", "accuracy")
    assert (band.low[0], band.middle[0], band.high[0]) == pytest.approx((low, np.mean(values), high), abs=0.003)


def test_a_band_is_cut_to_what_the_metric_can_be() -> None:
    wide = frontier_band(of(retrained(0, 100, [0.5, 0.95])), GOALS)
    percent = frontier_band(of(retrained(0, 100, [50, 95])), GOALS)
    assert wide is not None
    assert percent is not None
    assert (wide.low, wide.high) == ((0.0,), (1.0,))
    assert percent.low[0] < 0
    assert percent.high[0] > 100


def test_a_band_is_drawn_so_far_that_the_frontier_can_be_seen() -> None:
    band = Band(GOALS[1], GOALS[0], (1.0, 2.0), (-9.0, 0.4), (0.5, 0.6), (9.0, 0.65), 0.95)
    assert band.drawn([0.45, 0.7]) == (pytest.approx((-1.35, 0.4)), pytest.approx((2.5, 0.65)))
    narrow = Band(GOALS[1], GOALS[0], (1.0, 2.0), (0.45, 0.55), (0.5, 0.6), (0.55, 0.65), 0.95)
    assert narrow.drawn([0.5, 0.6]) == (narrow.low, narrow.high)


def test_the_band_holds_the_truth_as_often_as_it_says() -> None:
    rng, truth, sizes = np.random.default_rng(7), np.array([0.5, 0.7, 0.9]), (100, 200, 400)
    inside = np.zeros(3)
    for _ in range(300):
        samples = rng.normal(truth[:, None], 0.01, size=(3, 5))
        band = frontier_band(of(*map(retrained, range(3), sizes, samples)), GOALS, level=0.9, draws=300)
        assert band is not None
        inside += (np.array(band.low) <= truth) & (truth <= np.array(band.high))
    assert inside / 300 == pytest.approx(0.9, abs=0.055)


def test_a_band_of_losses_is_the_right_way_up(study_of: Callable[..., StudyRecord]) -> None:
    goals = (Objective("minimize", "loss"), Objective("minimize", "params"))
    runs = tuple(Retraining(s, "complete", {}, {"loss": v}) for s, v in enumerate([0.3, 0.5, 0.4]))
    band = frontier_band(of(Confirmed(0, "d", {"params": 10}, runs)), goals)
    assert band is not None
    assert band.low[0] < 0.4 < band.high[0]
    assert band.middle[0] == pytest.approx(0.4, abs=0.01)


def test_a_band_only_rises_with_the_budget(searched: StudyRecord, confirm: Callable[..., Confirmation]) -> None:
    confirmation = confirm(searched, [trial.number for trial in frontier(searched).members], sigma=0.05)
    band = frontier_band(confirmation, searched.objectives, draws=300)
    assert band is not None
    for line in (band.low, band.middle, band.high):
        assert (np.diff(line) >= 0).all()
    assert all(low <= middle <= high for low, middle, high in zip(band.low, band.middle, band.high, strict=True))


def test_results_depend_on_the_seed_only(searched: StudyRecord, confirm: Callable[..., Confirmation]) -> None:
    confirmation = confirm(searched, [trial.number for trial in frontier(searched).members], sigma=0.05)
    once = stability(confirmation, searched.objectives, draws=200)
    assert once == stability(confirmation, searched.objectives, draws=200)
    assert once != stability(confirmation, searched.objectives, draws=200, seed=1)
    assert any(0 < share < 1 for share in once.values())


def test_a_candidate_without_a_value_is_never_on_the_frontier() -> None:
    dead = Confirmed(1, "d", {"params": 1}, (Retraining(0, "crashed", message="no"),))
    assert stability(of(retrained(0, 100, [0.5]), dead), GOALS, draws=10) == {0: 1.0, 1: 0.0}
    assert stability(of(dead), GOALS, draws=10) == {1: 0.0}
    assert frontier_band(of(dead), GOALS) is None
    assert frontier_band(of(retrained(0, 100, [0.5])), GOALS[:1]) is None


def test_draws_and_levels_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ParetoError, match="at least one draw, got 0"):
        stability(of(), GOALS, draws=0)
    with pytest.raises(ParetoError, match="a share between 0 and 1, got 1"):
        frontier_band(of(), GOALS, level=1.0)
