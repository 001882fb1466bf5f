"""The operator table. One module a kind of operator; importing this package registers them all."""

from nas.graph.operators import linear, sums
from nas.graph.operators.table import TABLE, Argument, Module, Operator, Weight, register

__all__ = ["TABLE", "Argument", "Module", "Operator", "Weight", "linear", "register", "sums"]
