"""Norms over the last axis. What acts element by element is one call for all members side by side.

Means are taken member by member, or at once over neighbors of one width. A product with a matrix of segments would be one
call for all, but 0 times what is not finite in one member is not finite in every other one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Destination, Made, Scratch, Site, row_sums
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot

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


class Segments:
    """The features of each member, side by side as rows of a `(Σ i, numbers)`.

    Args:
        widths: i of each member.
        like: such a tensor.
    """

    def __init__(self, widths: Sequence[int], like: Tensor) -> None:
        self.runs = [(width, len(list(members))) for width, members in groupby(widths)]
        self.shape = (len(widths), like.shape[1])  # of one number for each member and column
        self.ones = like.new_ones(sum(widths))
        self.shares = torch.cat([like.new_full((width,), 1 / width) for width in widths])

    def sums(self, weights: Tensor, whole: Tensor, out: Tensor) -> Calls:
        """The calls that bring each member's sum over its features. `weights`: of each feature, such as `shares`, for means."""
        rows = torch.split(weights, [width * count for width, count in self.runs])
        found = zip(self.runs, rows, self._features(whole), self._numbers(out), strict=True)
        return [
            partial(torch.mm, row.view(1, -1), features[0], out=numbers[0])
            if count == 1
            else partial(torch.bmm, row.view(count, 1, width), features, out=numbers)
            for (width, count), row, features, numbers in found
        ]

    def each(self, function: Callable[..., Tensor], whole: Tensor, numbers: Tensor, out: Tensor) -> Calls:
        """The calls of `function` on each member's features and its numbers."""
        trios = zip(self._features(whole), self._numbers(numbers), self._features(out), strict=True)
        return [partial(function, features, number, out=to) for features, number, to in trios]

    def _features(self, whole: Tensor) -> list[Tensor]:
        """`(members, i, numbers)` for each run of neighbors of one width."""
        runs = torch.split(whole, [width * count for width, count in self.runs])
        return [torch.unflatten(run, 0, (count, width)) for run, (width, count) in zip(runs, self.runs, strict=True)]

    def _numbers(self, whole: Tensor) -> list[Tensor]:
        """`(members, 1, numbers)` likewise."""
        return [run.unsqueeze(1) for run in torch.split(whole, [count for _, count in self.runs])]


class Normalised:
    """(x − mean x) r, r the inverse of a size of x − mean x.

    Args:
        segments: of x.
        normal: where it goes, like x.
        eps: what the mean square is increased by under the root; None: r is the inverse of the length.
        centered: False: without the mean.
    """

    def __init__(self, segments: Segments, normal: Tensor, *, eps: float | None, centered: bool) -> None:
        self.segments, self.normal, self.eps, self.centered = segments, normal, eps, centered
        self.inverse, self.mean = normal.new_empty(segments.shape), normal.new_empty(segments.shape)
        self.long = normal.new_empty(segments.shape, dtype=torch.bool)
        self.weights = segments.ones if eps is None else segments.shares

    def forward(self, x: Tensor, scratch: Tensor) -> Calls:
        """From x; `scratch` is like it."""
        calls: Calls = []
        inverse, sums, each = self.inverse, self.segments.sums, self.segments.each
        if self.centered:
            calls += [*sums(self.weights, x, self.mean), *each(torch.sub, x, self.mean, self.normal)]
            x = self.normal
        calls += [partial(torch.mul, x, x, out=scratch), *sums(self.weights, scratch, inverse)]
        if self.eps is None:
            calls += [inverse.sqrt_, partial(torch.ge, inverse, LENGTH_EPS, out=self.long)]
            calls += [partial(inverse.clamp_min_, LENGTH_EPS), inverse.reciprocal_]
        else:
            calls += [partial(inverse.add_, self.eps), inverse.rsqrt_]
        return calls + each(torch.mul, x, inverse, self.normal)

    def backward(
        self, gradient: Tensor, product: Tensor, out: Tensor, *, added: bool, gamma: Tensor | None = None, grown: Tensor
    ) -> Calls:
        """(γ g − x̂ mean(γ g x̂) − mean γ g) r, for the gradient g of γ x̂.

        Args:
            gradient: g.
            product: g x̂; lost.
            out: where it goes. added: to what is there.
            gamma: γ of each feature; None: 1.
            grown: scratch like g; g itself will do, which is lost then.
        """
        sums, each, along = self.segments.sums, self.segments.each, torch.empty_like(self.mean)
        weights = self.weights if gamma is None else torch.empty_like(self.weights)
        calls: Calls = [] if gamma is None else [partial(torch.mul, gamma, self.weights, out=weights)]
        calls += sums(weights, product, along)
        if self.eps is None:
            calls.append(partial(along.mul_, self.long))
        calls += each(torch.mul, self.normal, along, product)
        if self.centered:
            calls += [*sums(weights, gradient, self.mean), *each(torch.add, product, self.mean, product)]
        if gamma is not None:
            calls.append(partial(torch.mul, gradient, gamma.unsqueeze(1), out=grown))
            gradient = grown
        calls.append(partial(torch.sub, gradient, product, out=product))
        calls += each(torch.mul, product, self.inverse, product if added else out)
        return [*calls, partial(out.add_, product)] if added else calls


