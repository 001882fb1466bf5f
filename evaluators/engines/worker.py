"""What a worker's process holds: one `Step`, within its share of a GPU and of the memory."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluators.energy import Meter
from evaluators.engines.engine import Evaluates, Message, Step
from evaluators.evaluator import Evaluator
from nas.study.candidate import Job

GIB = 2**30


class Worker:
    """Evaluates lists of jobs in a process of Ray's.

    Args:
        evaluator: with its data; arrays in it are read-only and shared by all workers of a machine.
        gpus: share of a GPU; below 1 it is also the share of its memory. Of several, one candidate has all.
        memory_gb: main memory that candidates may take beyond what the idle process has; None: no limit.
    """

    def __init__(self, evaluator: Evaluates, gpus: float, memory_gb: float | None) -> None:
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        if 0 < gpus < 1:
            limit_gpu(gpus)
        if memory_gb is not None and not gpus:
            limit_memory(int(memory_gb * GIB))
        if gpus > 1 and isinstance(evaluator, Evaluator):
            evaluator = replace(evaluator, gpus=int(gpus))
        self.step = Step(evaluator, Meter.of_machine(min(gpus, 1.0) or 1.0))

    def ready(self) -> str:
        """The node it is on, as soon as its process can say so."""
        import ray

        node: Any = ray.get_runtime_context().get_node_id()
        return str(node)

    def start(self, jobs: Sequence[Job]) -> Message:
        return self.step.start(jobs)

    def advance(self, go_on: bool, more: Sequence[Job] = ()) -> Message:
        return self.step.advance(go_on, more)


def limit_gpu(share: float) -> None:
    """Torch gives this process no more than `share` of its GPU's memory: who wants more is `out_of_memory`, alone."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(share)


def limit_memory(n_bytes: int) -> None:
    """This process gets no more than `n_bytes` beyond what it has now; on Linux, elsewhere Ray's own watch must do.

    The limit is of data, not of addresses: mapped files and shared arrays are free. Where a GPU is used it would count
    what the driver reserves there, so it is not set then.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return
    import resource

    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    now = int(lines["VmData"].split()[0]) * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = now + n_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
