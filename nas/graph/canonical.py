"""The canonical form of a graph: what is left of it once everything is said in one way only."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from nas.graph.graph import Attribute, Graph
from nas.graph.operators.table import TABLE
from nas.graph.simplify import simplify
from nas.graph.types import Axis, TensorType

Terms = tuple[tuple[int, int], ...]


class Form(NamedTuple):
    """A graph of expressions, in topological order.

    Args:
        labels: what each expression is, apart from what it reads: its operator and arguments.
        terms: what each expression reads, as pairs (expression, place). The place is the position among the operator's
            inputs, from 0; where their order does not matter it is minus how many times the expression is read.
        fresh: whether each expression has weights or draws random numbers, so that no other equals it.
        ties: the groups of two and more expressions that share weights.
        signature: the types of the graph's inputs, in order.
        outputs: expressions, in order.
    """

    labels: list[str]
    terms: list[Terms]
    fresh: list[bool]
    ties: list[list[int]]
    signature: tuple[str, ...]
    outputs: tuple[int, ...]


def canonical(graph: Graph, simplified: bool = False) -> Form:
    """`graph` simplified, unless it is, and rewritten by these rules, after which equal functions mostly look equal.

    1. Sums are flattened: a sum is a multiset of terms, none of which is a sum, however it was put in brackets.
    2. The inputs of sums and products have no order.
    3. Equal expressions without weights and without randomness are one expression.

    Left out are the names of inputs and weights, the scope, the order of nodes, and defaults of arguments `added` later. Names of axes stay in, although the
    function does not depend on them: a space gives equal things equal names.
    """
    graph = graph if simplified else simplify(graph)
    form = _Rewriting(graph)
    for node in graph.nodes:
        if node.op == "add":
            form.add(node.id, node.inputs)
            continue
        operator = TABLE.get(node.op)
        if operator is None:  # a graph input
            position = graph.inputs.index(node.id)
            form.append(node.id, f"input {position} {described(node.type)}", (), False)
        elif node.op == "zero":
            form.append(node.id, f"zero {node.type}", (), False)
        else:
            read = [form.expression(i) for i in node.inputs]
            terms: Terms
            if operator.commutative:
                terms = tuple([(i, -read.count(i)) for i in sorted(set(read))])
            else:
                terms = tuple([(i, place) for place, i in enumerate(read)])
            fresh = operator.random or node.weights != ""
            form.append(
                node.id, _label(node.op, node.attrs, tuple([type(value) for _, value in node.attrs])), terms, fresh
            )
            if node.weights:
                form.owners.setdefault(node.weights, []).append(form.numbers[node.id])
    outputs = tuple([form.expression(i) for i in graph.outputs])
    return Form(
        form.labels,
        form.terms,
        form.fresh,
        [group for group in form.owners.values() if len(group) > 1],
        tuple([described(graph.nodes[i].type) for i in graph.inputs]),
        outputs,
    )


@lru_cache(maxsize=8_192)
def _label(op: str, attrs: tuple[tuple[str, Attribute], ...], types: tuple[type, ...]) -> str:
    """The operator and its arguments, of these types, without those added later that stand at their defaults."""
    added = _added(op)
    return f"{op}{tuple([pair for pair in attrs if pair not in added]) if added else attrs!a}"


@cache
def _added(op: str) -> tuple[tuple[str, Attribute], ...]:
    return tuple((argument.name, argument.default) for argument in TABLE[op].arguments if argument.added)


def described(type_: TensorType) -> str:
    """All of a type: `str(type_)` and what its axes were merged from."""
    return "[" + ", ".join(map(_axis, type_.axes)) + "]"


def _axis(axis: Axis) -> str:
    return f"{axis}({', '.join(map(_axis, axis.factors))})" if axis.factors else str(axis)


class _Rewriting:
    """Expressions as they are found. A sum becomes one only when something that is no sum reads it."""

    def __init__(self, graph: Graph) -> None:
        self.labels: list[str] = []
        self.terms: list[Terms] = []
        self.fresh: list[bool] = []
        self.owners: dict[str, list[int]] = {}
        self.numbers: dict[int, int] = {}  # node → expression
        self._sums: dict[int, dict[int, int]] = {}  # node → its terms and how often
        self._known: dict[tuple[str, Terms], int] = {}

    def append(self, node: int, label: str, terms: Terms, fresh: bool) -> None:
        """The expression of `node`, an earlier one if an equal one is known."""
        number = len(self.labels)
        if not fresh:
            number = self._known.setdefault((label, terms), number)
        self.numbers[node] = number
        if number == len(self.labels):
            self.labels.append(label)
            self.terms.append(terms)
            self.fresh.append(fresh)

    def add(self, node: int, inputs: tuple[int, ...]) -> None:
        """The sum of other nodes' values."""
        total: dict[int, int] = {}
        for i in inputs:
            part = self._sums.get(i)
            for term, times in part.items() if part is not None else ((self.numbers[i], 1),):
                total[term] = total.get(term, 0) + times
        self._sums[node] = total

    def expression(self, node: int) -> int:
        """The number of the expression that `node` computes."""
        if node not in self.numbers:
            total = self._sums[node]
            if list(total.values()) == [1]:
                (self.numbers[node],) = total
            else:
                self.append(node, "add", tuple([(term, -times) for term, times in sorted(total.items())]), False)
        return self.numbers[node]
