"""Cutting signals and images into patches."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import NamedTuple

from nas.errors import ShapeError
from nas.graph.operators.axes import made_of, position
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import Axis, TensorType


class _Cut(NamedTuple):
    """Where the patches come from: the axes that are cut, and the channels axis and its position, if there is one."""

    cut: tuple[Axis, ...]
    channels: Axis | None
    at: int


def _cut(types: Types, attrs: Attributes) -> _Cut:
    type_, size = types[0], attrs["size"]
    axes = type_.axes
    at = len(axes) - 1
    if attrs["channels"] is not None:
        at = position("patchify", type_, attrs["channels"])
    channels = axes[at] if attrs["channels"] is not None or len(axes) == 3 else None
    cut = tuple(axis for axis in axes if axis is not channels)
    if len(cut) not in (1, 2):
        raise ShapeError(
            f"`patchify` takes [features], [height, width] or [height, width, channels], got {type_}; "
            "`channels` names the axis that is not cut"
        )
    for axis in cut:
        if axis.size % _side(axis, size):
            raise ShapeError(f"`patchify` needs a size that divides `{axis}` of {type_}, got {size}")
    if len(attrs["into"]) != 2:
        raise ShapeError(f"`patchify` takes two names as `into`, [tokens, channels], got {len(attrs['into'])}")
    return _Cut(cut, channels, at)


def _side(axis: Axis, size: int) -> int:
    """How much of an axis a patch takes: an axis of size 1 is not cut, so that a signal may be an image of width 1."""
    return size if axis.size > 1 else 1


def _infer(types: Types, attrs: Attributes) -> TensorType:
    cut, channels, _ = _cut(types, attrs)
    size = attrs["size"]
    grid = tuple(axis.resized(axis.size // _side(axis, size)) for axis in cut)
    depth = prod(_side(axis, size) for axis in cut) * (channels.size if channels else 1)
    tokens = Axis(attrs["into"][0], prod(axis.size for axis in grid), grid if len(grid) > 1 else ())
    return made_of("patchify", types[0], (tokens, Axis(attrs["into"][1], depth)))


def _forward(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    cut, channels, at = _cut(types, attrs)
    size = attrs["size"]
    x = args[0]
    if channels and at != len(types[0].axes) - 1:
        x = f"{x}.movedim({at + 1}, -1)"
    tokens, depth = out.shape
    if sum(axis.size > 1 for axis in cut) < 2:
        return f"{x}.reshape(-1, {tokens}, {depth})"
    grid = [n for axis in cut for n in (axis.size // size, size)]
    pixels = [*grid, channels.size] if channels else grid
    return f"{x}.reshape(-1, {', '.join(map(str, pixels))}).transpose(2, 3).reshape(-1, {tokens}, {depth})"


class _Grid(NamedTuple):
    """The patches as they lie in the tensor that they were cut from, and what is left of their depth for its channels."""

    grid: tuple[Axis, ...]
    sides: tuple[int, ...]
    depth: int


def _grid(types: Types, attrs: Attributes) -> _Grid:
    type_ = types[0]
    if len(type_.axes) != 2:
        raise ShapeError(f"`unpatchify` takes [tokens, channels], got {type_}")
    tokens, channels = type_.axes
    grid = tokens.factors or (tokens,)
    if len(grid) > 2:
        raise ShapeError(f"`unpatchify` puts back patches of 1 or 2 axes, but `{tokens}` was merged from {len(grid)}")
    sides = _sides(types, attrs, grid)
    return _Grid(grid, sides, channels.size // prod(sides))


def _sides(types: Types, attrs: Attributes, grid: tuple[Axis, ...]) -> tuple[int, ...]:
    """How much of each axis a patch took: all of `size`, or 1 of an axis that was not cut."""
    size, channels = attrs["size"], types[0].axes[1]
    if attrs["cut"] is not None:
        names = [axis.name for axis in grid]
        for name in attrs["cut"]:
            if name not in names:
                raise ShapeError(
                    f"`unpatchify` of {types[0]} puts back patches of {' and '.join(names)}, got `{name}` in `cut`"
                )
        possible = [tuple(size if axis.name in attrs["cut"] else 1 for axis in grid)]
    else:
        each = [(size, 1) if axis.size == 1 < len(grid) else (size,) for axis in grid]
        possible = sorted(set(product(*each)), reverse=True)
    found = [sides for sides in possible if channels.size % prod(sides) == 0]
    if not found:
        raise ShapeError(
            f"`unpatchify` needs patches of {prod(possible[0])} numbers to divide `{channels}` of {types[0]}"
        )
    if len(found) > 1:
        raise ShapeError(
            f"`unpatchify` of {types[0]} cannot know which of {' and '.join(map(str, grid))} was cut; name them as `cut`"
        )
    return found[0]


def _infer_back(types: Types, attrs: Attributes) -> TensorType:
    grid, sides, depth = _grid(types, attrs)
    names = attrs["into"]
    if names is None:
        names = (*(axis.name for axis in grid), types[0].names[1])
    if len(names) != len(grid) + (len(names) > len(grid) or depth > 1):
        raise ShapeError(
            f"`unpatchify` of {types[0]} gives {len(grid) + 1} axes, the last of size {depth}, but `into` has {len(names)}"
            " names; the last may be left out when its size is 1"
        )
    sizes = (*(axis.size * side for axis, side in zip(grid, sides, strict=True)), depth)
    return made_of("unpatchify", types[0], [Axis(name, size) for name, size in zip(names, sizes, strict=False)])


def _back(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    grid, sides, depth = _grid(types, attrs)
    x = args[0]
    if sum(axis.size * side > 1 for axis, side in zip(grid, sides, strict=True)) > 1:
        pixels = ", ".join(map(str, (*(axis.size for axis in grid), *sides, depth)))
        x = f"{x}.reshape(-1, {pixels}).transpose(2, 3)"
    return f"{x}.reshape(-1, {', '.join(map(str, out.shape))})"


register(
    Operator(
        name="patchify",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y[token, :] = the numbers of one patch of x",
        example="patchify(x, 4)",
        on=("height=8, width=8, channels=4",),
        doc=(
            "A signal [features] as windows of `size`, an image [height, width] or [height, width, channels] as "
            "size × size patches, row by row; one token each. Axes of size 1 are not cut. `split_axis(x, tokens)` gives the "
            "grid of an image back, `unpatchify` the image."
        ),
        source="Dosovitskiy et al. 2020, arXiv:2010.11929",
        arguments=(
            Argument("size", "size", "the side of a patch; it divides every axis that is cut"),
            Argument("into", "axes", "the names of the new axes", default=("tokens", "channels")),
            Argument("channels", "axis", "the axis that is not cut; the last of three by default", default=None),
        ),
        infer=_infer,
        forward=_forward,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="unpatchify",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y = x of z = patchify(x, size)",
        example="unpatchify(x, 4)",
        doc=(
            "The signal or image that `patchify` cut, from one token for each patch; how the patches lie is known from the "
            "type of their axis. The channels come last."
        ),
        source="He et al. 2021, arXiv:2111.06377",
        arguments=(
            Argument("size", "size", "the side of a patch"),
            Argument(
                "into", "axes", "the names of the new axes, without the channels if they have size 1", default=None
            ),
            Argument("cut", "axes", "the axes that were cut; needed where one patch may be a whole axis", default=None),
        ),
        infer=_infer_back,
        forward=_back,
        keeps_zero=lambda attrs: True,
    )
)
