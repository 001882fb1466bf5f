"""Linear maps along another axis than the last, such as those that mix tokens.

The mapped axis is brought to the front, so that each member needs one product for everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site, summed


def mixed(site: Site, factors: Sequence[float]) -> Made:
    """y = factor W x + b along the argument `axis`, W and b of their own for each position of the axes in `per`."""
    x, y = site.inputs[0], site.output
    weight, bias = site.weights["weight"], site.weights.get("bias")
    names, axis, per = site.types[0][0].names, str(site.attrs["axis"]), site.attrs.get("per") or ()
    assert isinstance(per, tuple)
    own = [names.index(name) + 1 for name in per]
    at = names.index(axis) + 1
    order = [*own, at, *(i for i in range(len(names) + 1) if i not in (*own, at))]
    mixes = [
        Mix(x.parts[i].permute(order), weight.parts[i], site.scratch.take(0, y.parts[i].permute(order)), factors[i])
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


class Mix:
    """One member's product: `result` is made of `source`, dense copies with the mapped axis in front.

    In the backward pass `result` takes the gradient, and `source` that of the input once the weights have theirs.

    Args:
        x: `(*own, i, …)`.
        weight: `(*own, o, i)`.
        result: `(*own, o, …)`, dense.
        factor: of the product.
    """

    def __init__(self, x: Tensor, weight: Tensor, result: Tensor, factor: float = 1.0) -> None:
        self.source, self.result = x.new_empty(x.shape), result
        self.factor, self.n_own = factor, (n_own := weight.ndim - 2)
        self.weight, self._from, self._to = weight, self._matrices(self.source), self._matrices(self.result)
        if n_own:
            self.weight = weight.flatten(0, n_own - 1)
        self.forward: Calls = [partial(self.source.copy_, x), self._product(self._to, self.weight, self._from)]

    def _matrices(self, tensor: Tensor) -> Tensor:
        """With all axes behind the mapped one as one, and all in front of it too."""
        dense = tensor.flatten(self.n_own + 1)
        return dense.flatten(0, self.n_own - 1) if self.n_own else dense

    def _product(self, out: Tensor, left: Tensor, right: Tensor, added: bool = False) -> Call:
        function = torch.baddbmm if self.n_own else torch.addmm
        return partial(function, out, left, right, beta=added, alpha=self.factor, out=out)

    def weight_gradient(self, out: Tensor, added: bool) -> Call:
        """The call that brings it, where `result` holds the gradient."""
        out = out.flatten(0, self.n_own - 1) if self.n_own else out
        return self._product(out, self._to, self._from.mT, added)

    @property
    def input_gradient(self) -> Call:
        """The call that puts it in `source`, where `result` holds the gradient."""
        return self._product(self._from, self.weight.mT, self._to)
