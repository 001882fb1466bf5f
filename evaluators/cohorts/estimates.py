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

_EXPANSIONS = ("evaluators.cohorts.rules.kan:", "evaluators.cohorts.rules.splines:")

_MAPS, _NORMS = "evaluators.cohorts.rules.linear:", "evaluators.cohorts.rules.row_norms:"

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


def value_numbers(graph: Graph) -> int:
    """What its nodes compute for a sample."""
    return sum(node.type.size for node in graph.nodes if node.op != "input")


def expanded_numbers(graph: Graph) -> dict[tuple[int, int], int]:
    """What layers of basis functions make of their inputs for a sample, as the rules of KANs keep it.

    Returns: (node, functions of each number) → numbers. The input's own, with node 0, members of a cohort have in common.
    """
    found: dict[tuple[int, int], int] = {}
    for node in graph.nodes:
        if TABLE.get(node.op) is None or not TABLE[node.op].cohort.startswith(_EXPANSIONS):
            continue
        x = graph.nodes[node.inputs[0]]
        weights = TABLE[node.op].weights((x.type,), dict(node.attrs))
        functions = max((weight.shape[-1] for weight in weights if len(weight.shape) == 3), default=0)
        found[(0 if x.op == "input" else node.id), functions] = x.type.size * functions
    return found


def kept_numbers(graph: Graph) -> int:
    """What rules keep for a sample beside the values: the copy that maps of single positions read, the normalised numbers
    behind a norm's weights.
    """
    total = 0
    for node in graph.nodes:
        rule = "" if TABLE.get(node.op) is None else TABLE[node.op].cohort
        if rule.startswith(_MAPS):
            x = graph.nodes[node.inputs[0]].type
            total += x.size if node.arguments.get("per") else 0
        elif rule.startswith(_NORMS) and node.weights:
            total += node.type.size
    return total


def step_bytes(graph: Graph, batch: int) -> int:
    """What one step of training touches."""
    numbers = 2 * (value_numbers(graph) + sum(expanded_numbers(graph).values()))
    return weight_bytes(graph) + numbers * batch * NUMBER_BYTES


def cohort_bytes(graphs: Sequence[Graph], batch: int, evaluation: int) -> int:
    """What a cohort takes, its batches of `evaluation` samples included."""
    values = sum(map(value_numbers, graphs))
    common: dict[tuple[int, int], int] = {}
    for graph in graphs:
        for (node, functions), numbers in expanded_numbers(graph).items():
            if node:
                values += numbers
            else:
                common[node, functions] = numbers
    once = sum(common.values()) + sum(map(kept_numbers, graphs))
    numbers = values * (2 * batch + evaluation) + once * (batch + evaluation)
    return sum(map(weight_bytes, graphs)) + numbers * NUMBER_BYTES


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
