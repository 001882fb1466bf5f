"""The live view: a drawing that fits its terminal, lines now and then elsewhere, nothing left behind."""

from __future__ import annotations

import dataclasses
import io
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.cli import live as live_view
from nas.cli import main
from nas.cli.live import Live
from nas.study.candidate import Candidate, Outcome, Report

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CANDIDATE = Candidate(3, {}, "d", {"params": 12_345}, {}, 1)
METRICS = {"accuracy": 0.5, "balanced_accuracy": 0.25, "error": 0.75}


def events(view: Live, home: Path) -> None:
    """One candidate of a search, as an engine tells it."""
    view.began(10, 2, nas.open_search(home / "run").record)
    view.finished(CANDIDATE, Outcome("complete"), 1)
    view.finished(CANDIDATE, Outcome("diverged"), 1)
    view.started(CANDIDATE, 0)
    view.reported(CANDIDATE, Report(5, METRICS), 0)


class Terminal(io.StringIO):
    """A terminal of a size that the environment says."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24), (40, 12), (24, 5), (10, 2)])
def test_a_drawing_fits_its_terminal(home: Path, monkeypatch: pytest.MonkeyPatch, columns: int, rows: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(rows))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(live_view, "REFRESH_S", 0.0)
    terminal = Terminal()
    with Live(terminal) as view:
        events(view, home)
        before = terminal.tell()
        view.reported(CANDIDATE, Report(6, METRICS), 0)
        frame = terminal.getvalue()[before:]
        before = terminal.tell()
    lines = ANSI.sub("", frame).replace("\r", "").split("\n")
    assert len(lines) < max(rows, 2)
    assert all(len(line) <= columns for line in lines)
    if columns >= 80:
        assert "4 of 10 candidates" in lines[0]
        assert "1 diverged" in lines[0]
        assert "worker 0  candidate 3  12,345 params" in lines[1]
        assert "at 6: accuracy 0.5" in lines[1]
        assert any("accuracy" in line for line in lines[2:]), "the frontier so far"
    after = terminal.getvalue()[before:].rpartition("\x1b[?25h")[2]
    assert after.count("\x1b[2K") == len(lines), "nothing stays of it"


def test_an_interrupt_waits_for_the_end_of_a_frame(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(live_view, "REFRESH_S", 0.0)
    terminal = Terminal()
    with Live(terminal) as view:
        events(view, home)
        assert view.display is not None
        update = view.display.update

        def interrupted(*given: Any, **more: Any) -> None:
            signal.raise_signal(signal.SIGINT)
            update(*given, **more)

        monkeypatch.setattr(view.display, "update", interrupted)
        before = terminal.tell()
        with pytest.raises(KeyboardInterrupt):
            view.reported(CANDIDATE, Report(6, METRICS), 0)
        frame = ANSI.sub("", terminal.getvalue()[before:])
        before = terminal.tell()
    assert "at 6: accuracy 0.5" in frame
    after = terminal.getvalue()[before:].rpartition("\x1b[?25h")[2]
    assert after.count("\x1b[2K") == len(frame.split("\n")), "nothing stays of it"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    with Live(terminal) as view:
        view.began(10, 2, None)
        view.written_at -= 60
        view.started(CANDIDATE, 0)
    assert terminal.getvalue().startswith("2 of 10 trainings in ")
    assert "\x1b" not in terminal.getvalue()


def test_a_worker_that_trains_several_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(live_view, "REFRESH_S", 0.0)
    terminal = Terminal()
    several = [dataclasses.replace(CANDIDATE, number=number) for number in range(4)]

    with Live(terminal) as view:

        def shown() -> list[str]:
            """The lines of workers, without their times."""
            before = terminal.tell()
            view._draw()
            lines = ANSI.sub("", terminal.getvalue()[before:]).replace("\r", "").split("\n")
            return [re.sub(r"  [\d.]+ s", "", line).strip() for line in lines if "worker" in line]

        for candidate in several[:3]:
            view.started(candidate, 0)
        assert shown() == ["worker 0  3 candidates  37,035 params"]
        view.started(several[3], 1)
        view.reported(several[0], Report(1, METRICS), 0)
        view.finished(several[1], Outcome("crashed"), 0)
        assert shown() == [
            "worker 0  2 candidates  24,690 params  candidate 0 at 1: accuracy 0.5  balanced_accuracy 0.25  error 0.75",
            "worker 1  candidate 3  12,345 params",
        ]
        view.reported(several[2], Report(2, METRICS), 1)  # its worker died, and another took it up
        view.finished(several[0], Outcome("complete"), 0)
        assert shown() == [
            "worker 1  2 candidates  24,690 params  candidate 2 at 2: accuracy 0.5  balanced_accuracy 0.25  error 0.75"
        ]


def test_a_log_gets_a_line_now_and_then(home: Path) -> None:
    log = io.StringIO()
    with Live(log) as view:
        events(view, home)
        assert log.getvalue() == ""
        view.written_at -= 60
        view.started_at -= 4000
        view.finished(CANDIDATE, Outcome("complete"), 0)
    assert log.getvalue() == "5 of 10 candidates in 66:40 min, about 1.9 h left  (1 diverged)\n"
    assert "\x1b" not in log.getvalue()


def test_without_a_number_of_trials_no_end_is_promised(home: Path) -> None:
    with Live(io.StringIO()) as view:
        view.began(None, 0, None)
        view.finished(CANDIDATE, Outcome("complete"), 0)
        assert view._progress(view.started_at + 3) == "1 trainings in 3 s"


def test_colours_only_where_they_are_wanted(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    assert main(["front", "run"]) == 0
    assert "\x1b" not in capsys.readouterr().out, "NO_COLOR is set"
    monkeypatch.delenv("NO_COLOR")
    assert main(["front", "run"]) == 0
    assert "\x1b[" in capsys.readouterr().out


@pytest.mark.parametrize("columns", [200, 100, 60, 40])
def test_tables_fit_the_terminal(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert main(["front", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    picture, table = lines[: lines.index("")], lines[lines.index("") + 1 :]
    assert max(map(len, picture)) <= columns
    assert max(map(len, table[: table.index("")])) <= max(columns, 60), "costs stay, decisions go"
