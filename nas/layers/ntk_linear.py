"""A linear map in the neural tangent parametrisation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class NTKLinear(nn.Module):
    """y = W x / √i + b over the last dimension, from `i` to `o` channels; W and b start as N(0, 1), or as `zeros`.

    Source: Jacot, Gabriel and Hongler 2018, arXiv:1806.07572; Holzmüller et al. 2024 (RealMLP), arXiv:2407.04491.
    """

    def __init__(self, i: int, o: int, bias: bool = True, zeros: bool = False) -> None:
        super().__init__()
        draw = torch.zeros if zeros else torch.randn
        self.factor = 1 / math.sqrt(i)
        self.weight = nn.Parameter(draw(o, i))
        self.bias = nn.Parameter(draw(o)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.factor * nn.functional.linear(x, self.weight)
        return y if self.bias is None else y + self.bias
