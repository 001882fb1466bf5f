"""The digest's definition, written a second time and without a thought for speed: rewrite, then ask networkx."""

from __future__ import annotations

from collections import Counter
from typing import Any

import networkx as nx

from nas.graph.graph import Graph
from nas.graph.operators import TABLE

Expression = tuple[Any, ...]


def expressions(graph: Graph) -> dict[int, Expression]:
    """Every node's value as a nested tuple. What has weights or draws random numbers carries its node's id."""
    values: dict[int, Expression] = {}
    for node in graph.nodes:
        attrs = dict(node.attrs)
        read = [values[i] for i in node.inputs]
        zero = ("zero", str(node.type))
        if node.op == "input":
            value: Expression = ("input", graph.inputs.index(node.id))
        elif node.op == "identity" or (node.op in ("dropout", "drop_path") and attrs["rate"] == 0):
            value = read[0]
        elif node.op == "zero":
            value = zero
        elif node.op == "add":
            terms: Counter[Expression] = Counter()
            for part in read:
                if part[0] == "add":
                    terms.update(dict(part[1]))
                elif part[0] != "zero":
                    terms[part] += 1
            if not terms:
                value = zero
            elif sum(terms.values()) == 1:
                (value,) = terms
            else:
                value = ("add", frozenset(terms.items()))
        elif node.op == "multiply":
            value = read[0] if len(read) == 1 else ("multiply", frozenset(Counter(read).items()))
            if zero in read:
                value = zero
        elif all(part[0] == "zero" for part in read) and TABLE[node.op].keeps_zero(attrs):
            value = zero
        else:
            own = node.id if node.weights or TABLE[node.op].random else None
            value = ("apply", node.op, repr(node.attrs), tuple(read), own, node.weights)
        values[node.id] = value
    return values


def picture(graph: Graph) -> nx.DiGraph:
    """The canonical form as a labelled graph; two graphs are the same when their pictures are isomorphic."""
    values = expressions(graph)
    drawn = nx.DiGraph()

    def edge(source: object, target: object, label: str) -> None:
        if drawn.has_edge(source, target):
            drawn.edges[source, target]["labels"] = tuple(sorted((*drawn.edges[source, target]["labels"], label)))
        else:
            drawn.add_edge(source, target, labels=(label,))

    def draw(value: Expression) -> None:
        if value in drawn:
            return
        if value[0] == "apply":
            _, op, attrs, read, _, weights = value
            drawn.add_node(value, label=f"{op} {attrs}")
            for place, part in enumerate(read):
                draw(part)
                edge(part, value, f"at {place}")
            if weights:
                drawn.add_node(("weights", weights), label="weights")
                edge(("weights", weights), value, "owns")
        elif value[0] in ("add", "multiply"):
            drawn.add_node(value, label=value[0])
            for part, times in value[1]:
                draw(part)
                edge(part, value, f"times {times}")
        else:
            drawn.add_node(value, label=str(value))

    for place, output in enumerate(graph.outputs):
        draw(values[output])
        drawn.add_node(("output", place), label=f"output {place}")
        edge(values[output], ("output", place), "out")
    return drawn


def same(one: nx.DiGraph, other: nx.DiGraph) -> bool:
    """Whether the two pictures are isomorphic."""
    return nx.is_isomorphic(
        one,
        other,
        node_match=lambda a, b: a["label"] == b["label"],
        edge_match=lambda a, b: a["labels"] == b["labels"],
    )


def outline(drawn: nx.DiGraph) -> tuple[Any, ...]:
    """A cheap invariant: different outlines, different graphs."""
    degrees = sorted((data["label"], drawn.in_degree(v), drawn.out_degree(v)) for v, data in drawn.nodes(data=True))
    return tuple(degrees), tuple(sorted(labels for _, _, labels in drawn.edges(data="labels")))
