"""Linear maps along one axis."""

from __future__ import annotations

from nas.errors import ShapeError
from nas.graph.operators.axes import along, last_axis, position, resized, size_along
from nas.graph.operators.contraction import einsum_macs, letters
from nas.graph.operators.scales import broadcast_shape
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_STARTS = ("default", "zeros", "ones", "identity", "near_zero", "orthogonal", "xavier", "normal")


def _sizes(types: Types, attrs: Attributes) -> tuple[int, int]:
    return size_along("linear", types, attrs), attrs["n"]


def _infer(types: Types, attrs: Attributes) -> TensorType:
    x, axis, per = types[0], attrs["axis"], attrs["per"] or ()
    out = resized(x, position("linear", x, axis), attrs["n"])
    if axis in per or len(set(per)) < len(per):
        raise ShapeError(
            f"`linear` along `{axis}` takes other axes as `per`, each once, got [{', '.join(per)}] for {x}"
        )
    for name in per:
        position("linear", x, name)
    return out


def _shapes(types: Types, attrs: Attributes) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shapes of the weight, in and out sizes last, and of the bias."""
    i, o = _sizes(types, attrs)
    per = attrs["per"]
    if not per:
        return (o, i), (o,)
    own = tuple(types[0].axes[position("linear", types[0], name)].size for name in per)
    return (*own, o, i), broadcast_shape("linear", _infer(types, attrs), (*per, attrs["axis"]))


def _weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    weight, bias = _shapes(types, attrs)
    trainable = not attrs["frozen"]
    own = Weight("weight", weight, trainable)
    return (own, Weight("bias", bias, trainable)) if attrs["bias"] else (own,)


def _macs(types: Types, attrs: Attributes, out: TensorType) -> int:
    i, _ = _sizes(types, attrs)
    return einsum_macs(out, [i]) if attrs["per"] else out.size * i


def _equation(x: TensorType, attrs: Attributes) -> str:
    """That of a map with weights per position; the letter of the mapped axis is large where it has the new size."""
    letter = letters(x.names)
    small = letter[attrs["axis"]]
    own, all_ = ("".join(letter[name] for name in names) for names in (attrs["per"], x.names))
    return f"...{all_},{own}{small.upper()}{small}->...{all_.replace(small, small.upper())}"


def _module(types: Types, attrs: Attributes) -> Module:
    starts = [f'"{attrs["init"]}"'] if attrs["init"] != "default" else []
    if attrs["bias"] and attrs["bias_init"] != "default":
        starts.append(f'bias="{attrs["bias_init"]}"')
    suffix = f".apply(Init({', '.join(starts)}))" if starts else ""
    suffix += ".requires_grad_(False)" if attrs["frozen"] else ""
    if not attrs["per"]:
        return Module("nn.Linear", _sizes(types, attrs), () if attrs["bias"] else (("bias", False),), suffix)
    weight, bias = _shapes(types, attrs)
    return Module(
        "EinsumLinear", (_equation(types[0], attrs), weight), (("bias", bias),) if attrs["bias"] else (), suffix
    )


def _forward(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    return f"{module}({args[0]})" if attrs["per"] else along(types, attrs, module, args[0])


register(
    Operator(
        name="linear",
        cohort="evaluators.cohorts.rules.linear:linear",
        equation="y = W x + b",
        example="linear(x, 32)",
        count="per·(i·n + n with bias)",
        doc=(
            "A linear map along one axis, the last by default; the axis keeps its name and takes the size `n`. With `per` "
            "every position of the axes named there has its own W and b."
        ),
        arguments=(
            Argument("n", "size", "the new size of the axis"),
            last_axis(),
            Argument("bias", "bool", "whether b is there", default=True),
            Argument("frozen", "bool", "whether the weights stay as they are drawn", default=False),
            Argument(
                "init",
                "str",
                "how W starts: torch's way, or zeros, ones, identity, near_zero (σ 1e-6), orthogonal, xavier, normal (σ 0.02)",
                default="default",
                options=_STARTS,
                added=True,
            ),
            Argument(
                "bias_init", "str", "how b starts", default="default", options=("default", "zeros", "ones"), added=True
            ),
            Argument(
                "per",
                "axes",
                "the axes whose positions have weights of their own; none by default",
                default=None,
                added=True,
            ),
        ),
        infer=_infer,
        weights=_weights,
        macs=_macs,
        module=_module,
        forward=_forward,
        layers=("nas.layers.einsum_linear:EinsumLinear", "nas.layers.init:Init"),
        keeps_zero=lambda attrs: not attrs["bias"],
    )
)
register(
    Operator(
        name="ntk_linear",
        cohort="evaluators.cohorts.rules.linear:ntk_linear",
        equation="y = W x / √|axis| + b",
        example="ntk_linear(x, 32)",
        count="i·n + n with bias",
        doc=(
            "A linear map in the neural tangent parametrisation: W and b start as N(0, 1) and the sum is scaled instead, so "
            "that one learning rate suits every width."
        ),
        source="Jacot, Gabriel and Hongler 2018, arXiv:1806.07572; Holzmüller et al. 2024 (RealMLP), arXiv:2407.04491",
        arguments=(
            Argument("n", "size", "the new size of the axis"),
            last_axis(),
            Argument("bias", "bool", "whether b is there", default=True),
            Argument("init", "str", "how W and b start", default="normal", options=("normal", "zeros")),
        ),
        infer=lambda types, attrs: resized(types[0], position("ntk_linear", types[0], attrs["axis"]), attrs["n"]),
        weights=lambda types, attrs: (
            Weight("weight", (attrs["n"], size_along("ntk_linear", types, attrs))),
            *([Weight("bias", (attrs["n"],))] if attrs["bias"] else []),
        ),
        macs=lambda types, attrs, out: out.size * size_along("ntk_linear", types, attrs),
        module=lambda types, attrs: Module(
            "NTKLinear",
            (size_along("ntk_linear", types, attrs), attrs["n"]),
            (
                *([] if attrs["bias"] else [("bias", False)]),
                *([("zeros", True)] if attrs["init"] == "zeros" else []),
            ),
        ),
        forward=lambda types, attrs, out, module, args: along(types, attrs, module, args[0], "ntk_linear"),
        layers=("nas.layers.ntk_linear:NTKLinear",),
        keeps_zero=lambda attrs: not attrs["bias"],
    )
)
