"""`nas scores`: a row for each cost and score, of the search's candidates and of chance's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nas
from nas.cli import main


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    given = {"budget": {"epochs": 1}, "sampler": "nsga2", "control": 3, "device": "cpu"}
    nas.search("hpolib", task="digits", trials=4, directory=str(folder / "run"), **given)
    return folder / "run"


def test_a_table_for_the_search_and_one_for_its_control(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scores", str(scored), "--score", "snip"]) == 0
    lines = capsys.readouterr().out.splitlines()
    title = "Spearman's rho with `maximize accuracy`, {} trained to the end; costs are what a score has to beat"
    assert lines[0] == title.format("candidates")
    assert lines[2].split() == ["rho", "95", "%", "interval", "at", "equal", "params", "n", "not", "finite"]
    assert [line.split()[0] for line in lines[3:6]] == ["params", "macs", "snip"]
    assert lines[7] == title.format("random candidates of the control")
    assert lines[-1] == "These candidates are what the search chose: of all designs of the space, rho may be another."


def test_as_json(scored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scores", str(scored), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["candidates"]] == [
        "params",
        "macs",
        "synflow",
        "grad_norm",
        "snip",
        "jacob_cov",
    ]
    assert {one["n"] for one in found["random candidates of the control"]} == {3}
