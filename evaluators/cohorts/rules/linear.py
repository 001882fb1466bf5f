"""Linear maps: along the last axis one product for members with a common input, one for each member otherwise."""

from __future__ import annotations

from functools import partial
from math import sqrt

import torch

from evaluators.cohorts.rules.base import Calls, Made, Site, summed
from evaluators.cohorts.rules.mixing import mixed


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
    one_product = x.shared and y.side
    if one_product:
        stacked = weight.whole.view(-1, weight.shapes[0][1])
        lefts, rights, outs = [x.rows], [stacked.t()], [y.rows]
        biases = [None if bias is None else bias.whole]
    else:
        lefts, rights, outs = x.part_rows, [part.t() for part in weight.parts], y.part_rows
        biases = [None] * len(site) if bias is None else list(bias.parts)
    forward: Calls = [
        partial(torch.addmm, out if b is None else b, left, right, beta=b is not None, alpha=factor, out=out)
        for left, right, out, b, factor in zip(lefts, rights, outs, biases, factors, strict=False)
    ]

    def backward() -> Calls:
        calls: Calls = []
        rows = [y.gradient.rows] if one_product else y.gradient.part_rows
        if weight.gradient is not None:
            grown = [weight.gradient.view(stacked.shape)] if one_product else weight.gradients
            calls += [
                partial(torch.addmm, out, row.t(), left, beta=weight.tied, alpha=factor, out=out)
                for out, row, left, factor in zip(grown, rows, lefts, factors, strict=False)
            ]
        if bias is not None and bias.gradient is not None:
            whole = [(y.gradient.rows, bias.gradient)]
            parts = zip(y.gradient.part_rows, bias.gradients, strict=True)
            calls += [summed(row, (0,), out, bias.tied) for row, out in (whole if y.side else parts)]
        into = site.gradient()
        if into is not None:
            calls += into.before
            calls += [
                into.product(i, row, part, factor)
                for i, (row, part, factor) in enumerate(zip(y.gradient.part_rows, weight.parts, factors, strict=True))
            ]
        return calls

    return forward, backward
