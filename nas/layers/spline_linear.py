"""The KAN layer with B-splines."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SplineLinear(nn.Module):
    """yⱼ = Σᵢ wⱼᵢ silu(xᵢ) + sⱼᵢ Σₖ cⱼᵢₖ Bₖ(xᵢ), over the last dimension, from `i` to `o` channels.

    The Bₖ are the B-splines of `degree` on `grid` equal intervals of [−1, 1]; they sum to 1 there and fade out beyond.

    Source: Liu et al. 2024, "KAN: Kolmogorov-Arnold Networks", arXiv:2404.19756.
    """

    def __init__(self, i: int, o: int, grid: int = 5, degree: int = 3) -> None:
        super().__init__()
        self.degree = degree
        self.step = 2 / grid
        self.base_weight = nn.Parameter(torch.empty(o, i))
        self.spline_weight = nn.Parameter(torch.empty(o, i, grid + degree))
        self.spline_scale = nn.Parameter(torch.empty(o, i))
        nn.init.kaiming_uniform_(self.base_weight, a=math.sqrt(5))
        nn.init.normal_(self.spline_weight, std=0.1 / grid)
        nn.init.kaiming_uniform_(self.spline_scale, a=math.sqrt(5))
        self.knots: Tensor
        self.register_buffer("knots", torch.arange(-degree, grid + degree + 1) * self.step - 1)

    def bases(self, x: Tensor) -> Tensor:
        """All Bₖ at every x, (…) → (…, grid + degree): one bump moved along the grid, which sums of powers give."""
        count, d = len(self.knots) - self.degree - 1, self.degree
        centers = (self.knots[(d + 1) // 2 :][:count] + self.knots[d // 2 + 1 :][:count]) / 2
        distance = (x / self.step).unsqueeze(-1) - centers / self.step
        if d == 0:
            return ((distance >= -0.5) & (distance < 0.5)).to(x.dtype)
        left = F.relu((d + 1) / 2 - distance.abs())
        bases = left**d
        for j in range(1, d // 2 + 1):
            bases = torch.add(bases, F.relu(left - j) ** d, alpha=(-1) ** j * math.comb(d + 1, j))
        return bases / math.factorial(d)

    def forward(self, x: Tensor) -> Tensor:
        spline_weight = self.spline_weight * self.spline_scale.unsqueeze(-1)
        base = F.linear(F.silu(x), self.base_weight)
        return base + F.linear(self.bases(x).flatten(-2), spline_weight.flatten(1))
