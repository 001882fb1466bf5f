"""The example of an operator as a graph, and the words in which its counts are written."""

from __future__ import annotations

import ast
from typing import Any, Final

from nas.graph.builder import Builder
from nas.graph.graph import Graph
from nas.graph.operators.table import Operator
from nas.graph.types import Axis, TensorType

TENSORS: Final = "xyzuvw"  # their names in examples
SYMBOLS: Final = {
    "i": "the size of the axis, 1 without one",
    "c": "the size of the last axis",
    "d": "the number of axes that the window slides over",
    "axes": "the product of the sizes of these axes, the last by default",
    "per": "the product of the sizes of these axes, 1 without any",
    "fields": "the size of the last axis, 1 if its positions share a table",
    "tensors": "the number of tensors",
    "experts": "the size of the last axis of the gates",
}


def tensors_of(operator: Operator) -> dict[str, TensorType]:
    """The tensors of the operator's example, by name."""
    used = {node.id for node in ast.walk(ast.parse(operator.example)) if isinstance(node, ast.Name)}
    names = [name for name in TENSORS if name in used]
    return {name: _type(operator.on[min(i, len(operator.on) - 1)]) for i, name in enumerate(names)}


def example_of(operator: Operator) -> Graph:
    """The graph of the operator's example.

    Raises: ShapeError: the operator does not take it.
    """
    call = ast.parse(operator.example, mode="eval").body
    assert isinstance(call, ast.Call), operator.example
    types = tensors_of(operator)
    builder = Builder(types)
    node = builder.apply(
        operator.name,
        tuple(range(len(types))),
        [_value(given) for given in call.args[len(types) :]],
        {keyword.arg: _value(keyword.value) for keyword in call.keywords if keyword.arg},
        weights="example",
    )
    return builder.finish((node,))


def _value(node: ast.expr) -> Any:
    """An argument as the builder takes it: a bare name is an axis."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List):
        return [_value(each) for each in node.elts]
    return ast.literal_eval(node)


def _type(text: str) -> TensorType:
    """`height=8, width=8` as a type."""
    pairs = (axis.split("=") for axis in text.split(", "))
    return TensorType(tuple(Axis(name, int(size)) for name, size in pairs))
