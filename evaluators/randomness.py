"""Random numbers of a training that depend on nothing but the candidate, its step and the place that draws them."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from math import ceil

import torch
from torch import Tensor, nn

# Layers that draw random numbers in training by torch's own generator, by the name of their class, as exported files carry them.
NOISY = ("DropPath",)

LEVELS = 1 << 16  # of a random number that decides whether something is dropped


def draw_seed(seed: int, step: int, place: int) -> int:
    """The seed of what the `place`-th random operator of a model draws in `step`.

    Args:
        seed: the candidate's.
        step: from 1.
        place: its order among the random operators of one forward pass, from 0.
    """
    data = f"{seed} {step} {place}".encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) >> 1


def kept(seed: int, keep: float, out: Tensor) -> None:
    """Write what dropout multiplies by: 1 / `keep` with the probability `keep`, to within 1 / 65536, else 0.

    Four numbers come of one draw of 64 bits, so that a wide layer takes a third of the time of `bernoulli_`. Equal seeds give equal
    masks on one kind of device, whoever asks, but not those of `nn.Dropout`.

    Args:
        seed: of `draw_seed`.
        out: dense, in the order of the draws: `(last axis, …, samples)`.
    """
    n = out.numel()
    draws = torch.empty(ceil(n / 4), dtype=torch.int64, device=out.device)
    draws.random_(-(1 << 63), None, generator=torch.Generator(out.device).manual_seed(seed))
    # As floating-point numbers, since a comparison of 16-bit ones takes four times as long.
    out.copy_(draws.view(torch.int16)[:n].view(out.shape))
    out.lt_(round((keep - 0.5) * LEVELS)).mul_(1 / keep)


class Noise:
    """Makes what the noisy layers of a module draw depend on the candidate, the step and the layer alone.

    Args:
        module: whose layers are seeded before each of their calls in training; its `nn.Dropout` take their masks from `kept`.
        seed: the candidate's.
    """

    def __init__(self, module: nn.Module, seed: int) -> None:
        self.seed, self.step, self.turn = seed, 0, 0
        self._here = threading.local()  # copies of the module on several GPUs run in a thread each
        for layer in module.modules():
            if type(layer) is nn.Dropout:
                layer.forward = partial(self._dropped, layer)  # type: ignore[method-assign]
            elif type(layer).__name__ in NOISY:
                layer.register_forward_pre_hook(self._before)

    def begin(self, step: int) -> None:
        """The forward pass of `step`, from 1, comes next."""
        self.step, self.turn = step, self.turn + 1

    def _dropped(self, layer: nn.Dropout, x: Tensor) -> Tensor:
        if not layer.training:
            return x
        mask = x.new_empty((x.shape[-1], *x.shape[1:-1], len(x)) if x.ndim > 1 else x.shape)
        kept(self._next(), 1 - layer.p, mask)
        return x * (mask.transpose(0, -1) if x.ndim > 1 else mask)

    def _before(self, layer: nn.Module, inputs: object) -> None:
        if layer.training:
            torch.manual_seed(self._next())

    def _next(self) -> int:
        here = self._here
        here.place = here.place + 1 if getattr(here, "turn", None) == self.turn else 0
        here.turn = self.turn
        return draw_seed(self.seed, self.step, here.place)
