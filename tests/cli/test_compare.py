"""`nas compare`, and the frontier of other objectives: what they print, what they write, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nas.cli import main


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: str) -> str:
        status = main(arguments)
        shown = capsys.readouterr()
        assert (status, shown.err) == (0, "")
        return shown.out

    return call


@pytest.fixture
def again(home: Path) -> str:
    """A search like `run`, with another seed."""
    import nas

    nas.search("narrow.yaml", task="my_task.py:make", trials=6, budget={"epochs": 4}, directory="again", seed=1)
    return "again"


def test_two_seeds_are_one_arm(run: Any, again: str) -> None:
    out = run("compare", "run", again)
    assert out.splitlines()[2].split() == ["search", "seed", "complete", "on", "frontier", "hypervolume"]
    assert "arm" in out
    assert "all together reach" in out
    data = json.loads(run("compare", "run", again, "--json"))
    assert [one["seed"] for one in data["searches"]] == [0, 1]
    assert [len(arm["searches"]) for arm in data["arms"]] == [2]


@pytest.mark.parametrize("name", ["a.html", "a.json", "a.svg"])
def test_it_can_be_written(run: Any, name: str, home: Path) -> None:
    assert run("compare", "run", "-o", name) == f"{name}\n"
    assert (home / name).stat().st_size > 500


def test_other_objectives(run: Any) -> None:
    out = run("compare", "run", "--objective", "minimize macs")
    assert out.splitlines()[0].endswith("my_task.py:make: minimize macs")
    assert "macs" in run("front", "run", "--objective", "minimize macs").splitlines()[0]


def test_a_table_for_a_paper(run: Any, home: Path) -> None:
    run("front", "run", "-o", "front.tex")
    assert "\\toprule" in (home / "front.tex").read_text()
    out = run("report", "run", "--figures", "plates").splitlines()
    assert out[0] == "run/report.html"
    assert Path(out[1]).name == "frontier.tex"
    assert all(Path(path).exists() for path in out)


def test_a_search_shows_itself_in_a_notebook(home: Path) -> None:
    import nas

    assert "on the frontier" in nas.open_search("run")._repr_html_()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "run"], "nas compare: run was given twice; a comparison takes each search once\n"),
        (["run", "failed"], "failed: no candidate is complete yet"),
        (["run", "nowhere"], "nowhere"),
        (["run", "-o", "a.gif"], "nas compare: -o takes a .html, .json, .svg, .png or .pdf file, got `a.gif`\n"),
        (["run", "--objective", "fewest params"], "an objective is written `maximize NAME` or `minimize NAME`"),
    ],
)
def test_what_it_refuses(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["compare", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_confirmation_says_how_test_differs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nas.cli.results import _print_confirmation
    from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
    from nas.study.records import read_study

    record = read_study("run")
    runs = [(Retraining(0, "complete", {"accuracy": v}, {"accuracy": v - 0.25})) for v in (0.5, 0.75, 1.0)]
    costs = record.trials[0].costs
    found = Confirmation("run", "t", (0,), tuple(Confirmed(i, "d", costs, (run,)) for i, run in enumerate(runs)))
    _print_confirmation(found, record)
    out = capsys.readouterr().out
    assert out.endswith(
        "accuracy: worse on test than on validation by 0.25 on average; Kendall's tau of the two orders is 1.00\n"
    )
