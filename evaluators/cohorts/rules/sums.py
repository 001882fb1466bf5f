"""Sums of tensors, such as residual connections."""

from __future__ import annotations

from functools import partial

import torch

from evaluators.cohorts.rules.base import Calls, Made, Site
from evaluators.cohorts.values import together


def add(site: Site) -> Made:
    """y = x₁ + x₂ + …"""
    y, (first, *others) = site.output, site.inputs
    if others:
        second, *others = others
        forward: Calls = [partial(torch.add, a, b, out=out) for out, a, b in together(y, first, second)]
    else:
        forward = [partial(out.copy_, a) for out, a in together(y, first)]
    forward += [partial(out.add_, x) for other in others for out, x in together(y, other)]

    def backward() -> Calls:
        calls: Calls = []
        for place, x in enumerate(site.inputs):
            # Where nobody else reads an input, its gradient is the result's own.
            if site.learning[place] and site.readers[place] == 1 and x.borrow_gradient(y):
                continue
            into = site.gradient(place)
            if into is not None:
                calls += into.before
                for out, gradient in together(into.value, y.gradient):
                    calls.append(partial(out.add_ if into.holds else out.copy_, gradient))
        return calls

    return forward, backward
