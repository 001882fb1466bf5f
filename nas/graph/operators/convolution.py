"""Convolutions over one or two axes; whatever axes are left count as further samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any, NamedTuple

from nas.errors import ShapeError
from nas.graph.operators.axes import channels_first, last_axis, position, resized
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.operators.windows import PADDING, STRIDE, padding_of, slid
from nas.graph.types import Axis, TensorType

_GROUPS = Argument("groups", "size", "channels are mixed within each of this many groups", default=1)
_BIAS = Argument("bias", "bool", "whether b is there", default=True)
_OVER = Argument("over", "axes", "the axes it slides over; all but the channels by default", default=None, added=True)


class _Layout(NamedTuple):
    """Positions of the channels, of the axes that the window slides over, and of those that it leaves alone."""

    channels: int
    over: tuple[int, ...]
    rest: tuple[int, ...]


def _layout(op: str, types: Types, attrs: Attributes) -> _Layout:
    type_ = types[0]
    channels = position(op, type_, attrs["axis"])
    others = tuple(i for i in range(len(type_.axes)) if i != channels)
    over = others
    if attrs["over"] is not None:
        over = tuple(sorted(position(op, type_, name) for name in attrs["over"]))
    if len(over) not in (1, 2) or not set(over) <= set(others) or len(set(over)) < len(over):
        raise ShapeError(f"`{op}` slides over 1 or 2 axes besides its channels, got {_asked(type_, attrs)}")
    return _Layout(channels, over, tuple(i for i in others if i not in over))


def _asked(type_: TensorType, attrs: Attributes) -> str:
    return str(type_) if attrs["over"] is None else f"over=[{', '.join(attrs['over'])}] of {type_}"


def _channels(op: str, types: Types, attrs: Attributes) -> Axis:
    """The axis of the channels. Raises: ShapeError: the groups do not divide it, or not the new channels."""
    type_, n, groups = types[0], attrs["n"], attrs["groups"]
    channels = type_.axes[_layout(op, types, attrs).channels]
    if channels.size % groups or n % groups:
        raise ShapeError(f"`{op}` needs groups that divide `{channels}` of {type_} and n = {n}, got {groups}")
    return channels


def _forward(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str], op: str = "conv") -> str:
    channels, over, rest = _layout(op, types, attrs)
    if not rest:
        return channels_first(channels, module, args[0])
    order = (*rest, channels, *over)
    back = ", ".join(str(order.index(i) + 1) for i in range(len(order)))
    sizes = ", ".join(str(types[0].axes[i].size) for i in rest)
    samples = f"{args[0]}.permute(0, {', '.join(str(i + 1) for i in order)}).flatten(0, {len(rest)})"
    return f"{module}({samples}).unflatten(0, (-1, {sizes})).permute(0, {back})"


def _module(
    name: str, op: str, types: Types, attrs: Attributes, settings: Mapping[str, tuple[int | bool, int | bool]]
) -> Module:
    """A torch convolution; of its `settings` (value and torch's default) those are written that differ."""
    shared = {"groups": (attrs["groups"], 1), "bias": (attrs["bias"], True)}
    given = tuple((key, value) for key, (value, default) in {**settings, **shared}.items() if value != default)
    sizes = (_channels(op, types, attrs).size, attrs["n"], attrs["kernel"])
    return Module(f"nn.{name}{len(_layout(op, types, attrs).over)}d", sizes, given)


def _weights(
    shape: Callable[[Types, Attributes], tuple[int, ...]],
) -> Callable[[Types, Attributes], tuple[Weight, ...]]:
    def weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
        weight = Weight("weight", shape(types, attrs))
        return (weight, Weight("bias", (attrs["n"],))) if attrs["bias"] else (weight,)

    return weights


def _window(attrs: Attributes) -> int:
    return int(attrs["dilation"] * (attrs["kernel"] - 1) + 1)


def _infer_conv(types: Types, attrs: Attributes) -> TensorType:
    _channels("conv", types, attrs)
    channels, over, _ = _layout("conv", types, attrs)
    return resized(slid("conv", types[0], over, _window(attrs), attrs), channels, attrs["n"])


def _conv_weight(types: Types, attrs: Attributes) -> tuple[int, ...]:
    window = (attrs["kernel"],) * len(_layout("conv", types, attrs).over)
    return attrs["n"], _channels("conv", types, attrs).size // attrs["groups"], *window


def _conv_module(types: Types, attrs: Attributes) -> Module:
    settings: dict[str, Any] = {
        "stride": (attrs["stride"], 1),
        "padding": (padding_of("conv", types[0], _window(attrs), attrs), 0),
        "dilation": (attrs["dilation"], 1),
    }
    return _module("Conv", "conv", types, attrs, settings)


def _crop(types: Types, attrs: Attributes) -> int:
    """What `padding=same` takes off both ends together, so that stride · size is left."""
    kernel, stride = attrs["kernel"], attrs["stride"]
    if attrs["padding"] == "valid":
        return 0
    if kernel < stride or (stride == 1 and kernel % 2 == 0):
        raise ShapeError(
            f"`conv_transpose` of {types[0]} cannot give {stride} times the size with a window of {kernel}; "
            "take one that is not smaller than the stride, and odd if that is 1, or padding=valid"
        )
    return int(kernel - stride)


def _infer_transpose(types: Types, attrs: Attributes) -> TensorType:
    _channels("conv_transpose", types, attrs)
    channels, over, _ = _layout("conv_transpose", types, attrs)
    crop = _crop(types, attrs)
    type_ = resized(types[0], channels, attrs["n"])
    for index in over:
        size = (type_.axes[index].size - 1) * attrs["stride"] + attrs["kernel"] - crop
        type_ = resized(type_, index, size)
    return type_


def _transpose_weight(types: Types, attrs: Attributes) -> tuple[int, ...]:
    window = (attrs["kernel"],) * len(_layout("conv_transpose", types, attrs).over)
    return _channels("conv_transpose", types, attrs).size, attrs["n"] // attrs["groups"], *window


def _transpose_module(types: Types, attrs: Attributes) -> Module:
    crop = _crop(types, attrs)
    settings: dict[str, Any] = {
        "stride": (attrs["stride"], 1),
        "padding": ((crop + 1) // 2, 0),
        "output_padding": (crop % 2, 0),
    }
    return _module("ConvTranspose", "conv_transpose", types, attrs, settings)


register(
    Operator(
        name="conv",
        equation="y[i] = b + Σⱼ Wⱼ x[stride·i + dilation·j]",
        example="conv(x, 32, kernel=3)",
        on=("height=8, width=8, channels=4",),
        count="n·(i / groups)·kernel^d + n with bias",
        doc=(
            "A convolution over all axes but that of the channels, or over the one or two that `over` names: the others "
            "count as further samples. A kernel as large as the stride, with padding=valid, embeds patches."
        ),
        source="LeCun et al. 1989",
        arguments=(
            Argument("n", "size", "the new number of channels"),
            Argument("kernel", "size", "the size of the window along each axis", default=3),
            STRIDE,
            last_axis("the axis of the channels"),
            _GROUPS,
            _BIAS,
            PADDING,
            Argument("dilation", "size", "the step within the window", default=1),
            _OVER,
        ),
        infer=_infer_conv,
        weights=_weights(_conv_weight),
        macs=lambda types, attrs, out: out.size * prod(_conv_weight(types, attrs)[1:]),
        module=_conv_module,
        forward=_forward,
        keeps_zero=lambda attrs: not attrs["bias"],
    )
)
register(
    Operator(
        name="conv_transpose",
        equation="y[stride·i + j] = b + Σ Wⱼ x[i]",
        example="conv_transpose(x, 8)",
        on=("height=8, width=8, channels=4",),
        count="i·(n / groups)·kernel^d + n with bias",
        doc=(
            "The transposed convolution, which makes axes larger: every number of x puts down a window, and where windows "
            "meet they add up."
        ),
        source="Zeiler et al. 2010; Dumoulin & Visin 2016, arXiv:1603.07285",
        arguments=(
            Argument("n", "size", "the new number of channels"),
            Argument("kernel", "size", "the size of the window along each axis", default=2),
            Argument("stride", "size", "the step from window to window", default=2),
            last_axis("the axis of the channels"),
            _GROUPS,
            _BIAS,
            Argument(
                "padding",
                "str",
                "`same`: the size times the stride; `valid`: all that the windows reach",
                default="same",
                options=("same", "valid"),
            ),
            _OVER,
        ),
        infer=_infer_transpose,
        weights=_weights(_transpose_weight),
        macs=lambda types, attrs, out: types[0].size * prod(_transpose_weight(types, attrs)[1:]),
        module=_transpose_module,
        forward=lambda types, attrs, out, module, args: _forward(types, attrs, out, module, args, "conv_transpose"),
        keeps_zero=lambda attrs: not attrs["bias"],
    )
)
