"""What training a candidate in a cohort takes, from its graph alone: memory, and how many fit side by side."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TypeVar

from nas.graph.graph import Graph
from nas.graph.operators import TABLE

NUMBER_BYTES = 4

# Weights, their gradients and the two sums of the optimiser.
COPIES = 4

T = TypeVar("T")


def weight_bytes(graph: Graph) -> int:
    """Of all weights, with what the optimiser keeps of those that learn."""
    total, seen = 0, set[str]()
    for node in graph.nodes:
        operator = TABLE.get(node.op)
        if operator is None or node.weights in seen:
            continue
        if node.weights:
            seen.add(node.weights)
        for weight in operator.weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs)):
            total += prod(weight.shape) * (COPIES if weight.trainable and not weight.buffer else 1)
    return total * NUMBER_BYTES


def value_bytes(graph: Graph, batch: int) -> int:
    """Of what its nodes compute for a batch; gradients take as much again."""
    return sum(node.type.size for node in graph.nodes if node.op != "input") * batch * NUMBER_BYTES


def step_bytes(graph: Graph, batch: int) -> int:
    """What one step of training touches."""
    return weight_bytes(graph) + 2 * value_bytes(graph, batch)


def packed(members: Sequence[T], sizes: Sequence[int], room: int) -> list[list[T]]:
    """Neighbours in packs of at most `room` together; one that is larger has a pack of its own.

    >>> packed("abcd", [2, 2, 1, 9], 4)
    [['a', 'b'], ['c'], ['d']]
    """
    packs: list[list[T]] = []
    left = 0
    for member, size in zip(members, sizes, strict=True):
        if not packs or size > left:
            packs.append([])
            left = room
        packs[-1].append(member)
        left -= size
    return packs
