"""A fixed random order."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Permutation(nn.Module):
    """Puts a dimension of size `n` in an order drawn with `seed`, which is stored: y[i] = x[order[i]]."""

    def __init__(self, n: int, seed: int = 0) -> None:
        super().__init__()
        self.order: Tensor
        self.register_buffer("order", torch.randperm(n, generator=torch.Generator().manual_seed(seed)))

    def forward(self, x: Tensor, dim: int) -> Tensor:
        return x.index_select(dim, self.order)
