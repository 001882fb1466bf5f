"""Numbers that change their place along an axis: parts taken, order changed, borders added."""

from __future__ import annotations

from collections.abc import Callable

from nas.errors import ShapeError
from nas.graph.operators.axes import last_axis, position, resized, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_BY = "how far; backward if it is negative"


def _dim(op: str, types: Types, attrs: Attributes) -> int:
    """The dimension of the argument `axis`, the batch counted."""
    return position(op, types[0], attrs["axis"]) + 1


def _keeps_type(op: str) -> Callable[[Types, Attributes], TensorType]:
    """The shape rule of operators that move numbers along an axis which stays as it is."""

    def infer(types: Types, attrs: Attributes) -> TensorType:
        position(op, types[0], attrs["axis"])
        return types[0]

    return infer


def _infer_slice(types: Types, attrs: Attributes) -> TensorType:
    type_, start = types[0], attrs["start"]
    index = position("slice", type_, attrs["axis"])
    axis = type_.axes[index]
    stop = axis.size if attrs["stop"] is None else attrs["stop"]
    if not start < stop <= axis.size:
        raise ShapeError(f"`slice` needs 0 ≤ start < stop ≤ the size of `{axis}` of {type_}, got {start} and {stop}")
    return resized(type_, index, stop - start)


