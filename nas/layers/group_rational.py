"""The activation of the Kolmogorov-Arnold transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GroupRational(nn.Module):
    """y = (Σⱼ aⱼ xʲ) / (1 + Σₖ |bₖ xᵏ|), j ≤ 5, 1 ≤ k ≤ 4, over the last dimension: one a, and a b for each of `groups`.

    It starts near `start`, the identity or swish (its Padé approximant x/2 + x tanh(x/2)/2, exact to 0.01 in ±5), times the
    gain that gives x ~ N(0, 1) a second moment of 1.

    Source: Yang and Wang 2024, "Kolmogorov-Arnold Transformer", arXiv:2409.10594.
    """

    def __init__(self, groups: int = 8, start: str = "swish") -> None:
        super().__init__()
        if start == "identity":
            gain, above = 1.0, [0.0, 1, 0, 0, 0, 0]
            below = [0.0, 0, 0, 0]
        else:
            gain, above = 1.676545, [0, 1 / 2, 1 / 4, 3 / 56, 1 / 168, 1 / 3360]
            below = [0, 3 / 28, 0, 1 / 1680]
        self.numerator = nn.Parameter(gain * torch.tensor(above))
        # At 0 itself |b| has no slope, and b could never leave it.
        self.denominator = nn.Parameter(torch.tensor(below).clamp_min(1e-8).repeat(groups, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(*x.shape[:-1], len(self.denominator), -1)
        above = torch.zeros_like(x)
        for a in reversed(self.numerator):
            above = above * x + a
        below = torch.zeros_like(x)
        for b in reversed(self.denominator.abs().unsqueeze(-1).unbind(1)):
            below = (below + b) * x.abs()
        return (above / (1 + below)).flatten(-2)
