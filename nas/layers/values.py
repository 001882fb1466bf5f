"""Learned numbers that are no layer's weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Values(nn.Module):
    """A tensor of parameters; called, it gives itself. It starts at `init`, or around it:

    `normal` with the standard deviation `spread`, `uniform` in init ± spread, or `signs`: init or −init, by a coin's toss.
    """

    def __init__(
        self, shape: tuple[int, ...], init: float = 0.0, spread: float = 0.0, distribution: str = "constant"
    ) -> None:
        super().__init__()
        values = torch.full(shape, float(init))
        if distribution == "normal":
            values += spread * torch.randn(shape)
        elif distribution == "uniform":
            values += spread * (2 * torch.rand(shape) - 1)
        elif distribution == "signs":
            values *= 2 * torch.randint(2, shape) - 1
        self.weight = nn.Parameter(values)

    def forward(self) -> Tensor:
        return self.weight

    def extra_repr(self) -> str:
        return str(tuple(self.weight.shape))
