"""Kolmogorov-Arnold layers: a learned function on every edge instead of a weight."""

from __future__ import annotations

from collections.abc import Callable

from nas.graph.operators.axes import along, last_axis, position, resized, size_along
from nas.graph.operators.contraction import einsum_macs
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType

_N = Argument("n", "size", "the new size of the axis")


def _infer(op: str) -> Callable[[Types, Attributes], TensorType]:
    return lambda types, attrs: resized(types[0], position(op, types[0], attrs["axis"]), attrs["n"])


def _forward(op: str) -> Callable[[Types, Attributes, TensorType, str, list[str]], str]:
    return lambda types, attrs, out, module, args: along(types, attrs, module, args[0], op)


def _macs(op: str, bases: Callable[[Attributes], int]) -> Callable[[Types, Attributes, TensorType], int]:
    """One contraction over the inputs times `bases` functions each."""
    return lambda types, attrs, out: out.size * size_along(op, types, attrs) * bases(attrs)


def _spline_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, o, grid, degree = size_along("kan", types, attrs), attrs["n"], attrs["grid"], attrs["degree"]
    return (
        Weight("base_weight", (o, i)),
        Weight("spline_weight", (o, i, grid + degree)),
        Weight("spline_scale", (o, i)),
        Weight("knots", (grid + 2 * degree + 1,), trainable=False, buffer=True),
    )


def _rbf_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, o, grid = size_along("rbf_kan", types, attrs), attrs["n"], attrs["grid"]
    return (
        Weight("norm.weight", (i,)),
        Weight("norm.bias", (i,)),
        Weight("base.weight", (o, i)),
        Weight("base.bias", (o,)),
        Weight("weight", (o, i, grid)),
        Weight("centres", (grid,), trainable=False, buffer=True),
    )


def _chebyshev_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, o = size_along("chebyshev_kan", types, attrs), attrs["n"]
    return (Weight("weight", (o, i, attrs["degree"] + 1)),)


def _fourier_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, o = size_along("fourier_kan", types, attrs), attrs["n"]
    return Weight("weight", (o, i, 2 * attrs["grid"])), Weight("bias", (o,))


def _wavelet_weights(types: Types, attrs: Attributes) -> tuple[Weight, ...]:
    i, o = size_along("wavelet_kan", types, attrs), attrs["n"]
    return (
        Weight("scale", (o, i)),
        Weight("translation", (o, i)),
        Weight("weight", (o, i)),
        Weight("norm.weight", (o,)),
        Weight("norm.bias", (o,)),
        Weight("norm.running_mean", (o,), trainable=False, buffer=True),
        Weight("norm.running_var", (o,), trainable=False, buffer=True),
        Weight("norm.num_batches_tracked", (), trainable=False, buffer=True),
    )


