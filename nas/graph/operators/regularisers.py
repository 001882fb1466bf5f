"""Noise that is there in training only."""

from __future__ import annotations

from nas.graph.operators.axes import same_type
from nas.graph.operators.table import Argument, Module, Operator, register

_RATE = Argument("rate", "float", "the probability of zero", low=0.0, high=0.99)

register(
    Operator(
        name="dropout",
        cohort="evaluators.cohorts.rules.dropout:dropout",
        equation="y = m ⊙ x / (1 − rate), m ~ Bernoulli(1 − rate)",
        example="dropout(x, 0.1)",
        doc="In training every number is zero with probability `rate`, the others are scaled up; in evaluation y = x.",
        source="Srivastava et al. 2014",
        arguments=(_RATE,),
        infer=same_type,
        module=lambda types, attrs: Module("nn.Dropout", (attrs["rate"],)),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]})",
        keeps_zero=lambda attrs: True,
        random=True,
    )
)
register(
    Operator(
        name="drop_path",
        equation="y = m x / (1 − rate), m ~ Bernoulli(1 − rate), one for each sample",
        example="drop_path(x, 0.1)",
        doc="In training a sample's whole tensor is zero with probability `rate`: stochastic depth on a residual branch.",
        source="Huang et al. 2016, arXiv:1603.09382",
        arguments=(_RATE,),
        infer=same_type,
        module=lambda types, attrs: Module("DropPath", (attrs["rate"],)),
        forward=lambda types, attrs, out, module, args: f"{module}({args[0]})",
        layers=("nas.layers.drop_path:DropPath",),
        keeps_zero=lambda attrs: True,
        random=True,
    )
)
