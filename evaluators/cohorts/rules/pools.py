"""Means and sums over a whole axis."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site
from evaluators.cohorts.values import Value


def mean_pool(site: Site) -> Made:
    """y = Σᵢ xᵢ / |axis|"""
    return _pool(site, mean=True)


def sum_pool(site: Site) -> Made:
    """y = Σᵢ xᵢ"""
    return _pool(site, mean=False)


def _pool(site: Site, *, mean: bool) -> Made:
    x, y = site.inputs[0], site.output
    names = site.types[0][0].names
    at = names.index(str(site.attrs["axis"])) + 1
    whole = x.side and y.side and at < len(names) and not y.shared

    def pairs(x: Value, y: Value) -> list[tuple[Tensor, Tensor]]:
        return [(x.tensor, y.tensor)] if whole else list(zip(x.parts, y.parts, strict=True))

    def spread(to: Tensor, gradient: Tensor, added: bool) -> Call:
        gradient, factor = gradient.unsqueeze(at).expand_as(to), 1 / to.shape[at] if mean else 1.0
        if added:
            return partial(to.add_, gradient, alpha=factor)
        return partial(torch.mul, gradient, factor, out=to)

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        return into.before + [spread(*pair, into.holds) for pair in pairs(into.value, y.gradient)]

    reduce = torch.mean if mean else torch.sum
    return [partial(reduce, given, at, out=out) for given, out in pairs(x, y)], backward