class RowNorm:
    """y = γ ⊙ x̂ + β along the last axis, x̂ as `Normalised` has it.

    Args:
        weight: γ; None: 1.
        bias: β; None: 0.
        eps, centered: as `Normalised` takes them.
    """

    def __init__(
        self, x: Value, y: Value, weight: Slot | None, bias: Slot | None, *,
        eps: float | None, centered: bool, scratch: Scratch,
    ) -> None:  # fmt: skip
        self.blocks = []
        self.whole = x.side and y.side
        widths = [[shape[-1] for shape in y.shapes]] if self.whole else [[shape[-1]] for shape in y.shapes]
        for i, (given, out) in enumerate(zip(self._columns(x), self._columns(y), strict=True)):
            gamma, beta = (slot if slot is None or self.whole else slot.slice(i, i + 1) for slot in (weight, bias))
            block = _Block(
                given, out, Segments(widths[i], out), gamma, beta, eps=eps, centered=centered, scratch=scratch
            )
            self.blocks.append(block)

    def forward(self) -> Calls:
        """Calls that compute y."""
        return [call for block in self.blocks for call in block.forward()]

    def backward(self, gradient: Value, into: Destination | None) -> Calls:
        """Calls that bring the gradients of the weights and of x, given that of y."""
        calls = [] if into is None else list(into.before)
        targets = [None] * len(self.blocks) if into is None else self._columns(into.value)
        for block, grown, target in zip(self.blocks, self._columns(gradient), targets, strict=True):
            calls += block.backward(grown, target, into is not None and into.holds)
        return calls

    def _columns(self, value: Value) -> list[Tensor]:
        """What is computed together."""
        return [value.columns] if self.whole else value.part_columns


class _Block:
    """Some members side by side; each has a segment of every column."""

    def __init__(
        self, x: Tensor, y: Tensor, segments: Segments, weight: Slot | None, bias: Slot | None, *,
        eps: float | None, centered: bool, scratch: Scratch,
    ) -> None:  # fmt: skip
        self.x, self.y, self.weight, self.bias = x, y, weight, bias
        normal = y if weight is None else torch.empty_like(y)
        self.norm = Normalised(segments, normal, eps=eps, centered=centered)
        self.scratch, self.product, self.grown = (scratch.take(i, y) for i in range(3))

    def forward(self) -> Calls:
        calls, normal = self.norm.forward(self.x, self.scratch), self.norm.normal
        if self.weight is not None:
            calls.append(partial(torch.mul, normal, self.weight.whole.unsqueeze(1), out=self.y))
        if self.bias is not None:
            calls.append(partial(self.y.add_, self.bias.whole.unsqueeze(1)))
        return calls

    def backward(self, gradient: Tensor, into: Tensor | None, holds: bool) -> Calls:
        gamma = None if self.weight is None else self.weight.whole
        calls: Calls = [partial(torch.mul, gradient, self.norm.normal, out=self.product)]
        calls += [] if self.weight is None else row_sums(self.product, self.weight)
        calls += [] if self.bias is None else row_sums(gradient, self.bias)
        if into is None:
            return calls
        return calls + self.norm.backward(gradient, self.product, into, added=holds, gamma=gamma, grown=self.grown)
