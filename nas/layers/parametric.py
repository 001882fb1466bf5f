"""An activation that every channel may turn down."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Parametric(nn.Module):
    """y = x + α ⊙ (act(x) − x) over the last dimension, which has size `n`; α starts at 1.

    `act` is the name of a function of `torch.nn.functional`.

    Source: Holzmüller, Grinsztajn and Steinwart 2024, "Better by Default" (RealMLP), arXiv:2407.04491.
    """

    def __init__(self, n: int, act: str = "selu") -> None:
        super().__init__()
        self.act = getattr(F, act)
        self.alpha = nn.Parameter(torch.ones(n))

    def forward(self, x: Tensor) -> Tensor:
        full: Tensor = self.act(x)
        return x + self.alpha * (full - x)
