"""Ranks, their ties, halving by rank: the front goes on, one in eta of the rest; and the settings of all rules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ExperimentError
from nas.study.objectives import Objective
from nas.study.ranking import best_first, crowding, epsilon_net, ranks
from nas.study.stopping import RULES, Rungs, Stopping, make_rungs, parse_stopping
from nas.study.stopping.halving import survives

POINTS = st.integers(1, 4).flatmap(
    lambda m: st.lists(st.tuples(*[st.integers(0, 5).map(float)] * m), min_size=1, max_size=30)
)


def naive_ranks(points: list[tuple[float, ...]]) -> list[int]:
    left, rank, found = set(range(len(points))), 0, [0] * len(points)
    while left:
        front = {
            i
            for i in left
            if not any(
                points[j] != points[i] and all(a <= b for a, b in zip(points[j], points[i], strict=True)) for j in left
            )
        }
        for i in front:
            found[i] = rank
        left -= front
        rank += 1
    return found


@settings(deadline=None, max_examples=60)
@given(POINTS)
def test_ranks_are_those_of_the_definition(points: list[tuple[float, ...]]) -> None:
    assert ranks(np.array(points)).tolist() == naive_ranks(points)


def test_violations_come_after_everything_feasible_by_size() -> None:
    losses = np.array([[9.0], [1.0], [0.0], [5.0]])
    assert ranks(losses, [0, 0.2, 0.1, 0]).tolist() == [1, 3, 2, 0]
    assert ranks(losses, [1.0, 2.0, 0.5, 1.0]).tolist() == [1, 2, 0, 1]
    assert best_first(losses, [0, 0.2, 0.1, 0]) == [3, 0, 2, 1]
    assert best_first(np.zeros((0, 2))) == []
    many = np.random.default_rng(0).integers(0, 6, (40, 2)).astype(float)
    for most in range(42):
        assert best_first(many, [0.0] * 30 + [0.5] * 10, most) == best_first(many, [0.0] * 30 + [0.5] * 10)[:most]


def test_crowding_prefers_the_ends_and_the_lonely() -> None:
    losses = np.array([[0.0, 10.0], [1.0, 8.0], [1.5, 7.5], [6.0, 2.0], [10.0, 0.0]])
    distance = crowding(losses, np.zeros(5, dtype=np.int64))
    assert np.isinf(distance[[0, 4]]).all()
    assert distance[3] > distance[2]
    assert np.isfinite(crowding(np.ones((3, 2)), np.zeros(3, dtype=np.int64))[1:2]).all()


@settings(deadline=None, max_examples=60)
@given(POINTS)
def test_an_epsilon_net_always_takes_the_farthest(points: list[tuple[float, ...]]) -> None:
    losses = np.array(points)
    order = epsilon_net(losses).tolist()
    assert sorted(order) == list(range(len(points)))
    assert losses[order[0], 0] == losses[:, 0].min()
    spread = np.ptp(losses, axis=0)
    scaled = losses / np.where(spread > 0, spread, 1)
    for place in range(1, len(order)):
        away = [min(np.linalg.norm(scaled[i] - scaled[j]) for j in order[:place]) for i in order[place:]]
        assert away[0] == pytest.approx(max(away))


@settings(deadline=None, max_examples=60)
@given(POINTS, st.sampled_from([2.0, 3.0, 4.0]), st.sampled_from(["crowding", "epsilon-net"]))
def test_the_front_survives_and_one_in_eta_below_it(points: list[tuple[float, ...]], eta: float, tie: str) -> None:
    losses = np.array(points)
    rank = ranks(losses)
    alive = np.array([survives(losses, i, eta, tie) for i in range(len(points))])
    assert alive[rank == 0].all()
    below = rank > 0
    assert alive[below].sum() == int(below.sum() / eta)
    if alive[below].any() and not alive[below].all():
        assert rank[below & alive].max() <= rank[below & ~alive].min()


def test_ties_of_rank_go_to_the_lonely() -> None:
    front = [(0.0, 10.0), (10.0, 0.0)]
    second = [(1.0, 11.0), (1.1, 10.9), (1.2, 10.8), (11.0, 1.0)]
    for tie in ("crowding", "epsilon-net"):
        losses = np.array([*front, *second])
        assert [survives(losses, i, 2, tie) for i in range(2, 6)] == [True, False, False, True]
    second = [(1.0, 20.0), (2.0, 12.0), (2.1, 11.9), (12.0, 2.0), (20.0, 1.0)]
    losses = np.array([*front, *second])
    assert [survives(losses, i, 1.6, "crowding") for i in range(2, 7)] == [True, False, False, True, True]
    assert [survives(losses, i, 1.6, "epsilon-net") for i in range(2, 7)] == [True, False, True, False, True]


ACCURACY, PARAMS = Objective("maximize", "accuracy"), Objective("minimize", "params")


def halving(rungs: list[int], eta: float) -> Rungs:
    """Halving by losses of any kind."""
    return make_rungs(parse_stopping({"rule": "pareto-halving", "rungs": rungs, "eta": eta}, {}), [ACCURACY])


def test_one_objective_is_halving() -> None:
    rungs = halving([10], 2)
    went_on = []
    for number, loss in enumerate([0.9, 0.8, 0.85, 0.7, 0.95, 0.86]):
        rungs.enter(10, number, (loss,))
        went_on.append(rungs.goes_on(10, number))
    assert went_on == [True, True, True, True, False, False]


def test_a_small_network_is_never_stopped_for_being_less_accurate() -> None:
    rungs = halving([10], 3)
    for number in range(20):
        rungs.enter(10, number, (-0.9, 1e6 - number))
    rungs.enter(10, 99, (-0.3, 100.0))
    rungs.enter(10, 100, (-0.3, 2e6))
    assert rungs.goes_on(10, 99)
    assert not rungs.goes_on(10, 100)


def test_only_rungs_of_the_rule_stop_anybody() -> None:
    rungs = halving([10], 3)
    for number in range(9):
        rungs.enter(10, number, (float(number),))
        rungs.enter(7, number, (float(number),))
    assert rungs.goes_on(7, 8)
    assert not rungs.goes_on(10, 8)
    assert rungs.goes_on(10, 77), "one that did not reach the rung is not judged there"


def test_a_candidate_that_is_begun_again_has_not_reached_later_rungs() -> None:
    rungs = halving([10, 20], 3)
    for rung, loss in ((10, 0.5), (20, 0.4), (10, 0.5)):
        rungs.enter(rung, 0, (loss,))
    assert rungs.curve(0, 20) == [(10, (0.5,)), (20, (0.4,))], "the same value is no news"
    rungs.enter(10, 0, (0.6,))
    assert rungs.curve(0, 20) == [(10, (0.6,))]


def test_settings_are_read() -> None:
    read = parse_stopping({"rule": "pareto-halving", "rungs": [10, 30], "eta": 4}, {"epochs": 30})
    assert (read.rule, read.rungs, read.budget) == ("pareto-halving", (10, 30), 30)
    assert read.settings == {"eta": 4, "tie": "crowding", "warmup": 0, "grace": 0}
    for nothing in (None, "none", {"rule": "none"}):
        assert parse_stopping(nothing, {"epochs": 30}) == Stopping()
    assert Stopping().to_json() == {"rule": "none"}


def test_a_record_of_before_there_were_other_rules_still_fits() -> None:
    old = {"rule": "pareto-halving", "rungs": [10, 20], "eta": 3}
    assert parse_stopping(old, {}).to_json() == old
    assert parse_stopping({"rule": "pareto-halving", "rungs": [10, 20]}, {}).to_json() == old


NEEDED = {"optuna:threshold": {"lower": 0.1}}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_written_down_as_it_is_read(rule: str) -> None:
    for more in ({}, {"warmup": 5, "grace": 3}):
        read = parse_stopping({"rule": rule, "rungs": [4, 8], **NEEDED.get(rule, {}), **more}, {"epochs": 9})
        assert parse_stopping(read.to_json(), {"epochs": 9}) == read
        assert all(read.to_json()[key] == value for key, value in more.items())


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            "halving",
            "there is no rule `halving` among none, pareto-halving, hyperband, .*optuna:wilcoxon, ray:asha; did you mean",
        ),
        ({"rungs": [3]}, "`stopping` is `none` or"),
        (7, "`stopping` is `none` or"),
        (
            {"rule": "pareto-halving", "rungs": [3], "reduction": 2},
            "`pareto-halving` takes `rungs`, `eta`, `tie`, `warmup` and `grace`, not `reduction`",
        ),
        ({"rule": "none", "rungs": [3]}, "`none` takes no settings, not `rungs`"),
        ({"rule": "pareto-halving"}, "`rungs` is a list of whole amounts"),
        ({"rule": "pareto-halving", "rungs": []}, "`rungs` is a list of whole amounts"),
        ({"rule": "pareto-halving", "rungs": [2.5]}, "`rungs` is a list of whole amounts"),
        ({"rule": "pareto-halving", "rungs": [0, 3]}, "start at 1 or more and rise"),
        ({"rule": "pareto-halving", "rungs": [3, 3]}, "start at 1 or more and rise"),
        ({"rule": "pareto-halving", "rungs": [10, 40]}, "rung 40 lies beyond the budget of 30 epochs"),
        ({"rule": "pareto-halving", "rungs": [10], "eta": 1}, "`eta` is a number greater than 1"),
        ({"rule": "pareto-halving", "rungs": [10], "eta": "3"}, "`eta` is a number greater than 1"),
        (
            {"rule": "pareto-halving", "rungs": [10], "tie": "crowd"},
            r"`tie` is one of crowding, epsilon-net \(which of equal rank comes first\), here stands 'crowd'",
        ),
        (
            {"rule": "hyperband", "rungs": [10], "warmup": -1},
            "`warmup` is a whole number of at least 0 .*, here stands -1",
        ),
        ({"rule": "hyperband", "rungs": [10], "grace": True}, "`grace` is a whole number of at least 0"),
        ({"rule": "hyperband", "rungs": [10], "brackets": 3}, "1 rungs make at most 2 `brackets`, here stands 3"),
        ({"rule": "median", "rungs": [10], "peers": 0}, "`peers` is a whole number of at least 1"),
        ({"rule": "learning-curve", "rungs": [10], "points": 2}, "`points` is a whole number of at least 3"),
        ({"rule": "learning-curve", "rungs": [10], "margin": -0.1}, "`margin` is a number of at least 0"),
        ({"rule": "optuna:percentile", "rungs": [10], "percentile": 101}, "`percentile` is a number from 0 to 100"),
        ({"rule": "optuna:threshold", "rungs": [10]}, "`optuna:threshold` needs `lower`, `upper` or both"),
        (
            {"rule": "optuna:threshold", "rungs": [10], "upper": "a"},
            r"`upper` is a number \(as the metric is reported\)",
        ),
        (
            {"rule": "optuna:threshold", "rungs": [10], "lower": 2, "upper": 1},
            "`lower` is at most `upper`, here stand 2 and",
        ),
        (
            {"rule": "optuna:hyperband", "rungs": [10], "min_resource": 11},
            "`min_resource` is at most the last rung, 10",
        ),
        ({"rule": "optuna:medain", "rungs": [10]}, "did you mean `optuna:median`"),
    ],
)
def test_wrong_settings(given_: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        parse_stopping(given_, {"epochs": 30})


def test_a_curve_needs_an_end() -> None:
    with pytest.raises(ExperimentError, match=r"`learning-curve` needs a budget, such as \{epochs: 30\}"):
        parse_stopping({"rule": "learning-curve", "rungs": [3]}, {})


@pytest.mark.parametrize("rule", [name for name, entry in RULES.items() if entry.one_objective])
def test_pruners_of_optuna_judge_one_objective(rule: str) -> None:
    stopping = parse_stopping({"rule": rule, "rungs": [4, 8], **NEEDED.get(rule, {})}, {"epochs": 9})
    make_rungs(stopping, [PARAMS, ACCURACY])
    words = f"`{rule}` judges one objective that training decides, here are"
    with pytest.raises(
        ExperimentError, match=f"{words} 2: accuracy, loss; take one of pareto-halving, hyperband, median"
    ):
        make_rungs(stopping, [ACCURACY, Objective("minimize", "loss")])
    with pytest.raises(ExperimentError, match=f"{words} none; take one of"):
        make_rungs(stopping, [PARAMS])
