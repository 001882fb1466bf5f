"""A graph as a reader sees it: blocks in blocks, equal calls in a row folded into one. Drawings start from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from nas.graph.cost import costs
from nas.graph.graph import Call, Graph, Node
from nas.graph.operators.table import REQUIRED, TABLE


@dataclass(frozen=True)
class Block:
    """One call of a block, or several in a row: a chain, each with the result of the one before as input, or side by side.

    Args:
        call: the first of them; None for nodes in a row that repeat without a block around them.
        times: how many they are.
        chain: whether they are a chain; False for one, and for several side by side.
        shared: whether they share their weights.
        items: what the first of them holds, in order.
        params: numbers in the parameters of all of them, shared ones counted once.
    """

    call: Call | None
    times: int
    chain: bool
    shared: bool
    items: tuple[Item, ...]
    params: int

    @property
    def title(self) -> str:
        """The block's name, how often it comes, and whether it is always the same."""
        name = [self.call.block] if self.call else []
        many = [f"× {self.times}"] if self.times > 1 else []
        told = ["shared"] * self.shared + ["side by side"] * (self.times > 1 and not self.chain)
        return ", ".join([" ".join([*name, *many]), *told])


Item = Node | Block
Readers = Sequence[set[int]]  # for each node, the ids of those that read it; one past the last is the outside


@dataclass(frozen=True)
class Outline:
    """What is shown of a graph.

    Args:
        items: nodes and blocks in order.
        shown: for each node, the id of the node that stands for it: itself, or the same one of the first repeat.
        params: for each node, numbers in the parameters it brings in; 0 where an earlier node brought them.
    """

    graph: Graph
    items: tuple[Item, ...]
    shown: tuple[int, ...]
    params: tuple[int, ...]


def outline(graph: Graph) -> Outline:
    """The blocks of `graph`, with repeats folded."""
    params = _params(graph)
    shown = list(range(len(graph.nodes)))
    readers = [set(found) for found in graph.consumers]
    for i in graph.outputs:
        readers[i].add(len(graph.nodes))
    items = _items(graph.nodes, 0, params, readers, shown)
    for i, stand in enumerate(shown):
        shown[i] = shown[stand]  # stands before i, and is resolved already
    return Outline(graph, items, tuple(shown), params)


def written(node: Node, inputs: Sequence[str]) -> str:
    """The node as one would write it, with what differs from the defaults: `linear(x, 64, bias=False)`."""
    return f"{node.op}({', '.join([*inputs, *arguments(node)])})"


def arguments(node: Node) -> list[str]:
    """The arguments of a node that differ from their defaults; the required ones without their names."""
    given = []
    for argument in TABLE[node.op].arguments if node.op in TABLE else ():
        value = node.arguments[argument.name]
        if value == argument.default or (argument.name == "axis" and node.type.names and value == node.type.names[-1]):
            continue
        text = (
            f"[{', '.join(map(str, value))}]"
            if isinstance(value, tuple)
            else f"{value:g}"
            if isinstance(value, float)
            else str(value)
        )
        given.append(text if argument.default is REQUIRED and argument.kind != "axes" else f"{argument.name}={text}")
    return given


def nodes_in(items: Sequence[Item]) -> Iterator[Node]:
    """All nodes shown in these items, in order."""
    for item in items:
        if isinstance(item, Block):
            yield from nodes_in(item.items)
        else:
            yield item


def _params(graph: Graph) -> tuple[int, ...]:
    """The parameters each node brings in."""
    found = []
    known: set[str] = set()
    for node in graph.nodes:
        new = bool(node.weights) and node.weights not in known
        known.add(node.weights)
        weights = (
            TABLE[node.op].weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs)) if new else ()
        )
        found.append(sum(weight.size for weight in weights if not weight.buffer))
    assert sum(found) == costs(graph).params
    return tuple(found)


@dataclass(frozen=True)
class _Unit:
    """A call's nodes, or one node that lies in no call."""

    call: Call | None
    nodes: list[Node]


