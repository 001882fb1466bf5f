"""Geometry against definitions spelled out, closed forms and permutations."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.errors import ParetoError
from nas.pareto import geometry


def grids(most: int = 12) -> st.SearchStrategy[list[list[int]]]:
    """Few different values, so that ties and copies are the rule."""
    return st.integers(1, 4).flatmap(
        lambda m: st.lists(st.lists(st.integers(0, 4), min_size=m, max_size=m), max_size=most)
    )


def dominates(a: list[int], b: list[int]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def cells(points: list[list[int]], reference: int) -> int:
    """Unit cells below the reference that some point dominates: the hypervolume by counting."""
    m = len(points[0])
    grid = itertools.product(range(reference), repeat=m)
    return sum(any(all(p <= c for p, c in zip(point, cell, strict=True)) for point in points) for cell in grid)


@settings(max_examples=150, deadline=None)
@given(grids())
def test_nondominated_is_the_definition(points: list[list[int]]) -> None:
    if points:
        expected = [not any(dominates(other, one) for other in points) for one in points]
        assert geometry.nondominated(points).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(grids(8), st.randoms(use_true_random=False))
def test_hypervolume_counts_cells_in_any_order(points: list[list[int]], rng: object) -> None:
    if points:
        reference = [4] * len(points[0])
        assert geometry.hypervolume(points, reference=reference) == pytest.approx(cells(points, 4))
        shuffled = list(points)
        rng.shuffle(shuffled)  # type: ignore[attr-defined]
        assert geometry.hypervolume(shuffled, reference=reference) == pytest.approx(cells(points, 4))


@settings(max_examples=100, deadline=None)
@given(grids(8))
def test_history_is_the_hypervolume_of_every_prefix(points: list[list[int]]) -> None:
    if points:
        reference = [5] * len(points[0])
        history = geometry.hypervolume_history(points, reference=reference)
        prefixes = [geometry.hypervolume(points[: i + 1], reference=reference) for i in range(len(points))]
        assert history == pytest.approx(prefixes)
        assert (np.diff(history) >= 0).all()


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_hypervolume_of_points_on_a_line_has_a_closed_form(n: int) -> None:
    # Points (i, n - 1 - i) against (n, n): stairs of n(n + 1)/2 unit squares.
    points = [(i, n - 1 - i) for i in range(n)]
    assert geometry.hypervolume(points, reference=(n, n)) == n * (n + 1) / 2


def test_hypervolume_of_one_point_is_a_box_and_beyond_the_reference_nothing() -> None:
    assert geometry.hypervolume([(1, 2, 3)], reference=(2, 4, 6)) == 1 * 2 * 3
    assert geometry.hypervolume([(3, 0), (2, 5), (2, 0)], reference=(2, 5)) == 0
    assert geometry.hypervolume(np.zeros((0, 2)), reference=(1, 1)) == 0


def test_the_golden_value_of_moocore() -> None:
    assert geometry.hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], reference=[10, 10]) == 38.0


def test_reference_lies_beyond_the_worst_of_all_points_even_where_they_agree() -> None:
    assert geometry.reference_point([[0, 7], [10, 7], [5, 7]]).tolist() == [11.0, 7.1]
    assert geometry.reference_point([[3.0, -2.0]], margin=0.5).tolist() == [3.5, -1.5]


def farthest(points: list[tuple[float, float]]) -> set[int]:
    """The points of a two-objective frontier farthest beyond the chord, by the cross product."""
    low, high = np.min(points, axis=0), np.max(points, axis=0)
    unit = [((x - low[0]) / (high[0] - low[0]), (y - low[1]) / (high[1] - low[1])) for x, y in points]
    ends = (0.0, 1.0), (1.0, 0.0)
    (ax, ay), (bx, by) = ends
    cross = [((bx - ax) * (ay - y) - (ax - x) * (by - ay)) / math.hypot(bx - ax, by - ay) for x, y in unit]
    return {i for i, far in enumerate(cross) if abs(far - max(cross)) < 1e-9}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=2, max_size=10), st.lists(st.integers(1, 50), min_size=2, max_size=10))
def test_knee_is_farthest_beyond_the_chord(right: list[int], down: list[int]) -> None:
    n = min(len(right), len(down))
    xs, ys = itertools.accumulate(right[:n]), list(itertools.accumulate(down[:n]))
    points = list(zip(xs, [sum(down) - y for y in ys], strict=True))
    assert geometry.knee(points) in farthest(points)
    dominated = [*points, (max(x for x, _ in points) + 1, max(y for _, y in points) + 1)]
    assert geometry.knee(dominated) == geometry.knee(points)


def test_knee_of_few_points_is_the_first() -> None:
    assert geometry.knee([[5, 5]]) == 0
    assert geometry.knee([[0, 1], [1, 0]]) == 0
    assert geometry.knee([[2, 2], [2, 2]]) == 0


def test_knee_does_not_depend_on_units_or_order() -> None:
    points = np.array([[0.0, 10.0], [1.0, 4.0], [2.0, 3.0], [9.0, 0.0]])
    assert geometry.knee(points) == 1
    assert geometry.knee(points * [1e6, 1e-6] + [5, -3]) == 1
    for order in itertools.permutations(range(4)):
        assert order[geometry.knee(points[list(order)])] == 1


def test_oriented_turns_signs_and_takes_decades() -> None:
    values = geometry.oriented([[0.5, 100, 0]], ["maximize", "minimize", "minimize"], [False, True, True])
    assert values.tolist() == [[-0.5, 2.0, 0.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: geometry.nondominated([1, 2]), r"shape \(n, m\), got shape \(2,\)"),
        (lambda: geometry.hypervolume([[1, 2]], reference=[1, 2, 3]), "3 objectives are expected per point, got 2"),
        (lambda: geometry.nondominated([[0, 1], [math.nan, 1]]), r"must be finite, got \[nan, 1.0\] in row 1"),
        (lambda: geometry.hypervolume([[1]], reference=[math.inf]), r"one finite number per objective, got \[inf\]"),
        (lambda: geometry.reference_point(np.zeros((0, 2))), "cannot be derived from no points; give one"),
        (lambda: geometry.knee(np.zeros((0, 2))), "no points have no knee"),
    ],
)
def test_what_has_no_answer_is_refused(call: object, message: str) -> None:
    with pytest.raises(ParetoError, match=message):
        call()  # type: ignore[operator]
