"""Finding, checking and moving axes: what the shape rules and the source of all operators share."""

from __future__ import annotations

from collections.abc import Sequence

from nas.errors import ShapeError, nearest
from nas.graph.operators.table import Argument, Attributes, Types
from nas.graph.types import Axis, TensorType


def last_axis(doc: str = "the axis it works along") -> Argument:
    """The argument `axis` of operators that work along one axis, the last unless it is named."""
    return Argument("axis", "axis", doc, default=None)


def position(op: str, type_: TensorType, axis: str | None) -> int:
    """Index of the axis named `axis` in `type_`, of the last one for None. Raises: ShapeError: it is not there."""
    if axis is None:
        if not type_.axes:
            raise ShapeError(f"`{op}` needs a tensor with an axis, got {type_}")
        return len(type_.axes) - 1
    if axis not in type_.names:
        raise ShapeError(f"`{op}` works along `{axis}`, but its tensor is {type_}{nearest(axis, type_.names)}")
    return type_.names.index(axis)


def size_along(op: str, types: Types, attrs: Attributes) -> int:
    """Size of the axis that the argument `axis` names."""
    return types[0].axes[position(op, types[0], attrs["axis"])].size


def resized(type_: TensorType, index: int, size: int) -> TensorType:
    """`type_` with the axis at `index` given another size; its name stays, what it was merged from no longer holds."""
    axes = list(type_.axes)
    axes[index] = axes[index].resized(size)
    return TensorType(tuple(axes))


def made_of(op: str, source: TensorType, axes: Sequence[Axis]) -> TensorType:
    """The type of these axes. Raises: ShapeError: two of them have one name."""
    names = [axis.name for axis in axes]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ShapeError(f"`{op}` of {source} would give two axes named `{twice}`; choose another name")
    return TensorType(tuple(axes))


def same_type(types: Types, attrs: Attributes) -> TensorType:
    """The shape rule of operators that keep the type."""
    return types[0]


def along(types: Types, attrs: Attributes, module: str, arg: str, op: str = "linear") -> str:
    """A module that works on the last dimension, applied along the operator's axis."""
    index = position(op, types[0], attrs["axis"])
    last = len(types[0].axes) - 1
    if index == last:
        return f"{module}({arg})"
    swap = f".transpose({index + 1}, {last + 1})"
    return f"{module}({arg}{swap}){swap}"


def channels_first(index: int, call: str, arg: str, rest: str = "") -> str:
    """`call(arg, rest)` where `call` wants the axis at `index` right behind the batch, and gives it back there."""
    if index == 0:
        return f"{call}({arg}{rest})"
    return f"{call}({arg}.movedim({index + 1}, 1){rest}).movedim(1, {index + 1})"
