"""A scale and a shift per channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Affine(nn.Module):
    """y = α ⊙ x + β over the last dimension, which has size `n`; α starts at 1 and β at 0.

    Source: Touvron et al. 2021, "ResMLP: Feedforward networks for image classification", arXiv:2105.03404.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(n))
        self.beta = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.beta, self.alpha, x)
