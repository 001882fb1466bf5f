"""Random numbers of a training that depend on nothing but the candidate, its step and the place that draws them."""

from __future__ import annotations

import hashlib

import torch
from torch import nn

# Layers that draw random numbers in training, by the name of their class: exported files carry some of them.
NOISY = ("Dropout", "DropPath")


def draw_seed(seed: int, step: int, place: int) -> int:
    """The seed of what the `place`-th random operator of a model draws in `step`.

    Args:
        seed: the candidate's.
        step: from 1.
        place: its order among the random operators of one forward pass, from 0.
    """
    data = f"{seed} {step} {place}".encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) >> 1


class Noise:
    """Makes what the noisy layers of a module draw depend on the candidate, the step and the layer alone.

    Args:
        module: whose layers are seeded before each of their calls in training.
        seed: the candidate's.
    """

    def __init__(self, module: nn.Module, seed: int) -> None:
        self.seed, self.step, self.place = seed, 0, 0
        for layer in module.modules():
            if type(layer).__name__ in NOISY:
                layer.register_forward_pre_hook(self._before)

    def begin(self, step: int) -> None:
        """The forward pass of `step`, from 1, comes next."""
        self.step, self.place = step, 0

    def _before(self, layer: nn.Module, inputs: object) -> None:
        if layer.training:
            torch.manual_seed(draw_seed(self.seed, self.step, self.place))
            self.place += 1
