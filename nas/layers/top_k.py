"""Sparse gates."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TopK(nn.Module):
    """Keeps the `k` largest numbers of the last dimension and puts 0 elsewhere.

    Source: Shazeer et al. 2017, "Outrageously Large Neural Networks", arXiv:1701.06538.
    """

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def forward(self, x: Tensor) -> Tensor:
        largest, where = x.topk(self.k)
        return torch.zeros_like(x).scatter(-1, where, largest)

    def extra_repr(self) -> str:
        return f"k={self.k}"
