"""Sums and products of tensors of one type."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.table import Attributes, Operator, Types, register
from nas.graph.types import Axis, TensorType


def _infer_add(types: Types, attrs: Attributes) -> TensorType:
    return agreed("+", types)


def _infer_multiply(types: Types, attrs: Attributes) -> TensorType:
    return agreed("*", types)


def agreed(op: str, types: Types) -> TensorType:
    """The one type that all agree on, with the factors that any of them knows, so that the order does not matter."""
    joined = types[0]
    for other in types[1:]:
        if other is joined or other == joined:
            continue
        if not joined.agrees(other):
            raise ShapeError(f"`{op}` needs tensors of one type, got {joined} and {other}{_hint(joined, other)}")
        joined = TensorType(tuple(a if a.factors else b for a, b in zip(joined.axes, other.axes, strict=True)))
    return joined


def _hint(one: TensorType, other: TensorType) -> str:
    if str(one) != str(other):
        return ""
    pairs = zip(one.axes, other.axes, strict=True)
    a, b = next((a, b) for a, b in pairs if not a.agrees(b))
    return f": `{a.name}` is {_order(a)} there and {_order(b)} here"


def _order(axis: Axis) -> str:
    return "·".join(map(str, axis.factors))


register(
    Operator(
        name="add",
        cohort="evaluators.cohorts.rules.sums:add",
        equation="y = x₁ + x₂ + …",
        example="add(x, y)",
        doc="The sum of tensors with equal axes; written `+`.",
        arity=(1, None),
        infer=_infer_add,
        forward=lambda types, attrs, out, module, args: " + ".join(args),
        commutative=True,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="multiply",
        cohort="evaluators.cohorts.rules.products:multiply",
        equation="y = x₁ ⊙ x₂ ⊙ …",
        example="multiply(x, y)",
        doc="The elementwise product of tensors with equal axes; written `*`.",
        arity=(1, None),
        infer=_infer_multiply,
        forward=lambda types, attrs, out, module, args: " * ".join(args),
        commutative=True,
        keeps_zero=lambda attrs: True,
    )
)
