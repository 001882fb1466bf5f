"""Pooling and convolution: whole axes reduced, and sliding windows over one or two axes."""

from __future__ import annotations

from math import prod

from nas.errors import ShapeError
from nas.graph.operators.axes import channels_first, last_axis, position, resized
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_STRIDE = Argument("stride", "size", "the step from window to window", default=1)
_PADDING = Argument(
    "padding",
    "str",
    "`same`: the size divided by the stride, rounded up; `valid`: whole windows only",
    default="same",
    options=("same", "valid"),
)


def _padding(op: str, type_: TensorType, window: int, attrs: Attributes) -> int:
    """How far both ends are padded."""
    if attrs["padding"] == "valid":
        return 0
    if window % 2 == 0:
        raise ShapeError(
            f"`{op}` of {type_} cannot keep the size with an even window of {window}; take an odd one or padding=valid"
        )
    return (window - 1) // 2


def _slid(op: str, type_: TensorType, over: tuple[int, ...], window: int, attrs: Attributes) -> TensorType:
    """`type_` after a window slid over the axes at `over`."""
    padding = _padding(op, type_, window, attrs)
    for index in over:
        axis = type_.axes[index]
        n = (axis.size + 2 * padding - window) // attrs["stride"] + 1
        if n < 1:
            raise ShapeError(f"`{op}` has a window of {window}, which does not fit into `{axis}` of {type_}")
        type_ = resized(type_, index, n)
    return type_


def _register_reduction(name: str, equation: str, doc: str, call: str) -> None:
    def infer(types: Types, attrs: Attributes) -> TensorType:
        index = position(name, types[0], attrs["axis"])
        axes = types[0].axes
        return TensorType((*axes[:index], *axes[index + 1 :]))

    register(
        Operator(
            name=name,
            equation=equation,
            doc=doc,
            arguments=(last_axis("the axis that goes"),),
            infer=infer,
            forward=lambda types, attrs, out, module, args: (
                f"{args[0]}.{call}({position(name, types[0], attrs['axis']) + 1})"
            ),
            keeps_zero=lambda attrs: True,
        )
    )


_register_reduction("mean_pool", "y = Σᵢ xᵢ / |axis|", "The mean over one axis, which goes.", "mean")
_register_reduction("max_pool", "y = maxᵢ xᵢ", "The largest number along one axis, which goes.", "amax")
_register_reduction("sum_pool", "y = Σᵢ xᵢ", "The sum over one axis, which goes.", "sum")


def _pooled(types: Types, attrs: Attributes) -> tuple[tuple[int, ...], int | None]:
    """Positions of the axes that the window slides over, and of the one that is left, if there is one."""
    type_ = types[0]
    if attrs["over"] is None:
        over = tuple(range(len(type_.axes) - 1))
    else:
        over = tuple(sorted(position("avg_pool", type_, name) for name in attrs["over"]))
    left = [index for index in range(len(type_.axes)) if index not in over]
    if len(over) not in (1, 2) or len(left) > 1 or len(set(over)) < len(over):
        raise ShapeError(
            f"`avg_pool` slides over 1 or 2 axes of 1 to 3, all but the last unless `over` names them; got {type_}"
        )
    return over, left[0] if left else None


def _avg_pool(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    over, left = _pooled(types, attrs)
    kernel = attrs["kernel"]
    rest = f", {kernel}, {attrs['stride']}"
    if padding := _padding("avg_pool", types[0], kernel, attrs):
        rest += f", {padding}, count_include_pad=False"
    return channels_first(left or 0, f"F.avg_pool{len(over)}d", args[0], rest)


register(
    Operator(
        name="avg_pool",
        equation="y[i] = the mean of x over the window around i",
        doc="The mean over a sliding window along one or two axes. What lies outside does not count.",
        arguments=(
            Argument("kernel", "size", "the size of the window", default=3),
            _STRIDE,
            _PADDING,
            Argument("over", "axes", "the axes it slides over; all but the last by default", default=None),
        ),
        infer=lambda types, attrs: _slid("avg_pool", types[0], _pooled(types, attrs)[0], attrs["kernel"], attrs),
        forward=_avg_pool,
        keeps_zero=lambda attrs: True,
    )
)


def _conv_channels(types: Types, attrs: Attributes) -> int:
    index = position("conv", types[0], attrs["axis"])
    if len(types[0].axes) not in (2, 3):
        raise ShapeError(f"`conv` slides over 1 or 2 axes besides its channels, got {types[0]}")
    return index


def _conv_window(attrs: Attributes) -> int:
    return int(attrs["dilation"] * (attrs["kernel"] - 1) + 1)


def _infer_conv(types: Types, attrs: Attributes) -> TensorType:
    type_, n, groups = types[0], attrs["n"], attrs["groups"]
    index = _conv_channels(types, attrs)
    channels = type_.axes[index]
    if channels.size % groups or n % groups:
        raise ShapeError(f"`conv` needs groups that divide `{channels}` of {type_} and n = {n}, got {groups}")
    over = tuple(i for i in range(len(type_.axes)) if i != index)
    return resized(_slid("conv", type_, over, _conv_window(attrs), attrs), index, n)


def _conv_weight(types: Types, attrs: Attributes) -> tuple[int, ...]:
    channels = types[0].axes[_conv_channels(types, attrs)].size
    return attrs["n"], channels // attrs["groups"], *(attrs["kernel"],) * (len(types[0].axes) - 1)


def _conv_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    weight = Weight("weight", _conv_weight(types, attrs))
    return (weight, Weight("bias", (attrs["n"],))) if attrs["bias"] else (weight,)


def _conv_module(types: Types, attrs: Attributes) -> Module:
    channels = types[0].axes[_conv_channels(types, attrs)].size
    padding = _padding("conv", types[0], _conv_window(attrs), attrs)
    settings = {
        "stride": (attrs["stride"], 1),
        "padding": (padding, 0),
        "dilation": (attrs["dilation"], 1),
        "groups": (attrs["groups"], 1),
        "bias": (attrs["bias"], True),
    }
    given = tuple((name, value) for name, (value, default) in settings.items() if value != default)
    return Module(f"nn.Conv{len(types[0].axes) - 1}d", (channels, attrs["n"], attrs["kernel"]), given)


register(
    Operator(
        name="conv",
        equation="y[i] = b + Σⱼ Wⱼ x[stride·i + dilation·j]",
        doc="A convolution over all axes but that of the channels, one or two of them.",
        source="LeCun et al. 1989",
        arguments=(
            Argument("n", "size", "the new number of channels"),
            Argument("kernel", "size", "the size of the window along each axis", default=3),
            _STRIDE,
            last_axis("the axis of the channels"),
            Argument("groups", "size", "channels are mixed within each of this many groups", default=1),
            Argument("bias", "bool", "whether b is there", default=True),
            _PADDING,
            Argument("dilation", "size", "the step within the window", default=1),
        ),
        infer=_infer_conv,
        weights=_conv_weights,
        macs=lambda types, attrs, out: out.size * prod(_conv_weight(types, attrs)[1:]),
        module=_conv_module,
        forward=lambda types, attrs, out, module, args: channels_first(_conv_channels(types, attrs), module, args[0]),
        keeps_zero=lambda attrs: not attrs["bias"],
    )
)
