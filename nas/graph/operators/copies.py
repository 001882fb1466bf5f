"""One tensor seen several times. Nothing is copied: the result shares the memory of its input."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import made_of
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import Axis, TensorType


def _infer_repeat(types: Types, attrs: Attributes) -> TensorType:
    return made_of("repeat", types[0], (Axis(attrs["into"], attrs["n"]), *types[0].axes))


def _repeat(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    return f"{args[0]}.unsqueeze(1).expand(-1, {attrs['n']}{', -1' * len(types[0].axes)})"


def _infer_expand(types: Types, attrs: Attributes) -> TensorType:
    x, like = types
    axes = {axis.name: axis for axis in like.axes}
    for axis in x.axes:
        if axis.name not in axes or not axis.agrees(axes[axis.name]):
            raise ShapeError(f"`expand` needs all axes of its first tensor in the second, got {x} and {like}")
    known = {axis.name: axis for axis in x.axes if axis.factors}
    return TensorType(tuple(known.get(axis.name, axis) for axis in like.axes))


def _expand(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    x, like = types
    order = [x.names.index(name) + 1 for name in like.names if name in x.names]
    text = args[0]
    if order != sorted(order):
        text += f".permute(0, {', '.join(map(str, order))})"
    if len(order) < len(like.axes):
        places = [":" if name in x.names else "None" for name in like.names]
        while places[-1] == ":":
            places.pop()
        text += f"[:, {', '.join(places)}]"
    return f"{text}.expand_as({args[1]})"


register(
    Operator(
        name="repeat",
        cohort="evaluators.cohorts.rules.pieces:copies",
        equation="y[k, :] = x for k = 1 … n",
        example="repeat(x, 4, into=members)",
        doc="n copies of a tensor along a new first axis: the members of an ensemble, the streams of hyper-connections.",
        arguments=(
            Argument("n", "size", "how many"),
            Argument("into", "axis", "the name of the new axis"),
        ),
        infer=_infer_repeat,
        forward=_repeat,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
register(
    Operator(
        name="expand",
        cohort="evaluators.cohorts.rules.pieces:copies",
        equation="y[…, i, j] = x[i]",
        example="expand(x, y)",
        on=("channels=16", "tokens=8, channels=16"),
        doc=(
            "The first tensor with all axes of the second in their order, constant along those that it lacks. Of the "
            "second one only the type counts."
        ),
        arity=(2, 2),
        infer=_infer_expand,
        forward=_expand,
        keeps_zero=lambda attrs: True,
        view=True,
    )
)
