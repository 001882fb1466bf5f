"""Ranks, crowding, and the stopping rule: the front goes on, one in eta of the rest, whatever the order of arrival."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ExperimentError
from nas.study.ranking import best_first, crowding, ranks
from nas.study.stopping import Rungs, Stopping, parse_stopping, survives

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


def test_crowding_prefers_the_ends_and_the_lonely() -> None:
    losses = np.array([[0.0, 10.0], [1.0, 8.0], [1.5, 7.5], [6.0, 2.0], [10.0, 0.0]])
    distance = crowding(losses, np.zeros(5, dtype=np.int64))
    assert np.isinf(distance[[0, 4]]).all()
    assert distance[3] > distance[2]
    assert np.isfinite(crowding(np.ones((3, 2)), np.zeros(3, dtype=np.int64))[1:2]).all()


@settings(deadline=None, max_examples=60)
@given(POINTS, st.sampled_from([2.0, 3.0, 4.0]))
def test_the_front_survives_and_one_in_eta_below_it(points: list[tuple[float, ...]], eta: float) -> None:
    losses = np.array(points)
    rank = ranks(losses)
    alive = np.array([survives(losses, i, eta) for i in range(len(points))])
    assert alive[rank == 0].all()
    below = rank > 0
    assert alive[below].sum() == int(below.sum() / eta)
    if alive[below].any() and not alive[below].all():
        assert rank[below & alive].max() <= rank[below & ~alive].min()


def test_one_objective_is_halving() -> None:
    rungs = Rungs(Stopping((10,), 2))
    went_on = []
    for number, loss in enumerate([0.9, 0.8, 0.85, 0.7, 0.95, 0.86]):
        rungs.enter(10, number, (loss,))
        went_on.append(rungs.goes_on(10, number))
    assert went_on == [True, True, True, True, False, False]


def test_a_small_network_is_never_stopped_for_being_less_accurate() -> None:
    rungs = Rungs(Stopping((10,), 3))
    for number in range(20):
        rungs.enter(10, number, (-0.9, 1e6 - number))
    rungs.enter(10, 99, (-0.3, 100.0))
    rungs.enter(10, 100, (-0.3, 2e6))
    assert rungs.goes_on(10, 99)
    assert not rungs.goes_on(10, 100)


def test_only_rungs_of_the_rule_stop_anybody() -> None:
    rungs = Rungs(Stopping((10,), 3))
    for number in range(9):
        rungs.enter(10, number, (float(number),))
        rungs.enter(7, number, (float(number),))
    assert rungs.goes_on(7, 8)
    assert not rungs.goes_on(10, 8)
    assert rungs.goes_on(10, 77), "one that did not reach the rung is not judged there"


def test_settings_are_read() -> None:
    assert parse_stopping({"rule": "pareto-halving", "rungs": [10, 30], "eta": 4}, {"epochs": 30}) == Stopping(
        (10, 30), 4
    )
    assert parse_stopping({"rule": "pareto-halving", "rungs": [10]}, {}) == Stopping((10,), 3)
    for nothing in (None, "none", {"rule": "none"}):
        assert parse_stopping(nothing, {"epochs": 30}) == Stopping()
    for rule in (Stopping(), Stopping((1, 3), 2.5)):
        assert parse_stopping(rule.to_json(), {"epochs": 9}) == rule


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ("halving", "there is no rule `halving` among none, pareto-halving; did you mean `pareto-halving`"),
        ({"rungs": [3]}, "`stopping` is `none` or"),
        (7, "`stopping` is `none` or"),
        (
            {"rule": "pareto-halving", "rungs": [3], "reduction": 2},
            "`pareto-halving` takes `rungs` and `eta`, not `reduction`",
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
    ],
)
def test_wrong_settings(given_: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        parse_stopping(given_, {"epochs": 30})


def test_on_recorded_curves_it_saves_compute_at_equal_hypervolume() -> None:
    """The numbers that `results/learning-curves` states, from the benchmark that made them."""
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "stopping.py"))
    curves = benchmark["read"](benchmark["TABLE"])
    careful = benchmark["replay"]("", curves, Stopping((10,), 3), both=True)
    assert careful.epochs_saved > 0.35
    assert careful.volume > 0.999
    assert careful.front_kept > 0.99
    eager = benchmark["replay"]("", curves, Stopping((3, 10), 3), both=True)
    alone = benchmark["replay"]("", curves, Stopping((3, 10), 3), both=False)
    assert eager.epochs_saved > 0.6
    assert eager.volume > alone.volume + 0.1, "accuracy alone loses the small networks"
