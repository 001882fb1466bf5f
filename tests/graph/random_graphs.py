"""Random small graphs, and the same graph written down in another way."""

from __future__ import annotations

import random

from cases import CASES, FLAT, IMAGE, MERGED, SEQUENCE

from nas.errors import ShapeError
from nas.graph.builder import Builder
from nas.graph.graph import Call, Graph, Node
from nas.graph.operators import TABLE
from nas.graph.types import Axis, TensorType

WIDTH = 4
_X = TensorType((Axis("features", WIDTH),))

STARTS = (FLAT, SEQUENCE, IMAGE, MERGED)

_ALL = [
    "linear",
    "linear",
    "biased",
    "relu",
    "sigmoid",
    "gelu",
    "add",
    "add",
    "multiply",
    "identity",
    "zero",
    "dropout",
    "no_dropout",
    "concat",
    "shared",
    "layer_norm",
]
_ALIKE = ["linear", "linear", "linear", "add", "multiply", "relu", "shared"]


def random_graph(rng: random.Random, n_nodes: int, alike: bool = False, n_inputs: int = 1) -> Graph:
    """A graph in which every tensor has one type. With `alike`, few operators, so that many nodes look the same."""
    builder = Builder({f"x{i}": _X for i in range(n_inputs)})
    for number in range(n_nodes):
        kind = rng.choice(_ALIKE if alike else _ALL)
        x, y, z = rng.choices([node.id for node in builder.nodes if node.type == _X], k=3)
        weights = f"w{number}"
        if kind == "linear":
            builder.apply("linear", (x,), (WIDTH,), {"bias": False}, weights=weights)
        elif kind == "biased":
            builder.apply("linear", (x,), (WIDTH,), weights=weights)
        elif kind == "shared":
            builder.apply("linear", (x,), (WIDTH,), {"bias": False}, weights=f"shared{rng.randrange(2)}")
        elif kind == "add":
            builder.apply("add", (x, y, z)[: rng.choice((2, 2, 3))])
        elif kind == "multiply":
            builder.apply("multiply", (x, y))
        elif kind == "dropout":
            builder.apply("dropout", (x,), (0.5,))
        elif kind == "no_dropout":
            builder.apply(rng.choice(("dropout", "drop_path")), (x,), (0.0,))
        elif kind == "concat":
            both = builder.apply("concat", (x, y))
            builder.apply("chunk", (both,), (rng.randrange(2), 2))
        else:
            builder.apply(kind, (x,), weights=weights)
    last = len(builder.nodes) - 1
    outputs = [max(0, last - rng.randrange(2)) for _ in range(rng.choice((1, 1, 1, 2)))]
    return builder.finish(outputs)


def retold(graph: Graph, rng: random.Random) -> Graph:
    """The same function: nodes in another topological order, terms swapped, weights and scopes renamed, dead code added."""
    keys = sorted({node.weights for node in graph.nodes if node.weights})
    names = dict(zip(keys, rng.sample([f"other{i}" for i in range(len(keys))], len(keys)), strict=True))
    number: dict[int, int] = {}
    nodes: list[Node] = []
    left = [node for node in graph.nodes if node.op != "input"]
    for i in graph.inputs:
        number[i] = len(nodes)
        nodes.append(graph.nodes[i]._replace(id=len(nodes), attrs=(("name", f"renamed{i}"),)))
    while left:
        node = rng.choice([node for node in left if all(i in number for i in node.inputs)])
        left.remove(node)
        inputs = [number[i] for i in node.inputs]
        if node.op in ("add", "multiply"):
            rng.shuffle(inputs)
        if node.op == "add" and len(inputs) == 3:  # another bracket
            nodes.append(Node(len(nodes), "add", (), tuple(inputs[:2]), node.type))
            inputs = [len(nodes) - 1, inputs[2]]
        if rng.random() < 0.2:
            nodes.append(Node(len(nodes), "identity", (("n", None), ("axis", "features")), (inputs[0],), node.type))
        if rng.random() < 0.2:
            inputs[0] = _passed_on(nodes, inputs[0])
        scope = (Call("block", f"at{rng.randrange(9)}"),)
        number[node.id] = len(nodes)
        nodes.append(
            node._replace(id=len(nodes), inputs=tuple(inputs), scope=scope, weights=names.get(node.weights, ""))
        )
    return Graph(tuple(nodes), tuple(number[i] for i in graph.inputs), tuple(number[i] for i in graph.outputs))


def _passed_on(nodes: list[Node], source: int) -> int:
    nodes.append(Node(len(nodes), "identity", (("n", None), ("axis", None)), (source,), nodes[source].type))
    return len(nodes) - 1


def typed_graph(rng: random.Random, n_nodes: int) -> Graph:
    """A graph of any operators on tensors of any types, with shared weights here and there."""
    builder = Builder({f"x{i}": rng.choice(STARTS) for i in range(rng.choice((1, 2)))})
    tries = 0
    while len(builder.nodes) < n_nodes and tries < 50 * n_nodes:
        tries += 1
        op = rng.choice(sorted(TABLE))
        fewest, most = TABLE[op].arity
        first = rng.choice(builder.nodes)
        alike = [node.id for node in builder.nodes if node.type.names == first.type.names]
        n_inputs = rng.randint(max(fewest, 2), 3) if most is None else fewest
        inputs = (first.id, *rng.choices(alike, k=n_inputs - 1))
        case = rng.choice([case for case in CASES if case.op == op])
        arguments = dict(case.arguments)
        for argument in TABLE[op].arguments:
            if argument.kind == "axis" and arguments.get(argument.name) and argument.name not in ("into", "to"):
                arguments[argument.name] = rng.choice(first.type.names or ("none",))
        weights = f"w{tries}" if rng.random() < 0.8 else f"shared {op}"
        try:
            node = builder.apply(op, inputs, (), arguments, weights=weights)
        except ShapeError:
            continue
        if builder.nodes[node].type.size > 2000:
            break
    return builder.finish([len(builder.nodes) - 1, rng.randrange(len(builder.nodes))])
