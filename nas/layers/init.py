"""The weights that a linear layer starts with, where they are not torch's own choice."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Init:
    """Fills a linear layer: `nn.Linear(4, 5).apply(Init("orthogonal", bias="zeros"))`.

    Each matrix, that is the last two dimensions of the weight, is filled by itself: `zeros`, `ones`, `identity` (as far as
    it reaches), `near_zero` (normal, σ = 1e-6), `normal` (σ = 0.02), `orthogonal`, `xavier` (uniform); `default` leaves it.

    Source: near_zero, Liu et al. 2021, arXiv:2105.08050; orthogonal, Saxe et al. 2013, arXiv:1312.6120; xavier, Glorot and
        Bengio 2010; normal, Radford et al. 2018 (GPT).
    """

    def __init__(self, weight: str = "default", bias: str = "default") -> None:
        self.weight = weight
        self.bias = bias

    @torch.no_grad()
    def __call__(self, layer: nn.Module) -> None:
        assert isinstance(layer.weight, Tensor)
        for matrix in layer.weight.view(-1, *layer.weight.shape[-2:]):
            self.fill(matrix, self.weight)
        if isinstance(layer.bias, Tensor):
            self.fill(layer.bias, self.bias)

    def fill(self, values: Tensor, start: str) -> None:
        if start in ("zeros", "ones"):
            values.fill_(float(start == "ones"))
        elif start in ("near_zero", "normal"):
            nn.init.normal_(values, std=1e-6 if start == "near_zero" else 0.02)
        elif start == "identity":
            nn.init.eye_(values)
        elif start == "orthogonal":
            nn.init.orthogonal_(values)
        elif start == "xavier":
            nn.init.xavier_uniform_(values)
