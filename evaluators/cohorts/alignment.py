"""Which nodes of different graphs are computed together: those that follow the same path from the inputs.

Members are put in an order in which equal beginnings stand side by side. Every place of that tree of beginnings is one
joint node: one call where the operator's rule knows how, for all members that pass through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nas.graph.graph import Graph, Node
from nas.graph.operators import TABLE, Argument
from nas.graph.types import TensorType


@dataclass(frozen=True, eq=False)
class Joint:
    """One place in the graphs of the members `low` to before `high`.

    Args:
        nodes: each member's node there.
        types: each member's types of the inputs.
        inputs: the joint nodes that it reads; they have these members and perhaps others.
        shared: every member computes the same numbers.
        output: the members' graphs return it.
        key: of its weights, equal for places that share them; None where the operator owns none.
        draws: place among the operators of its graph that draw random numbers; -1: it draws none.
        readers: the most nodes that read it in one of the graphs.
    """

    low: int
    high: int
    nodes: tuple[Node, ...]
    types: tuple[tuple[TensorType, ...], ...]
    inputs: tuple[Joint, ...]
    shared: bool
    output: bool
    key: int | None
    draws: int
    readers: int


@dataclass(frozen=True)
class _Place:
    """What a node must have in common with another one to be joined with it."""

    text: str
    shared: bool
    key: int | None
    draws: int


def order(graphs: Sequence[Graph], streams: Sequence[int]) -> list[int]:
    """The order of members, as indices, in which `align` takes them.

    Args:
        streams: members with equal numbers see the same batches.
    """
    keys = [[place.text for place in _places(graph, stream)] for graph, stream in zip(graphs, streams, strict=True)]
    sizes = [[(_numbers(node), node.type.shape) for node in graph.nodes] for graph in graphs]
    return sorted(range(len(graphs)), key=lambda i: (streams[i], keys[i], sizes[i]))


def align(graphs: Sequence[Graph], streams: Sequence[int]) -> list[Joint]:
    """The joint nodes of members in the order of `order`; each stands behind those that it reads."""
    places = [_places(graph, stream) for graph, stream in zip(graphs, streams, strict=True)]
    joints: list[Joint] = []
    waiting: list[tuple[int, int, list[Joint]]] = [(0, len(graphs), [])]
    while waiting:
        low, high, path = waiting.pop()
        while low < high and len(path) == len(places[low]):  # a graph that ends where others go on
            low += 1
        if low == high:
            continue
        text = places[low][len(path)].text
        end = low + 1
        while end < high and len(path) < len(places[end]) and places[end][len(path)].text == text:
            end += 1
        joint = _joint(graphs, places[low][len(path)], low, end, len(path), path)
        joints.append(joint)
        waiting += [(end, high, path), (low, end, [*path, joint])]
    return joints


def _joint(graphs: Sequence[Graph], place: _Place, low: int, high: int, at: int, path: list[Joint]) -> Joint:
    members = graphs[low:high]
    nodes = tuple(graph.nodes[at] for graph in members)
    return Joint(
        low=low,
        high=high,
        nodes=nodes,
        types=tuple(tuple(graph.nodes[i].type for i in graph.nodes[at].inputs) for graph in members),
        inputs=tuple(path[i] for i in nodes[0].inputs),
        shared=place.shared,
        output=at in graphs[low].outputs,
        key=place.key,
        draws=place.draws,
        readers=max(len(graph.consumers[at]) + graph.outputs.count(at) for graph in members),
    )


def _places(graph: Graph, stream: int) -> list[_Place]:
    found: list[_Place] = []
    first: dict[str, int] = {}  # key of weights → the node that brought it
    draws = 0
    for node in graph.nodes:
        operator = TABLE.get(node.op)
        attrs = dict(node.attrs)
        types = tuple(graph.nodes[i].type for i in node.inputs)
        owns = operator is not None and bool(operator.weights(types, attrs))
        random = operator is not None and operator.random
        shared = not owns and not random and all(found[i].shared for i in node.inputs)
        key = first.setdefault(node.weights or f"#{node.id}", node.id) if owns else None
        free = {one.name for one in operator.arguments if _free(one, random)} if operator else set()
        settings = node.attrs if shared else tuple(one for one in node.attrs if one[0] not in free)
        form = node.type if shared else node.type.names
        text = repr((node.op, settings, node.inputs, str(form), key, graph.outputs.count(node.id), stream * shared))
        found.append(_Place(text, shared, key, draws if random else -1))
        draws += random
    return found


def _numbers(node: Node) -> list[int]:
    """Its sizes, those first that its type does not show, such as a grid: rules do best with equal ones side by side."""
    return [value for _, value in reversed(node.attrs) if isinstance(value, int)]


def _free(argument: Argument, random: bool) -> bool:
    """Whether joined members may differ in it: sizes, and rates of noise."""
    return argument.free or argument.kind == "size" or (random and argument.kind == "float")
