"""The KAN layer with Gaussian bumps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class RBFLinear(nn.Module):
    """yⱼ = bⱼ + Σᵢ wⱼᵢ silu(xᵢ) + Σₖ cⱼᵢₖ exp(−((LN(x)ᵢ − μₖ) / h)²), over the last dimension, from `i` to `o` channels.

    The `grid` centres μₖ lie evenly in [−2, 2], h apart, and stay there.

    Source: Li 2024, "Kolmogorov-Arnold Networks are Radial Basis Function Networks", arXiv:2405.06721.
    """

    def __init__(self, i: int, o: int, grid: int = 8) -> None:
        super().__init__()
        self.step = 4 / (grid - 1)
        self.norm = nn.LayerNorm(i)
        self.base = nn.Linear(i, o)
        self.weight = nn.Parameter(torch.empty(o, i, grid))
        nn.init.trunc_normal_(self.weight, std=0.1)
        self.centres: Tensor
        self.register_buffer("centres", torch.linspace(-2, 2, grid))

    def forward(self, x: Tensor) -> Tensor:
        bumps = torch.exp(-(((self.norm(x).unsqueeze(-1) - self.centres) / self.step) ** 2))
        base: Tensor = self.base(F.silu(x))
        return base + F.linear(bumps.flatten(-2), self.weight.flatten(1))
