"""Merging, splitting, renaming and reordering axes. No number changes."""

from __future__ import annotations

from math import prod

from nas.errors import ShapeError
from nas.graph.operators.axes import made_of, position
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import Axis, TensorType

_INTO = Argument("into", "axis", "the name of the merged axis; by default its factors' names joined by ·", default=None)


def _merged(axes: tuple[Axis, ...], into: str | None) -> Axis:
    """One axis out of several, major first; their order stays known."""
    return Axis(into or "·".join(axis.name for axis in axes), prod(axis.size for axis in axes), axes)


def _merge_positions(types: Types, attrs: Attributes) -> tuple[int, int]:
    first = position("merge_axes", types[0], attrs["first"])
    second = position("merge_axes", types[0], attrs["second"])
    if first == second:
        raise ShapeError(f"`merge_axes` needs two different axes of {types[0]}, got `{attrs['first']}` twice")
    return first, second


def _infer_merge(types: Types, attrs: Attributes) -> TensorType:
    first, second = _merge_positions(types, attrs)
    axes = types[0].axes
    merged = _merged((axes[first], axes[second]), attrs["into"])
    if attrs["whole"]:
        merged = Axis(merged.name, merged.size)
    kept = [merged if i == first else axis for i, axis in enumerate(axes) if i != second]
    return made_of("merge_axes", types[0], kept)


def _merge(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    first, second = (i + 1 for i in _merge_positions(types, attrs))
    if second < first:
        return f"{args[0]}.movedim({second}, {first}).flatten({first - 1}, {first})"
    moved = "" if second == first + 1 else f".movedim({second}, {first + 1})"
    return f"{args[0]}{moved}.flatten({first}, {first + 1})"


def _split_factors(types: Types, attrs: Attributes) -> tuple[int, tuple[Axis, ...]]:
    index = position("split_axis", types[0], attrs["axis"])
    axis, size, into = types[0].axes[index], attrs["size"], attrs["into"]
    if size is None and into is None:
        if not axis.factors:
            raise ShapeError(
                f"`split_axis` does not know what `{axis}` of {types[0]} was merged from; "
                "give `size` (of the inner axis) and `into=[outer, inner]`"
            )
        return index, axis.factors
    if into is not None and size is None and axis.factors:
        if len(into) != len(axis.factors):
            raise ShapeError(
                f"`split_axis` gives `{axis}` its {len(axis.factors)} factors back, but `into` has {len(into)} names"
            )
        return index, tuple(Axis(name, f.size, f.factors) for name, f in zip(into, axis.factors, strict=True))
    if size is None or into is None or len(into) != 2:
        raise ShapeError(
            f"`split_axis` of `{axis}` needs `size` (of the inner axis) and `into=[outer, inner]`, two names"
        )
    if axis.size % size:
        raise ShapeError(f"`split_axis` needs a size that divides `{axis}` of {types[0]}, got {size}")
    return index, (Axis(into[0], axis.size // size), Axis(into[1], size))


def _infer_split(types: Types, attrs: Attributes) -> TensorType:
    index, factors = _split_factors(types, attrs)
    axes = types[0].axes
    return made_of("split_axis", types[0], (*axes[:index], *factors, *axes[index + 1 :]))


def _split(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    index, factors = _split_factors(types, attrs)
    return f"{args[0]}.unflatten({index + 1}, ({', '.join(str(axis.size) for axis in factors)}))"


def _infer_flatten(types: Types, attrs: Attributes) -> TensorType:
    axes = types[0].axes
    if not axes:
        raise ShapeError(f"`flatten` needs a tensor with an axis, got {types[0]}")
    if len(axes) == 1:
        return TensorType((Axis(attrs["into"] or axes[0].name, axes[0].size, axes[0].factors),))
    return TensorType((_merged(axes, attrs["into"]),))


def _flatten(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    return args[0] if len(types[0].axes) == 1 else f"{args[0]}.flatten(1)"


def _infer_rename(types: Types, attrs: Attributes) -> TensorType:
    index = position("rename", types[0], attrs["axis"])
    axes = list(types[0].axes)
    axes[index] = Axis(attrs["to"], axes[index].size, axes[index].factors)
    return made_of("rename", types[0], axes)


def _infer_reorder(types: Types, attrs: Attributes) -> TensorType:
    names = types[0].names
    if sorted(attrs["axes"]) != sorted(names):
        raise ShapeError(f"`reorder` needs every axis of {types[0]} once, got [{', '.join(attrs['axes'])}]")
    return TensorType(tuple(types[0].axes[names.index(name)] for name in attrs["axes"]))


def _reorder(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dims = ", ".join(str(types[0].names.index(name) + 1) for name in attrs["axes"])
    return f"{args[0]}.permute(0, {dims})" if dims else args[0]


register(
    Operator(
        name="merge_axes",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y[…, i·|second| + j, …] = x[…, i, …, j, …]",
        example="merge_axes(x, height, width)",
        on=("height=8, width=8, channels=4",),
        doc=(
            "Two axes as one, `first` major; it stands where `first` stood. Its type remembers the order, unless the two are "
            "parts of what is one axis anyway, such as the blocks of an image's height and the rows of a block."
        ),
        arguments=(
            Argument("first", "axis", "the major axis"),
            Argument("second", "axis", "the minor axis, which moves behind the first"),
            _INTO,
            Argument(
                "whole", "bool", "whether the two are parts of one axis, so that none are remembered", default=False
            ),
        ),
        infer=_infer_merge,
        forward=_merge,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="split_axis",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y[…, i, j, …] = x[…, i·size + j, …]",
        example="split_axis(x, channels, 4, [heads, depth])",
        doc="One axis as two, the inner one of `size`. A merged axis gives its factors back when no size is given.",
        arguments=(
            Argument("axis", "axis", "the axis that is split"),
            Argument("size", "size", "the size of the inner axis", default=None),
            Argument("into", "axes", "the names [outer, inner]", default=None),
        ),
        infer=_infer_split,
        forward=_split,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
register(
    Operator(
        name="flatten",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y[i·|b| + j] = x[i, j]",
        example="flatten(x)",
        doc="All axes as one, in their order.",
        arguments=(_INTO,),
        infer=_infer_flatten,
        forward=_flatten,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="rename",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y = x",
        example="rename(x, channels, depth)",
        doc="The tensor itself with an axis of another name.",
        arguments=(Argument("axis", "axis", "the axis"), Argument("to", "axis", "its new name")),
        infer=_infer_rename,
        forward=lambda types, attrs, out, module, args: args[0],
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
register(
    Operator(
        name="reorder",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y[j, i] = x[i, j]",
        example="reorder(x, [channels, tokens])",
        doc="The axes in another order.",
        arguments=(Argument("axes", "axes", "every axis once, in the new order"),),
        infer=_infer_reorder,
        forward=_reorder,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
