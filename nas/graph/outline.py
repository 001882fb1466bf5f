"""A graph as a reader sees it: blocks in blocks, equal calls in a row folded into one. Drawings start from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nas.graph.cost import costs
from nas.graph.graph import Call, Graph, Node
from nas.graph.operators.table import REQUIRED, TABLE


@dataclass(frozen=True)
class Block:
    """One call of a block, or several in a row that differ in nothing but what comes before them.

    Args:
        call: the first of them.
        times: how many they are.
        shared: whether they share their weights.
        items: what the first of them holds, in order.
        params: numbers in the parameters of all of them, shared ones counted once.
    """

    call: Call
    times: int
    shared: bool
    items: tuple[Item, ...]
    params: int

    @property
    def title(self) -> str:
        """The block's name, how often it comes, and whether it is always the same."""
        many = f" × {self.times}" if self.times > 1 else ""
        return self.call.block + many + (", shared" if self.shared else "")


Item = Node | Block


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
    items = _items(graph.nodes, 0, params, shown)
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
        text = f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
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
        weights = TABLE[node.op].weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs)) if new else ()
        found.append(sum(weight.size for weight in weights if not weight.buffer))
    assert sum(found) == costs(graph).params
    return tuple(found)


def _items(nodes: Sequence[Node], depth: int, params: Sequence[int], shown: list[int]) -> tuple[Item, ...]:
    """Nodes in order as items, `depth` block calls deep; notes in `shown` what is folded away."""
    items: list[Item] = []
    calls = _calls(nodes, depth)
    at = 0
    while at < len(calls):
        call, inside = calls[at]
        if call is None:
            items.extend(inside)
            at += 1
            continue
        repeats = [inside]
        for other_call, other in calls[at + 1 :]:
            if other_call is None or (other_call.block, other_call.site) != (call.block, call.site):
                break
            if not _repeats([*repeats, other], depth):
                break
            repeats.append(other)
        for repeat in repeats[1:]:
            for first, later in zip(inside, repeat, strict=True):
                shown[later.id] = first.id
        held = _items(inside, depth + 1, params, shown)
        shared = len(repeats) > 1 and any(node.weights for node in inside) and _weights(repeats[0]) == _weights(repeats[1])
        total = sum(params[node.id] for repeat in repeats for node in repeat)
        items.append(Block(call, len(repeats), shared, held, total))
        at += len(repeats)
    return tuple(items)


def _calls(nodes: Sequence[Node], depth: int) -> list[tuple[Call | None, list[Node]]]:
    """Runs of nodes that lie in one call, or in none."""
    runs: list[tuple[Call | None, list[Node]]] = []
    for node in nodes:
        call = node.scope[depth] if len(node.scope) > depth else None
        if runs and runs[-1][0] == call:
            runs[-1][1].append(node)
        else:
            runs.append((call, [node]))
    return runs


def _weights(nodes: Sequence[Node]) -> list[str]:
    return [node.weights for node in nodes]


def _repeats(runs: Sequence[Sequence[Node]], depth: int) -> bool:
    """Whether the last run does again what the first does, reading the run before where the first reads anything."""
    first, before, last = runs[0], runs[-2], runs[-1]
    if [_alone(node, depth) for node in first] != [_alone(node, depth) for node in last]:
        return False
    steps = _reads(last, before)
    if len(runs) > 2:
        return _reads(before, runs[-3]) == steps and (_weights(before) == _weights(last)) == (
            _weights(first) == _weights(before)
        )
    own = _reads(first, ())
    return all(
        one == other or (other[0] == "before" and one[0] == "outside") for one, other in zip(own, steps, strict=True)
    )


def _alone(node: Node, depth: int) -> tuple[object, ...]:
    return node.op, node.attrs, node.type, node.scope[depth + 1 :], len(node.inputs)


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
