"""Activations: one call for all members, since they act element by element."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch

from evaluators.cohorts.rules.base import Call, Calls, Made, Site
from evaluators.cohorts.values import together

_aten = torch.ops.aten


class _Pair(NamedTuple):
    """`forward(x, out, attrs)` computes y; `backward(g, x, y, out, attrs)` the gradient with respect to x."""

    forward: Callable[..., Call]
    backward: Callable[..., Call]


PAIRS: dict[str, _Pair] = {
    "relu": _Pair(
        lambda x, out, _: partial(torch.clamp_min, x, 0, out=out),
        lambda g, x, y, out, _: partial(_aten.threshold_backward.grad_input, g, y, 0, grad_input=out),
    ),
    "leaky_relu": _Pair(
        lambda x, out, a: partial(_aten.leaky_relu.out, x, a["slope"], out=out),
        lambda g, x, y, out, a: partial(_aten.leaky_relu_backward.grad_input, g, x, a["slope"], False, grad_input=out),
    ),
    "elu": _Pair(
        lambda x, out, a: partial(_aten.elu.out, x, a["alpha"], out=out),
        lambda g, x, y, out, a: partial(_aten.elu_backward.grad_input, g, a["alpha"], 1, 1, False, x, grad_input=out),
    ),
    "gelu": _Pair(
        lambda x, out, a: partial(_aten.gelu.out, x, approximate=a["approximate"], out=out),
        lambda g, x, y, out, a: partial(
            _aten.gelu_backward.grad_input, g, x, approximate=a["approximate"], grad_input=out
        ),
    ),
    "silu": _Pair(
        lambda x, out, _: partial(_aten.silu.out, x, out=out),
        lambda g, x, y, out, _: partial(_aten.silu_backward.grad_input, g, x, grad_input=out),
    ),
    "sigmoid": _Pair(
        lambda x, out, _: partial(torch.sigmoid, x, out=out),
        lambda g, x, y, out, _: partial(_aten.sigmoid_backward.grad_input, g, y, grad_input=out),
    ),
    "tanh": _Pair(
        lambda x, out, _: partial(torch.tanh, x, out=out),
        lambda g, x, y, out, _: partial(_aten.tanh_backward.grad_input, g, y, grad_input=out),
    ),
    "hardswish": _Pair(
        lambda x, out, _: partial(_aten.hardswish.out, x, out=out),
        lambda g, x, y, out, _: partial(_aten.hardswish_backward.out, g, x, out=out),
    ),
    "softplus": _Pair(
        lambda x, out, a: partial(_aten.softplus.out, x, a["beta"], 20, out=out),
        lambda g, x, y, out, a: partial(_aten.softplus_backward.grad_input, g, x, a["beta"], 20, grad_input=out),
    ),
}


def activation(site: Site) -> Made | None:
    """y = f(x)."""
    if site.nodes[0].op not in PAIRS:
        return None
    pair, x, y, attrs = PAIRS[site.nodes[0].op], site.inputs[0], site.output, site.attrs

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        return into.through(lambda g, x, y, out: pair.backward(g, x, y, out, attrs), y.gradient, x, y)

    return [pair.forward(*tensors, attrs) for tensors in together(x, y)], backward
