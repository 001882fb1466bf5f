"""The record of a control: what is written is read back, and what is damaged says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas.errors import StudyError
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.control import FILE, Drawn, read_drawn, write_drawn

CANDIDATE = Candidate(0, {"width": 3}, "ab", {"params": 5}, {"lr": 0.1}, seed=7, origin="random", solved={"depth": 2})
DRAWN = (
    Drawn(CANDIDATE),
    Drawn(CANDIDATE, Outcome("complete", {"accuracy": 0.5}, (Report(1, {"accuracy": 0.5}),), 2.0), of=4),
    Drawn(CANDIDATE, Outcome("diverged", {"loss": float("nan")}, message="loss is nan")),
    Drawn(CANDIDATE, Outcome("lost")),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    assert read_drawn(tmp_path) == ()
    write_drawn(DRAWN, tmp_path)
    found = read_drawn(tmp_path)
    assert str(found) == str(DRAWN), "nan too"
    assert [one.is_settled for one in found] == [False, True, True, False]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "JSONDecodeError: Expecting property name"),
        ("[]", "TypeError: list indices"),
        ({"version": 2, "drawn": []}, "ValueError: version 1 is expected, got 2"),
        ({"version": 1}, "KeyError: 'drawn'"),
        ({"version": 1, "drawn": [{"candidate": {}, "outcome": None, "of": None}]}, "TypeError: "),
        ({"version": 1, "drawn": [3]}, "TypeError: "),
    ],
)
def test_a_damaged_file_says_so(tmp_path: Path, content: Any, what: str) -> None:
    (tmp_path / FILE).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(StudyError, match=rf"control.json is no control of a search \({what}.*; remove it"):
        read_drawn(tmp_path)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="cannot write the study's directory"):
        write_drawn(DRAWN, tmp_path / "nowhere")
