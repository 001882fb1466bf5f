"""The KAN layer with wavelets."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class WaveletLinear(nn.Module):
    """yⱼ = BN(Σᵢ wⱼᵢ ψ((xᵢ − tⱼᵢ) / sⱼᵢ)) over the last dimension, from `i` to `o` channels.

    ψ is `mexican_hat`, `morlet` or `dog` (the derivative of a Gaussian). s starts at 1, t at 0, w as in `nn.Linear`.

    Source: Bozorgasl and Chen 2024, "Wav-KAN: Wavelet Kolmogorov-Arnold Networks", arXiv:2405.12832.
    """

    def __init__(self, i: int, o: int, wavelet: str = "mexican_hat") -> None:
        super().__init__()
        self.wavelet = wavelet
        self.scale = nn.Parameter(torch.ones(o, i))
        self.translation = nn.Parameter(torch.zeros(o, i))
        self.weight = nn.Parameter(torch.empty(o, i))
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        self.norm = nn.BatchNorm1d(o)

    def psi(self, x: Tensor) -> Tensor:
        bell = torch.exp(-x.square() / 2)
        if self.wavelet == "mexican_hat":
            height: float = 2 / math.sqrt(3 * math.sqrt(math.pi))
            return height * (x.square() - 1) * bell
        return torch.cos(5 * x) * bell if self.wavelet == "morlet" else -x * bell

    def forward(self, x: Tensor) -> Tensor:
        waves = self.psi((x.unsqueeze(-2) - self.translation) / self.scale)
        y = torch.einsum("...oi,oi->...o", waves, self.weight)
        normed: Tensor = self.norm(y.flatten(0, -2))
        return normed.view_as(y)
