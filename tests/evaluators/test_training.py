"""Training: what is promised of one candidate, from its seed to its outcome."""

from __future__ import annotations

import gc
import math
import os
import re
import weakref
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import torch

from evaluators.randomness import Noise
from evaluators.tasks import Task, load_task, task_from_arrays
from evaluators.tasks.task import Tensors
from evaluators.training import predict, save_weights, train
from nas.codegen import build
from nas.errors import ExperimentError, TaskError, WorkFailed
from nas.study.candidate import Job, Outcome, Report

MLP = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 16)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        return self.last(self.drop(torch.relu(self.norm(self.first(x)))))
"""


def model(init: str, forward: str) -> str:
    return (
        "import torch\nfrom torch import nn\nclass Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        {init}\n    def forward(self, x):\n        {forward}\n"
    )


@pytest.fixture(scope="module")
def task() -> Task:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 4)) * 2
    y = np.arange(600) % 3
    return task_from_arrays(centres[y] + rng.normal(size=(600, 4)), y, split_seed=1)


def job(source: str = MLP, *, seed: int = 0, rungs: tuple[int, ...] = (), budget: Any = None, **recipe: Any) -> Job:
    return Job(7, {}, source, {"lr": 1e-2, "batch_size": 32, **recipe}, seed, budget or {"epochs": 4}, rungs)


def drain(run: Generator[Report, bool | None, Outcome], stop_at: int | None = None) -> tuple[list[Report], Outcome]:
    """All reports and the outcome; answers False to the report of rung `stop_at`."""
    reports: list[Report] = []
    answer: bool | None = None
    while True:
        try:
            report = run.send(answer)
        except StopIteration as end:
            return reports, end.value
        reports.append(report)
        answer = report.rung != stop_at


def test_reports_at_rungs_and_at_the_end(task: Task) -> None:
    reports, outcome = drain(train(job(rungs=(1, 3)), task))
    assert [report.rung for report in reports] == [1, 3, 4]
    assert outcome.state == "complete"
    assert [report.rung for report in outcome.curve] == [1, 2, 3, 4]
    assert outcome.metrics == reports[-1].metrics == outcome.curve[-1].metrics
    assert set(outcome.metrics) == {*task.metrics, "train_loss"}
    assert outcome.metrics["accuracy"] > 0.8
    assert outcome.seconds > 0
    assert outcome.message == ""


def test_budget_in_steps(task: Task) -> None:
    reports, outcome = drain(train(job(rungs=(10,), budget={"steps": 25}), task))
    assert [report.rung for report in reports] == [10, 25]
    assert outcome.state == "complete"


@pytest.mark.parametrize(
    "recipe", [{}, {"optimizer": "sgd"}, {"optimizer": "adam", "schedule": "one-cycle", "clip": 1.0}]
)
def test_one_job_gives_the_same_numbers_bit_for_bit(task: Task, recipe: dict[str, Any]) -> None:
    kept: list[dict[str, Any]] = []
    curves = []
    for _ in range(2):
        torch.rand(3)  # whatever happened before in this process
        _, outcome = drain(train(job(**recipe), task, on_finish=lambda m: kept.append(m.state_dict())))
        curves.append(outcome.curve)
    assert curves[0] == curves[1]
    assert all(torch.equal(kept[0][name], kept[1][name]) for name in kept[0])
    assert drain(train(job(seed=1, **recipe), task))[1].curve != curves[0]


def test_two_in_turns_are_as_two_in_a_row(task: Task) -> None:
    rungs = (1, 2, 3)
    alone = [drain(train(job(seed=seed, rungs=rungs), task))[1].curve for seed in (1, 2)]
    runs = [train(job(seed=seed, rungs=rungs), task) for seed in (1, 2)]
    outcomes: list[Outcome] = []
    answers: list[bool | None] = [None, None]
    for _ in range(5):
        for number, run in enumerate(runs):
            try:
                run.send(answers[number])
                answers[number] = True
            except StopIteration as end:
                outcomes.append(end.value)
    assert [outcome.curve for outcome in outcomes] == alone


def test_the_world_outside_is_left_as_it_was(task: Task) -> None:
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    run = train(job(rungs=(1,)), task)
    next(run)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    run.close()
    drain(train(job("nonsense("), task))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_stopping(task: Task) -> None:
    reports, outcome = drain(train(job(rungs=(1, 2)), task), stop_at=2)
    assert [report.rung for report in reports] == [1, 2]
    assert (outcome.state, outcome.message) == ("stopped", "stopped at 2 epochs")
    assert outcome.metrics == reports[-1].metrics
    assert drain(train(job(), task), stop_at=4)[1].state == "complete", "at the end there is nothing to stop"


def test_closing_releases_the_module(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[weakref.ref[torch.nn.Module]] = []

    def watched(source: str) -> torch.nn.Module:
        module = build(source)
        built.append(weakref.ref(module))
        return module

    monkeypatch.setattr("nas.codegen.build", watched)
    run = train(job(rungs=(1,)), task)
    next(run)
    assert built[0]() is not None
    run.close()
    del run
    gc.collect()
    assert built[0]() is None


@pytest.mark.parametrize(
    ("source", "options", "state", "message"),
    [
        (MLP, {"lr": 1e30, "optimizer": "sgd"}, "diverged", r"the training loss is (nan|inf) by step 12 of 48"),
        (
            model("self.a = nn.Linear(4, 3)", "return self.a(x) / (0 if not self.training else 1)"),
            {},
            "diverged",
            "loss is nan at step 12 of 48",
        ),
        (model("pass", "raise MemoryError('full')"), {}, "out_of_memory", "MemoryError: full"),
        (
            model("pass", "raise RuntimeError('DefaultCPUAllocator: can\\'t allocate memory: you tried')"),
            {},
            "out_of_memory",
            "RuntimeError: DefaultCPUAllocator",
        ),
        (model("pass", "raise torch.OutOfMemoryError('CUDA out of memory')"), {}, "out_of_memory", "CUDA out of memory"),
        (model("self.a = nn.Linear(5, 3)", "return self.a(x)"), {}, "crashed", r"RuntimeError: mat1 and mat2.*\n(.*\n)+.*self.a\(x\)"),
        (model("1 / 0", "return x"), {}, "crashed", "ZeroDivisionError: division by zero"),
        ("class Modell: pass", {}, "crashed", "Model"),
        ("def broken(:", {}, "crashed", "SyntaxError"),
    ],
)  # fmt: skip
def test_failures_are_outcomes(task: Task, source: str, options: dict[str, Any], state: str, message: str) -> None:
    reports, outcome = drain(train(job(source, **options), task))
    assert reports == []
    assert outcome.state == state
    assert re.search(message, outcome.message), outcome.message
    assert all(math.isfinite(value) for report in outcome.curve for value in report.metrics.values())


def test_timeout_keeps_what_was_learnt(task: Task) -> None:
    slow = model("self.a = nn.Linear(4, 3)", "__import__('time').sleep(0.01); return self.a(x)")
    _, outcome = drain(train(job(slow, budget={"epochs": 1000}), task, timeout_s=0.5))
    assert outcome.state == "timeout"
    assert outcome.message.startswith("gave up after 0.5 s, at step ")
    assert len(outcome.curve) <= 3


def test_models_with_nothing_to_train(task: Task) -> None:
    for source in (
        model("self.w = nn.Parameter(torch.randn(4, 3), requires_grad=False)", "return x @ self.w"),
        model("self.w = nn.Parameter(torch.randn(4, 3))", "return torch.zeros(len(x), 3)"),
    ):
        assert drain(train(job(source), task))[1].state == "complete"


def test_frozen_weights_stay_and_the_others_move(task: Task) -> None:
    source = model(
        "self.a = nn.Linear(4, 8, bias=False); self.b = nn.Linear(8, 3); self.a.requires_grad_(False)",
        "return self.b(self.a(x))",
    )
    seen: list[torch.nn.Module] = []
    drain(train(job(source, budget={"steps": 1}, lr=1e-30, weight_decay=0.0), task, on_finish=seen.append))
    drain(train(job(source), task, on_finish=seen.append))
    start, end = (module.state_dict() for module in seen)
    assert torch.equal(start["a.weight"], end["a.weight"])
    assert not torch.equal(start["b.weight"], end["b.weight"])


def test_every_epoch_sees_every_sample_in_a_new_order() -> None:
    """A model that remembers what it saw, on 40 samples in batches of 8 (or 32, of which each epoch leaves 8 out)."""
    x = np.arange(60.0)[:, None]
    small = task_from_arrays(
        x, x[:, 0] * 0.5, split=np.array(["train"] * 40 + ["val"] * 10 + ["test"] * 10), standardise="none"
    )
    source = model(
        "self.a = nn.Linear(1, 1); self.seen = []",
        "self.seen.append(x[:, 0].tolist()) if self.training else None; return self.a(x)",
    )
    modules: list[Any] = []
    drain(train(job(source, batch_size=8, budget={"epochs": 2}), small, on_finish=modules.append))
    drain(train(job(source, batch_size=32, budget={"epochs": 2}), small, on_finish=modules.append))
    drain(train(job(source, batch_size=999, budget={"epochs": 2}), small, on_finish=modules.append))
    first, second = list(chain(*modules[0].seen[:5])), list(chain(*modules[0].seen[5:]))
    assert sorted(first) == sorted(second) == x[:40, 0].tolist()
    assert first != second
    assert [len(batch) for batch in modules[1].seen] == [32, 32]
    assert set(modules[1].seen[0]) != set(modules[1].seen[1])
    assert [len(batch) for batch in modules[2].seen] == [40, 40]


def test_weights_reproduce_the_recorded_metrics(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "weights" / "7.pt"
    _, outcome = drain(train(job(), task, weights=path))
    assert [file.name for file in path.parent.iterdir()] == ["7.pt"], "nothing temporary stays"
    module = build(MLP)
    module.load_state_dict(torch.load(path, weights_only=True))
    part = task.resident().validation
    assert (predict(module, part).argmax(1) == part.targets).double().mean().item() == outcome.metrics["accuracy"]
    stopped = tmp_path / "stopped.pt"
    drain(train(job(rungs=(1,)), task, weights=stopped), stop_at=1)
    assert not stopped.exists()


def test_weights_that_cannot_be_written(task: Task, tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("a file where the folder should be")
    with pytest.raises(WorkFailed, match=r"weights cannot be written to .*weights/7.pt"):
        drain(train(job(), task, weights=tmp_path / "weights" / "7.pt"))


def test_save_weights_leaves_nothing_behind_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WorkFailed, match="No space left on device"):
        save_weights(torch.nn.Linear(1, 1), tmp_path / "a.pt")
    assert list(tmp_path.iterdir()) == []


def test_the_test_part_is_opened_only_for_a_reason(task: Task) -> None:
    fresh = load_task("digits")
    source = model("self.a = nn.Linear(64, 10)", "return self.a(x.flatten(1))")
    _, outcome = drain(train(job(source, budget={"epochs": 1}), fresh))
    assert fresh.data.test.openings == []
    assert not any(name.startswith("test_") for name in outcome.metrics)
    _, confirmed = drain(train(job(source, budget={"epochs": 1}), fresh, test_reason="confirm trial 7"))
    assert [opening.reason for opening in fresh.data.test.openings] == ["confirm trial 7"]
    assert {name for name in confirmed.metrics if name.startswith("test_")} == {
        f"test_{name}" for name in fresh.metrics
    }
    assert confirmed.curve == outcome.curve, "looking at the test part changes nothing"


def test_wrong_input_is_raised_not_told(task: Task) -> None:
    with pytest.raises(ExperimentError, match="no setting is called `momentun`"):
        drain(train(job(momentun=1), task))
    with pytest.raises(ExperimentError, match="rung 9 is not between"):
        drain(train(job(rungs=(9,)), task))
    with pytest.raises(TaskError, match="the test split is sealed"):
        drain(train(job(), task, test_reason=" "))


def test_denoising_learns() -> None:
    images = load_task("mnist5k/denoise").reshaped([(784,)], [(784,)])
    source = model(
        "self.a = nn.Linear(784, 32); self.b = nn.Linear(32, 784)",
        "return torch.sigmoid(self.b(torch.relu(self.a(x))))",
    )
    _, outcome = drain(train(job(source, budget={"epochs": 3}, batch_size=128), images))
    assert outcome.state == "complete"
    assert outcome.metrics["psnr"] > 12
    assert outcome.curve[0].metrics["psnr"] < outcome.metrics["psnr"]


def test_regression_learns() -> None:
    task = load_task("friedman")
    source = model("self.a = nn.Linear(10, 64); self.b = nn.Linear(64, 1)", "return self.b(torch.relu(self.a(x)))")
    _, outcome = drain(train(job(source, budget={"epochs": 15}), task))
    assert outcome.metrics["r2"] > 0.8
    assert 0.9 < outcome.metrics["rmse"] < 2.5


def test_predict_takes_large_inputs_several_outputs_and_restores_the_mode() -> None:
    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            assert not self.training
            return x, x * 2

    module = Two()
    x = torch.randn(2500, 3)
    one, two = predict(module, Tensors((x,), torch.zeros(len(x))))
    assert torch.equal(one, x)
    assert torch.equal(two, x * 2)
    assert module.training


class Split(torch.nn.Module):
    """As torch's `DataParallel`: a part of every batch in a thread for each device. Here all of them run the one module."""

    asked: list[list[int]]

    def __init__(self, module: torch.nn.Module, devices: list[int]) -> None:
        super().__init__()
        self.module, self.n = module, len(devices)
        self.asked.append(devices)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with ThreadPoolExecutor(self.n) as pool:
            return torch.cat(list(pool.map(self.module, x.chunk(self.n))))


def test_batches_split_over_several_gpus(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    monkeypatch.setattr(Split, "asked", asked, raising=False)
    monkeypatch.setattr(torch.nn, "DataParallel", Split)
    source = model(
        "self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))", "return self.layers(x)"
    )
    alone, split = (drain(train(job(source), task, gpus=gpus))[1] for gpus in (1, 2))
    assert asked == [[0, 1]]
    for mine, other in zip(split.curve, alone.curve, strict=True):
        assert mine.metrics["train_loss"] == pytest.approx(other.metrics["train_loss"], rel=1e-4)


def test_dropout_draws_the_same_whichever_thread_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Dropout(0.5))
    noise, x = Noise(layers, 3), torch.ones(64, 8)
    noise.begin(1)
    expected = layers(x)
    all_there = Barrier(4)

    def one(_: int) -> torch.Tensor:
        all_there.wait()
        found: torch.Tensor = layers(x)
        return found

    for _ in range(20):
        noise.begin(1)
        with ThreadPoolExecutor(4) as pool:
            assert all(torch.equal(found, expected) for found in pool.map(one, range(4)))
