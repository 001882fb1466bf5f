"""Checkpoints: all that a training is at one of its marks, so that who lost it goes on as if nothing had happened.

On the CPU a training that goes on gives the same reports, metrics and weights, bit for bit, as one that was never
interrupted. What it needs for that: weights and buffers, the optimiser's moments, torch's random numbers, and the place in
the order of batches. Of a module of one's own, numbers that are neither parameters nor buffers are kept where its
`get_extra_state` gives them, as plain values.

What was begun in a cohort may go on alone, and the other way round, with the last digits of other sums. A cohort that goes on
with the members that it had is again the same, bit for bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evaluators.optimizer import Optimizer, State
from evaluators.random_states import set_random_states
from evaluators.recipe import Recipe
from evaluators.tasks.task import Task
from nas.study.candidate import Job, Report

FORMAT = 2
DIGEST_BYTES = 32

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saved:
    """A training after `step` steps.

    Args:
        seconds: spent until then.
        curve: its reports, one for each mark.
        module: what `state_dict` gives.
        buffers: those that `state_dict` leaves out, by name.
        optimizer: as of `Optimizer`; empty: there is nothing to train.
        random: torch's random states.
        position: as of `Batches`.
    """

    step: int
    seconds: float
    curve: tuple[Report, ...]
    module: dict[str, Any]
    buffers: dict[str, Tensor]
    optimizer: State
    random: list[Tensor]
    position: dict[str, Any]

    @classmethod
    def of(
        cls,
        step: int,
        seconds: float,
        curve: Sequence[Report],
        module: nn.Module,
        optimizer: State,
        random: list[Tensor],
        position: dict[str, Any],
    ) -> Saved:
        """What is so now. Tensors are not copied."""
        return cls(step, seconds, tuple(curve), module.state_dict(), _unlisted(module), optimizer, random, position)

    def restore(self, module: nn.Module, optimizer: Optimizer | None, device: str) -> None:
        """Make it so again, in a module that was built anew; the random numbers come last, so that nothing moves them."""
        module.load_state_dict(self.module)
        for name, buffer in _unlisted(module).items():
            buffer.copy_(self.buffers[name])
        if optimizer is not None:
            optimizer.restore(self.optimizer)
        set_random_states(device, self.random)


class Checkpoint:
    """The file of one training's checkpoint.

    Where it is lost with the machine that wrote it, or cannot be read or written, a training begins anew: that costs time
    and changes nothing else. On a cluster the folder has to be on a file system that all machines share.

    Args:
        path: of the file; its folder is made, the folder above is not.
        key: of the training, as `training_key` gives it. A file with another one is passed over.
        every_s: seconds that lie between two checkpoints at least; 0: one at each mark.
    """

    def __init__(self, path: Path, key: str, every_s: float) -> None:
        self.path, self.key, self.every_s = path, key, every_s
        self.last = time.perf_counter()

    @property
    def due(self) -> bool:
        return time.perf_counter() - self.last >= self.every_s

    def read(self) -> Saved | None:
        """What was written last; None: there is nothing of this training, which the log says where there is a file."""
        try:
            content = memoryview(self.path.read_bytes())
            digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
            if _digest(data) != digest:  # torch does not look whether numbers are damaged
                log.warning("%s is damaged; the training begins anew", self.path)
                return None
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            if found.pop("key") != self.key:
                log.warning("%s is of another training and is passed over", self.path)
                return None
            curve = tuple(Report(rung, metrics) for rung, metrics in found.pop("curve"))
            saved = Saved(**found, curve=curve)
        except FileNotFoundError:
            return None
        except Exception as error:  # torch has no one error for what it does not take
            log.warning("%s cannot be read (%s); the training begins anew", self.path, type(error).__name__)
            return None
        log.info("%s: the training goes on behind step %d", self.path, saved.step)
        return saved

    def write(self, saved: Saved) -> None:
        """Replace what was written before, whole or not at all; the log says where that was not possible."""
        curve = [(one.rung, {name: float(value) for name, value in one.metrics.items()}) for one in saved.curve]
        data = serialized({**vars(saved), "curve": curve, "key": self.key})
        try:
            self.path.parent.mkdir(exist_ok=True)
            write_whole([_digest(data), data], self.path)
        except OSError as error:
            log.warning("%s cannot be written: %s", self.path, error.strerror or error)
        self.last = time.perf_counter()

    def remove(self) -> None:
        """The training ended."""
        with contextlib.suppress(OSError):  # what stays is removed with the search, or passed over
            self.path.unlink()


def training_key(job: Job, recipe: Recipe, task: Task, device: str) -> str:
    """A digest of all that a training's numbers follow from."""
    facts = [
        [FORMAT, torch.__version__, torch.device(device).type],
        [job.source, asdict(recipe), job.seed, job.order, job.budget, job.rungs, job.members],
        [task.name, task.inputs, task.outputs, len(task.data.train), len(task.data.validation)],
    ]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()


def serialized(value: Any) -> memoryview:
    """`value` as torch writes it. In memory: into a file that cannot grow, torch writes with errors of its own."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getbuffer()


def write_whole(parts: Iterable[bytes | memoryview], path: Path) -> None:
    """Write `parts` beside `path` and rename: readers see all of them or nothing. Raises: OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.stem}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(parts)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _digest(data: bytes | memoryview) -> bytes:
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def _unlisted(module: nn.Module) -> dict[str, Tensor]:
    """Buffers that are not persistent."""
    listed = module.state_dict(keep_vars=True)
    return {name: buffer for name, buffer in module.named_buffers() if name not in listed}
