"""A learned mean of tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Mixture(nn.Module):
    """y = Σₖ softmax(w)ₖ ⊙ xₖ of tensors of one shape; w has the shape `(k, …)`, of which the rest broadcasts over an xₖ.

    It starts as the plain mean.

    Source: Liu, Simonyan and Yang 2018, "DARTS: Differentiable Architecture Search", arXiv:1806.09055.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, *tensors: Tensor) -> Tensor:
        shares = self.weight.softmax(0)
        y = shares[0] * tensors[0]
        for k in range(1, len(tensors)):
            y = y + shares[k] * tensors[k]
        return y
