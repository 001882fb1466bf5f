"""Linear maps along one axis."""

from __future__ import annotations

from nas.graph.operators.axes import position, resized
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType


def _sizes(types: Types, attrs: Attributes) -> tuple[int, int]:
    index = position("linear", types[0], attrs["axis"])
    return types[0].axes[index].size, attrs["n"]


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


def along(types: Types, attrs: Attributes, module: str, arg: str, op: str = "linear") -> str:
    """A module that works on the last dimension, applied along the operator's axis."""
    index = position(op, types[0], attrs["axis"])
    last = len(types[0].axes) - 1
    if index == last:
        return f"{module}({arg})"
    swap = f".transpose({index + 1}, {last + 1})"
    return f"{module}({arg}{swap}){swap}"


register(
    Operator(
        name="linear",
        equation="y = W x + b",
        doc="A linear map along one axis, the last by default; the axis keeps its name and takes the size `n`.",
        arguments=(
            Argument("n", "size", "the new size of the axis"),
            Argument("axis", "axis", "the axis it works along", default=None),
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
