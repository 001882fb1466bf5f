"""Several tensors, or several networks, of which learned shares or gates make one."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import along, last_axis, position, resized
from nas.graph.operators.scales import broadcast_shape
from nas.graph.operators.sums import agreed
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_ACTIVATIONS = ("gelu", "silu", "relu", "tanh")


def _infer_mixture(types: Types, attrs: Attributes) -> TensorType:
    type_ = agreed("mixture", types)
    _mixture_shape(types, attrs)
    return type_


def _mixture_shape(types: Types, attrs: Attributes) -> tuple[int, ...]:
    axis = attrs["axis"]
    return (len(types), *broadcast_shape("mixture", types[0], [axis] if axis else []))


def _infer_top_k(types: Types, attrs: Attributes) -> TensorType:
    axis = types[0].axes[position("top_k", types[0], attrs["axis"])]
    if attrs["k"] > axis.size:
        raise ShapeError(f"`top_k` keeps {attrs['k']} along `{axis}` of {types[0]}, which has fewer")
    return types[0]


def _infer_experts(types: Types, attrs: Attributes) -> TensorType:
    x, gates = types
    index = position("experts", x, None)
    fits = len(gates.axes) == len(x.axes) and all(
        a.agrees(b) for a, b in zip(x.axes[:-1], gates.axes[:-1], strict=True)
    )
    if not fits:
        raise ShapeError(
            f"`experts` needs gates with the axes of its first tensor, the last replaced by the experts; got {x} and {gates}"
        )
    if attrs["active"] > gates.axes[-1].size:
        raise ShapeError(
            f"`experts` computes {attrs['active']} experts, but its gates are for {gates.axes[-1]}; got {x} and {gates}"
        )
    return resized(x, index, attrs["n"])


def _sizes(types: Types, attrs: Attributes) -> tuple[int, int, int, int]:
    """The sizes in, hidden and out, and the number of experts."""
    return types[0].shape[-1], attrs["hidden"], attrs["n"], types[1].shape[-1]


def _expert_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, hidden, o, experts = _sizes(types, attrs)
    return (
        Weight("up", (experts, hidden, i)),
        Weight("up_bias", (experts, hidden)),
        Weight("down", (experts, o, hidden)),
        Weight("down_bias", (experts, o)),
    )


def _inactive(types: Types, attrs: Attributes) -> int:
    experts, active = types[1].shape[-1], int(attrs["active"])
    return sum(weight.size for weight in _expert_weights(types, attrs)) // experts * (experts - active)


def _expert_macs(types: Types, attrs: Attributes, out: TensorType) -> int:
    i, hidden, o, _ = _sizes(types, attrs)
    active: int = attrs["active"]
    return out.size // o * active * hidden * (i + o)


register(
    Operator(
        name="mixture",
        equation="y = Σₖ softmax(w)ₖ ⊙ xₖ",
        example="mixture(x, y)",
        count="tensors·i",
        doc="A learned mean of tensors with equal axes, their plain mean at the start.",
        source="Liu, Simonyan and Yang 2018 (DARTS), arXiv:1806.09055",
        arity=(1, None),
        arguments=(
            Argument("axis", "axis", "the axis whose positions have shares of their own; none by default", default=""),
        ),
        infer=_infer_mixture,
        weights=lambda types, attrs: (Weight("weight", _mixture_shape(types, attrs)),),
        module=lambda types, attrs: Module("Mixture", _mixture_shape(types, attrs)),
        forward=lambda types, attrs, out, module, args: f"{module}({', '.join(args)})",
        layers=("nas.layers.mixture:Mixture",),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="top_k",
        equation="yᵢ = xᵢ where it is one of the k largest, 0 elsewhere",
        example="top_k(x, 4)",
        doc="Keeps the largest numbers along one axis: sparse gates.",
        source="Shazeer et al. 2017, arXiv:1701.06538",
        arguments=(Argument("k", "size", "how many are kept"), last_axis()),
        infer=_infer_top_k,
        module=lambda types, attrs: Module("TopK", (attrs["k"],)),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "top_k"),
        layers=("nas.layers.top_k:TopK",),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="experts",
        equation="y = Σₑ gₑ (W′ₑ act(Wₑ x + bₑ) + b′ₑ) over the active largest gates gₑ",
        example="experts(x, y, 16, 32, active=2)",
        on=("tokens=8, channels=16", "tokens=8, gates=4"),
        count="experts·(i·hidden + hidden + hidden·n + n)",
        doc=(
            "A mixture of experts, each an MLP with one hidden layer on the last axis. The second tensor holds the gates: "
            "it has the axes of the first, the last replaced by the experts. Only the `active` largest are computed."
        ),
        source="Shazeer et al. 2017, arXiv:1701.06538",
        arity=(2, 2),
        arguments=(
            Argument("n", "size", "the new size of the last axis"),
            Argument("hidden", "size", "the width of an expert"),
            Argument("active", "size", "how many experts a position uses", default=1),
            Argument("act", "str", "the activation", default="gelu", options=_ACTIVATIONS),
        ),
        infer=_infer_experts,
        weights=_expert_weights,
        inactive=_inactive,
        macs=_expert_macs,
        module=lambda types, attrs: Module(
            "Experts",
            (*_sizes(types, attrs), attrs["active"]),
            () if attrs["act"] == "gelu" else (("act", attrs["act"]),),
        ),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]}, {args[1]})",
        layers=("nas.layers.experts:Experts",),
        keeps_zero=lambda attrs: True,
    )
)
