"""The functions of the language that are not operators: of numbers, of lists, and two that look at tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nas.errors import Place
from nas.graph.operators.axes import position
from nas.space.arithmetic import error
from nas.space.values import AxisSize, Tensor, axis_name, describe
from nas.space.wiring import wire

if TYPE_CHECKING:
    from nas.space.run import Frame

Builtin = Callable[["Frame", list[Any], dict[str, Any], str, Place], Any]


def _numeric(name: str, compute: Callable[..., Any], fewest: int, most: int | None) -> Builtin:
    def call(frame: Frame, args: list[Any], keywords: dict[str, Any], site: str, place: Place) -> Any:
        values = args[0] if len(args) == 1 and isinstance(args[0], list) and most is None else args
        if len(values) < fewest or (most is not None and len(values) > most):
            wanted = f"{fewest}" if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
            raise error(place, f"`{name}` takes {wanted} numbers, got {len(values)}")
        for value in values:
            if not isinstance(value, int | float):
                raise error(place, f"`{name}` takes numbers, got {describe(value)}")
        try:
            return compute(*values)
        except (ValueError, OverflowError, TypeError):
            raise error(place, f"`{name}` has no value at {', '.join(map(str, values))}") from None

    return call


def _round(value: float, places: int = 0) -> float:
    if not isinstance(places, int) or abs(places) > 18:
        raise ValueError
    return round(value, places) if places else round(value)


def _split(frame: Frame, args: list[Any], keywords: dict[str, Any], site: str, place: Place) -> list[Tensor]:
    """`split(x, parts, axis=…)`: equal parts of a tensor, as a list."""
    given = dict(zip(("x", "parts", "axis"), args, strict=False)) | keywords
    if len(args) > 3 or not set(given) <= {"x", "parts", "axis"} or not isinstance(given.get("x"), Tensor):
        raise error(place, "`split` takes a tensor, the number of parts and, if it is not the last, the axis")
    parts = given.get("parts", 2)
    if isinstance(parts, bool) or not isinstance(parts, int) or not 1 <= parts <= 1024:
        raise error(place, f"`split` takes the number of parts, 1 to 1024, got {describe(parts)}")
    extra = {"axis": axis_name(given["axis"])} if "axis" in given else {}
    run, source = frame.run, given["x"].id
    return [run.apply(frame, "chunk", (source,), (k, int(parts)), extra, f"{site}.{k}", place) for k in range(parts)]


def _size(frame: Frame, args: list[Any], keywords: dict[str, Any], site: str, place: Place) -> int:
    """`size(x, axis)`: the size that an axis of a tensor has here."""
    if len(args) != 2 or not isinstance(args[0], Tensor) or not isinstance(args[1], AxisSize | str):
        raise error(place, "`size` takes a tensor and one of its axes")
    type_ = frame.run.builder.nodes[args[0].id].type
    name = axis_name(args[1])
    if name not in type_.names:
        raise error(place, f"`size` looks for the axis `{name}`, and the tensor is {type_}")
    return type_.axes[position("size", type_, name)].size


def _len(frame: Frame, args: list[Any], keywords: dict[str, Any], site: str, place: Place) -> int:
    """`len(list)`: the number of elements."""
    if len(args) != 1 or type(args[0]) is not list:
        got = describe(args[0]) if len(args) == 1 else f"{len(args)} values"
        hint = "; a tensor has sizes: `size(x, axis)`" if len(args) == 1 and type(args[0]) is Tensor else ""
        raise error(place, f"`len` takes a list, got {got}{hint}")
    return len(args[0])


def _range(frame: Frame, args: list[Any], keywords: dict[str, Any], site: str, place: Place) -> Any:
    raise error(place, "`range` belongs to a loop: `for i in range(…)`")


BUILTINS: dict[str, Builtin] = {
    "min": _numeric("min", min, 1, None),
    "max": _numeric("max", max, 1, None),
    "ceil": _numeric("ceil", math.ceil, 1, 1),
    "floor": _numeric("floor", math.floor, 1, 1),
    "round": _numeric("round", _round, 1, 2),
    "log2": _numeric("log2", math.log2, 1, 1),
    "len": _len,
    "range": _range,
    "size": _size,
    "split": _split,
    "wire": wire,
}
BY_NAME = ("split", "wire")  # those that take arguments by name
