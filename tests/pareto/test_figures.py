"""Pictures for papers: every format, the same bytes twice, and no library loaded before it is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.errors import ParetoError
from nas.pareto.confirmation import Confirmation
from nas.pareto.figures import draw_frontier
from nas.pareto.front import frontier
from nas.pareto.palette import DARK, LIGHT, shades
from nas.pareto.published import PublishedPoint
from nas.study.records import StudyRecord

MAGIC = {".svg": b"<?xml", ".pdf": b"%PDF", ".png": b"\x89PNG"}


@pytest.mark.parametrize("suffix", MAGIC)
def test_every_format_twice_the_same(
    tmp_path: Path,
    searched: StudyRecord,
    confirm: Callable[..., Confirmation],
    published: list[PublishedPoint],
    suffix: str,
) -> None:
    front = frontier(searched)
    confirmation = confirm(searched, [trial.number for trial in front.members])
    paths = [tmp_path / f"{i}{suffix}" for i in range(2)]
    for path in paths:
        assert draw_frontier(front, path, published=published, confirmation=confirmation, title="Frontier") == path
    assert paths[0].read_bytes().startswith(MAGIC[suffix])
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("goals", [["minimize loss", "maximize a"], ["maximize accuracy", "minimize params"]])
@pytest.mark.parametrize("points", [[(1, 1)], [(1, 2), (2, 1), (3, 3)]])
def test_small_studies_of_any_direction(
    tmp_path: Path, study_of: Callable[..., StudyRecord], goals: list[str], points: list[tuple[int, int]]
) -> None:
    assert draw_frontier(frontier(study_of(points, goals)), tmp_path / "a.svg").stat().st_size > 1000


def test_axes_can_be_chosen(tmp_path: Path, searched: StudyRecord) -> None:
    assert draw_frontier(frontier(searched), tmp_path / "a.svg", x="macs", y="loss").exists()


def test_other_endings_and_places_are_refused(tmp_path: Path, searched: StudyRecord) -> None:
    with pytest.raises(ParetoError, match=r"a picture ends in .svg, .pdf, .png, got `a.gif`"):
        draw_frontier(frontier(searched), tmp_path / "a.gif")
    with pytest.raises(ParetoError, match=r"cannot write .*a\.png: No such file or directory"):
        draw_frontier(frontier(searched), tmp_path / "nowhere" / "a.png")


def test_matplotlib_is_loaded_only_for_a_picture() -> None:
    code = (
        "import sys, nas.pareto.figures, nas.pareto.front, nas.pareto.report, nas.pareto.terminal, nas.pareto.confirmation\n"
        "print(sorted({'matplotlib', 'torch', 'ray', 'optuna', 'networkx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_seven_families_have_colours_of_their_own_and_the_rest_share_one() -> None:
    names = [f"f{i}" for i in range(9)]
    for dark, colours in ((False, LIGHT), (True, DARK)):
        found = shades(names, dark)
        assert [found[name] for name in names[:7]] == list(colours)
        assert found["f7"] == found["f8"] not in colours
