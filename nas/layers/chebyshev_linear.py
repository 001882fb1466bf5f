"""The KAN layer with Chebyshev polynomials."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChebyshevLinear(nn.Module):
    """yⱼ = Σᵢ Σₖ cⱼᵢₖ Tₖ(tanh xᵢ), over the last dimension, from `i` to `o` channels.

    The recurrence Tₖ = 2 x Tₖ₋₁ − Tₖ₋₂ stays smooth at ±1, where cos(k arccos x) has no gradient.

    Source: Sidharth and Gokul 2024, "Chebyshev Polynomial-Based Kolmogorov-Arnold Networks", arXiv:2405.07200.
    """

    def __init__(self, i: int, o: int, degree: int = 4) -> None:
        super().__init__()
        self.degree = degree
        self.weight = nn.Parameter(torch.empty(o, i, degree + 1))
        nn.init.normal_(self.weight, std=1 / (i * (degree + 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(x)
        terms = [torch.ones_like(x), x]
        while len(terms) <= self.degree:
            terms.append(2 * x * terms[-1] - terms[-2])
        return F.linear(torch.stack(terms[: self.degree + 1], -1).flatten(-2), self.weight.flatten(1))
