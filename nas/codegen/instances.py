"""The graph as nested block calls, each a function: steps in order, inputs from outside, results that others read.

The nodes of a block call stand together in the graph, so a call is a run of nodes with a common scope. Simplification
may have taken some of them, or all; whatever still stands together is a call. A run that something else interrupts
counts as several calls, which keeps the source right for every scope that a graph may carry.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from nas.codegen import templates
from nas.codegen.templates import Skeleton
from nas.graph.graph import Graph, Node
from nas.graph.operators import TABLE


@dataclass(slots=True)
class Step:
    """One operator, or one call of a block, inside a block.

    Args:
        word: what it is called: the block's or the operator's name.
        reads, writes: ids of nodes in the graph.
        call: the expression, with holes; `call_numbers` fill those for numbers.
        make: the constructor of the module, None where there is none and for blocks; `make_numbers` and
            `make_labels` go with its numbers.
        weights: key of what it owns, empty if nothing.
        node: the operator's node; for a block `instance`.
    """

    word: str
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    call: Skeleton = ()
    call_numbers: tuple[str, ...] = ()
    make: Skeleton | None = None
    make_numbers: tuple[str, ...] = ()
    make_labels: tuple[str, ...] = ()
    weights: str = ""
    node: Node | None = None
    instance: Instance | None = None

    @property
    def has_module(self) -> bool:
        return self.make is not None or self.instance is not None

    @property
    def spoken(self) -> frozenset[str]:
        """The names in its constructor and its call."""
        pieces = [piece for piece in (*(self.make or ()), *self.call) if isinstance(piece, str)]
        return frozenset(re.findall(r"\w+", " ".join(pieces)))

    @property
    def has_weights(self) -> bool:
        return bool(self.weights) if self.instance is None else bool(self.instance.weights)


@dataclass(slots=True)
class Instance:
    """One call of a block, `step` in the block that calls it.

    `values` are its inputs, then what its steps write: in instances of one class equal positions correspond. `kind`
    numbers the classes, `identity` whole instances: equal ones have equal structure, numbers and weights, so that one
    module can serve for both. `arguments` are what its constructor is called with.
    """

    block: str
    steps: list[Step]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    step: Step | None = None
    values: list[int] = field(default_factory=list)
    weights: tuple[str, ...] = ()
    kind: int = -1
    identity: int = -1
    arguments: tuple[str, ...] = ()


def root_instance(graph: Graph, block: str) -> Instance:
    """The whole graph as one instance; nodes that nothing reads are left out."""
    nodes = graph.nodes
    last_read = [-1] * len(nodes)
    for i in graph.outputs:
        last_read[i] = len(nodes)
    order: list[Node] = []
    for node in reversed(nodes):
        if last_read[node.id] >= 0 and node.op != "input":
            order.append(node)
            for i in node.inputs:
                last_read[i] = max(last_read[i], node.id)
    order.reverse()
    steps = _steps(graph, order, 0, last_read)
    while len(steps) == 1 and steps[0].instance is not None:  # the whole graph is one block
        steps = steps[0].instance.steps
    root = Instance(block, steps, graph.inputs, graph.outputs)
    _settle(root)
    return root


def _steps(graph: Graph, run: Sequence[Node], depth: int, last_read: list[int]) -> list[Step]:
    steps: list[Step] = []
    start = 0
    while start < len(run):
        scope = run[start].scope[: depth + 1]
        if len(scope) <= depth:
            steps.append(_operator_step(graph, run[start]))
            start += 1
            continue
        end = start
        while end < len(run) and run[end].scope[: depth + 1] == scope:
            end += 1
        inner = _steps(graph, run[start:end], depth + 1, last_read)
        if len(inner) == 1:  # a block of one step needs no class, but its name is the better one
            if inner[0].node is not None:
                inner[0].word = scope[depth].block
            steps.append(inner[0])
        else:
            steps.append(_block_step(scope[depth].block, inner, run[end - 1].id, last_read))
        start = end
    return _with_whole_splits(steps)


def _operator_step(graph: Graph, node: Node) -> Step:
    operator = TABLE[node.op]
    types = tuple([graph.nodes[i].type for i in node.inputs])
    attrs = dict(node.attrs)
    module = operator.module(types, attrs)
    arguments = [f"_{i}" for i in range(len(types))]
    call, numbers = templates.taken_apart(operator.forward(types, attrs, node.type, templates.MODULE, arguments))
    step = Step(node.op, node.inputs, (node.id,), call, numbers, node=node)
    if module is not None:
        step.make, step.make_numbers, step.make_labels = templates.constructor(
            module.target, module.args, module.kwargs, module.suffix
        )
        if node.weights or operator.weights(types, attrs):
            step.weights = node.weights or f"#{node.id}"
    return step


def _block_step(block: str, steps: list[Step], last: int, last_read: list[int]) -> Step:
    inside = {i for step in steps for i in step.writes}
    inputs = tuple(dict.fromkeys(i for step in steps for i in step.reads if i not in inside))
    outputs = tuple(i for step in steps for i in step.writes if last_read[i] > last)
    instance = Instance(block, steps, inputs, outputs)
    instance.step = Step(block, inputs, outputs, templates.call(len(inputs)), instance=instance)
    return instance.step


def _with_whole_splits(steps: list[Step]) -> list[Step]:
    """Neighbouring chunks that together make up one tensor, as one step with several results."""
    result: list[Step] = []
    start = 0
    while start < len(steps):
        first = steps[start]
        end = start + 1
        if first.node is not None and first.node.op == "chunk" and len(first.writes) == 1:
            attrs = dict(first.node.attrs)
            group = steps[start : start + int(str(attrs["parts"]))]
            wanted = [{**attrs, "index": i} for i in range(int(str(attrs["parts"])))]
            found = [dict(step.node.attrs) for step in group if step.node is not None and step.node.op == "chunk"]
            if len(group) > 1 and found == wanted and all(step.reads == first.reads for step in group):
                end = start + len(group)
                first.writes = tuple(i for step in group for i in step.writes)
                first.call, first.call_numbers = _without_index(first)
        result.append(first)
        start = end
    return result


def _without_index(step: Step) -> tuple[Skeleton, tuple[str, ...]]:
    """`x.chunk(2, 1)[0]` as `x.chunk(2, 1)`."""
    text = templates.filled(step.call, templates.MODULE, ["_0"], step.call_numbers)
    return templates.taken_apart(text.removesuffix("[0]"))


def _settle(instance: Instance) -> None:
    """Fill in `weights`, innermost instances first."""
    owned: list[str] = []
    for step in instance.steps:
        if step.instance is not None:
            _settle(step.instance)
            owned.extend(step.instance.weights)
        elif step.weights:
            owned.append(step.weights)
    instance.weights = tuple(owned)
