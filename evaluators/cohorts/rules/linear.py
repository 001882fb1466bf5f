"""Linear maps: along the last axis one product for members with a common input, one for neighbors of equal sizes otherwise."""

from __future__ import annotations

from functools import partial
from itertools import accumulate, groupby, pairwise
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site, summed
from evaluators.cohorts.rules.mixing import mixed
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot


def linear(site: Site) -> Made | None:
    """y = W x + b."""
    if site.attrs["per"] or site.attrs["axis"] != site.types[0][0].names[-1]:
        return mixed(site, [1.0] * len(site))
    return _linear(site, [1.0] * len(site))


def ntk_linear(site: Site) -> Made | None:
    """y = W x / √|axis| + b."""
    factors = [1 / sqrt(shape[1]) for shape in site.weights["weight"].shapes]
    if site.attrs["axis"] != site.types[0][0].names[-1]:
        return mixed(site, factors)
    return _linear(site, factors)


def _linear(site: Site, factors: list[float]) -> Made:
    x, y = site.inputs[0], site.output
    weight, bias = site.weights["weight"], site.weights.get("bias")
    runs = _runs(site)
    maps = [run.matrices(weight, weight.whole) for run in runs]
    given, made = ([run.columns(value) for run in runs] for value in (x, y))
    forward: Calls = []
    for run, matrix, right, out in zip(runs, maps, given, made, strict=True):
        term = None if bias is None else run.matrices(bias, bias.whole)
        forward.append(_product(out, matrix, right, factors[run.low], term))

    def backward() -> Calls:
        calls: Calls = []
        grown = [run.columns(y.gradient) for run in runs]
        if weight.gradient is not None:
            for run, left, right in zip(runs, grown, given, strict=True):
                out = run.matrices(weight, weight.gradient)
                calls.append(_product(out, left, right.mT, factors[run.low], out if weight.tied else None))
        if bias is not None and bias.gradient is not None:
            whole = [(y.gradient.columns, bias.gradient)]
            parts = zip(y.gradient.part_columns, bias.gradients, strict=True)
            calls += [summed(numbers, (1,), out, bias.tied) for numbers, out in (whole if y.side else parts)]
        into = site.gradient()
        if into is not None:
            calls += into.before
            for run, matrix, right in zip(runs, maps, grown, strict=True):
                out = run.columns(into.value)
                calls.append(_product(out, matrix.mT, right, factors[run.low], out if into.holds else None))
        return calls

    return forward, backward


class _Run(NamedTuple):
    """Members `low` to before `high` whose products are one call; on a common input they are one product."""

    low: int
    high: int
    products: int

    def matrices(self, slot: Slot, memory: Tensor) -> Tensor:
        """Their part of `memory`, which is laid out like the slot: `(products, o, i)`, without the first axis where it is 1."""
        part = slot.part_of(memory, self.low, self.high)
        return self._cut(part.view(-1, *slot.shapes[self.low][1:] or (1,)))

    def columns(self, value: Value) -> Tensor:
        """Their part of a value: `(products, features, numbers)`, likewise."""
        if value.shared or self.high == self.low + 1:
            return value.part_columns[self.low]
        return self._cut(value.slice(self.low, self.high).columns)

    def _cut(self, whole: Tensor) -> Tensor:
        return whole if self.products == 1 else torch.unflatten(whole, 0, (self.products, -1))


def _runs(site: Site) -> list[_Run]:
    x, y = site.inputs[0], site.output
    if x.shared and y.side:
        return [_Run(0, len(site), 1)]
    sizes = enumerate(site.weights["weight"].shapes)
    alike = groupby(sizes, lambda one: one[1] if x.side and y.side else one[0])
    ends = accumulate((len(list(members)) for _, members in alike), initial=0)
    return [_Run(low, high, high - low) for low, high in pairwise(ends)]


def _product(out: Tensor, left: Tensor, right: Tensor, factor: float, term: Tensor | None) -> Call:
    """The call that puts `factor` times the product of matrices in `out`, and adds `term` where there is one."""
    many = out.ndim == 3
    if term is None and factor == 1:
        return partial(torch.bmm if many else torch.mm, left, right, out=out)
    start = out if term is None else term
    return partial(
        torch.baddbmm if many else torch.addmm, start, left, right, beta=term is not None, alpha=factor, out=out
    )
