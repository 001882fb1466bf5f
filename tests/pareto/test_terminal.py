"""The sketch in a terminal: everything is inside, in its place, and readable with ASCII alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from nas.errors import ParetoError
from nas.pareto.front import frontier
from nas.pareto.plane import Axis, Plane, plane_of, staircase, ticks
from nas.pareto.terminal import sketch
from nas.study.records import StudyRecord

GOALS = ["maximize accuracy", "minimize params"]


@pytest.mark.parametrize(("width", "height"), [(24, 6), (40, 12), (72, 18), (200, 60)])
@pytest.mark.parametrize("n", [30, 300])
def test_never_wider_or_higher_than_asked(
    families_of: Callable[..., StudyRecord], n: int, width: int, height: int
) -> None:
    lines = sketch(frontier(families_of(n)), width, height).splitlines()
    assert len(lines) == height
    assert max(map(len, lines)) <= width


def test_golden(study_of: Callable[..., StudyRecord]) -> None:
    front = frontier(study_of([(0.2, 100), (0.8, 1000), (0.9, 100_000), (0.3, 50_000)], GOALS))
    assert sketch(front, 36, 11) == (
        "↑ accuracy, validation\n"
        "    │                              ●\n"
        "    │          ◆───────────────────╯\n"
        "    │          │\n"
        " 0.5┤          │\n"
        "    │          │\n"
        "    │          │                ⡀\n"
        "    │●─────────╯\n"
        "    └┬───────────────────┬──────────\n"
        "    100                 10k\n"
        "                  ← fewer parameters"
    )


def test_ascii_is_ascii_and_colour_only_adds_codes(searched: StudyRecord) -> None:
    front = frontier(searched)
    assert sketch(front, 60, 16, unicode=False).isascii()
    assert re.sub(r"\x1b\[[\d;]*m", "", sketch(front, 60, 16, colour=True)) == sketch(front, 60, 16)


@pytest.mark.parametrize(
    "goals", [["minimize loss"], ["minimize loss", "maximize a"], ["minimize macs", "minimize params"]]
)
@pytest.mark.parametrize("points", [[1], [1, 1], [1, 2, 3]])
def test_any_objectives_and_any_number_of_points(
    study_of: Callable[..., StudyRecord], goals: list[str], points: list[int]
) -> None:
    record = study_of([[value] * len(goals) for value in points], goals)
    if len(goals) == 1:
        with pytest.raises(ParetoError, match="a picture needs two quantities, the study has only loss"):
            sketch(frontier(record))
    else:
        assert "◆" in sketch(frontier(record))


def test_too_small_a_terminal_is_refused(searched: StudyRecord) -> None:
    with pytest.raises(ParetoError, match="at least 24 columns and 6 lines, got 20 x 6"):
        sketch(frontier(searched), 20, 6)


def test_an_unknown_axis_names_the_nearest(searched: StudyRecord) -> None:
    with pytest.raises(
        ParetoError, match=r"no candidate has a `parms`; did you mean `params`\? Known: accuracy, params"
    ):
        plane_of(frontier(searched), x="parms")


def test_default_axes_are_cost_across_and_quality_up(searched: StudyRecord) -> None:
    plane = plane_of(frontier(searched))
    assert plane == Plane(Axis("params", "minimize", True), Axis("accuracy", "maximize", False))
    assert plane_of(frontier(searched), x="macs").x == Axis("macs", "minimize", True)
    assert plane_of(frontier(searched), y="loss").y == Axis("loss", None, False)


def test_stairs_stay_inside_what_is_dominated() -> None:
    plane = Plane(Axis("x", "minimize", False), Axis("y", "maximize", False))
    front = plane.frontier([(1, 1), (2, 5), (2, 4), (3, 2), (4, 6), (4, 6)])
    assert front == [(1, 1), (2, 5), (4, 6)]
    assert staircase(front) == [(1, 1), (2, 1), (2, 5), (4, 5), (4, 6)]
    turned = Plane(Axis("x", "maximize", False), Axis("y", "minimize", False))
    assert turned.frontier([(1, 1), (2, 5), (4, 6)]) == [(4, 6), (2, 5), (1, 1)]
    assert Plane(Axis("x", None, False), Axis("y", "maximize", False)).frontier([(1, 1)]) == []


@pytest.mark.parametrize(
    ("low", "high", "log"), [(0.1, 0.93, False), (-5, 7e6, False), (3, 4, True), (52, 4e7, True), (1, 1, True)]
)
@pytest.mark.parametrize("n", [2, 5, 9])
def test_ticks_are_round_few_and_inside(low: float, high: float, log: bool, n: int) -> None:
    found = ticks(low, high, n, log)
    assert 1 <= len(found) <= 2 * n + 1
    assert found == sorted(found)
    assert all(low <= value <= high for value in found)
