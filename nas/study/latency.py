"""How latency is measured, as a value: written into the record, since milliseconds mean nothing without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LATENCY = "latency"
"""Name of the metric, in milliseconds. It is measured, so no sampler knows it beforehand; and it is of the model and not of
data, so training does not change it and it has no splits."""


@dataclass(frozen=True)
class Protocol:
    """The median time of forward passes in float32, in evaluation mode and without gradients, one after the other.

    Args:
        batch: samples of a pass.
        warmup: passes before the first that counts.
        repeats: passes that count; each is timed by itself, on a GPU until it is done there.
        threads: of torch on the CPU.
        device: where, such as `cpu`.
    """

    batch: int = 1
    warmup: int = 10
    repeats: int = 30
    threads: int = 1
    device: str = "cpu"

    def __str__(self) -> str:
        threads = f", {self.threads} thread{'s' if self.threads > 1 else ''}" if self.device == "cpu" else ""
        return (
            f"median of {self.repeats} forward passes after {self.warmup} for warm-up, batch {self.batch}, float32, "
            f"{self.device}{threads}"
        )


def protocol_of(experiment: Mapping[str, Any]) -> str:
    """The protocol of a study with these settings, for people; empty where nobody measured."""
    settings = experiment.get("latency")
    return str(Protocol(**settings)) if settings else ""
