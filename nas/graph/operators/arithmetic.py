"""Arithmetic between a tensor and a fixed number, and the quotient of two tensors."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import same_type
from nas.graph.operators.sums import agreed
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import TensorType


def _shifted(tensor: str, by: float) -> str:
    return f"{tensor} - {-by!r}" if by < 0 else f"{tensor} + {by!r}"


def _infer_clamp(types: Types, attrs: Attributes) -> TensorType:
    if attrs["low"] > attrs["high"]:
        raise ShapeError(f"`clamp` needs low ≤ high, got {attrs['low']} and {attrs['high']}")
    return types[0]


register(
    Operator(
        name="times",
        cohort="evaluators.cohorts.rules.activations:activation",
        equation="y = by · x",
        example="times(x, 0.5)",
        doc="A tensor times a fixed number; written `0.5 * x`, `x / 2`, `-x`.",
        arguments=(Argument("by", "float", "the factor"),),
        infer=same_type,
        forward=lambda types, attrs, out, module, args: f"{args[0]} * {attrs['by']!r}",
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="plus",
        cohort="evaluators.cohorts.rules.activations:activation",
        equation="y = x + by",
        example="plus(x, 1)",
        doc="A tensor plus a fixed number; written `x + 1`, `x - 0.5`.",
        arguments=(Argument("by", "float", "the term"),),
        infer=same_type,
        forward=lambda types, attrs, out, module, args: _shifted(args[0], attrs["by"]),
        keeps_zero=lambda attrs: attrs["by"] == 0,
    )
)
register(
    Operator(
        name="divide",
        cohort="evaluators.cohorts.rules.products:divide",
        equation="y = x₁ ⊘ x₂",
        example="divide(x, y)",
        doc="The elementwise quotient of two tensors with equal axes; written `x / y`.",
        arity=(2, 2),
        infer=lambda types, attrs: agreed("/", types),
        forward=lambda types, attrs, out, module, args: " / ".join(args),
    )
)
register(
    Operator(
        name="power",
        cohort="evaluators.cohorts.rules.activations:activation",
        equation="y = x ^ by, elementwise",
        example="power(x, 2)",
        doc="A tensor to a fixed power; written `x ** 2`. Of negative numbers only whole powers exist.",
        arguments=(Argument("by", "float", "the exponent"),),
        infer=same_type,
        forward=lambda types, attrs, out, module, args: f"{args[0]}.pow({attrs['by']!r})",
        keeps_zero=lambda attrs: bool(attrs["by"] > 0),
    )
)


register(
    Operator(
        name="clamp",
        cohort="evaluators.cohorts.rules.activations:activation",
        equation="y = min(max(x, low), high)",
        example="clamp(x, -1, 1)",
        doc="A tensor cut off below and above.",
        arguments=(Argument("low", "float", "the smallest value"), Argument("high", "float", "the largest value")),
        infer=_infer_clamp,
        forward=lambda types, attrs, out, module, args: f"{args[0]}.clamp({attrs['low']!r}, {attrs['high']!r})",
        keeps_zero=lambda attrs: bool(attrs["low"] <= 0 <= attrs["high"]),
    )
)
