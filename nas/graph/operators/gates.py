"""One half of the channels gates the other."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import last_axis, position, resized, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_GATES = {
    "sigmoid": "torch.sigmoid({})",
    "gelu": "F.gelu({})",
    "silu": "F.silu({})",
    "relu": "F.relu({})",
    "tanh": "torch.tanh({})",
    "identity": "{}",
}


def _halved(op: str, type_: TensorType, index: int) -> TensorType:
    axis = type_.axes[index]
    if axis.size % 2:
        raise ShapeError(f"`{op}` halves its channels, but `{axis}` of {type_} is odd")
    return resized(type_, index, axis.size // 2)


def _glu(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    dim = position("glu", types[0], attrs["axis"]) + 1
    if attrs["act"] == "sigmoid" and attrs["gate"] == "second":
        return f"F.glu({args[0]}, {dim})"
    first, second = (f"{args[0]}.chunk(2, {dim})[{i}]" for i in (0, 1))
    act = _GATES[attrs["act"]]
    return f"{act.format(first)} * {second}" if attrs["gate"] == "first" else f"{first} * {act.format(second)}"


def _gate_axes(types: Types, attrs: Attributes) -> tuple[int, int]:
    """Positions of the tokens and of the channels."""
    type_ = types[0]
    tokens = position("spatial_gate", type_, attrs["axis"])
    channels = position("spatial_gate", type_, None)
    if tokens == channels:
        raise ShapeError(f"`spatial_gate` mixes an axis other than the channels, which are the last of {type_}")
    return tokens, channels


def _gate_sizes(types: Types, attrs: Attributes) -> tuple[int, int]:
    """The sizes of the half of the channels and of the tokens."""
    tokens, channels = (types[0].axes[index].size for index in _gate_axes(types, attrs))
    return channels // 2, tokens


def _gate_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    half, tokens = _gate_sizes(types, attrs)
    return (
        Weight("norm.weight", (half,)),
        Weight("norm.bias", (half,)),
        Weight("mix.weight", (tokens, tokens)),
        Weight("mix.bias", (tokens,)),
    )


def _gate(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    tokens, channels = (index + 1 for index in _gate_axes(types, attrs))
    if tokens == channels - 1:
        return f"{module}({args[0]})"
    return f"{module}({args[0]}.movedim({tokens}, -2)).movedim(-2, {tokens})"


register(
    Operator(
        name="glu",
        cohort="evaluators.cohorts.rules.gates:glu",
        equation="y = act(x₁) ⊙ x₂ of x = [x₁; x₂]",
        example='glu(x, act="silu")',
        doc=(
            "A gated linear unit: an axis is halved, `act` of one half gates the other. With gelu it is GEGLU, with silu "
            "SwiGLU, with relu ReGLU, with identity the bilinear unit. torch's own F.glu has gate=second."
        ),
        source="Dauphin et al. 2016, arXiv:1612.08083; Shazeer 2020, arXiv:2002.05202",
        arguments=(
            Argument("act", "str", "the activation of the gate", default="sigmoid", options=tuple(_GATES)),
            last_axis("the axis that is halved"),
            Argument("gate", "str", "the half that `act` is taken of", default="first", options=("first", "second")),
        ),
        infer=lambda types, attrs: _halved("glu", types[0], position("glu", types[0], attrs["axis"])),
        forward=_glu,
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="spatial_gate",
        cohort="evaluators.cohorts.rules.gates:spatial_gate",
        equation="y = x₁ ⊙ (W LN(x₂) + b) of x = [x₁; x₂], W along the tokens",
        example="spatial_gate(x, axis=tokens)",
        count="i·i + i + c",
        doc="The spatial gating unit of gMLP: halves the channels, the last axis. At the start W ≈ 0 and b = 1.",
        source="Liu et al. 2021, arXiv:2105.08050",
        arguments=(Argument("axis", "axis", "the axis of the tokens, which W mixes"),),
        infer=lambda types, attrs: _halved("spatial_gate", types[0], _gate_axes(types, attrs)[1]),
        weights=_gate_weights,
        macs=lambda types, attrs, out: out.size * size_along("spatial_gate", types, attrs),
        module=lambda types, attrs: Module("SpatialGate", _gate_sizes(types, attrs)),
        forward=_gate,
        layers=("nas.layers.spatial_gate:SpatialGate",),
        keeps_zero=lambda attrs: True,
    )
)
