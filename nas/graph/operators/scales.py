"""Learned scales and shifts per channel, which stand in for a norm or tame a residual branch."""

from __future__ import annotations

from collections.abc import Sequence

from nas.errors import ShapeError
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


def broadcast_shape(op: str, type_: TensorType, names: Sequence[str]) -> tuple[int, ...]:
    """The shape of numbers that differ along the named axes only, such that they broadcast over `type_`.

    Raises: ShapeError: an axis is not there, or named twice.
    """
    if len(set(names)) < len(names):
        raise ShapeError(f"`{op}` takes each axis once, got [{', '.join(names)}] for {type_}")
    indices = {position(op, type_, name) for name in names}
    return tuple(
        axis.size if i in indices else 1 for i, axis in enumerate(type_.axes) if i >= min(indices, default=i + 1)
    )


def _shape(op: str, types: Types, attrs: Attributes) -> tuple[int, ...]:
    type_, axes = types[0], attrs["axes"]
    return broadcast_shape(op, type_, (type_.names[position(op, type_, None)],) if axes is None else axes)


def _values(op: str, types: Types, attrs: Attributes) -> Module:
    """The numbers, their settings as far as they differ from the defaults of the layer."""
    settings: list[tuple[str, float | str]] = [("init", attrs["init"])]
    if attrs["distribution"] != "constant":
        if attrs["distribution"] != "signs":
            settings.append(("spread", attrs["spread"]))
        settings.append(("distribution", attrs["distribution"]))
    suffix = ".requires_grad_(False)" if attrs["frozen"] else ""
    return Module("Values", (_shape(op, types, attrs),), tuple(settings), suffix)


def _register_values(name: str, equation: str, doc: str, symbol: str, init: float, keeps_zero: bool) -> None:
    def infer(types: Types, attrs: Attributes) -> TensorType:
        _shape(name, types, attrs)
        return types[0]

    register(
        Operator(
            name=name,
            cohort=f"evaluators.cohorts.rules.scales:{name}",
            equation=equation,
            example=f"{name}(x)",
            count="axes",
            doc=doc,
            arguments=(
                Argument("axes", "axes", "the axes along which the numbers differ; the last by default", default=None),
                Argument("init", "float", "where the numbers start", default=init),
                Argument("spread", "float", "how far around `init` they start", default=0.0, low=0.0),
                Argument(
                    "distribution",
                    "str",
                    "normal (σ = spread), uniform (init ± spread), signs (init or −init)",
                    default="constant",
                    options=("constant", "normal", "uniform", "signs"),
                ),
                Argument("frozen", "bool", "whether the numbers stay as they are drawn", default=False),
            ),
            infer=infer,
            weights=lambda types, attrs: (Weight("weight", _shape(name, types, attrs), not attrs["frozen"]),),
            module=lambda types, attrs: _values(name, types, attrs),
            forward=lambda types, attrs, out, module, args: f"{args[0]} {symbol} {module}()",
            layers=("nas.layers.values:Values",),
            keeps_zero=lambda attrs: keeps_zero,
        )
    )


_register_values(
    "scale",
    "y = s ⊙ x",
    "Learned factors, one for every position of the named axes; `axes=[]` is a single number.",
    "*",
    1.0,
    True,
)
_register_values(
    "bias",
    "y = x + b",
    "Learned terms, one for every position of the named axes: biases, positions, what tells members of an ensemble apart.",
    "+",
    0.0,
    False,
)
register(
    Operator(
        name="affine",
        cohort="evaluators.cohorts.rules.scales:affine",
        equation="y = α ⊙ x + β",
        example="affine(x)",
        count="2·i",
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
        cohort="evaluators.cohorts.rules.scales:layer_scale",
        equation="y = γ ⊙ x",
        example="layer_scale(x)",
        count="i",
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
