"""Norms over the last axis. What acts element by element is one call for all members side by side.

Means are taken member by member, or at once over neighbors of one width. A product with a matrix of segments would be one
call for all, but 0 times what is not finite in one member is not finite in every other one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Destination, Made, Scratch, Site, summed
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot

# Numbers of a member above which torch's own layer norm is faster than several calls, where no neighbor has its width.
LARGE = 1 << 13
LENGTH_EPS = 1e-12


def layer_norm(site: Site) -> Made | None:
    """y = γ ⊙ (x − mean x) / √(var x + ε) + β."""
    return _norm(site, centered=True)


def rms_norm(site: Site) -> Made | None:
    """y = γ ⊙ x / √(mean x² + ε)."""
    return _norm(site)


def l2_norm(site: Site) -> Made | None:
    """y = x / max(√Σ x², 1e-12)."""
    return _norm(site, length=True)


def _norm(site: Site, *, centered: bool = False, length: bool = False) -> Made | None:
    if site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    x, y = site.inputs[0], site.output
    eps = None if length else float(site.attrs["eps"])  # type: ignore[arg-type]
    norm = RowNorm(
        x, y, site.weights.get("weight"), site.weights.get("bias"), eps=eps, centered=centered, scratch=site.scratch
    )

    def backward() -> Calls:
        return norm.backward(y.gradient, site.gradient())

    return norm.forward(), backward


class RowNorm:
    """y = γ ⊙ (x − mean x) r + β along the last axis, r the inverse of a size of x − mean x.

    Args:
        weight: γ; None: 1.
        bias: β; None: 0.
        eps: what the mean square is increased by under the root; None: r is the inverse of the length.
        centered: False: without the mean.
    """

    def __init__(
        self, x: Value, y: Value, weight: Slot | None, bias: Slot | None, *,
        eps: float | None, centered: bool, scratch: Scratch,
    ) -> None:  # fmt: skip
        self.places = _blocks(x, y)
        slots = (weight, bias)
        self.blocks: list[_Block | _Alone] = []
        for low, high in self.places:
            rows = rows_of(x, low, high), rows_of(y, low, high)
            gamma, beta = (None if slot is None else slot.slice(low, high) for slot in slots)
            if centered and eps is not None and high == low + 1:
                self.blocks.append(_Alone(*rows, gamma, beta, eps))
                continue
            widths = [shape[-1] for shape in y.shapes[low:high]]
            self.blocks.append(_Block(*rows, widths, gamma, beta, eps=eps, centered=centered, scratch=scratch))

    def forward(self) -> Calls:
        """Calls that compute y."""
        return [call for block in self.blocks for call in block.forward()]

    def backward(self, gradient: Value, into: Destination | None) -> Calls:
        """Calls that bring the gradients of the weights and of x, given that of y."""
        calls = [] if into is None else list(into.before)
        for (low, high), block in zip(self.places, self.blocks, strict=True):
            target = None if into is None else rows_of(into.value, low, high)
            calls += block.backward(rows_of(gradient, low, high), target, into is not None and into.holds)
        return calls


def rows_of(value: Value, low: int, high: int) -> Tensor:
    """The members `low` to before `high`, of which there is one if they are not side by side, as rows."""
    return value.part_rows[low] if high == low + 1 else value.slice(low, high).rows


def _blocks(x: Value, y: Value) -> list[tuple[int, int]]:
    """Which members are computed together, from low to before high."""
    if not (x.side and y.side):
        return [(i, i + 1) for i in range(len(y))]
    widths = [shape[-1] for shape in y.shapes]
    places, low = [], 0
    for i, width in enumerate(widths):
        if len(y.rows) * width > LARGE and widths.count(width) == 1:
            places += [(low, i), (i, i + 1)]
            low = i + 1
    return [(low, high) for low, high in [*places, (low, len(y))] if low < high]


class _Alone:
    """The layer norm of one member as rows, by torch's own kernels: nothing is faster where a block has one member."""

    def __init__(self, x: Tensor, y: Tensor, weight: Slot | None, bias: Slot | None, eps: float) -> None:
        self.x, self.y, self.weight, self.bias, self.eps = x, y, weight, bias, eps
        self.gamma, self.beta = (None if slot is None else slot.whole for slot in (weight, bias))
        self.kept: tuple[Tensor, ...] = ()

    def forward(self) -> Calls:
        return [self._run]

    def backward(self, gradient: Tensor, into: Tensor | None, holds: bool) -> Calls:
        return [partial(self._run_back, gradient, into, holds)]

    def _run(self) -> None:
        out, *kept = torch.native_layer_norm(self.x, self.x.shape[1:], self.gamma, self.beta, self.eps)
        self.kept = tuple(kept)
        self.y.copy_(out)

    def _run_back(self, gradient: Tensor, into: Tensor | None, holds: bool) -> None:
        outs = [(into, holds)]
        outs += [(None, False) if slot is None else (slot.gradient, slot.tied) for slot in (self.weight, self.bias)]
        found = torch.ops.aten.native_layer_norm_backward(
            gradient, self.x, self.x.shape[1:], *self.kept, self.gamma, self.beta, [out is not None for out, _ in outs]
        )
        for (out, added), numbers in zip(outs, found, strict=True):
            if out is not None:
                out.add_(numbers) if added else out.copy_(numbers)


