"""Sums and products of tensors of one type."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.table import Attributes, Operator, Types, register
from nas.graph.types import TensorType


def _same(op: str, types: Types) -> TensorType:
    first = types[0]
    for other in types[1:]:
        if not first.agrees(other):
            raise ShapeError(f"`{op}` needs tensors of one type, got {first} and {other}")
    return first


def _infer_add(types: Types, attrs: Attributes) -> TensorType:
    return _same("+", types)


def _infer_multiply(types: Types, attrs: Attributes) -> TensorType:
    return _same("*", types)


register(
    Operator(
        name="add",
        equation="y = x₁ + x₂ + …",
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
        equation="y = x₁ ⊙ x₂ ⊙ …",
        doc="The elementwise product of tensors with equal axes; written `*`.",
        arity=(1, None),
        infer=_infer_multiply,
        forward=lambda types, attrs, out, module, args: " * ".join(args),
        commutative=True,
        keeps_zero=lambda attrs: True,
    )
)
