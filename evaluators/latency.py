"""Measuring how long a model's forward pass takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import torch
from torch import Tensor

from evaluators.random_states import random_states, set_random_states
from evaluators.tasks.task import Tensors
from nas.study.candidate import Job, Report
from nas.study.latency import LATENCY, Protocol

MS_PER_S = 1e3


def latency(
    protocol: Protocol | None, job: Job, part: Tensors, device: str, curve: Sequence[Report]
) -> dict[str, float]:
    """The metric `latency` of a candidate: what its earlier reports say, else measured now; empty without a protocol.

    Args:
        part: whose first samples make up the batch, over again where there are too few.
        device: that the candidate is trained on.
        curve: its reports so far.
    """
    if protocol is None:
        return {}
    known = curve[-1].metrics.get(LATENCY) if curve else None
    if known is None:
        known = measured_ms(job.source, next(part.slices(protocol.batch)), protocol, device)
    return {LATENCY: known}


def measured_ms(source: str, samples: Sequence[Tensor], protocol: Protocol, device: str = "cpu") -> float:
    """Milliseconds of a forward pass of the module that `source` defines, with weights as they are drawn.

    A module of its own, so that measuring changes nothing in training; threads and random numbers are put back.

    Args:
        samples: of each input, `(n, …)`.
        device: where the samples are; taken in place of the protocol's where both are of one kind, such as `cuda:1`.
    """
    from nas.codegen import build

    place = torch.device(device if torch.device(device).type == torch.device(protocol.device).type else protocol.device)
    threads, before = torch.get_num_threads(), random_states(str(place))
    torch.set_num_threads(protocol.threads)
    try:
        module = build(source).to(place).eval()
        batch = [x[torch.arange(protocol.batch, device=x.device) % len(x)].to(place) for x in samples]
        taken = []
        with torch.inference_mode():
            for _ in range(protocol.warmup + protocol.repeats):
                _settle(place)
                started = time.perf_counter()
                module(*batch)
                _settle(place)
                taken.append(time.perf_counter() - started)
        return statistics.median(taken[protocol.warmup :]) * MS_PER_S
    finally:
        set_random_states(str(place), before)
        torch.set_num_threads(threads)


def _settle(place: torch.device) -> None:
    """Wait until a GPU has done what it was told."""
    if place.type == "cuda":
        torch.cuda.synchronize(place)
