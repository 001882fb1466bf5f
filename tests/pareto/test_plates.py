"""Pictures and tables for papers and notebooks: there where there is something to show, and only then."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import ParetoError
from nas.pareto.confirmation import Confirmation
from nas.pareto.curves import draw_band, draw_history, draw_trends
from nas.pareto.front import frontier
from nas.pareto.latex import escaped, latex_table
from nas.pareto.notebook import MOST, study_html
from nas.pareto.plates import draw_all
from nas.pareto.report.charts import Frame, Series, chart
from nas.study.records import StudyRecord

Study = Callable[..., StudyRecord]


@pytest.mark.slow
def test_every_plate_in_every_format(
    tmp_path: Path, searched: StudyRecord, confirm: Callable[..., Confirmation]
) -> None:
    front = frontier(searched)
    confirmation = confirm(searched, [trial.number for trial in front.members])
    written = draw_all(front, tmp_path / "plates", confirmation)
    assert {path.name for path in written} == {"frontier.tex"} | {
        f"{name}.{suffix}" for name in ("band", "frontier", "hypervolume", "trends") for suffix in ("svg", "pdf", "png")
    }
    assert all(path.stat().st_size > 500 for path in written)


def test_a_small_study_has_fewer_plates(tmp_path: Path, study_of: Study) -> None:
    front = frontier(study_of([(0.5,)], ["maximize accuracy"]))
    assert {path.stem for path in draw_all(front, tmp_path)} == {"frontier", "hypervolume"}
    assert [path.name for path in tmp_path.glob("frontier.*")] == ["frontier.tex"]
    with pytest.raises(ParetoError, match="there is no trend to draw: too few members"):
        draw_trends(front, tmp_path / "a.svg")
    with pytest.raises(ParetoError, match="there is no band to draw: it takes two objectives"):
        draw_band(front, Confirmation("s", "t", (0,), ()), tmp_path / "a.svg")


def test_a_folder_in_the_way_says_so(tmp_path: Path, searched: StudyRecord) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(ParetoError, match=r"cannot write .*frontier\.tex: File exists"):
        draw_all(frontier(searched), tmp_path / "taken")


def test_the_same_study_gives_the_same_bytes(tmp_path: Path, searched: StudyRecord) -> None:
    paths = [draw_history(frontier(searched), tmp_path / f"{i}.pdf") for i in range(2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_latex_has_a_row_for_each_member(searched: StudyRecord, confirm: Callable[..., Confirmation]) -> None:
    front = frontier(searched)
    text = latex_table(front, confirm(searched, [front.members[0].number]))
    rows = text.split("\\midrule\n")[1].split("\\bottomrule")[0].splitlines()
    assert len(rows) == len(front.members)
    columns = re.search(r"begin\{tabular\}\{(\w+)\}", text)
    assert columns is not None
    assert all(row.count(" & ") == len(columns[1]) - 1 and row.endswith(r"\\") for row in rows)
    assert re.search(r"\$0\.\d{4} \\pm 0\.\d{4}\$ & 100\\,\\% ", rows[0])
    assert rows[1].endswith(r"-- & -- \\")
    assert sum("textit" in row for row in rows) == 1
    assert "test" not in latex_table(front)


def test_latex_is_escaped() -> None:
    assert escaped("a_b & 5 % of {x}^2 \\ ~ stage[·]") == (
        r"a\_b \& 5 \% of \{x\}\textasciicircum{}2 \textbackslash{} \textasciitilde{} stage[$\cdot$]"
    )


def test_a_notebook_shows_the_frontier(searched: StudyRecord, confirm: Callable[..., Confirmation]) -> None:
    front = frontier(searched)
    html = study_html(searched, confirm(searched, [front.members[0].number]))
    tree = ElementTree.fromstring(html)
    assert len(tree.findall("./table/tbody/tr")) == MOST < len(front.members)
    assert f"{len(front.members)} of {len(front.candidates)} candidates" in html
    assert "1 are retrained with 5 seeds" in html
    assert len(tree.findall(".//circle")) == len(front.candidates) + len(front.members)
    assert front._repr_html_().count("<svg") == 1


def test_a_notebook_shows_what_there_is(study_of: Study) -> None:
    assert "no candidate is complete yet" in study_html(study_of([], ["maximize accuracy"]))
    assert "<svg" not in study_html(study_of([(0.5,)], ["maximize accuracy"]))


def test_a_chart_places_values_where_they_belong() -> None:
    frame = Frame("x", "y", "points & lines", x_log=True, width=460, height=266)
    svg = chart([Series("a", "red", line=[(1, 1), (100, 3)], dots=[(1, 1), (10, 2), (100, 3)], titles=["<1>"])], frame)
    tree = ElementTree.fromstring(svg)
    xs, ys = zip(*((float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in tree.iter("circle")), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.11), "decades are equally far apart"
    assert ys[0] - ys[1] == pytest.approx(ys[1] - ys[2], abs=0.11)
    assert ys[0] > ys[2]
    assert [title.text for title in tree.iter("title")] == ["<1>"]
    (path,) = (node.get("d", "") for node in tree.iter("path"))
    corners = [tuple(map(float, pair.split(","))) for pair in path[1:].split("L")]
    assert corners == [(xs[0], ys[0]), (xs[2], ys[0]), (xs[2], ys[2]), (446.0, ys[2])]


@pytest.mark.parametrize(
    ("x_maximize", "y_maximize", "wall", "floor"), [(False, True, 446, 226), (True, False, 46, 26)]
)
def test_a_band_ends_at_the_side_of_what_is_dominated(
    x_maximize: bool, y_maximize: bool, wall: int, floor: int
) -> None:
    frame = Frame("x", "y", "", x_maximize=x_maximize, y_maximize=y_maximize, width=460, height=266)
    (path,) = re.findall(
        r'class="area" fill="red" d="M([^"]*)Z"', chart([Series("", "red", area=([(2, 2)], [(2, 1)]))], frame)
    )
    corners = [tuple(map(float, pair.split(","))) for pair in path.split("L")]
    assert {corner[0] for corner in corners[2:4]} == {wall}
    assert corners[0][1] == corners[-1][1] == floor
