"""Finding axes in types, for the shape rules of all operators."""

from __future__ import annotations

from nas.errors import ShapeError, nearest
from nas.graph.types import TensorType


def position(op: str, type_: TensorType, axis: str | None) -> int:
    """Index of the axis named `axis` in `type_`, of the last one for None. Raises: ShapeError: it is not there."""
    if axis is None:
        if not type_.axes:
            raise ShapeError(f"`{op}` needs a tensor with an axis, got {type_}")
        return len(type_.axes) - 1
    if axis not in type_.names:
        raise ShapeError(f"`{op}` works along `{axis}`, but its tensor is {type_}{nearest(axis, type_.names)}")
    return type_.names.index(axis)


def resized(type_: TensorType, index: int, size: int) -> TensorType:
    """`type_` with the axis at `index` given another size; its name stays."""
    axes = list(type_.axes)
    axes[index] = axes[index].resized(size)
    return TensorType(tuple(axes))
