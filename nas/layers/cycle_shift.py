"""A step of its own for every channel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CycleShift(nn.Module):
    """y[…, i, c] = x[…, i + (c mod window) − window // 2, c], zero where that is outside of x.

    Source: Chen et al. 2021, "CycleMLP: A MLP-like Architecture for Dense Prediction", arXiv:2107.10224.
    """

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def extra_repr(self) -> str:
        return f"window={self.window}"

    def forward(self, x: Tensor) -> Tensor:
        length, n = x.shape[-2:]
        before = self.window // 2
        padded = F.pad(x, (0, 0, before, self.window - 1 - before))
        y = torch.empty_like(x)
        for step in range(min(self.window, n)):
            y[..., step :: self.window] = padded[..., step : step + length, step :: self.window]
        return y