def _items(
    nodes: Sequence[Node], depth: int, params: Sequence[int], readers: Readers, shown: list[int]
) -> tuple[Item, ...]:
    """Nodes in order as items, `depth` block calls deep; notes in `shown` what is folded away."""
    items: list[Item] = []
    units = _units(nodes, depth)
    at = 0
    while at < len(units):
        period, times, chain = _repetition(units[at:], depth, readers)
        runs = [_joined(units[at + i * period : at + (i + 1) * period]) for i in range(times)]
        at += period * times
        for run in runs[1:]:
            for first, later in zip(runs[0], run, strict=True):
                shown[later.id] = first.id
        call = units[at - 1].call if period == 1 else None
        if call is None and times == 1:
            items.extend(runs[0])
            continue
        held = _items(runs[0], depth if call is None else depth + 1, params, readers, shown)
        shared = times > 1 and any(_weights(runs[0])) and _weights(runs[0]) == _weights(runs[1])
        items.append(Block(call, times, chain, shared, held, sum(params[node.id] for run in runs for node in run)))
    return tuple(items)


def _units(nodes: Sequence[Node], depth: int) -> list[_Unit]:
    units: list[_Unit] = []
    for node in nodes:
        call = node.scope[depth] if len(node.scope) > depth else None
        if call is not None and units and units[-1].call == call:
            units[-1].nodes.append(node)
        else:
            units.append(_Unit(call, [node]))
    return units


def _joined(units: Sequence[_Unit]) -> list[Node]:
    return [node for unit in units for node in unit.nodes]


def _repetition(units: Sequence[_Unit], depth: int, readers: Readers) -> tuple[int, int, bool]:
    """How many units from the first on come again right behind, how often, and whether as a chain.

    Of all ways to see it, the one that covers most, in the shortest steps.
    """
    best, best_kind = (1, 1), ""
    for period in range(1, len(units) // 2 + 1):
        runs = [_joined(units[:period])]
        if len(runs[0]) == 1 and units[0].call is None:
            continue  # one node in a row is no pattern
        kind = ""
        while (len(runs) + 1) * period <= len(units):
            runs.append(_joined(units[len(runs) * period : (len(runs) + 1) * period]))
            found = _repeats(runs, depth, readers)
            if not found or (kind and found != kind):
                runs.pop()
                break
            kind = found
        if len(runs) > 1 and len(runs) * period > best[0] * best[1]:
            best, best_kind = (period, len(runs)), kind
    return *best, best_kind == "chain"


def _weights(nodes: Sequence[Node]) -> list[str]:
    return [node.weights for node in nodes]


def _repeats(runs: Sequence[Sequence[Node]], depth: int, readers: Readers) -> Literal["", "chain", "side by side"]:
    """Whether the last run does what the first does, and how they hang together.

    In a chain each has the result of the one before, its last node, as its input, and elsewhere only the last result is
    read. Side by side all have the same inputs, and whatever reads one reads the others.
    """
    first, before, last = runs[0], runs[-2], runs[-1]
    if [_alone(node, depth) for node in first] != [_alone(node, depth) for node in last]:
        return ""
    if len(runs) > 2 and (_weights(before) == _weights(last)) != (_weights(first) == _weights(before)):
        return ""
    inputs = set()  # what the first run reads where the last reads the one before
    for one, other in zip(_reads(first, ()), _reads(last, before), strict=True):
        if other == ("before", len(before) - 1) and one[0] == "outside":
            inputs.add(one[1])
        elif one != other:
            return ""
    ids = [{node.id for node in run} for run in (first, before, last)]
    if not inputs:
        alike = all(readers[a.id] - ids[0] == readers[b.id] - ids[2] for a, b in zip(first, last, strict=True))
        return "side by side" if alike else ""
    passed_on = readers[before[-1].id] <= ids[1] | ids[2]
    private = all(readers[node.id] <= own for run, own in ((before, ids[1]), (last, ids[2])) for node in run[:-1])
    return "chain" if passed_on and private and len(inputs) == 1 else ""


def _alone(node: Node, depth: int) -> tuple[object, ...]:
    """What a node is, apart from what it reads and from the loops around the call it lies in."""
    calls = [(call.block, call.site) for call in node.scope[depth : depth + 1]]
    return node.op, node.attrs, node.type, calls, node.scope[depth + 1 :], len(node.inputs)


def _reads(run: Sequence[Node], before: Sequence[Node]) -> list[tuple[str, int]]:
    """Where each input of each node comes from: this run, the run before, or elsewhere."""
    here = {node.id: place for place, node in enumerate(run)}
    there = {node.id: place for place, node in enumerate(before)}
    found = []
    for node in run:
        for source in node.inputs:
            if source in here:
                found.append(("here", here[source]))
            elif source in there:
                found.append(("before", there[source]))
            else:
                found.append(("outside", source))
    return found
