"""Checkpoints: a training that was lost goes on, and is bit for bit the one that was never interrupted."""

from __future__ import annotations

import dataclasses
import io
import logging
import os
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluators import checkpoint as checkpoints
from evaluators.checkpoint import Checkpoint
from evaluators.optimizer import Optimizer
from evaluators.tasks import Task, task_from_arrays
from evaluators.tasks.denoising import GaussianNoise
from evaluators.training import train
from nas.study.candidate import Job, Outcome, Report

# Layers with running statistics, random numbers, a buffer that is not persistent and moves, and weights that have no
# gradient until step 9, so that the optimiser knows them less long than the others.
NET = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 16)
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(16, 3)
        self.late = nn.Linear(3, 3)
        self.register_buffer("moving", torch.zeros(16), persistent=False)

    def forward(self, x):
        h = torch.relu(self.norm(self.first(x)))
        if self.training:
            self.moving.lerp_(h.detach().mean(0), 0.1)
        y = self.last(self.drop(h) + self.moving)
        return y + self.late(y) if self.norm.num_batches_tracked >= 9 else y
"""

MEMBERS = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(3, 4))
        self.head = nn.Parameter(torch.randn(3, 4, 3) / 6)
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        return torch.einsum("bmf,mft->bmt", self.drop(x[:, None] * self.scale), self.head)
"""

# An epoch has 12 steps: marks inside of epochs, at the end of one, and twice in one.
RUNGS = (7, 12, 20, 31)
STEPS = 40


def with_torchs_own_noise(inputs: tuple[torch.Tensor, ...], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """What a user may write who does not care for the generator."""
    return tuple(x + 0.1 * torch.randn_like(x) for x in inputs)


def make_task(augment: Any = None) -> Task:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 4)) * 2
    y = np.arange(600) % 3
    plain = task_from_arrays(centres[y] + rng.normal(size=(600, 4)), y, split_seed=1)
    return dataclasses.replace(plain, augment=augment)


@pytest.fixture(scope="module")
def task() -> Task:
    return make_task()


def make_job(source: str = NET, seed: int = 3, members: int = 1, **recipe: Any) -> Job:
    settings = {"lr": 1e-2, "batch_size": 32, **recipe}
    return Job(7, {}, source, settings, seed, {"steps": STEPS}, RUNGS, members=members)


Ended = tuple[list[Report], Outcome]


def drain(run: Generator[Report, bool | None, Outcome], reports: int | None = None) -> Ended | None:
    """All reports and the outcome; None: closed in the middle, after so many reports."""
    seen: list[Report] = []
    try:
        while reports is None or len(seen) < reports:
            seen.append(next(run))
    except StopIteration as end:
        return seen, end.value
    run.close()
    return None


