"""Normalisations over one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nas.errors import ShapeError
from nas.graph.operators.axes import along, channels_first, last_axis, position, size_along
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_BATCH_NORMS = {1: "nn.BatchNorm1d", 2: "nn.BatchNorm1d", 3: "nn.BatchNorm2d", 4: "nn.BatchNorm3d"}


def _arguments(affine: str, axis: str, eps: float) -> tuple[Argument, ...]:
    return (
        Argument("affine", "bool", f"whether {affine} there", default=True),
        last_axis(axis),
        Argument("eps", "float", "what is added under the root", default=eps, low=1e-12),
    )


def _infer(op: str) -> Callable[[Types, Attributes], TensorType]:
    def infer(types: Types, attrs: Attributes) -> TensorType:
        position(op, types[0], attrs["axis"])
        return types[0]

    return infer


def _weights(op: str, *names: str) -> Callable[[Types, Attributes], tuple[Weight, ...]]:
    def weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
        n = size_along(op, types, attrs)
        return tuple(Weight(name, (n,)) for name in names) if attrs["affine"] else ()

    return weights


def _settings(attrs: Attributes, torch_eps: float | None, affine: str) -> tuple[tuple[str, Any], ...]:
    """What differs from torch's own defaults."""
    settings: list[tuple[str, Any]] = []
    if attrs["eps"] != torch_eps:
        settings.append(("eps", attrs["eps"]))
    if not attrs["affine"]:
        settings.append((affine, False))
    return tuple(settings)


def _infer_batch_norm(types: Types, attrs: Attributes) -> TensorType:
    position("batch_norm", types[0], attrs["axis"])
    if len(types[0].axes) not in _BATCH_NORMS:
        raise ShapeError(f"`batch_norm` takes a tensor of 1 to 4 axes, got {types[0]}; merge some with `merge_axes`")
    return types[0]


def _batch_norm_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    n = size_along("batch_norm", types, attrs)
    statistics = (
        Weight("running_mean", (n,), trainable=False, buffer=True),
        Weight("running_var", (n,), trainable=False, buffer=True),
        Weight("num_batches_tracked", (), trainable=False, buffer=True),
    )
    return (Weight("weight", (n,)), Weight("bias", (n,)), *statistics) if attrs["affine"] else statistics


def _infer_group_norm(types: Types, attrs: Attributes) -> TensorType:
    axis, groups = types[0].axes[position("group_norm", types[0], attrs["axis"])], attrs["groups"]
    if axis.size % groups:
        raise ShapeError(f"`group_norm` needs groups that divide `{axis}` of {types[0]}, got {groups}")
    return types[0]


register(
    Operator(
        name="layer_norm",
        cohort="evaluators.cohorts.rules.row_norms:layer_norm",
        equation="y = γ ⊙ (x − mean x) / √(var x + ε) + β",
        example="layer_norm(x)",
        count="2·i with affine",
        doc="Every sample is normalised over one axis, the last by default.",
        source="Ba, Kiros and Hinton 2016, arXiv:1607.06450",
        arguments=_arguments("γ and β are", "the axis it normalises over", 1e-5),
        infer=_infer("layer_norm"),
        weights=_weights("layer_norm", "weight", "bias"),
        module=lambda types, attrs: Module(
            "nn.LayerNorm", (size_along("layer_norm", types, attrs),), _settings(attrs, 1e-5, "elementwise_affine")
        ),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "layer_norm"),
        keeps_zero=lambda attrs: not attrs["affine"],
    )
)
register(
    Operator(
        name="rms_norm",
        cohort="evaluators.cohorts.rules.row_norms:rms_norm",
        equation="y = γ ⊙ x / √(mean x² + ε)",
        example="rms_norm(x)",
        count="i with affine",
        doc="Every sample is divided by its root mean square over one axis, the last by default.",
        source="Zhang and Sennrich 2019, arXiv:1910.07467",
        arguments=_arguments("γ is", "the axis it normalises over", 1e-6),
        infer=_infer("rms_norm"),
        weights=_weights("rms_norm", "weight"),
        module=lambda types, attrs: Module(
            "nn.RMSNorm", (size_along("rms_norm", types, attrs),), _settings(attrs, None, "elementwise_affine")
        ),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "rms_norm"),
        keeps_zero=lambda attrs: True,
    )
)
register(
    Operator(
        name="batch_norm",
        cohort="evaluators.cohorts.rules.batch_norm:batch_norm",
        equation="y = γ ⊙ (x − mean x) / √(var x + ε) + β",
        example="batch_norm(x)",
        count="2·i with affine",
        doc="Every channel is normalised over the batch and all other axes; running statistics take over in evaluation.",
        source="Ioffe and Szegedy 2015, arXiv:1502.03167",
        arguments=_arguments("γ and β are", "the axis of the channels", 1e-5),
        infer=_infer_batch_norm,
        weights=_batch_norm_weights,
        module=lambda types, attrs: Module(
            _BATCH_NORMS[len(types[0].axes)],
            (size_along("batch_norm", types, attrs),),
            _settings(attrs, 1e-5, "affine"),
        ),
        forward=lambda types, attrs, out, module, args: channels_first(
            position("batch_norm", types[0], attrs["axis"]), module, args[0]
        ),
        # The mean of zeros is 0 in every batch, so the running mean stays 0 too.
        keeps_zero=lambda attrs: not attrs["affine"],
    )
)
register(
    Operator(
        name="group_norm",
        equation="y = γ ⊙ (x − mean x) / √(var x + ε) + β",
        example="group_norm(x, 4)",
        count="2·i with affine",
        doc="Every sample is normalised over each group of neighbouring channels and over all other axes.",
        source="Wu and He 2018, arXiv:1803.08494",
        arguments=(
            Argument("groups", "size", "how many groups"),
            *_arguments("γ and β are", "the axis of the channels", 1e-5),
        ),
        infer=_infer_group_norm,
        weights=_weights("group_norm", "weight", "bias"),
        module=lambda types, attrs: Module(
            "nn.GroupNorm",
            (attrs["groups"], size_along("group_norm", types, attrs)),
            _settings(attrs, 1e-5, "affine"),
        ),
        forward=lambda types, attrs, out, module, args: channels_first(
            position("group_norm", types[0], attrs["axis"]), module, args[0]
        ),
        keeps_zero=lambda attrs: not attrs["affine"],
    )
)
register(
    Operator(
        name="l2_norm",
        cohort="evaluators.cohorts.rules.row_norms:l2_norm",
        equation="y = x / max(√Σ x², 1e-12)",
        example="l2_norm(x)",
        doc="Every sample is given the length 1 along one axis, the last by default.",
        arguments=(last_axis("the axis along which the length is 1"),),
        infer=_infer("l2_norm"),
        forward=lambda types, attrs, out, module, args: (
            f"F.normalize({args[0]}, dim={position('l2_norm', types[0], attrs['axis']) + 1})"
        ),
        keeps_zero=lambda attrs: True,
    )
)
