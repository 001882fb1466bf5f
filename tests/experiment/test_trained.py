"""Searches that train: what is exported is what was measured, on every engine, from kept weights and from the seed."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from closed_form import write_space, write_task
from torch import Tensor

import nas
from evaluators.tasks import Task
from nas.errors import WorkFailed
from nas.experiment import Search
from nas.study.records import TrialRecord


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Search:
    """Four candidates on digits, some stopped early."""
    folder = tmp_path_factory.mktemp("digits")
    return nas.search(
        write_space(folder),
        task="digits",
        trials=4,
        budget={"epochs": 2},
        stopping={"rule": "pareto-halving", "rungs": [1], "eta": 4},
        seed=7,
        directory=str(folder / "run"),
    )


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(search: Search, model: Any) -> dict[str, float]:
    """Metrics of a model on the validation part."""
    task = search.prepared.evaluator.subject
    assert isinstance(task, Task)
    data = task.resident("cpu")
    with torch.no_grad():
        outputs = model(*data.validation.inputs)
    right = (outputs.argmax(1) == data.validation.targets).sum().item()
    metrics = dict(task.criterion.measure(outputs, data.validation.targets, data.target_scale))
    assert metrics["accuracy"] == pytest.approx(right / len(data.validation), abs=1e-6), "counted here"
    return metrics


def states(weights: dict[str, Tensor]) -> dict[str, list[float]]:
    return {name: value.flatten().tolist() for name, value in weights.items()}


def test_an_export_repeats_the_metric_on_record(digits: Search, tmp_path: Path) -> None:
    best = max(digits.front().members, key=lambda one: one.metrics["accuracy"])
    written = digits.export(best, tmp_path / "best.py")
    assert written.verified
    model = loaded(written.source_path).load()
    assert sum(p.numel() for p in model.parameters()) == best.costs["params"]
    again = measured(digits, model)
    assert again == {name: best.metrics[name] for name in again}, "to the last bit"
    header = written.source_path.read_text().split('"""')[1]
    assert f"accuracy {best.metrics['accuracy']:.6g}" in header


@pytest.mark.slow
def test_an_export_repeats_the_metric_of_a_cohort(tmp_path: Path) -> None:
    search = nas.search(
        write_space(tmp_path), task="digits", trials=4, budget={"epochs": 2}, engine={"name": "inline", "batch": 4}, seed=7,
        directory=str(tmp_path / "run"),
    )  # fmt: skip
    for trial in search.front().members:
        again = measured(search, loaded(search.export(trial, tmp_path / f"trial{trial.number}.py").source_path).load())
        assert again == {name: trial.metrics[name] for name in again}, "to the last bit"


def test_weights_that_were_not_kept_come_back_from_the_seed(digits: Search) -> None:
    trial = digits.front().members[0]
    kept = states(digits.weights(trial))
    (digits.directory / "weights" / f"{trial.number}.pt").unlink()
    assert states(digits.weights(trial)) == kept


def test_a_stopped_trial_is_trained_to_its_end(digits: Search) -> None:
    stopped = replace(digits.trial(0), state="stopped", metrics={"accuracy": 0.1})
    facts = digits._facts(stopped)
    assert facts["weights"] == "trained for this file; in the search the trial was stopped"
    assert "validation" not in facts


def test_training_again_may_fail(digits: Search) -> None:
    hopeless = replace(digits.trial(1), number=77, recipe={**digits.trial(1).recipe, "optimizer": "sgd", "lr": 1e30})
    with pytest.raises(WorkFailed, match="trial 77 has no weights, and training it again ended as diverged"):
        digits.weights(hopeless)


def test_a_report_draws_what_was_trained(digits: Search) -> None:
    page = digits.report().read_text(encoding="utf-8")
    assert "digits" in page
    assert "<svg" in page or "svg" in page


# ---------------------------------------------------------------------- engines


def run(folder: Path, name: str, engine: Any, task: Any, **settings: Any) -> tuple[TrialRecord, ...]:
    search = nas.search(write_space(folder), task=task, engine=engine, seed=5, directory=str(folder / name), **settings)
    return search.record().trials


def without_time(trials: tuple[TrialRecord, ...]) -> list[TrialRecord]:
    return [replace(one, seconds=0.0) for one in trials]


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_one_worker_of_ray_is_as_inline(tmp_path: Path, sampler: str) -> None:
    task = write_task(tmp_path)
    inline = run(tmp_path, "inline", "inline", task, trials=14, sampler=sampler)
    ray = run(tmp_path, "ray", {"name": "ray", "workers": 1}, task, trials=14, sampler=sampler)
    assert without_time(inline) == without_time(ray)


@pytest.mark.slow
def test_one_worker_of_ray_trains_as_inline_bit_for_bit(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"trials": 4, "budget": {"epochs": 2}}
    inline = run(tmp_path, "inline", "inline", "digits", **settings)
    ray = run(tmp_path, "ray", {"name": "ray", "workers": 1}, "digits", **settings)
    assert without_time(inline) == without_time(ray)
    for one in inline:
        here, there = (torch.load(tmp_path / name / "weights" / f"{one.number}.pt") for name in ("inline", "ray"))
        assert states(here) == states(there)


@pytest.mark.slow
def test_two_workers_evaluate_each_candidate_once(tmp_path: Path) -> None:
    task = {"name": write_task(tmp_path), "pause": 0.02, "log": str(tmp_path / "log")}
    trials = run(tmp_path, "run", {"name": "ray", "workers": 2}, task, trials=20)
    assert [one.number for one in trials] == list(range(20))
    assert len({one.digest for one in trials}) == 20
    began = sorted(int(line.split()[0]) for line in (tmp_path / "log").read_text().splitlines())
    assert began == list(range(20))