def ended(run: Generator[Report, bool | None, Outcome]) -> Ended:
    found = drain(run)
    assert found is not None
    return found


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The learning rate of every step that is taken."""
    taken: list[float] = []
    step = Optimizer.step

    def counted(self: Optimizer, lr: float) -> None:
        taken.append(lr)
        step(self, lr)

    monkeypatch.setattr(Optimizer, "step", counted)
    return taken


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "adamw": (None, {}),
    "adam": (None, {"optimizer": "adam", "schedule": "one-cycle", "clip": 1.0}),
    "sgd with momentum": (None, {"optimizer": "sgd"}),
    "sgd without": (None, {"optimizer": "sgd", "momentum": 0, "lr": 0.1}),
    "groups": (None, {"lr_factors": {"last.*": 0.1}, "weight_decay_factors": {"*.bias": 1.0}}),
    "augmented": (GaussianNoise(0.3), {}),
    "augmented otherwise": (with_torchs_own_noise, {}),
    "ensemble": (None, {"source": MEMBERS, "members": 3}),
}


@pytest.mark.parametrize("case", CASES)
def test_interrupted_at_any_report_it_is_as_never_interrupted(
    case: str, tmp_path: Path, steps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    augment, options = CASES[case]
    monkeypatch.setattr("evaluators.batches.GATHERED_BYTES", 10_000)  # an epoch takes several gathers
    task, job = make_task(augment), make_job(**options)
    whole = ended(train(job, task, weights=tmp_path / "whole.pt"))
    assert len(steps) == STEPS
    for number, rung in enumerate(RUNGS, start=1):
        path, weights = tmp_path / "checkpoints" / f"{rung}.pt", tmp_path / f"weights-{rung}.pt"
        assert drain(train(job, task, checkpoint=path), reports=number) is None
        assert path.exists()
        steps.clear()
        reports, outcome = ended(train(job, task, weights=weights, checkpoint=path))
        assert len(steps) == STEPS - rung, "only what was missing is trained"
        assert reports == whole[0]
        assert dataclasses.replace(outcome, seconds=0) == dataclasses.replace(whole[1], seconds=0)
        assert list(path.parent.iterdir()) == [], "removed when the candidate ends"
        assert same_weights(weights, tmp_path / "whole.pt")


def same_weights(one: Path, other: Path) -> bool:
    mine, theirs = (torch.load(path, weights_only=True) for path in (one, other))
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_lost_again_and_again(task: Task, tmp_path: Path, steps: list[float], caplog: pytest.LogCaptureFixture) -> None:
    path, job = tmp_path / "7.pt", make_job()
    whole, _ = ended(train(job, task))
    for number in (1, 1, 3, 4):
        assert drain(train(job, task, checkpoint=path), reports=number) is None
    with caplog.at_level(logging.INFO, "evaluators.checkpoint"):
        reports, _ = ended(train(job, task, checkpoint=path))
    assert caplog.messages == [f"{path}: the training goes on behind step 31"]
    assert reports == whole
    assert len(steps) == 2 * STEPS, "every step was taken once in the whole, and once in all the parts"


def test_epochs_and_marks_without_a_rung(task: Task, tmp_path: Path, steps: list[float]) -> None:
    """Marks that are no rungs are kept as well, though nobody is told of them."""
    job = dataclasses.replace(make_job(), budget={"epochs": 6}, rungs=(3,))
    path = tmp_path / "7.pt"
    _, whole = ended(train(job, task))
    assert drain(train(job, task, checkpoint=path), reports=1) is None
    steps.clear()
    reports, outcome = ended(train(job, task, checkpoint=path))
    assert [report.rung for report in reports] == [3, 6]
    assert outcome.curve == whole.curve
    assert [report.rung for report in outcome.curve] == [1, 2, 3, 4, 5, 6]
    assert len(steps) == 3 * 12


def test_a_model_with_nothing_to_train_goes_on(tmp_path: Path) -> None:
    source = NET.replace("        self.register", "        self.requires_grad_(False)\n        self.register")
    whole, _ = ended(train(make_job(source), make_task()))
    assert drain(train(make_job(source), make_task(), checkpoint=tmp_path / "7.pt"), reports=2) is None
    assert ended(train(make_job(source), make_task(), checkpoint=tmp_path / "7.pt"))[0] == whole


def test_stopped_at_a_report_that_was_made_before(task: Task, tmp_path: Path, steps: list[float]) -> None:
    """Who took the candidate up decides, and may decide otherwise: nothing is trained for that."""
    path = tmp_path / "7.pt"
    assert drain(train(make_job(), task, checkpoint=path), reports=3) is None
    steps.clear()
    run = train(make_job(), task, checkpoint=path)
    first, second = next(run), run.send(True)
    with pytest.raises(StopIteration) as end:
        run.send(False)
    outcome = end.value.value
    assert (outcome.state, outcome.message) == ("stopped", "stopped at 12 steps")
    assert outcome.curve == (first, second)
    assert steps == []
    assert not path.exists()


def test_the_time_before_the_loss_counts(task: Task, tmp_path: Path) -> None:
    path = tmp_path / "7.pt"
    assert drain(train(make_job(), task, checkpoint=path), reports=2) is None
    saved = torch.load(io.BytesIO(path.read_bytes()[checkpoints.DIGEST_BYTES :]), weights_only=True)
    assert saved["seconds"] > 0
    write(path, {**saved, "seconds": 1000.0})
    kept = path.read_bytes()
    _, outcome = ended(train(make_job(), task, checkpoint=path))
    assert 1000 < outcome.seconds < 2000
    path.write_bytes(kept)
    _, outcome = ended(train(make_job(), task, checkpoint=path, timeout_s=900))
    assert (outcome.state, outcome.message) == ("timeout", f"gave up after 900 s, at step 13 of {STEPS}")
    assert len(outcome.curve) == 2
    assert not path.exists()


def test_nothing_is_written_for_short_candidates(task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    monkeypatch.setattr(checkpoints, "write_whole", lambda parts, path: written.append(path))
    ended(train(make_job(), task, checkpoint=tmp_path / "checkpoints" / "7.pt", checkpoint_s=3600))
    assert list(tmp_path.iterdir()) == []
    ended(train(make_job(), task, checkpoint=tmp_path / "checkpoints" / "7.pt"))
    assert len(written) == 6, "at each mark but the last: the rungs and steps 24 and 36"


def test_not_more_often_than_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    kept = Checkpoint(tmp_path / "7.pt", "key", 30)
    assert not kept.due
    now = 130.0
    assert kept.due
    saved = checkpoints.Saved(1, 0.0, (), {}, {}, {}, [], {})
    kept.write(saved)
    assert not kept.due
    now = 160.0
    assert kept.due
    assert kept.read() == saved


@pytest.mark.parametrize("damage", ["truncated", "empty", "turned", "nonsense", "no checkpoint", "pickle"])
def test_a_damaged_file_is_passed_over(
    damage: str, task: Task, tmp_path: Path, steps: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "7.pt"
    whole, _ = ended(train(make_job(), task))
    assert drain(train(make_job(), task, checkpoint=path), reports=2) is None
    good = path.read_bytes()
    middle = len(good) // 2
    match damage:
        case "truncated":
            path.write_bytes(good[:middle])
        case "empty":
            path.write_bytes(b"")
        case "turned":
            path.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
        case "nonsense":
            path.write_bytes(b"nonsense" * 100)
        case "no checkpoint":
            write(path, [1, 2])
        case "pickle":
            write(path, Unwelcome(tmp_path / "ran"))
    steps.clear()
    with caplog.at_level(logging.WARNING):
        reports, outcome = ended(train(make_job(), task, checkpoint=path))
    assert re.search(r"7\.pt (is damaged|cannot be read \(\w+\)); the training begins anew", caplog.text)
    assert (reports, outcome.state) == (whole, "complete")
    assert len(steps) == STEPS
    assert not (tmp_path / "ran").exists(), "a file is no program"
    assert not path.exists()


def write(path: Path, value: Any) -> None:
    """`value` as the file's whole and undamaged content."""
    data = checkpoints.serialized(value)
    checkpoints.write_whole([checkpoints._digest(data), data], path)


