"""Normalised powers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PolyNorm(nn.Module):
    """y = b + Σₖ aₖ xᵏ / √(mean x²ᵏ + ε) for k = 1 … order, over the last dimension; aₖ starts at 1 / order, b at 0.

    Source: Zhuo et al. 2024, "Polynomial Composition Activations", arXiv:2411.03884.
    """

    def __init__(self, order: int = 3, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.full((order,), 1 / order))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        power, y = torch.ones_like(x), self.bias
        for a in self.weight:
            power = power * x
            y = y + a * power * (power.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        return y
