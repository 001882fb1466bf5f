"""How `benchmarks/stopping_at_equal_time.py` shares, charges and analyses, and that its record says what its data say."""

from __future__ import annotations

import csv
import importlib
import itertools
import math
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.correlation import spearman

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("stopping_at_equal_time")


@pytest.fixture
def metered(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("metered")


@pytest.fixture
def choice(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("stopping_at_equal_epochs")


def test_share_is_of_the_box_between_chance_and_the_best_there_can_be(benchmark: Any) -> None:
    setting = replace(benchmark.SETTINGS[0], least=100, most=10_000)
    assert benchmark.share([(1.0, 100)], setting) == pytest.approx(1)
    assert benchmark.share([(0.55, 1_000)], setting) == pytest.approx(0.25)
    assert benchmark.share([(0.55, 1_000), (0.325, 100)], setting) == pytest.approx(0.25 + 0.5 * 0.25)
    assert benchmark.share([(0.1, 100), (1.0, 10_000)], setting) == 0, "chance, and too large"
    assert benchmark.share([], setting) == 0


def test_the_confirmed_volume_is_of_mean_test_accuracies(benchmark: Any) -> None:
    setting = benchmark.SETTINGS[0]
    lucky = benchmark.Member(3, 100, searched=1.0, validation=[1.0, 1.0], test=[0.2, 0.4])
    failed = benchmark.Member(4, 100, searched=1.0, validation=[], test=[])
    run = benchmark.Run(setting.task, benchmark.EARLY, 0, "", 1.0, [], [lucky, failed])
    assert benchmark.volume(run, setting) == pytest.approx(benchmark.share([(0.3, 100)], setting))


def test_history_counts_what_was_complete_by_then(benchmark: Any) -> None:
    setting = benchmark.SETTINGS[0]
    trials = [
        benchmark.Trial(0, "complete", 1_000, 0.5, 30, at=2.0),
        benchmark.Trial(1, "stopped", 100, 0.9, 5, at=3.0),
        benchmark.Trial(2, "complete", 100, 0.5, 30, at=4.0),
    ]
    run = benchmark.Run(setting.task, benchmark.EARLY, 0, "", 1.0, trials, [])
    first, last = benchmark.share([(0.5, 1_000)], setting), benchmark.share([(0.5, 100)], setting)
    assert benchmark.history(run, setting, [1, 2, 3.5, 4]) == [0, first, first, last]


def test_five_wins_of_five_have_the_smallest_p_there_is(benchmark: Any) -> None:
    mean, spread, wins, p = benchmark.compared([2, 4, 6, 8, 10], [1, 2, 3, 4, 5])
    assert (mean, spread, wins, p) == (3, pytest.approx(2.5**0.5), 5, pytest.approx(1 / 32))
    assert benchmark.compared([1, 2], [1, 2])[2:] == (0, 1.0)


class Counting:
    """Reports after each epoch of four, and counts the epochs that it really trained."""

    def __init__(self) -> None:
        self.epochs = 0

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        for epoch in range(1, 5):
            self.epochs += 1
            yield Report(epoch, {"accuracy": epoch / 10})
        return Outcome("complete", {"accuracy": 0.4})


def test_searches_share_trainings_and_are_charged_alike(metered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock advances by one second at each look, so each epoch and each end takes one."""
    monkeypatch.setattr(metered.time, "process_time", itertools.count().__next__)
    real = Counting()
    trainings = metered.Trainings(real, (1, 2, 3))
    job = Job(0, {}, "class Model: ...", {}, 0, {"epochs": 4})

    stopping = metered.Metered(trainings, math.inf)
    running = stopping.evaluate(replace(job, rungs=(2,)))
    assert next(running).rung == 2
    with pytest.raises(StopIteration) as stopped:
        running.send(False)
    assert stopped.value.value.state == "stopped"
    assert (stopping.spent, real.epochs) == (2, 2), "no further than it was let go"

    for search in (metered.Metered(trainings, math.inf), metered.Metered(trainings, math.inf)):
        assert [report.rung for report in search.evaluate(job)] == [4]
        assert (search.spent, real.epochs) == (5, 4), "trained once, charged each time"


def test_arms_that_draw_other_candidates_are_refused(metered: Any) -> None:
    trainings = metered.Trainings(Counting(), ())
    job = Job(0, {}, "class Model: ...", {}, 0, {"epochs": 4})
    trainings.said(job, 0)
    with pytest.raises(AssertionError, match="all arms draw the same candidates"):
        trainings.said(replace(job, source="class Other: ..."), 0)


def test_a_search_ends_when_its_time_is_over(metered: Any) -> None:
    search = metered.Metered(None, 5.0)
    candidate = Candidate(3, {}, "digest", {"params": 70}, {}, 0)
    search.spent = 4.9
    search.started(candidate, 0)
    search.reported(candidate, Report(30, {}), 0)
    search.finished(candidate, Outcome("complete", {"accuracy": 0.5}), 0)
    assert search.trials == [metered.Trial(3, "complete", 70, 0.5, 30, 4.9)]
    search.spent = 5.1
    with pytest.raises(metered.TimeOver):
        search.reported(candidate, Report(30, {}), 0)


def test_ranks_win_and_accuracy_alone_loses_at_equal_epochs(choice: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "N_ORDERS", 4)
    assert choice.milestones(5, 2) == [5, 10, 20]
    curves = choice.read(choice.TABLE)
    rules = ({"rule": "none"}, {"rule": "pareto-halving", "rungs": [5, 15], "eta": 4})
    plain, ranked = (sum(choice.at_equal_epochs(curves, rule, both=True)) for rule in rules)
    alone = sum(choice.at_equal_epochs(curves, rules[1], both=False))
    assert ranked > plain > alone


def test_the_record_says_what_its_data_say(benchmark: Any) -> None:
    runs = benchmark.load(benchmark.RUNS)
    assert len(runs) == 5 * len(benchmark.SETTINGS) * len(benchmark.ARMS)
    written = (benchmark.FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in benchmark.tables(runs).splitlines() if line not in written] == []


def test_the_record_states_the_rank_correlations_of_its_curves(benchmark: Any) -> None:
    with (benchmark.FOLDER / "curves.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    written = (benchmark.FOLDER / "README.md").read_text(encoding="utf-8")
    for setting in benchmark.SETTINGS:
        own = [row for row in rows if row["task"] == setting.task]
        found = [
            spearman([(float(row[f"epoch {rung}"]), float(row["epoch 30"])) for row in own]) for rung in benchmark.LOOKS
        ]
        assert ", ".join(f"{rho:.2f}" for rho in found) in written
