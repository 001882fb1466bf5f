"""Learned scales and shifts per channel, which stand in for a norm or tame a residual branch."""

from __future__ import annotations

from nas.graph.operators.axes import along, last_axis, position, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType


def _infer_affine(types: Types, attrs: Attributes) -> TensorType:
    position("affine", types[0], attrs["axis"])
    return types[0]


def _affine_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    n = size_along("affine", types, attrs)
    return Weight("alpha", (n,)), Weight("beta", (n,))


def _infer_layer_scale(types: Types, attrs: Attributes) -> TensorType:
    position("layer_scale", types[0], attrs["axis"])
    return types[0]


register(
    Operator(
        name="affine",
        equation="y = α ⊙ x + β",
        doc="A scale and a shift per channel, 1 and 0 at the start: the stand-in for a norm that needs no statistics.",
        source="Touvron et al. 2021 (ResMLP), arXiv:2105.03404",
        arguments=(last_axis("the axis of the channels"),),
        infer=_infer_affine,
        weights=_affine_weights,
        module=lambda types, attrs: Module("Affine", (size_along("affine", types, attrs),)),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "affine"),
        layers=("nas.layers.affine:Affine",),
    )
)
register(
    Operator(
        name="layer_scale",
        equation="y = γ ⊙ x",
        doc="A learned scale per channel, `init` at the start; a small one lets a deep residual stack begin as identity.",
        source="Touvron et al. 2021 (CaiT), arXiv:2103.17239",
        arguments=(
            Argument("init", "float", "the scale at the start", default=1e-5),
            last_axis("the axis of the channels"),
        ),
        infer=_infer_layer_scale,
        weights=lambda types, attrs: (Weight("gamma", (size_along("layer_scale", types, attrs),)),),
        module=lambda types, attrs: Module("LayerScale", (size_along("layer_scale", types, attrs), attrs["init"])),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "layer_scale"),
        layers=("nas.layers.layer_scale:LayerScale",),
        keeps_zero=lambda attrs: True,
    )
)
