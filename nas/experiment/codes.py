"""Codes of categories against the tables that embed them, looked at before anything is trained."""

from __future__ import annotations

from random import Random

from evaluators.tasks import Task
from nas.errors import SpaceError
from nas.graph.graph import Graph, Node
from nas.space import Space

DRAWS = 10


def check_codes(space: Space, task: Task) -> None:
    """Raises: SpaceError: an embedding reads an input of the task whose codes lie beyond its vocabulary."""
    rng = Random(0)
    for _ in range(DRAWS):
        graph = space.sample(rng).graph
        for node in (node for node in graph.nodes if node.op == "embedding"):
            position = _input_of(graph, node)
            if position is None:
                continue
            name = space.input_names[position]
            if task.streams:
                raise SpaceError(
                    f"{space.file}: `embedding` reads `{name}`, and data that are read from files while training hold no codes"
                )
            codes = task.data.train.inputs[position]
            vocabulary = node.arguments["vocabulary"]
            assert isinstance(vocabulary, int)
            if (codes != codes.round()).any():
                raise SpaceError(
                    f"{space.file}: `embedding` reads `{name}`, and the task has no codes there but numbers such as "
                    f"{codes.ravel()[0]:g}; say which inputs are codes with the task's `fields`"
                )
            if codes.max() >= vocabulary or codes.min() < 0:
                raise SpaceError(
                    f"{space.file}: the task's codes in `{name}` go from {codes.min():g} to {codes.max():g}, and `embedding` "
                    f"holds 0 to {vocabulary - 1}; its `vocabulary` has to be at least {int(codes.max()) + 1}"
                )


def _input_of(graph: Graph, node: Node) -> int | None:
    """The position of the input that a node reads, looking through renamed axes."""
    source = graph.nodes[node.inputs[0]]
    while source.op == "rename":
        source = graph.nodes[source.inputs[0]]
    return graph.inputs.index(source.id) if source.id in graph.inputs else None