class _Block:
    """Some members side by side, as rows; each has a segment of every row."""

    def __init__(
        self, x: Tensor, y: Tensor, widths: list[int], weight: Slot | None, bias: Slot | None, *,
        eps: float | None, centered: bool, scratch: Scratch,
    ) -> None:  # fmt: skip
        self.x, self.y, self.weight, self.bias, self.eps, self.centered = x, y, weight, bias, eps, centered
        self.runs = [(width, len(list(members))) for width, members in groupby(widths)]
        self.normal = y if weight is None else x.new_empty(y.shape)  # (x − mean x) r
        self.scratch, self.product, self.grown = (scratch.take(i, y) for i in range(3))
        self.inverse, self.mean = x.new_empty(len(y), len(widths)), x.new_empty(len(y), len(widths))
        self.long = x.new_empty(len(y), len(widths), dtype=torch.bool)

    def _segments(self, whole: Tensor) -> list[Tensor]:
        """`(rows, members, width)` for each run of neighbors of one width."""
        runs = torch.split(whole, [width * count for width, count in self.runs], 1)
        return [torch.unflatten(run, 1, (count, width)) for run, (width, count) in zip(runs, self.runs, strict=True)]

    def _numbers(self, whole: Tensor) -> list[Tensor]:
        """Of one number for each row and member: `(rows, members, 1)` for each run."""
        return [run.unsqueeze(2) for run in torch.split(whole, [count for _, count in self.runs], 1)]

    def _means(self, whole: Tensor, out: Tensor) -> Calls:
        """The calls that bring each segment's mean; its sum where the size is a length."""
        reduce = torch.sum if self.eps is None else torch.mean
        pairs = zip(self._segments(whole), self._numbers(out), strict=True)
        return [partial(reduce, segment, 2, True, out=number) for segment, number in pairs]

    def _with(self, function: Callable[..., Tensor], whole: Tensor, numbers: Tensor, out: Tensor) -> Calls:
        """The calls of `function` on segments and their numbers."""
        trios = zip(self._segments(whole), self._numbers(numbers), self._segments(out), strict=True)
        return [partial(function, segment, number, out=to) for segment, number, to in trios]

    def forward(self) -> Calls:
        calls: Calls = []
        x, inverse = self.x, self.inverse
        if self.centered:
            calls += [*self._means(x, self.mean), *self._with(torch.sub, x, self.mean, self.normal)]
            x = self.normal
        calls += [partial(torch.mul, x, x, out=self.scratch), *self._means(self.scratch, inverse)]
        if self.eps is None:
            calls += [inverse.sqrt_, partial(torch.ge, inverse, LENGTH_EPS, out=self.long)]
            calls += [partial(inverse.clamp_min_, LENGTH_EPS), inverse.reciprocal_]
        else:
            calls += [partial(inverse.add_, self.eps), inverse.rsqrt_]
        calls += self._with(torch.mul, x, inverse, self.normal)
        if self.weight is not None and self.bias is not None:
            calls.append(partial(torch.addcmul, self.bias.whole, self.normal, self.weight.whole, out=self.y))
        elif self.weight is not None:
            calls.append(partial(torch.mul, self.normal, self.weight.whole, out=self.y))
        return calls

    def backward(self, gradient: Tensor, into: Tensor | None, holds: bool) -> Calls:
        product = self.product
        calls: Calls = [partial(torch.mul, gradient, self.normal, out=product)]
        for slot, rows in ((self.weight, product), (self.bias, gradient)):
            if slot is not None and slot.gradient is not None:
                calls.append(summed(rows, (0,), slot.gradient, slot.tied))
        if into is None:
            return calls
        grown = gradient
        if self.weight is not None:
            grown = self.grown
            calls += [
                partial(product.mul_, self.weight.whole),
                partial(torch.mul, gradient, self.weight.whole, out=grown),
            ]
        # (g − x̂ mean(g x̂) − mean g) r, for g times γ
        along = torch.empty_like(self.mean)
        calls += self._means(product, along)
        if self.eps is None:
            calls.append(partial(along.mul_, self.long))
        calls += self._with(torch.mul, self.normal, along, product)
        calls.append(partial(torch.sub, grown, product, out=product))
        if self.centered:
            calls += [*self._means(grown, self.mean), *self._with(torch.sub, product, self.mean, product)]
        calls += self._with(torch.mul, product, self.inverse, product if holds else into)
        return [*calls, partial(into.add_, product)] if holds else calls