@dataclass
class Unwelcome:
    """Unpickled as pickles are, it leaves a file behind."""

    mark: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


OTHERS: dict[str, Any] = {
    "source": {"source": NET.replace("0.2", "0.3")},
    "seed": {"seed": 4},
    "recipe": {"lr": 2e-2},
    "order of globs": {"lr_factors": {"last.*": 1.0, "late.*": 1.0}},
    "budget": {"budget": {"steps": 41}},
    "rungs": {"rungs": (7, 20)},
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_trainings_file_is_passed_over(
    other: str, task: Task, tmp_path: Path, steps: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    path, changes = tmp_path / "7.pt", dict(OTHERS[other])
    theirs = {key: changes.pop(key) for key in ("budget", "rungs") if key in changes}
    assert drain(train(dataclasses.replace(make_job(**changes), **theirs), task, checkpoint=path), reports=1) is None
    mine = make_job(lr_factors={"late.*": 1.0, "last.*": 1.0}) if other == "order of globs" else make_job()
    whole, _ = ended(train(mine, task))
    steps.clear()
    with caplog.at_level(logging.WARNING):
        reports, _ = ended(train(mine, task, checkpoint=path))
    assert "7.pt is of another training and is passed over" in caplog.text
    assert reports == whole
    assert len(steps) == STEPS


def test_other_data_are_another_training(task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "7.pt"
    assert drain(train(make_job(), task, checkpoint=path), reports=1) is None
    fewer = task_from_arrays(np.random.default_rng(0).normal(size=(500, 4)), np.arange(500) % 3)
    assert ended(train(make_job(), fewer, checkpoint=path))[1].state == "complete"
    assert "is of another training" in caplog.text


@pytest.mark.parametrize("trouble", ["no folder", "a file in its place", "a full disk"])
def test_what_cannot_be_written_is_no_fault_of_the_candidate(
    trouble: str, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "7.pt"
    if trouble == "no folder":  # as on a machine that does not share the study's directory
        path = tmp_path / "elsewhere" / "checkpoints" / "7.pt"
    elif trouble == "a file in its place":
        path = tmp_path / "checkpoints" / "7.pt"
        path.parent.touch()
    else:

        def full(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", full)
    _, outcome = ended(train(make_job(), task, checkpoint=path))
    assert outcome.state == "complete"
    assert "7.pt cannot be written: " in caplog.text
    assert not path.exists()
    assert list(tmp_path.glob("*.tmp")) == []


# ---------------------------------------------------------------------- any outcome removes it


@pytest.mark.parametrize(
    ("source", "options", "state"),
    [
        (NET, {"lr": 1e30, "optimizer": "sgd", "schedule": "one-cycle", "warmup": 0.9}, "diverged"),
        (NET.replace("        h =", "        if self.norm.num_batches_tracked == 30: raise MemoryError\n        h ="), {}, "out_of_memory"),
        (NET.replace("        h =", "        if self.norm.num_batches_tracked == 30: 1 / 0\n        h ="), {}, "crashed"),
    ],
)  # fmt: skip
def test_failures_leave_nothing_behind(
    source: str, options: dict[str, Any], state: str, task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoints" / "7.pt"
    removed: list[bool] = []
    remove = Checkpoint.remove
    monkeypatch.setattr(Checkpoint, "remove", lambda self: (removed.append(path.exists()), remove(self)))
    _, outcome = ended(train(make_job(source, **options), task, checkpoint=path))
    assert outcome.state == state
    assert removed == [state != "diverged"], "there was something to remove"
    assert not path.exists()
