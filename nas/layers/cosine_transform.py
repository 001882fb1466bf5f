"""The cosine transform, as a matrix."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class CosineTransform(nn.Module):
    """The orthonormal DCT-II over the last dimension, which has size `n`, or its inverse.

    Source: Ahmed, Natarajan and Rao 1974, "Discrete Cosine Transform".
    """

    def __init__(self, n: int, inverse: bool = False) -> None:
        super().__init__()
        k, i = torch.arange(n, dtype=torch.float64).unsqueeze(1), torch.arange(n, dtype=torch.float64)
        basis = torch.cos(math.pi * (i + 0.5) * k / n) * math.sqrt(2 / n)
        basis[0] /= math.sqrt(2)
        self.basis: Tensor
        self.register_buffer("basis", (basis.T if inverse else basis).float().contiguous())

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.basis)
