"""Powers of a ReLU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PolyReLU(nn.Module):
    """y = b + Σₖ aₖ max(x, 0)ᵏ for k = 1 … order; every aₖ starts at 1 / order and b at 0.

    Source: Zhuo et al. 2024, "Polynomial Composition Activations", arXiv:2411.03884.
    """

    def __init__(self, order: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((order,), 1 / order))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        x, y = F.relu(x), torch.zeros_like(x)
        for a in reversed(self.weight):
            y = (y + a) * x
        return y + self.bias
