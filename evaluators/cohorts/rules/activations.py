"""Activations: one call for all members, since they act element by element."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site
from evaluators.cohorts.values import together

_aten = torch.ops.aten

# Numbers; measured on one core: of 8192, GELU and its gradient take 30 µs by oneDNN and 17 µs by torch, of 32768 both 57 µs.
ONEDNN_PAYS = 1 << 15

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


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
        lambda x, out, a: _plain(partial(_aten.gelu.out, x, approximate=a["approximate"], out=out), x),
        lambda g, x, y, out, a: _plain(
            partial(_aten.gelu_backward.grad_input, g, x, approximate=a["approximate"], grad_input=out), x
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
    "relu6": _Pair(
        lambda x, out, _: partial(torch.clamp, x, 0, 6, out=out),
        lambda g, x, y, out, _: partial(_aten.hardtanh_backward.grad_input, g, x, 0, 6, grad_input=out),
    ),
    "relu_squared": _Pair(
        lambda x, out, _: partial(_relu_squared, x, out),
        lambda g, x, y, out, _: partial(_relu_squared_back, g, x, out),
    ),
    "celu": _Pair(
        lambda x, out, a: partial(_aten.elu.out, x, a["alpha"], 1, 1 / a["alpha"], out=out),
        lambda g, x, y, out, a: partial(
            _aten.elu_backward.grad_input, g, a["alpha"], 1, 1 / a["alpha"], False, x, grad_input=out
        ),
    ),
    "selu": _Pair(
        lambda x, out, _: partial(_aten.elu.out, x, SELU_ALPHA, SELU_SCALE, 1, out=out),
        lambda g, x, y, out, _: partial(
            _aten.elu_backward.grad_input, g, SELU_ALPHA, SELU_SCALE, 1, False, x, grad_input=out
        ),
    ),
    "mish": _Pair(
        lambda x, out, _: partial(_aten.mish.out, x, out=out),
        lambda g, x, y, out, _: partial(_mish_back, g, x, out),
    ),
    "hardsigmoid": _Pair(
        lambda x, out, _: partial(_aten.hardsigmoid.out, x, out=out),
        lambda g, x, y, out, _: partial(_aten.hardsigmoid_backward.grad_input, g, x, grad_input=out),
    ),
    "hardtanh": _Pair(
        lambda x, out, _: partial(torch.clamp, x, -1, 1, out=out),
        lambda g, x, y, out, _: partial(_aten.hardtanh_backward.grad_input, g, x, -1, 1, grad_input=out),
    ),
    "log_sigmoid": _Pair(
        lambda x, out, _: partial(_log_sigmoid, x, out),
        lambda g, x, y, out, _: partial(_log_sigmoid_back, g, x, out),
    ),
    "tanhshrink": _Pair(
        lambda x, out, _: partial(_tanhshrink, x, out),
        lambda g, x, y, out, _: partial(_tanhshrink_back, g, x, out),
    ),
    "softshrink": _Pair(
        lambda x, out, a: partial(_aten.softshrink.out, x, a["threshold"], out=out),
        lambda g, x, y, out, a: partial(_aten.softshrink_backward.grad_input, g, x, a["threshold"], grad_input=out),
    ),
    "softsign": _Pair(
        lambda x, out, _: partial(_softsign, x, out),
        lambda g, x, y, out, _: partial(_softsign_back, g, x, out),
    ),
    "abs": _Pair(
        lambda x, out, _: partial(torch.abs, x, out=out),
        lambda g, x, y, out, _: partial(_abs_back, g, x, out),
    ),
    "square": _Pair(
        lambda x, out, _: partial(torch.square, x, out=out),
        lambda g, x, y, out, _: partial(_square_back, g, x, out),
    ),
    "exp": _Pair(
        lambda x, out, _: partial(torch.exp, x, out=out),
        lambda g, x, y, out, _: partial(torch.mul, g, y, out=out),
    ),
    "sin": _Pair(
        lambda x, out, _: partial(torch.sin, x, out=out),
        lambda g, x, y, out, _: partial(_sin_back, g, x, out),
    ),
    "cos": _Pair(
        lambda x, out, _: partial(torch.cos, x, out=out),
        lambda g, x, y, out, _: partial(_cos_back, g, x, out),
    ),
    "times": _Pair(
        lambda x, out, a: partial(torch.mul, x, a["by"], out=out),
        lambda g, x, y, out, a: partial(torch.mul, g, a["by"], out=out),
    ),
    "plus": _Pair(
        lambda x, out, a: partial(torch.add, x, a["by"], out=out),
        lambda g, x, y, out, a: partial(out.copy_, g),
    ),
    "power": _Pair(
        lambda x, out, a: partial(torch.pow, x, a["by"], out=out),
        lambda g, x, y, out, a: partial(_power_back, g, x, a["by"], out),
    ),
    "clamp": _Pair(
        lambda x, out, a: partial(torch.clamp, x, a["low"], a["high"], out=out),
        lambda g, x, y, out, a: partial(_clamp_back, g, x, a["low"], a["high"], out),
    ),
}


def activation(site: Site) -> Made:
    """y = f(x)."""
    pair, x, y, attrs = PAIRS[site.nodes[0].op], site.inputs[0], site.output, site.attrs

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        return into.through(lambda g, x, y, out: pair.backward(g, x, y, out, attrs), y.gradient, x, y)

    return [pair.forward(*tensors, attrs) for tensors in together(x, y)], backward


def _plain(call: Call, x: Tensor) -> Call:
    """The call by torch's own kernel where `x` is so small that the way into oneDNN costs more than its kernel saves."""
    return partial(_without_onednn, call) if x.device.type == "cpu" and x.numel() < ONEDNN_PAYS else call


def _without_onednn(call: Call) -> None:
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        call()
    finally:
        torch._C._set_mkldnn_enabled(before)


# What torch has no kernel of that writes to given memory.


def _relu_squared(x: Tensor, out: Tensor) -> None:
    torch.clamp_min(x, 0, out=out)
    out.square_()


def _relu_squared_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.clamp_min(x, 0, out=out)
    out.mul_(2).mul_(g)


def _mish_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    out.copy_(_aten.mish_backward(g, x))


def _log_sigmoid(x: Tensor, out: Tensor) -> None:
    out.copy_(torch.nn.functional.logsigmoid(x))


def _log_sigmoid_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.neg(x, out=out)
    out.sigmoid_().mul_(g)


def _tanhshrink(x: Tensor, out: Tensor) -> None:
    torch.tanh(x, out=out)
    torch.sub(x, out, out=out)


def _tanhshrink_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.tanh(x, out=out)
    out.square_().mul_(g)


def _softsign(x: Tensor, out: Tensor) -> None:
    torch.abs(x, out=out)
    out.add_(1)
    torch.div(x, out, out=out)


def _softsign_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.abs(x, out=out)
    out.add_(1).square_().reciprocal_().mul_(g)


def _abs_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.sign(x, out=out)
    out.mul_(g)


def _square_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.mul(g, x, out=out)
    out.mul_(2)


def _sin_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.cos(x, out=out)
    out.mul_(g)


def _cos_back(g: Tensor, x: Tensor, out: Tensor) -> None:
    torch.sin(x, out=out)
    out.neg_().mul_(g)


def _power_back(g: Tensor, x: Tensor, by: float, out: Tensor) -> None:
    if by == 0:
        out.zero_()
        return
    torch.pow(x, by - 1, out=out)
    out.mul_(by).mul_(g)


def _clamp_back(g: Tensor, x: Tensor, low: float, high: float, out: Tensor) -> None:
    torch.mul(g, (x >= low) & (x <= high), out=out)
