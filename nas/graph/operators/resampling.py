"""Axes of another size: interpolated, or read through overlapping windows."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import last_axis, made_of, position, resized
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import Axis, TensorType

_MODES = {("nearest", 1): "nearest", ("nearest", 2): "nearest", ("linear", 1): "linear", ("linear", 2): "bilinear"}


def _over(types: Types, attrs: Attributes) -> tuple[int, ...]:
    type_ = types[0]
    if attrs["over"] is None:
        over = tuple(range(len(type_.axes) - 1))
    else:
        over = tuple(sorted(position("resize", type_, name) for name in attrs["over"]))
    if len(over) not in (1, 2) or len(set(over)) < len(over):
        raise ShapeError(f"`resize` takes 1 or 2 axes, all but the last unless `over` names them; got {type_}")
    return over


def _infer_resize(types: Types, attrs: Attributes) -> TensorType:
    type_ = types[0]
    for index in _over(types, attrs):
        type_ = resized(type_, index, attrs["size"])
    return type_


def _resize(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    """torch wants batch, channels, and behind them the axes that it resizes."""
    over = _over(types, attrs)
    rest = [i for i in range(len(types[0].axes)) if i not in over]
    order = [*rest, *over]
    before, behind = "", ""
    if order != sorted(order):
        before = f".permute(0, {', '.join(str(i + 1) for i in order)})"
        behind = f".permute(0, {', '.join(str(order.index(i) + 1) for i in range(len(order)))})"
    if not rest:
        before, behind = f"{before}.unsqueeze(1)", f".squeeze(1){behind}"
    elif len(rest) > 1:
        sizes = ", ".join(str(types[0].axes[i].size) for i in rest)
        before, behind = f"{before}.flatten(1, {len(rest)})", f".unflatten(1, ({sizes})){behind}"
    size = ", ".join([str(attrs["size"])] * len(over))
    mode = _MODES[attrs["mode"], len(over)]
    return f'F.interpolate({args[0]}{before}, ({size}{"," * (len(over) == 1)}), mode="{mode}"){behind}'


def _infer_unfold(types: Types, attrs: Attributes) -> TensorType:
    type_, kernel = types[0], attrs["kernel"]
    index = position("unfold", type_, attrs["axis"])
    axis = type_.axes[index]
    if kernel > axis.size:
        raise ShapeError(f"`unfold` has a window of {kernel}, which does not fit into `{axis}` of {type_}")
    axes = resized(type_, index, (axis.size - kernel) // attrs["stride"] + 1).axes
    return made_of("unfold", type_, (*axes[: index + 1], Axis(attrs["into"], kernel), *axes[index + 1 :]))


def _unfold(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dim = position("unfold", types[0], attrs["axis"]) + 1
    windows = f"{args[0]}.unfold({dim}, {attrs['kernel']}, {attrs['stride']})"
    return windows if dim == len(types[0].axes) else f"{windows}.movedim(-1, {dim + 1})"


register(
    Operator(
        name="resize",
        equation="y[i] = x[i · old / new], the nearest number below or a mean of two",
        example="resize(x, 16)",
        doc="One or two axes given another size, by repeating numbers or on straight lines between them.",
        arguments=(
            Argument("size", "size", "the new size of each axis"),
            Argument("over", "axes", "the axes; all but the last by default", default=None),
            Argument("mode", "str", "how", default="nearest", options=("nearest", "linear")),
        ),
        infer=_infer_resize,
        forward=_resize,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="unfold",
        equation="y[i, j] = x[stride·i + j], j = 0 … kernel − 1",
        example="unfold(x, 3, axis=tokens)",
        doc="Sliding windows over an axis, whole ones only: what each holds stands along a new axis behind it.",
        arguments=(
            Argument("kernel", "size", "the size of the window"),
            Argument("stride", "size", "the step from window to window", default=1),
            last_axis("the axis that the window slides over"),
            Argument("into", "axis", "the name of the new axis", default="window"),
        ),
        infer=_infer_unfold,
        forward=_unfold,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
