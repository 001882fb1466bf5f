"""The operator table. One module a kind of operator; importing this package registers them all."""

from nas.graph.operators import (
    activations,
    arithmetic,
    gates,
    kan,
    linear,
    norms,
    parts,
    patches,
    regularisers,
    reshapes,
    scales,
    sums,
    windows,
)
from nas.graph.operators.table import TABLE, Argument, Module, Operator, Weight, register

__all__ = [
    "TABLE",
    "Argument",
    "Module",
    "Operator",
    "Weight",
    "activations",
    "arithmetic",
    "gates",
    "kan",
    "linear",
    "norms",
    "parts",
    "patches",
    "register",
    "regularisers",
    "reshapes",
    "scales",
    "sums",
    "windows",
]
