"""Tables of vectors for fields of codes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FieldEmbedding(nn.Module):
    """Codes of shape (…, f) → vectors of shape (…, f, n), from one table of `vocabulary` vectors for each of `fields`.

    With `fields` 1 all f read one table. Codes are numbers; one that is no integer in 0 … vocabulary − 1 is taken for the
    nearest that is, nan for 0. The vectors start as N(0, std²).
    """

    def __init__(self, fields: int, vocabulary: int, n: int, std: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(std * torch.randn(fields, vocabulary, n))

    def forward(self, x: Tensor) -> Tensor:
        fields, vocabulary, _ = self.weight.shape
        codes = x.round().nan_to_num(0.0).clamp(0, vocabulary - 1).long()
        table = vocabulary * torch.arange(fields, device=x.device)
        return F.embedding(codes + table, self.weight.flatten(0, 1))

    def extra_repr(self) -> str:
        return str(tuple(self.weight.shape))
