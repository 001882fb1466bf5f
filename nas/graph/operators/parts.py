"""Putting tensors together, taking them apart, passing them on, and dropping them."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import last_axis, position, resized
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import TensorType


def _infer_concat(types: Types, attrs: Attributes) -> TensorType:
    first = types[0]
    index = position("concat", first, attrs["axis"])
    for other in types[1:]:
        fits = len(other.axes) == len(first.axes) and all(
            a.name == b.name if i == index else a.agrees(b)
            for i, (a, b) in enumerate(zip(first.axes, other.axes, strict=True))
        )
        if not fits:
            raise ShapeError(
                f"`concat` along `{first.axes[index].name}` needs tensors that differ only there, got {first} and {other}"
            )
    if len(types) == 1:
        return first
    return resized(first, index, sum(type_.axes[index].size for type_ in types))


def _infer_chunk(types: Types, attrs: Attributes) -> TensorType:
    at = position("chunk", types[0], attrs["axis"])
    axis, parts, index = types[0].axes[at], attrs["parts"], attrs["index"]
    if axis.size % parts:
        raise ShapeError(f"`split` into {parts} parts does not divide `{axis}` of {types[0]}")
    if not 0 <= index < parts:
        raise ShapeError(
            f"`chunk` counts {parts} parts from 0 to {parts - 1}, got index {index} for `{axis}` of {types[0]}"
        )
    return resized(types[0], at, axis.size // parts)


def _chunk(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dim = position("chunk", types[0], attrs["axis"]) + 1
    return f"{args[0]}.chunk({attrs['parts']}, {dim})[{attrs['index']}]"


def _infer_identity(types: Types, attrs: Attributes) -> TensorType:
    n, axis = attrs["n"], attrs["axis"]
    if n is None and axis is None:
        return types[0]
    index = position("identity", types[0], axis)
    if n not in (None, types[0].axes[index].size):
        raise ShapeError(f"`identity` keeps `{types[0].axes[index]}` of {types[0]}, but n = {n} is asked for")
    return types[0]


def _infer_zero(types: Types, attrs: Attributes) -> TensorType:
    n, axis = attrs["n"], attrs["axis"]
    if n is None and axis is None:
        return types[0]
    index = position("zero", types[0], axis)
    return types[0] if n is None else resized(types[0], index, n)


def _zero(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    shape = ", ".join(map(str, out.shape))
    return f"{args[0]}.new_zeros({args[0]}.shape[0], {shape})" if shape else f"{args[0]}.new_zeros({args[0]}.shape[0])"


register(
    Operator(
        name="concat",
        cohort="evaluators.cohorts.rules.moves:concat",
        equation="y = [x₁; x₂; …]",
        example="concat(x, y)",
        doc="Tensors one behind the other along one axis, the last by default; all other axes are equal.",
        arity=(1, None),
        arguments=(last_axis("the axis along which they follow each other"),),
        infer=_infer_concat,
        forward=lambda types, attrs, out, module, args: (
            f"torch.cat([{', '.join(args)}], {position('concat', types[0], attrs['axis']) + 1})"
        ),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="chunk",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y = xᵢ of x = [x₀; x₁; …]",
        example="chunk(x, 0, 2)",
        doc="One of `parts` equal pieces of an axis. `split(x, parts)` gives all of them.",
        arguments=(
            Argument("index", "int", "which piece, from 0", low=0),
            Argument("parts", "size", "how many pieces there are"),
            last_axis("the axis that is cut"),
        ),
        infer=_infer_chunk,
        forward=_chunk,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
register(
    Operator(
        name="identity",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y = x",
        example="identity(x)",
        doc="The tensor itself. With `n` it checks that the axis has that size, so that it can stand where a layer may.",
        arguments=(
            Argument("n", "size", "the size that the axis must have", default=None),
            last_axis("the axis that `n` speaks of"),
        ),
        infer=_infer_identity,
        forward=lambda types, attrs, out, module, args: args[0],
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
register(
    Operator(
        name="zero",
        equation="y = 0",
        example="zero(x, 32)",
        doc="Zeros of the tensor's type, or with the axis at size `n`: a connection that is not there.",
        arguments=(
            Argument("n", "size", "the new size of the axis", default=None),
            last_axis("the axis that `n` speaks of"),
        ),
        infer=_infer_zero,
        forward=_zero,
        keeps_zero=lambda attrs: True,
    )
)
