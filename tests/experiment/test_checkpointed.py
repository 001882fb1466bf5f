"""Searches whose training was killed: resumed, they are the same and train only what was missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from closed_form import write_space

import nas
from nas.experiment.session import CHECKPOINTS, WEIGHTS

TASK = """
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from evaluators.tasks import task_from_arrays


@dataclass
class Noted:
    log: Path
    deadly: int

    def __call__(self, inputs, generator):
        with self.log.open("a") as file:
            file.write("epoch\\n")
        if len(self.log.read_text().split()) == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return tuple(x + 0.1 * x.new_empty(x.shape).normal_(generator=generator) for x in inputs)


def make(log, deadly=0):
    rng = np.random.default_rng(0)
    y = np.arange(300) % 3
    task = task_from_arrays(rng.normal(size=(3, 8))[y] + rng.normal(size=(300, 8)), y)
    return replace(task, augment=Noted(Path(log), deadly))
"""
EPOCHS = 6


def experiment(folder: Path, name: str, deadly: int, engine: str, checkpoint_s: float) -> tuple[Path, Path]:
    """An experiment file of three candidates, and where the epochs that are begun are noted."""
    write_space(folder)
    (folder / "noted.py").write_text(TASK)
    log = folder / f"{name}.log"
    task = {"name": "noted.py:make", "log": str(log), "deadly": deadly}
    file = folder / f"{name}.yaml"
    file.write_text(
        f"space: narrow.yaml\ntask: {json.dumps(task)}\ntrials: 3\nbudget: {{epochs: {EPOCHS}}}\nsampler: random\n"
        f"recipe: {{batch_size: 32}}\ndevice: cpu\nseed: 2\nengine: {engine}\ncheckpoint_s: {checkpoint_s}\n"
    )
    return file, log


def facts(directory: Path) -> list[tuple[Any, ...]]:
    """All of a trial but the time it took, and its weights."""
    return [
        (one.number, one.state, one.genotype, one.digest, one.seed, one.metrics, one.values, one.curve, weights)
        for one in nas.open_search(directory).record().trials
        for weights in [torch.load(directory / WEIGHTS / f"{one.number}.pt", weights_only=True)]
    ]


def same(one: Path, other: Path) -> bool:
    mine, theirs = facts(one), facts(other)
    weights = zip((row[-1] for row in mine), (row[-1] for row in theirs), strict=True)
    return [row[:-1] for row in mine] == [row[:-1] for row in theirs] and all(
        a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in weights
    )


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint_s", [0, 3600])
def test_a_killed_driver(tmp_path: Path, checkpoint_s: float) -> None:
    """It dies as the second candidate begins its last epoch."""
    file, log = experiment(tmp_path, "whole", 0, "inline", checkpoint_s)
    nas.search(experiment=file, directory=tmp_path / "whole")
    assert log.read_text().split() == ["epoch"] * 3 * EPOCHS
    assert not (tmp_path / "whole" / CHECKPOINTS).exists()

    file, log = experiment(tmp_path, "killed", 2 * EPOCHS, "inline", checkpoint_s)
    directory = tmp_path / "killed"
    command = [sys.executable, "-m", "nas.cli", "search", str(file), "-d", str(directory), "--quiet"]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path.name for path in (directory / CHECKPOINTS).iterdir()] if (directory / CHECKPOINTS).exists() else []
    assert left == (["1.pt"] if checkpoint_s == 0 else [])
    nas.resume(directory)
    assert same(tmp_path / "whole", directory)
    # From a checkpoint it draws its last but one epoch again, to go on behind it; without one all of them.
    again = 2 if checkpoint_s == 0 else EPOCHS
    assert log.read_text().split() == ["epoch"] * (3 * EPOCHS + again)
    assert not (directory / CHECKPOINTS).exists()


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint_s", [0, 3600])
def test_a_killed_driver_of_a_cohort(tmp_path: Path, checkpoint_s: float) -> None:
    """It dies as its three candidates, which see the same batches, begin their fourth epoch."""
    engine = "{name: inline, batch: 3}"
    file, log = experiment(tmp_path, "whole", 0, engine, checkpoint_s)
    nas.search(experiment=file, directory=tmp_path / "whole")
    assert log.read_text().split() == ["epoch"] * EPOCHS

    file, log = experiment(tmp_path, "killed", 4, engine, checkpoint_s)
    directory = tmp_path / "killed"
    command = [sys.executable, "-m", "nas.cli", "search", str(file), "-d", str(directory), "--quiet"]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    left = [path.name for path in (directory / CHECKPOINTS).iterdir()] if (directory / CHECKPOINTS).exists() else []
    assert sorted(left) == (["0.pt", "1.pt", "2.pt"] if checkpoint_s == 0 else [])
    nas.resume(directory)
    assert same(tmp_path / "whole", directory)
    assert log.read_text().split() == ["epoch"] * (4 + (4 if checkpoint_s == 0 else EPOCHS))
    assert not (directory / CHECKPOINTS).exists()


@pytest.mark.slow
def test_a_killed_worker(tmp_path: Path) -> None:
    file, _ = experiment(tmp_path, "whole", 0, "inline", 0)
    nas.search(experiment=file, directory=tmp_path / "whole")
    file, log = experiment(tmp_path, "killed", 2 * EPOCHS, "{name: ray, workers: 1}", 0)
    nas.search(experiment=file, directory=tmp_path / "killed")
    assert same(tmp_path / "whole", tmp_path / "killed")
    assert log.read_text().split() == ["epoch"] * (3 * EPOCHS + 2)
    assert not (tmp_path / "killed" / CHECKPOINTS).exists()
