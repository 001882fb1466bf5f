"""A step of its own for every channel."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CycleShift(nn.Module):
    """y[…, i, c] = x[…, i + step(c), c], zero where that is outside of x; the steps are 0, 1, −1, 0, … for a window of 3.

    step(c) = (c + window // 2) mod window − window // 2.

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
        for c in range(min(self.window, n)):
            start = (c + before) % self.window
            y[..., c :: self.window] = padded[..., start : start + length, c :: self.window]
        return y
