"""Activations with parameters: rational functions, polynomials, and a share of a fixed activation."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import along, last_axis, position, same_type, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_KEEPS_ZERO = {
    "selu": True,
    "mish": True,
    "relu": True,
    "gelu": True,
    "silu": True,
    "elu": True,
    "tanh": True,
    "sigmoid": False,
    "softplus": False,
}
_ORDER = Argument("order", "size", "the highest power", default=3)
_POLYNOMIALS = "Zhuo et al. 2024, arXiv:2411.03884"


def _infer_rational(types: Types, attrs: Attributes) -> TensorType:
    axis, groups = types[0].axes[position("rational", types[0], attrs["axis"])], attrs["groups"]
    if axis.size % groups:
        raise ShapeError(f"`rational` needs groups that divide `{axis}` of {types[0]}, got {groups}")
    return types[0]


def _infer_along(op: str, types: Types, attrs: Attributes) -> TensorType:
    position(op, types[0], attrs["axis"])
    return types[0]


def _polynomial(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    return Weight("weight", (attrs["order"],)), Weight("bias", (1,))


register(
    Operator(
        name="rational",
        equation="y = (a₀ + a₁x + … + a₅x⁵) / (1 + |b₁x| + … + |b₄x⁴|)",
        example="rational(x, groups=4)",
        count="6 + 4·groups",
        doc=(
            "The group-rational function of KAT: all channels share a, every group of neighbouring channels has its b. With "
            "a linear map it is a GR-KAN layer. It starts near swish or the identity, scaled to keep the variance."
        ),
        source="Yang and Wang 2024, arXiv:2409.10594",
        arguments=(
            Argument("groups", "size", "how many groups", default=8),
            last_axis("the axis of the channels"),
            Argument("start", "str", "what it starts near", default="swish", options=("swish", "identity")),
        ),
        infer=_infer_rational,
        weights=lambda types, attrs: (Weight("numerator", (6,)), Weight("denominator", (attrs["groups"], 4))),
        module=lambda types, attrs: Module(
            "GroupRational", (attrs["groups"],), () if attrs["start"] == "swish" else (("start", attrs["start"]),)
        ),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "rational"),
        layers=("nas.layers.group_rational:GroupRational",),
    )
)
register(
    Operator(
        name="poly_relu",
        equation="y = b + Σₖ aₖ max(x, 0)ᵏ",
        example="poly_relu(x)",
        count="order + 1",
        doc="A learned polynomial of a ReLU, the mean of its powers at the start.",
        source=_POLYNOMIALS,
        arguments=(_ORDER,),
        infer=same_type,
        weights=_polynomial,
        module=lambda types, attrs: Module("PolyReLU", (attrs["order"],)),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]})",
        layers=("nas.layers.poly_relu:PolyReLU",),
    )
)
register(
    Operator(
        name="poly_norm",
        equation="y = b + Σₖ aₖ xᵏ / √(mean x²ᵏ + ε)",
        example="poly_norm(x)",
        count="order + 1",
        doc="A learned polynomial, every power of which is divided by its root mean square over one axis.",
        source=_POLYNOMIALS,
        arguments=(_ORDER, last_axis("the axis it normalises over")),
        infer=lambda types, attrs: _infer_along("poly_norm", types, attrs),
        weights=_polynomial,
        module=lambda types, attrs: Module("PolyNorm", (attrs["order"],)),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "poly_norm"),
        layers=("nas.layers.poly_norm:PolyNorm",),
    )
)
register(
    Operator(
        name="parametric",
        equation="y = x + α ⊙ (act(x) − x)",
        example='parametric(x, act="mish")',
        count="i",
        doc="An activation of which every channel takes a learned share, all of it at the start.",
        source="Holzmüller et al. 2024 (RealMLP), arXiv:2407.04491",
        arguments=(
            Argument("act", "str", "the activation", default="selu", options=tuple(_KEEPS_ZERO)),
            last_axis("the axis of the channels"),
        ),
        infer=lambda types, attrs: _infer_along("parametric", types, attrs),
        weights=lambda types, attrs: (Weight("alpha", (size_along("parametric", types, attrs),)),),
        module=lambda types, attrs: Module("Parametric", (size_along("parametric", types, attrs), attrs["act"])),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "parametric"),
        layers=("nas.layers.parametric:Parametric",),
        keeps_zero=lambda attrs: _KEEPS_ZERO[attrs["act"]],
    )
)
