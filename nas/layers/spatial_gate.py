"""The spatial gating unit of gMLP."""

from __future__ import annotations

from torch import Tensor, nn


class SpatialGate(nn.Module):
    """y = x₁ ⊙ (W LN(x₂) + b) for x = [x₁; x₂] of shape (…, tokens, 2·channels); W mixes the tokens.

    It starts close to y = x₁: W ≈ 0, b = 1.

    Source: Liu et al. 2021, "Pay Attention to MLPs", arXiv:2105.08050.
    """

    def __init__(self, channels: int, tokens: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.mix = nn.Linear(tokens, tokens)
        nn.init.normal_(self.mix.weight, std=1e-6)
        nn.init.ones_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        passed, gate = x.chunk(2, -1)
        mixed: Tensor = self.mix(self.norm(gate).transpose(-2, -1))
        return passed * mixed.transpose(-2, -1)