def _slice(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dim = _dim("slice", types, attrs)
    return f"{args[0]}.narrow({dim}, {attrs['start']}, {out.shape[dim - 1]})"


def _infer_shift(types: Types, attrs: Attributes) -> TensorType:
    axis = types[0].axes[position("shift", types[0], attrs["axis"])]
    if abs(attrs["by"]) >= axis.size:
        raise ShapeError(f"`shift` by {attrs['by']} leaves nothing of `{axis}` of {types[0]}")
    return types[0]


def _shift_module(types: Types, attrs: Attributes) -> Module:
    fill = () if attrs["fill"] == "zero" else (("fill", attrs["fill"]),)
    return Module("Shift", (attrs["by"],), (("dim", _dim("shift", types, attrs)), *fill))


def _infer_pad(types: Types, attrs: Attributes) -> TensorType:
    type_, before, after, mode = types[0], attrs["before"], attrs["after"], attrs["mode"]
    index = position("pad", type_, attrs["axis"])
    axis = type_.axes[index]
    most = {"reflect": axis.size - 1, "circular": axis.size}.get(mode)
    if most is not None and max(before, after) > most:
        raise ShapeError(
            f"`pad` with mode={mode} adds at most {most} numbers at an end of `{axis}` of {type_}, got {before} and {after}"
        )
    return resized(type_, index, before + axis.size + after)


def _pad_module(types: Types, attrs: Attributes) -> Module | None:
    """None for zeros, which torch's own function puts at the ends of any dimension."""
    if attrs["mode"] == "zero":
        return None
    dim = _dim("pad", types, attrs)
    return Module("Border", (attrs["before"], attrs["after"]), (("dim", dim), ("mode", attrs["mode"])))


def _pad(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    if attrs["mode"] != "zero":
        return f"{module}({args[0]})"
    behind = len(out.axes) - _dim("pad", types, attrs)
    return f"F.pad({args[0]}, ({'0, 0, ' * behind}{attrs['before']}, {attrs['after']}))"


def _infer_cycle(types: Types, attrs: Attributes) -> TensorType:
    if position("cycle_shift", types[0], attrs["axis"]) == len(types[0].axes) - 1:
        raise ShapeError(f"`cycle_shift` moves along an axis other than the channels, which are the last of {types[0]}")
    return types[0]


def _cycle(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dim = _dim("cycle_shift", types, attrs)
    if dim == len(types[0].axes) - 1:
        return f"{module}({args[0]})"
    return f"{module}({args[0]}.movedim({dim}, -2)).movedim(-2, {dim})"


register(
    Operator(
        name="slice",
        cohort="evaluators.cohorts.rules.moves:move",
        equation="y[i] = x[start + i], i = 0 … stop − start − 1",
        example="slice(x, 0, 4, axis=tokens)",
        doc="A piece of an axis, counted from 0; `stop` itself is not part of it.",
        arguments=(
            Argument("start", "int", "the first position", low=0),
            Argument("stop", "int", "the position behind the last; None for the end of the axis", default=None, low=1),
            last_axis("the axis that is cut"),
        ),
        infer=_infer_slice,
        forward=_slice,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
register(
    Operator(
        name="roll",
        cohort="evaluators.cohorts.rules.pieces:pieces",
        equation="y[i] = x[(i − shift) mod |axis|]",
        example="roll(x, 1, axis=tokens)",
        doc="All numbers moved along an axis; what leaves at one end comes back at the other.",
        arguments=(Argument("shift", "int", _BY), last_axis()),
        infer=_keeps_type("roll"),
        forward=lambda types, attrs, out, module, args: (
            f"{args[0]}.roll({attrs['shift']}, {_dim('roll', types, attrs)})"
        ),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="flip",
        cohort="evaluators.cohorts.rules.pieces:flip",
        equation="y[i] = x[|axis| − 1 − i]",
        example="flip(x, axis=tokens)",
        doc="An axis in the opposite order.",
        arguments=(last_axis(),),
        infer=_keeps_type("flip"),
        forward=lambda types, attrs, out, module, args: f"{args[0]}.flip({_dim('flip', types, attrs)})",
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="shift",
        cohort="evaluators.cohorts.rules.pieces:pieces",
        equation="y[i] = x[i − by], outside of x zero or its edge",
        example="shift(x, 1, axis=tokens)",
        doc="All numbers moved along an axis; what leaves at one end is lost, the other end is filled.",
        source="Yu et al. 2021, arXiv:2106.07477",
        arguments=(
            Argument("by", "int", _BY),
            last_axis(),
            Argument(
                "fill", "str", "what comes in: zeros, or the outermost number", default="zero", options=("zero", "edge")
            ),
        ),
        infer=_infer_shift,
        module=_shift_module,
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]})",
        layers=("nas.layers.shift:Shift",),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="cycle_shift",
        cohort="evaluators.cohorts.rules.pieces:pieces",
        equation="y[i, c] = x[i + ((c + h) mod window) − h, c], h = ⌊window / 2⌋, zero outside of x",
        example="cycle_shift(x, 3, axis=tokens)",
        doc=(
            "Each channel, of the last axis, moved along another axis by a step of its own, the steps in turn. A linear map "
            "behind it is the cycle fully-connected layer."
        ),
        source="Chen et al. 2021, arXiv:2107.10224",
        arguments=(
            Argument("window", "size", "how many steps there are"),
            Argument("axis", "axis", "the axis along which the channels move"),
        ),
        infer=_infer_cycle,
        module=lambda types, attrs: Module("CycleShift", (attrs["window"],)),
        forward=_cycle,
        layers=("nas.layers.cycle_shift:CycleShift",),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="pad",
        cohort="evaluators.cohorts.rules.pieces:pieces",
        equation="y[before + i] = x[i], the rest by `mode`",
        example="pad(x, 1, 1, axis=tokens)",
        doc=(
            "A longer axis: zeros at its ends, its outermost numbers again (edge), its numbers mirrored (reflect), or those "
            "of the other end (circular)."
        ),
        arguments=(
            Argument("before", "int", "how many numbers more at the beginning", low=0),
            Argument("after", "int", "how many numbers more at the end", low=0),
            last_axis("the axis that grows"),
            Argument("mode", "str", "what is added", default="zero", options=("zero", "edge", "reflect", "circular")),
        ),
        infer=_infer_pad,
        module=_pad_module,
        forward=_pad,
        layers=("nas.layers.border:Border",),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="permute_values",
        equation="y[i] = x[π(i)], π a permutation drawn with `seed`",
        example="permute_values(x, axis=tokens)",
        doc=(
            "An axis in a random order that is the same for every sample and never changes: what is left of a model when "
            "neighbours mean nothing. The order is stored with the weights."
        ),
        arguments=(Argument("seed", "int", "what π is drawn with", default=0, low=0), last_axis()),
        infer=_keeps_type("permute_values"),
        weights=lambda types, attrs: (
            Weight("order", (size_along("permute_values", types, attrs),), trainable=False, buffer=True),
        ),
        module=lambda types, attrs: Module("Permutation", (size_along("permute_values", types, attrs), attrs["seed"])),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]}, {_dim('permute_values', types, attrs)})",
        layers=("nas.layers.permutation:Permutation",),
        keeps_zero=lambda attrs: True,
    )
)
