"""Time and energy by outcome, in the terminal, in the report and as data."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nas.pareto.front import frontier
from nas.pareto.report import write_report
from nas.pareto.spent import Spent, energy_of_all, energy_spent, spent, together
from nas.study.objectives import Goal
from nas.study.records import StudyRecord, TrialRecord

Measured = Callable[[dict[int, dict[str, float]]], StudyRecord]


@pytest.fixture
def measured(new_trial: Callable[..., TrialRecord], new_study: Callable[..., StudyRecord]) -> Measured:
    """Three complete candidates of 10 s, one that crashed after 40 s and one that runs, with these joules."""

    def of(joules: dict[int, dict[str, float]]) -> StudyRecord:
        states = ["complete", "complete", "complete", "crashed", "running"]
        seconds = [10.0, 10.0, 10.0, 40.0, 0.0]
        trials = []
        for number, state in enumerate(states):
            known = {"accuracy": 0.5 + number / 10} if state == "complete" else {}
            values = (known["accuracy"], 100.0 + number) if state == "complete" else None
            facts = {
                "metrics": known,
                "values": values,
                "feasible": values is not None,
                "costs": {"params": 100 + number},
            }
            trial = new_trial(number, state=state, seconds=seconds[number], joules=joules.get(number, {}), **facts)
            trials.append(trial)
        return new_study(trials, Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"]))

    return of


WHOLE = {number: {"cpu": 100.0 * (number + 1)} for number in range(4)}
PARTLY = {0: {"cpu": 100.0}, 1: {"cpu": 200.0, "gpu": 5000.0}, 3: {"gpu": 0.25}}


def test_sums_of_each_outcome_the_longest_first(measured: Measured) -> None:
    found = spent(measured(PARTLY))
    assert found == [
        Spent("crashed", 1, 40.0, {"gpu": 0.25}, {"gpu": 1}),
        Spent("complete", 3, 30.0, {"cpu": 300.0, "gpu": 5000.0}, {"cpu": 2, "gpu": 1}),
    ]
    assert together(found) == Spent("all", 4, 70.0, {"cpu": 300.0, "gpu": 5000.25}, {"cpu": 2, "gpu": 2})


@pytest.mark.parametrize(
    ("joules", "lines"),
    [
        (WHOLE, "energy, processor: crashed 400 J, complete 600 J"),
        (PARTLY, "energy, processor: complete 300 J (2 of 3)\nenergy, GPU: crashed 0.25 J, complete 5 kJ (1 of 3)"),
        ({0: {"fan": 1.0}}, "energy, fan: complete 1 J (1 of 3)"),
        ({}, "energy: not measured"),
    ],
)
def test_in_the_terminal(measured: Measured, joules: dict[int, dict[str, float]], lines: str) -> None:
    assert energy_spent(measured(joules)) == lines


def test_a_total_is_of_all_or_not_said(measured: Measured) -> None:
    assert energy_of_all(measured(WHOLE)) == "1 kJ (processor)"
    assert energy_of_all(measured(PARTLY)) == ""
    assert energy_of_all(measured({})) == ""


def rows(page: str) -> list[list[str]]:
    """The table of what was spent, as text."""
    table = next(one for one in re.findall(r"<table>.*?</table>", page, re.DOTALL) if "What they took" in one)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr.*?</tr>", table)]
    return [[re.sub(r"<[^>]+>", "", cell) for cell in row] for row in cells]


def test_in_the_report(measured: Measured, tmp_path: Path) -> None:
    page = write_report(measured(PARTLY), tmp_path / "report.html").read_text(encoding="utf-8")
    assert rows(page) == [
        ["outcome", "candidates", "time", "share of time", "energy, processor", "energy, GPU"],
        ["crashed", "1", "40 s", "57%", "–", "0.25 J"],
        ["complete", "3", "30 s", "43%", "300 J (2 of 3)", "5 kJ (1 of 3)"],
        ["all", "4", "1 min 10 s", "100%", "300 J (2 of 4)", "5 kJ (2 of 4)"],
    ]
    assert "<dt>Energy</dt>" not in page


def test_the_report_of_a_machine_that_counts_nothing(measured: Measured, tmp_path: Path) -> None:
    page = write_report(measured({}), tmp_path / "report.html").read_text(encoding="utf-8")
    assert rows(page)[0] == ["outcome", "candidates", "time", "share of time"]
    assert "Energy was not measured: the machine did not say what it drew." in page
    page = write_report(measured(WHOLE), tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<dt>Energy</dt><dd>1 kJ (processor)</dd>" in page


def test_as_data(measured: Measured) -> None:
    front = frontier(measured(PARTLY))
    data = json.loads(front.to_json())
    assert data["spent"][0] == {
        "state": "crashed",
        "candidates": 1,
        "seconds": 40.0,
        "joules": {"gpu": 0.25},
        "measured": {"gpu": 1},
    }
    assert {one["number"]: one["joules"] for one in data["members"]} == {0: PARTLY[0], 1: PARTLY[1], 2: {}}
    table = {int(row["number"]): row for row in csv.DictReader(io.StringIO(front.to_csv()))}
    assert [table[1]["seconds"], table[1]["cpu_joules"], table[1]["gpu_joules"]] == ["10.0", "200.0", "5000.0"]
    assert [table[2]["cpu_joules"], table[2]["gpu_joules"]] == ["", ""]
