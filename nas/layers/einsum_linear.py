"""Linear maps with weights of their own at every position."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class EinsumLinear(nn.Module):
    """y = einsum(x, W) + b, such as `...tc,tdc->...td`: for every token t a matrix W_t of its own, from c to d channels.

    `weight` is the shape of W, its last two sizes those of a matrix, out and in; `bias` is the shape of b, which must
    broadcast over y, or None. Both start as in `nn.Linear`: uniform in ±1/√in.
    """

    def __init__(self, equation: str, weight: tuple[int, ...], bias: tuple[int, ...] | None = None) -> None:
        super().__init__()
        self.equation = equation
        bound = 1 / math.sqrt(weight[-1])
        self.weight = nn.Parameter(torch.empty(weight).uniform_(-bound, bound))
        self.bias = None if bias is None else nn.Parameter(torch.empty(bias).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.einsum(self.equation, x, self.weight)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        return self.equation
