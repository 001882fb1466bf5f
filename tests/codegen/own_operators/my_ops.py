"""Operators of a user's own, as the documentation shows them."""

import torch
from torch import Tensor, nn

import nas

START = 2.0


@nas.operator("y = s tanh(x / s)", source="this file")
class SoftClip(nn.Module):
    """A learned soft limit for every channel."""

    def __init__(self, channels: int, start: float = START) -> None:
        super().__init__()
        self.limit = nn.Parameter(torch.full((channels,), start))

    def forward(self, x: Tensor) -> Tensor:
        return self.limit * torch.tanh(x / self.limit)


@nas.operator("y = x sin(w x)")
def wavy(x: Tensor, w: float = 1.0) -> Tensor:
    """A wave."""
    return x * torch.sin(w * x)


@nas.operator("y = U V x")
class LowRank(nn.Module):
    """A linear map of low rank."""

    def __init__(self, i: int, n: int, rank: int = 2) -> None:
        super().__init__()
        self.down = nn.Linear(i, rank, bias=False)
        self.up = nn.Linear(rank, n, bias=False)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.up(self.down(x))


@nas.operator("y = (x + z) / 2")
def middle(x: Tensor, z: Tensor) -> Tensor:
    return (x + z) / 2
