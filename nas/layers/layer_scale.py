"""A learned scale per channel."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LayerScale(nn.Module):
    """y = γ ⊙ x over the last dimension, which has size `n`; γ starts at `init`.

    Source: Touvron et al. 2021, "Going deeper with Image Transformers", arXiv:2103.17239.
    """

    def __init__(self, n: int, init: float = 1e-5) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((n,), float(init)))

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * x
