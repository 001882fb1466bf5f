"""Linear maps along one axis."""

from __future__ import annotations

from nas.graph.operators.axes import along, last_axis, position, resized, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType


def _sizes(types: Types, attrs: Attributes) -> tuple[int, int]:
    return size_along("linear", types, attrs), attrs["n"]


def _infer(types: Types, attrs: Attributes) -> TensorType:
    return resized(types[0], position("linear", types[0], attrs["axis"]), attrs["n"])


def _weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, o = _sizes(types, attrs)
    trainable = not attrs["frozen"]
    weight = Weight("weight", (o, i), trainable)
    return (weight, Weight("bias", (o,), trainable)) if attrs["bias"] else (weight,)


def _macs(types: Types, attrs: Attributes, out: TensorType) -> int:
    i, _ = _sizes(types, attrs)
    return out.size * i


def _module(types: Types, attrs: Attributes) -> Module:
    return Module(
        "nn.Linear",
        _sizes(types, attrs),
        () if attrs["bias"] else (("bias", False),),
        ".requires_grad_(False)" if attrs["frozen"] else "",
    )


register(
    Operator(
        name="linear",
        equation="y = W x + b",
        doc="A linear map along one axis, the last by default; the axis keeps its name and takes the size `n`.",
        arguments=(
            Argument("n", "size", "the new size of the axis"),
            last_axis(),
            Argument("bias", "bool", "whether b is there", default=True),
            Argument("frozen", "bool", "whether the weights stay as they are drawn", default=False),
        ),
        infer=_infer,
        weights=_weights,
        macs=_macs,
        module=_module,
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0]),
        keeps_zero=lambda attrs: not attrs["bias"],
    )
)
