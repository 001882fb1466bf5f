"""Activations, element by element."""

from __future__ import annotations

from typing import NamedTuple

from nas.graph.operators.axes import last_axis, position, same_type
from nas.graph.operators.table import Argument, Attributes, Module, Operator, Types, Weight, register
from nas.graph.types import TensorType


class _Row(NamedTuple):
    """`torch` is the expression for `x`; an argument, if there is one, follows where it differs from torch's default."""

    name: str
    equation: str
    torch: str
    keeps_zero: bool
    source: str = ""
    argument: Argument | None = None
    keyword: str = ""


def _number(name: str, default: float, doc: str, low: float | None = None) -> Argument:
    return Argument(name, "float", doc, default=default, low=low)


_ROWS = (
    _Row("relu", "y = max(x, 0)", "F.relu({x})", True, "Nair and Hinton 2010"),
    _Row("relu6", "y = min(max(x, 0), 6)", "F.relu6({x})", True, "Howard et al. 2017, arXiv:1704.04861"),
    _Row("relu_squared", "y = max(x, 0)²", "F.relu({x}).square()", True, "So et al. 2021, arXiv:2109.08668"),
    _Row(
        "leaky_relu",
        "y = max(x, 0) + slope · min(x, 0)",
        "F.leaky_relu({x}{argument})",
        True,
        "Maas, Hannun and Ng 2013",
        _number("slope", 0.01, "the slope below 0"),
    ),
    _Row(
        "elu",
        "y = max(x, 0) + α (exp(min(x, 0)) − 1)",
        "F.elu({x}{argument})",
        True,
        "Clevert, Unterthiner and Hochreiter 2015, arXiv:1511.07289",
        _number("alpha", 1.0, "α, minus the limit at −∞"),
    ),
    _Row(
        "celu",
        "y = max(x, 0) + α (exp(min(x, 0) / α) − 1)",
        "F.celu({x}{argument})",
        True,
        "Barron 2017, arXiv:1704.07483",
        _number("alpha", 1.0, "α, minus the limit at −∞", low=1e-6),
    ),
    _Row(
        "selu",
        "y = λ (max(x, 0) + α (exp(min(x, 0)) − 1))",
        "F.selu({x})",
        True,
        "Klambauer et al. 2017, arXiv:1706.02515",
    ),
    _Row(
        "gelu",
        "y = x Φ(x)",
        "F.gelu({x}{argument})",
        True,
        "Hendrycks and Gimpel 2016, arXiv:1606.08415",
        Argument("approximate", "str", "`tanh` for the cheaper form", default="none", options=("none", "tanh")),
        "approximate=",
    ),
    _Row("silu", "y = x σ(x)", "F.silu({x})", True, "Elfwing, Uchibe and Doya 2017, arXiv:1702.03118"),
    _Row("mish", "y = x tanh(ln(1 + exp x))", "F.mish({x})", True, "Misra 2019, arXiv:1908.08681"),
    _Row(
        "hardswish",
        "y = x min(max(x + 3, 0), 6) / 6",
        "F.hardswish({x})",
        True,
        "Howard et al. 2019, arXiv:1905.02244",
    ),
    _Row("hardsigmoid", "y = min(max(x + 3, 0), 6) / 6", "F.hardsigmoid({x})", False),
    _Row("hardtanh", "y = min(max(x, −1), 1)", "F.hardtanh({x})", True),
    _Row("sigmoid", "y = 1 / (1 + exp(−x))", "torch.sigmoid({x})", False),
    _Row("log_sigmoid", "y = −ln(1 + exp(−x))", "F.logsigmoid({x})", False),
    _Row("tanh", "y = tanh x", "torch.tanh({x})", True),
    _Row("tanhshrink", "y = x − tanh x", "F.tanhshrink({x})", True),
    _Row(
        "softshrink",
        "y = sign(x) max(|x| − λ, 0)",
        "F.softshrink({x}{argument})",
        True,
        argument=_number("threshold", 0.5, "λ", low=0.0),
    ),
    _Row(
        "softplus",
        "y = ln(1 + exp(β x)) / β",
        "F.softplus({x}{argument})",
        False,
        argument=_number("beta", 1.0, "β, how sharp the bend is", low=1e-6),
    ),
    _Row("softsign", "y = x / (1 + |x|)", "F.softsign({x})", True),
    _Row("abs", "y = |x|", "{x}.abs()", True),
    _Row("square", "y = x²", "{x}.square()", True),
    _Row("exp", "y = exp x", "{x}.exp()", False),
    _Row("sin", "y = sin x", "torch.sin({x})", True, "Sitzmann et al. 2020 (SIREN), arXiv:2006.09661"),
    _Row("cos", "y = cos x", "torch.cos({x})", False),
)


def _operator(row: _Row) -> Operator:
    argument = row.argument

    def forward(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
        given = ""
        if argument is not None and attrs[argument.name] != argument.default:
            value = attrs[argument.name]
            given = f', {row.keyword}"{value}"' if argument.kind == "str" else f", {row.keyword}{value!r}"
        return row.torch.format(x=args[0], argument=given)

    return Operator(
        name=row.name,
        cohort="evaluators.cohorts.rules.activations:activation",
        equation=row.equation,
        example=f"{row.name}(x)",
        doc="An activation, element by element.",
        source=row.source,
        arguments=() if argument is None else (argument,),
        infer=same_type,
        forward=forward,
        keeps_zero=lambda attrs: row.keeps_zero,
    )


def _infer_softmax(types: Types, attrs: Attributes) -> TensorType:
    position("softmax", types[0], attrs["axis"])
    return types[0]


for _row in _ROWS:
    register(_operator(_row))

register(
    Operator(
        name="softmax",
        cohort="evaluators.cohorts.rules.products:softmax",
        equation="yᵢ = exp xᵢ / Σⱼ exp xⱼ",
        example="softmax(x)",
        doc="Positive numbers that sum to 1 along one axis, the last by default.",
        arguments=(last_axis("the axis that sums to 1"),),
        infer=_infer_softmax,
        forward=lambda types, attrs, out, module, args: (
            f"{args[0]}.softmax({position('softmax', types[0], attrs['axis']) + 1})"
        ),
    )
)
register(
    Operator(
        name="prelu",
        equation="y = max(x, 0) + a · min(x, 0)",
        example="prelu(x)",
        count="1",
        doc="A leaky ReLU with one learned slope `a`, 0.25 at the start.",
        source="He et al. 2015, arXiv:1502.01852",
        infer=same_type,
        weights=lambda types, attrs: (Weight("weight", (1,)),),
        module=lambda types, attrs: Module("nn.PReLU"),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]})",
        keeps_zero=lambda attrs: True,
    )
)
