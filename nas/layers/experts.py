"""A mixture of experts."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Experts(nn.Module):
    """y = Σₑ gₑ (W′ₑ act(Wₑ x + bₑ) + b′ₑ) over the `active` largest gates gₑ; the other experts are not computed.

    x has the shape (…, i), the gates (…, experts), y (…, o); `act` is the name of a function of `torch.nn.functional`.
    Every expert starts as two `nn.Linear` do.

    Source: Shazeer et al. 2017, "Outrageously Large Neural Networks", arXiv:1701.06538.
    """

    def __init__(self, i: int, hidden: int, o: int, experts: int, active: int, act: str = "gelu") -> None:
        super().__init__()
        self.active = active
        self.act = getattr(F, act)
        up, down = 1 / math.sqrt(i), 1 / math.sqrt(hidden)
        self.up = nn.Parameter(torch.empty(experts, hidden, i).uniform_(-up, up))
        self.up_bias = nn.Parameter(torch.empty(experts, hidden).uniform_(-up, up))
        self.down = nn.Parameter(torch.empty(experts, o, hidden).uniform_(-down, down))
        self.down_bias = nn.Parameter(torch.empty(experts, o).uniform_(-down, down))

    def forward(self, x: Tensor, gates: Tensor) -> Tensor:
        positions, gates = x.flatten(0, -2), gates.flatten(0, -2)
        chosen = gates.topk(self.active).indices
        y = positions.new_zeros(positions.shape[0], self.down.shape[1])
        for e in range(self.up.shape[0]):
            rows = (chosen == e).any(-1).nonzero().squeeze(-1)
            hidden = self.act(F.linear(positions[rows], self.up[e], self.up_bias[e]))
            found = F.linear(hidden, self.down[e], self.down_bias[e])
            y = y.index_add(0, rows, (gates[rows, e].unsqueeze(-1) * found).type_as(y))
        return y.view(*x.shape[:-1], -1)

    def extra_repr(self) -> str:
        experts, hidden, i = self.up.shape
        return f"{i} → {hidden} → {self.down.shape[1]}, {self.active} of {experts}"
