"""Linear maps along another axis than the last, such as those that mix tokens.

What lies before the mapped axis in memory are so many matrices, of what lies behind it; each has a product of its own with the
member's one weight, and nothing is copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Scratch, Site, summed


def mixed(site: Site, factors: Sequence[float]) -> Made:
    """y = factor W x + b along the argument `axis`."""
    if site.attrs.get("per"):
        return _at_positions(site, factors)
    x, y = site.inputs[0], site.output
    weight, bias = site.weights["weight"], site.weights.get("bias")
    at = site.types[0][0].names.index(str(site.attrs["axis"]))
    mixes = [Mix(w, factor, site.scratch) for w, factor in zip(weight.parts, factors, strict=True)]
    given, made = ([matrices(part, at) for part in value.part_memories] for value in (x, y))
    terms: Sequence[Tensor | None] = [None] * len(site) if bias is None else bias.parts
    forward: Calls = [mix.forward(a, b, term) for mix, a, b, term in zip(mixes, given, made, terms, strict=True)]

    def backward() -> Calls:
        into = site.gradient()
        calls = [] if into is None else list(into.before)
        for i, mix in enumerate(mixes):
            grown = matrices(y.gradient.part_memories[i], at)
            if weight.gradient is not None:
                calls += mix.weight_gradient(given[i], grown, weight.gradients[i], weight.tied)
            if bias is not None and bias.gradient is not None:
                calls.append(summed(grown, (0, 2), bias.gradients[i], bias.tied))
            if into is not None:
                calls.append(mix.input_gradient(grown, matrices(into.value.part_memories[i], at), into.holds))
        return calls

    return forward, backward


def matrices(memory: Tensor, at: int) -> Tensor:
    """A member's memory with all before its axis `at`, which is not the last, as one axis, and all behind it as one.

    >>> matrices(torch.zeros(3, 4, 6, 128), 0).shape
    torch.Size([3, 4, 768])
    """
    sizes = memory.shape
    return memory.view(prod(sizes[: at + 1]), sizes[at + 1], -1)


class Mix:
    """One member's products: x is `(a, i, c)`, y `(a, o, c)`, and y[a] = factor W x[a].

    Args:
        weight: W, `(o, i)`.
    """

    def __init__(self, weight: Tensor, factor: float, scratch: Scratch) -> None:
        self.weight, self.factor, self.scratch = weight, factor, scratch

    def forward(self, x: Tensor, y: Tensor, bias: Tensor | None = None) -> Call:
        """The call that computes y, with a term for each o where there is a `bias`."""
        term = None if bias is None else bias.view(-1, 1).expand_as(y)
        return self._products(self._weights(y), x, y, term)

    def weight_gradient(self, x: Tensor, grown: Tensor, out: Tensor, added: bool) -> Calls:
        """The calls that bring it, given that of y."""
        if len(x) == 1:
            return [self._products(grown, x.mT, out.unsqueeze(0), out.unsqueeze(0) if added else None)]
        each = self.scratch.take(0, out.expand(len(x), *out.shape))
        return [self._products(grown, x.mT, each, None), summed(each, (0,), out, added)]

    def input_gradient(self, grown: Tensor, out: Tensor, added: bool) -> Call:
        """The call that brings it, given that of y."""
        return self._products(self._weights(out).mT, grown, out, out if added else None)

    def _weights(self, like: Tensor) -> Tensor:
        return self.weight.expand(len(like), *self.weight.shape)

    def _products(self, left: Tensor, right: Tensor, out: Tensor, term: Tensor | None) -> Call:
        if term is None and self.factor == 1:
            return partial(torch.bmm, left, right, out=out)
        start, beta = (out, 0.0) if term is None else (term, 1.0)
        return partial(torch.baddbmm, start, left, right, beta=beta, alpha=self.factor, out=out)


def _at_positions(site: Site, factors: Sequence[float]) -> Made:
    """y = factor W x + b with W and b of their own for each position of the axes in `per`.

    These and the mapped axis are brought to the front, so that the positions are so many products.
    """
    x, y = site.inputs[0], site.output
    weight, bias = site.weights["weight"], site.weights.get("bias")
    names, axis, per = site.types[0][0].names, str(site.attrs["axis"]), site.attrs["per"]
    assert isinstance(per, tuple)
    own = [names.index(name) + 1 for name in per]
    at = names.index(axis) + 1
    order = [*own, at, *(i for i in range(len(names) + 1) if i not in (*own, at))]
    mixes = [
        _Positions(
            x.parts[i].permute(order), weight.parts[i], site.scratch.take(0, y.parts[i].permute(order)), factors[i]
        )
        for i in range(len(site))
    ]

    def aligned(part: Tensor, place: int) -> Tensor:
        """A bias, or its gradient, with all axes of the result and the batch, in `order`."""
        sizes = zip(names, site.nodes[place].type.shape, strict=True)
        return part.view(1, *(size if name in (*per, axis) else 1 for name, size in sizes)).permute(order)

    forward: Calls = []
    for i, mix in enumerate(mixes):
        out = y.parts[i].permute(order)
        forward += mix.forward
        if bias is None:
            forward.append(partial(out.copy_, mix.result))
        else:
            forward.append(partial(torch.add, mix.result, aligned(bias.parts[i], i), out=out))

    def backward() -> Calls:
        into = site.gradient()
        calls = [] if into is None else list(into.before)
        for i, mix in enumerate(mixes):
            calls.append(partial(mix.result.copy_, y.gradient.parts[i].permute(order)))
            if weight.gradient is not None:
                calls.append(mix.weight_gradient(weight.gradients[i], weight.tied))
            if bias is not None and bias.gradient is not None:
                dims = tuple(range(len(own) + 1, len(order)))
                calls.append(summed(mix.result, dims, aligned(bias.gradients[i], i), bias.tied))
            if into is not None:
                target = into.value.parts[i].permute(order)
                calls += [mix.input_gradient, partial(target.add_ if into.holds else target.copy_, mix.source)]
        return calls

    return forward, backward


class _Positions:
    """One member's products: `result` is made of `source`, dense copies with the positions and the mapped axis in front.

    In the backward pass `result` takes the gradient, and `source` that of the input once the weights have theirs.

    Args:
        x: `(*own, i, …)`.
        weight: `(*own, o, i)`.
        result: `(*own, o, …)`, dense.
        factor: of the product.
    """

    def __init__(self, x: Tensor, weight: Tensor, result: Tensor, factor: float) -> None:
        self.source, self.result = x.new_empty(x.shape), result
        self.factor, self.n_own = factor, weight.ndim - 2
        self.weight = weight.flatten(0, self.n_own - 1)
        self._from, self._to = self._matrices(self.source), self._matrices(self.result)
        self.forward: Calls = [partial(self.source.copy_, x), self._product(self._to, self.weight, self._from)]

    def _matrices(self, tensor: Tensor) -> Tensor:
        """With all positions as one axis, and all axes behind the mapped one too."""
        return tensor.flatten(self.n_own + 1).flatten(0, self.n_own - 1)

    def _product(self, out: Tensor, left: Tensor, right: Tensor, added: bool = False) -> Call:
        return partial(torch.baddbmm, out, left, right, beta=added, alpha=self.factor, out=out)

    def weight_gradient(self, out: Tensor, added: bool) -> Call:
        """The call that brings it, where `result` holds the gradient."""
        return self._product(out.flatten(0, self.n_own - 1), self._to, self._from.mT, added)

    @property
    def input_gradient(self) -> Call:
        """The call that puts it in `source`, where `result` holds the gradient."""
        return self._product(self._from, self.weight.mT, self._to)
