"""When a search ends early, and what it says then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.errors import ExperimentError
from nas.experiment import Experiment
from nas.experiment.limits import Limited, gpus_per_worker
from nas.pareto.spent import energy_spent, time_spent
from nas.study.candidate import Outcome
from nas.study.study import Study


@pytest.fixture
def task(tmp_path: Path) -> str:
    return write_task(tmp_path)


def search(folder: Path, task: str, **settings: Any) -> nas.Search:
    return nas.search(write_space(folder), task=task, sampler="random", directory=str(folder / "run"), **settings)


def test_a_frontier_that_is_good_enough_ends_a_search(tmp_path: Path, task: str) -> None:
    reference = {"accuracy": 0.0, "params": 1e5}
    whole = nas.search(
        write_space(tmp_path), task=task, trials=25, sampler="random", directory=str(tmp_path / "whole")
    ).front()
    history = whole.history([0.0, 1e5])
    goal = history[12][1]
    first = next(number for number, volume in history if volume >= goal)
    found = search(tmp_path, task, trials=25, target_hypervolume={"volume": goal, "reference": reference})
    assert len(found.record().trials) == first + 1
    assert found.front().hypervolume([0.0, 1e5]) == history[first][1]
    assert found.ended.startswith(
        f"the hypervolume {history[first][1]:.4g} reached its target of {goal:g}; go on with:"
    )
    assert len(nas.resume(found.directory).record().trials) == first + 1, "it is still reached"
    resumed = nas.resume(found.directory, target_hypervolume=1e9)
    assert len(resumed.record().trials) == 25
    assert resumed.ended == ""


def test_a_target_without_a_reference_is_measured_as_the_frontier_is(tmp_path: Path, task: str) -> None:
    found = search(tmp_path, task, trials=40, target_hypervolume=0.2)
    assert 2 <= len(found.record().trials) < 40
    assert found.front().hypervolume() >= 0.2
    assert f"{found.front().hypervolume():.4g}" in found.ended


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (
            {"accuracy": 0.5},
            "the reference lacks the objective `params`; it has one number for each of accuracy, params",
        ),
        (
            {"acuracy": 0.5, "params": 1},
            "names `acuracy`, which is none of the objectives accuracy, params; did you mean `accuracy`",
        ),
    ],
)
def test_a_reference_has_a_number_for_each_objective(
    tmp_path: Path, task: str, reference: dict[str, float], message: str
) -> None:
    with pytest.raises(ExperimentError, match=message):
        search(tmp_path, task, target_hypervolume={"volume": 1, "reference": reference})
    assert not (tmp_path / "run").exists()


def test_gpu_hours_need_gpus(tmp_path: Path, task: str) -> None:
    with pytest.raises(ExperimentError, match="`gpu_hours` limits a search without GPUs; limit `hours`, or give"):
        search(tmp_path, task, gpu_hours=1, device="cpu")
    found = search(tmp_path, task, trials=2, device="cpu")
    with pytest.raises(ExperimentError, match="`gpu_hours` limits a search without GPUs"):
        nas.resume(found.directory, gpu_hours=1)
    with pytest.raises(
        ExperimentError, match="resume takes no `sampler`; of the settings, only hours, gpu_hours, target"
    ):
        nas.resume(found.directory, sampler="random")
    with pytest.raises(ExperimentError, match="`hours` is a positive number, got -1"):
        nas.resume(found.directory, hours=-1)


def test_gpus_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluators.engines import make_engine

    assert gpus_per_worker(make_engine({"name": "ray", "gpus": 0.25}), "cpu") == 0.25
    assert gpus_per_worker(make_engine("inline"), "cpu") == 0
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert gpus_per_worker(make_engine("inline"), "auto") == 1


def test_gpu_hours_are_what_all_candidates_took_on_their_gpus(tmp_path: Path, task: str) -> None:
    found = search(tmp_path, task, trials=1)
    limits = Experiment(gpu_hours=1.0)
    with Study.open(found.directory, found.space, trials=20) as study:
        limited = Limited(study, limits, gpus=0.5)
        for _ in range(3):
            candidate = limited.ask()
            assert candidate is not None
            limited.tell(candidate, Outcome("crashed", seconds=2400, message="as it happens"))
        assert limited.ask() is None
        assert limited.reached == "1 of 1 GPU-hours are spent"
        assert Limited(study, limits, gpus=0.5).ask() is None, "what was spent before counts"
        assert Limited(study, limits, gpus=0.25).ask() is not None


def test_time_and_energy_by_outcome(tmp_path: Path, task: str) -> None:
    found = search(tmp_path, task, trials=1)
    with Study.open(found.directory, found.space, trials=3) as study:
        for outcome in (
            Outcome("diverged", seconds=900, message="the loss is nan", joules={"cpu": 150.0, "gpu": 2e6}),
            Outcome("complete", {"accuracy": 0.5}, seconds=3600, joules={"cpu": 1200.0}),
        ):
            candidate = study.ask()
            assert candidate is not None
            study.tell(candidate, outcome)
        assert energy_spent(study.record()).endswith("diverged 150 J\nenergy, GPU: diverged 2 MJ")
        assert time_spent(study.record()) == "complete 1 h (80%), diverged 15 min (20%)"
    page = found.report().read_text(encoding="utf-8")
    assert "<td>diverged</td><td class=n>1</td><td class=n>15 min</td><td class=n>20%</td>" in page
    assert "<td class=n>15 min</td><td><code>the loss is nan</code>" in page
