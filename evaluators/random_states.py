"""Torch's random numbers of one device, and those of the CPU, as states that can be kept and put back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def random_states(device: str) -> list[Tensor]:
    """Of the CPU, and where `device` is a GPU, of that."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if _on_gpu(device) else [])]


def set_random_states(device: str, states: Sequence[Tensor]) -> None:
    """Go on from `states`, which `random_states` gave for `device`."""
    torch.set_rng_state(states[0])
    if _on_gpu(device):
        torch.cuda.set_rng_state(states[1], device)


def _on_gpu(device: str) -> bool:
    return torch.device(device).type == "cuda"