register(
    Operator(
        name="kan",
        equation="yⱼ = Σᵢ wⱼᵢ silu(xᵢ) + sⱼᵢ Σₖ cⱼᵢₖ Bₖ(xᵢ)",
        example="kan(x, 32)",
        count="i·n·(grid + degree + 2)",
        doc="A KAN layer: on every edge a B-spline over [−1, 1] of `grid` intervals, beside a SiLU that reaches further.",
        source="Liu et al. 2024, arXiv:2404.19756",
        arguments=(
            _N,
            Argument("grid", "size", "the number of intervals", default=5),
            Argument("degree", "int", "the degree of the splines", default=3, low=0, high=10),
            last_axis(),
        ),
        infer=_infer("kan"),
        weights=_spline_weights,
        macs=_macs("kan", lambda attrs: attrs["grid"] + attrs["degree"] + 1),
        module=lambda types, attrs: Module(
            "SplineLinear", (size_along("kan", types, attrs), attrs["n"], attrs["grid"], attrs["degree"])
        ),
        forward=_forward("kan"),
        layers=("nas.layers.spline_linear:SplineLinear",),
        cohort="evaluators.cohorts.rules.splines:kan",
    )
)
register(
    Operator(
        name="rbf_kan",
        equation="yⱼ = bⱼ + Σᵢ wⱼᵢ silu(xᵢ) + Σₖ cⱼᵢₖ exp(−((LN(x)ᵢ − μₖ) / h)²)",
        example="rbf_kan(x, 32)",
        count="i·n·(grid + 1) + n + 2·i",
        doc="FastKAN: Gaussian bumps at `grid` fixed centres in [−2, 2] in place of the splines; a LayerNorm comes first.",
        source="Li 2024, arXiv:2405.06721",
        arguments=(_N, Argument("grid", "int", "the number of centres", default=8, low=2, free=True), last_axis()),
        infer=_infer("rbf_kan"),
        weights=_rbf_weights,
        macs=_macs("rbf_kan", lambda attrs: attrs["grid"] + 1),
        module=lambda types, attrs: Module(
            "RBFLinear", (size_along("rbf_kan", types, attrs), attrs["n"], attrs["grid"])
        ),
        forward=_forward("rbf_kan"),
        layers=("nas.layers.rbf_linear:RBFLinear",),
        cohort="evaluators.cohorts.rules.kan:rbf_kan",
    )
)
register(
    Operator(
        name="chebyshev_kan",
        equation="yⱼ = Σᵢ Σₖ cⱼᵢₖ Tₖ(tanh xᵢ)",
        example="chebyshev_kan(x, 32)",
        count="i·n·(degree + 1)",
        doc="On every edge a Chebyshev polynomial of `degree`, of the input squashed by tanh.",
        source="Sidharth and Gokul 2024, arXiv:2405.07200",
        arguments=(
            _N,
            Argument("degree", "int", "the degree of the polynomials", default=4, low=0, free=True),
            last_axis(),
        ),
        infer=_infer("chebyshev_kan"),
        weights=_chebyshev_weights,
        macs=_macs("chebyshev_kan", lambda attrs: attrs["degree"] + 1),
        module=lambda types, attrs: Module(
            "ChebyshevLinear", (size_along("chebyshev_kan", types, attrs), attrs["n"], attrs["degree"])
        ),
        forward=_forward("chebyshev_kan"),
        layers=("nas.layers.chebyshev_linear:ChebyshevLinear",),
        cohort="evaluators.cohorts.rules.kan:chebyshev_kan",
    )
)
register(
    Operator(
        name="fourier_kan",
        equation="yⱼ = bⱼ + Σᵢ Σₖ cⱼᵢₖ cos(k xᵢ) + sⱼᵢₖ sin(k xᵢ)",
        example="fourier_kan(x, 32)",
        count="2·i·n·grid + n",
        doc="On every edge a Fourier series of `grid` frequencies.",
        source="Xu et al. 2024, arXiv:2406.01034",
        arguments=(_N, Argument("grid", "size", "the number of frequencies", default=5), last_axis()),
        infer=_infer("fourier_kan"),
        weights=_fourier_weights,
        macs=_macs("fourier_kan", lambda attrs: 2 * attrs["grid"]),
        module=lambda types, attrs: Module(
            "FourierLinear", (size_along("fourier_kan", types, attrs), attrs["n"], attrs["grid"])
        ),
        forward=_forward("fourier_kan"),
        layers=("nas.layers.fourier_linear:FourierLinear",),
        cohort="evaluators.cohorts.rules.kan:fourier_kan",
    )
)
register(
    Operator(
        name="wavelet_kan",
        equation="yⱼ = BN(Σᵢ wⱼᵢ ψ((xᵢ − tⱼᵢ) / sⱼᵢ))",
        example="wavelet_kan(x, 32)",
        count="3·i·n + 2·n",
        doc="Wav-KAN: on every edge a wavelet with a place and a width of its own; a batch norm follows.",
        source="Bozorgasl and Chen 2024, arXiv:2405.12832",
        arguments=(
            _N,
            Argument("wavelet", "str", "ψ", default="mexican_hat", options=("mexican_hat", "morlet", "dog")),
            last_axis(),
        ),
        infer=_infer("wavelet_kan"),
        weights=_wavelet_weights,
        macs=lambda types, attrs, out: einsum_macs(out, [size_along("wavelet_kan", types, attrs)]),
        module=lambda types, attrs: Module(
            "WaveletLinear",
            (size_along("wavelet_kan", types, attrs), attrs["n"]),
            () if attrs["wavelet"] == "mexican_hat" else (("wavelet", attrs["wavelet"]),),
        ),
        forward=_forward("wavelet_kan"),
        layers=("nas.layers.wavelet_linear:WaveletLinear",),
    )
)
