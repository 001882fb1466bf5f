"""What lies beyond the ends of a dimension."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Border(nn.Module):
    """More numbers at the ends of dimension `dim`.

    They are the outermost number again (`edge`), its neighbours mirrored at it (`reflect`), or what stands at the other
    end (`circular`).
    """

    def __init__(self, before: int, after: int, dim: int, mode: str) -> None:
        super().__init__()
        self.before, self.after, self.dim, self.mode = before, after, dim, mode

    def extra_repr(self) -> str:
        return f"before={self.before}, after={self.after}, dim={self.dim}, mode={self.mode}"

    def forward(self, x: Tensor) -> Tensor:
        last = x.shape[self.dim] - 1
        at = torch.arange(-self.before, last + 1 + self.after, device=x.device)
        if self.mode == "edge":
            at = at.clamp(0, last)
        elif self.mode == "reflect":
            at = last - (last - at.abs()).abs()
        else:
            at = at % (last + 1)
        return x.index_select(self.dim, at)
