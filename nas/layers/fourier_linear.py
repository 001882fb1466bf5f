"""The KAN layer with Fourier series."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FourierLinear(nn.Module):
    """yⱼ = bⱼ + Σᵢ Σₖ cⱼᵢₖ cos(k xᵢ) + sⱼᵢₖ sin(k xᵢ), k = 1 … grid, over the last dimension, from `i` to `o` channels.

    Both start as N(0, 1 / (i · grid)), which gives y a variance of 1, and b at 0.

    Source: Xu et al. 2024, "FourierKAN-GCF", arXiv:2406.01034.
    """

    def __init__(self, i: int, o: int, grid: int = 5) -> None:
        super().__init__()
        self.grid = grid
        self.weight = nn.Parameter(torch.randn(o, i, 2 * grid) / math.sqrt(i * grid))
        self.bias = nn.Parameter(torch.zeros(o))

    def forward(self, x: Tensor) -> Tensor:
        angles = x.unsqueeze(-1) * torch.arange(1, self.grid + 1, device=x.device)
        waves = torch.cat([angles.cos(), angles.sin()], -1)
        return F.linear(waves.flatten(-2), self.weight.flatten(1), self.bias)
