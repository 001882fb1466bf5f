"""Families against each other: definitions spelled out, moocore and pymoo as oracles, and seeds that are really paired."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.errors import ParetoError
from nas.pareto import geometry
from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
from nas.pareto.contest import confirmed_volumes, coverage, family_fronts
from nas.pareto.front import frontier
from nas.study.records import StudyRecord

POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8)


@given(POINTS, POINTS)
def test_coverage_counts_what_is_weakly_dominated(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    covered = [any(a <= c and b <= d for a, b in first) for c, d in second]
    assert coverage(first, second) == sum(covered) / len(second)


def test_there_must_be_something_to_cover() -> None:
    with pytest.raises(ParetoError, match="coverage is of at least one point, got none to cover"):
        coverage([[1, 2]], np.zeros((0, 2)))
    assert coverage(np.zeros((0, 2)), [[1, 2]]) == 0


def test_hypervolumes_and_frontiers_are_pymoos() -> None:
    hv = pytest.importorskip("pymoo.indicators.hv")
    sorting = pytest.importorskip("pymoo.util.nds.non_dominated_sorting")
    rng = np.random.default_rng(0)
    for m in (2, 3):
        points = rng.random((40, m))
        expected = hv.HV(ref_point=np.full(m, 1.1))(points)
        assert geometry.hypervolume(points, reference=[1.1] * m) == pytest.approx(expected)
        first = sorting.NonDominatedSorting().do(points, only_non_dominated_front=True)
        assert np.flatnonzero(geometry.nondominated(points)).tolist() == sorted(first.tolist())


def with_families(record: StudyRecord, names: str) -> StudyRecord:
    trials = [replace(trial, genotype={"family": name}) for trial, name in zip(record.trials, names, strict=True)]
    return replace(record, trials=tuple(trials))


def test_families_reach_what_their_own_candidates_do(study_of: Callable[..., StudyRecord]) -> None:
    # In losses on a grid: a has (1, 4), (4, 1), b has (2, 2), c has (5, 5), which all others dominate.
    points = [(1, 4), (4, 1), (2, 2), (5, 5)]
    front = frontier(with_families(study_of(points, ["minimize a", "minimize b"]), "aabc"))
    found = {one.name: one for one in family_fronts(front)}
    reference = front.reference()
    assert reference == pytest.approx((5.4, 5.4))
    for name, own in {"a": points[:2], "b": points[2:3], "c": points[3:]}.items():
        assert found[name].hypervolume == pytest.approx(moocore.hypervolume(np.array(own, float), ref=reference))
        rest = np.array([point for point in points if point not in own], float)
        lost = moocore.hypervolume(np.array(points, float), ref=reference) - moocore.hypervolume(rest, ref=reference)
        assert found[name].unique == pytest.approx(lost, abs=1e-12)
    assert found["a"].covers == {"b": 0.0, "c": 1.0}
    assert found["c"].covers == {"a": 0.0, "b": 0.0}
    assert [one.members for one in found.values()] == [2, 1, 1] or found["a"].members == 2


def retrained(number: int, params: int, tests: list[float]) -> Confirmed:
    runs = [
        Retraining(s, "complete" if value else "diverged", {}, {"accuracy": value} if value else {})
        for s, value in enumerate(tests)
    ]
    return Confirmed(number, "d", {"params": params}, tuple(runs))


def test_retrained_families_are_measured_seed_by_seed(study_of: Callable[..., StudyRecord]) -> None:
    record = study_of([(0.9, 1000), (0.8, 100), (0.7, 10)], ["maximize accuracy", "minimize params"])
    front = frontier(with_families(record, "aab"))
    seeds = [[0.9, 0.8, 0.7, 0.0], [0.8, 0.8, 0.8, 0.8], [0.5, 0.9, 0.6, 0.7]]
    confirmation = Confirmation("s", "t", (0, 1, 2, 3), tuple(map(retrained, range(3), (1000, 100, 10), seeds)), {}, {})
    found = confirmed_volumes(front, confirmation)
    assert {name: sorted(volumes) for name, volumes in found.items()} == {"a": [0, 1, 2], "b": [0, 1, 2]}, (
        "a seed with which one candidate diverged compares nothing"
    )
    goals = record.objectives
    rows = {
        k: [[goals[0].loss(seeds[i][k]), goals[1].loss(params)] for i, params in enumerate((1000, 100, 10))]
        for k in range(3)
    }
    reference = geometry.reference_point([row for found in rows.values() for row in found])
    for k in range(3):
        assert found["a"][k] == pytest.approx(geometry.hypervolume(rows[k][:2], reference=reference))
        assert found["b"][k] == pytest.approx(geometry.hypervolume(rows[k][2:], reference=reference))


def test_without_a_whole_seed_nothing_is_measured(study_of: Callable[..., StudyRecord]) -> None:
    front = frontier(study_of([(0.9, 1000)], ["maximize accuracy", "minimize params"]))
    assert confirmed_volumes(front, Confirmation("s", "t", (0,), (retrained(0, 10, [0.0]),), {}, {})) == {}


def test_families_in_any_order_are_the_same(searched: StudyRecord) -> None:
    trials = list(searched.trials)
    random.Random(0).shuffle(trials)
    found = family_fronts(frontier(replace(searched, trials=tuple(trials))))
    expected = family_fronts(frontier(searched))
    assert [one.name for one in found] == [one.name for one in expected]
    assert [one.hypervolume for one in found] == pytest.approx([one.hypervolume for one in expected])
