"""Numbers moved along a dimension."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Shift(nn.Module):
    """y[i] = x[i − by] along dimension `dim`; outside of x it is zero, or its outermost number with `fill="edge"`.

    The result is always a copy.

    Source: Yu et al. 2021, "S²-MLP: Spatial-Shift MLP Architecture for Vision", arXiv:2106.07477.
    """

    def __init__(self, by: int, dim: int, fill: str = "zero") -> None:
        super().__init__()
        self.by, self.dim, self.fill = by, dim, fill

    def extra_repr(self) -> str:
        return f"by={self.by}, dim={self.dim}, fill={self.fill}"

    def forward(self, x: Tensor) -> Tensor:
        if self.fill == "zero":
            return F.pad(x, (0, 0) * (x.ndim - 1 - self.dim) + (self.by, -self.by))
        n = x.shape[self.dim]
        at = torch.arange(-self.by, n - self.by, device=x.device).clamp(0, n - 1)
        return x.index_select(self.dim, at)
