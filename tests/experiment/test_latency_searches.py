"""Searches that measure latency: as an objective, a constraint or beside the others; and none that nobody asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.errors import ExperimentError, ParetoError
from nas.experiment import Search, load_experiment
from nas.study.latency import Protocol
from nas.study.lineage import read_lineage

QUICK = {"repeats": 3, "warmup": 1}


def searched(folder: Path, name: str = "run", **settings: Any) -> Search:
    given = {"task": "digits", "trials": 4, "budget": {"epochs": 2}, "seed": 3, "device": "cpu"}
    return nas.search(write_space(folder), directory=str(folder / name), **{**given, **settings})


def test_an_objective_is_measured_recorded_and_confirmed(tmp_path: Path) -> None:
    found = searched(tmp_path, objectives=["maximize accuracy", "minimize latency"], constraints="latency <= 1e6")
    record = found.record()
    whole = {"batch": 1, "warmup": 10, "repeats": 30, "threads": 1, "device": "cpu"}
    assert record.experiment["latency"] == whole == load_experiment(found.directory / "experiment.yaml").latency
    assert json.loads(found.front().to_json())["latency"] == whole
    assert all(trial.values and trial.values[1] == trial.metrics["latency"] > 0 for trial in record.trials)
    assert str(Protocol()) in found.report().read_text()

    more = nas.resume(found.directory, trials=5).record().trials[4]
    assert more.metrics["latency"] > 0

    (first, *_) = nas.confirm(found.directory, seeds=2).candidates
    again = first.values("latency", "test")
    assert again == first.values("latency", "validation")
    assert len(set(again)) == 2, "each training is timed by itself"


def test_who_does_not_ask_pays_nothing(tmp_path: Path) -> None:
    found = searched(tmp_path, trials=2)
    assert all("latency" not in trial.metrics for trial in found.record().trials)
    assert "latency" not in found.record().experiment
    assert "latency" not in (found.directory / "experiment.yaml").read_text()


def test_it_can_stand_beside_the_objectives(tmp_path: Path) -> None:
    found = searched(tmp_path, trials=2, latency=QUICK)
    assert [str(one) for one in found.record().objectives] == ["maximize accuracy", "minimize params"]
    assert all(trial.metrics["latency"] > 0 for trial in found.record().trials)


def test_a_constraint_refuses_what_is_too_slow(tmp_path: Path) -> None:
    found = searched(tmp_path, trials=2, constraints="latency <= 1e-9")
    assert [trial.feasible for trial in found.record().trials] == [False, False]
    with pytest.raises(ParetoError, match="none of the 2 complete candidates satisfies `latency <= 1e-09`"):
        found.front()


def test_rules_for_one_objective_count_what_training_decides(tmp_path: Path) -> None:
    found = searched(
        tmp_path,
        objectives=["maximize accuracy", "minimize latency"],
        stopping={"rule": "optuna:median", "rungs": [1], "n_startup_trials": 2},
    )
    assert all(trial.metrics["latency"] > 0 for trial in found.record().trials)


def test_what_was_timed_otherwise_is_not_carried_over(tmp_path: Path) -> None:
    before = searched(tmp_path, trials=2, latency=QUICK)
    after = nas.search(lineage=before.directory, directory=str(tmp_path / "same"), trials=2)
    assert len(read_lineage(after.directory).carried) == 2  # type: ignore[union-attr]
    other = nas.search(
        lineage=before.directory, directory=str(tmp_path / "other"), trials=2, latency={**QUICK, "repeats": 5}
    )
    (_, why), *_ = read_lineage(other.directory).left  # type: ignore[union-attr]
    assert why == "latency: repeats was 3, here it is 5"


OWN = """
class Timed:
    inputs, outputs = ((8,),), ((3,),)
    metrics = {"accuracy": "maximize", "latency": "minimize"}

    def evaluate(self, job):
        return {"accuracy": 0.5, "latency": 0.25}


def make():
    return Timed()
"""


def test_an_evaluator_of_ones_own_gives_its_own(tmp_path: Path) -> None:
    task = write_task(tmp_path)
    with pytest.raises(ExperimentError, match=r"models that are trained here are timed; `.*make` evaluates candidates"):
        searched(tmp_path, task=task, latency=QUICK)
    with pytest.raises(ExperimentError, match="`latency` is neither a cost nor a metric of the task"):
        searched(tmp_path, task=task, objectives=["maximize accuracy", "minimize latency"])
    (tmp_path / "timed.py").write_text(OWN, encoding="utf-8")
    own = f"{tmp_path / 'timed.py'}:make"
    with pytest.raises(ExperimentError, match=r"`.*timed.py:make` gives a `latency` of its own"):
        searched(tmp_path, task=own, latency=QUICK)
    found = searched(tmp_path, task=own, objectives=["maximize accuracy", "minimize latency"], trials=2)
    assert [trial.metrics["latency"] for trial in found.record().trials] == [0.25, 0.25]
    assert "latency" not in found.record().experiment
