"""Attainment surfaces against counting on a grid, moocore's own definition, and a simulation with a known answer."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ParetoError
from nas.pareto.attainment import attained, attainment

RUNS = st.integers(2, 3).flatmap(
    lambda m: st.lists(
        st.lists(st.lists(st.integers(0, 3), min_size=m, max_size=m), min_size=1, max_size=5), min_size=1, max_size=5
    )
)


def below(points: list[list[int]], cell: tuple[int, ...]) -> bool:
    return any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points)


@settings(max_examples=120, deadline=None)
@given(RUNS, st.sampled_from([1.0, 25.0, 50.0, 75.0, 100.0]))
def test_a_surface_bounds_what_enough_runs_attain(runs: list[list[list[int]]], level: float) -> None:
    surface = attainment(runs, [level])[level].tolist()
    needed = max(1, math.ceil(len(runs) * level / 100))
    for cell in itertools.product(range(5), repeat=len(runs[0][0])):
        count = sum(below(run, cell) for run in runs)
        assert attained(runs, cell) == count / len(runs)
        assert below(surface, cell) == (count >= needed), cell


def test_order_of_runs_and_copies_of_points_change_nothing() -> None:
    runs = [[[1, 4], [3, 1]], [[2, 2]], [[0, 5], [4, 0], [4, 0]]]
    expected = attainment(runs)
    for order in itertools.permutations(runs):
        assert all((attainment(order)[level] == expected[level]).all() for level in expected)


def test_the_surfaces_of_one_search_are_its_frontier() -> None:
    for surface in attainment([[[1, 2], [2, 1], [2, 2]]]).values():
        assert surface.tolist() == [[1, 2], [2, 1]]


def test_random_boxes_are_attained_as_often_as_their_distribution_says() -> None:
    # Each run is one point, uniform in the unit square: (x, y) is attained with probability x y.
    rng = np.random.default_rng(3)
    runs = [rng.random((1, 2)) for _ in range(2000)]
    for point in ([0.5, 0.5], [0.9, 0.3], [1.0, 0.7]):
        expected = point[0] * point[1]
        assert attained(runs, point) == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 2000))
    # So the median surface is the hyperbola x y = 1/2.
    surface = attainment(runs[:400], [50.0])[50.0]
    inner = surface[(surface < 0.99).all(axis=1)]
    assert len(inner) > 20
    assert inner.prod(axis=1).mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: attainment([]), "attainment is of several searches, got none"),
        (lambda: attainment([[[1, 2]]], [0]), "a percent above 0 and at most 100, got 0"),
        (lambda: attainment([[[1, 2, 3, 4]]]), "of two or three objectives, got 4; choose among them"),
        (lambda: attainment([[[1, 2]], [[1, 2, 3]]]), "2 objectives are expected per point, got 3"),
        (lambda: attainment([[[1, 2]], np.zeros((0, 2))]), "search 1 has no point, so it attains nothing"),
    ],
)
def test_what_has_no_surface_is_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ParetoError, match=message):
        call()
