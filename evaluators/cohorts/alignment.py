"""Which nodes of different graphs are computed together: those that stand at the same place and read neighbors.

Places are counted from a graph's beginning, the last two from its end, so that the outputs of graphs of any depth stand at
one place; what reads the common input is a beginning. What the members compute at a place lies in one memory, a *block*; neighbors there that do the same to neighbors
elsewhere are a *joint node*: one call where the operator's rule knows how.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from nas.graph.graph import Graph, Node
from nas.graph.operators import TABLE, Argument
from nas.graph.types import TensorType

# Nodes whose place is counted from the end: the output, and what it reads in most graphs.
LAST = 2

# So many members of one width stand side by side, since they share matrix products; of fewer, those of one activation do.
ALIKE = 3


@dataclass(eq=False)
class Block:
    """What some members compute at one place, in the same axes: the contents of one memory.

    Args:
        shared: every member computes the same numbers.
        output: the members' graphs return it.
        joints: that compute it, for one stretch of its members each.
    """

    shared: bool
    output: bool
    joints: list[Joint] = field(default_factory=list)

    @property
    def nodes(self) -> list[Node]:
        """One for each member."""
        return [node for joint in self.joints for node in joint.nodes]


@dataclass(frozen=True, eq=False)
class Joint:
    """Neighbors in a block that are computed together.

    Args:
        members: by number.
        nodes: each member's node there.
        types: each member's types of the inputs.
        block: that it computes.
        start: the place of its first member in the block.
        inputs: the blocks that it reads, and the place of its first member there; the others follow.
        readers: of each input, the most nodes that read it in one of the graphs.
        owns: weights.
        owner: the joint node whose weights it has instead, and the place of its first member there.
        draws: place among the operators of its graph that draw random numbers; -1: it draws none.
    """

    members: tuple[int, ...]
    nodes: tuple[Node, ...]
    types: tuple[tuple[TensorType, ...], ...]
    block: Block
    start: int
    inputs: tuple[tuple[Block, int], ...]
    readers: tuple[int, ...]
    owns: bool
    owner: tuple[Joint, int] | None
    draws: int


@dataclass(frozen=True)
class _Step:
    """What one graph does at a place.

    Args:
        text: what a step must have in common with another one to be joined with it.
        form: what it must have in common with another one to lie in one block with it.
        reads: the places of its inputs.
        key: the place of the node that brought its weights; None where it has none.
    """

    node: Node
    types: tuple[TensorType, ...]
    text: str
    form: str
    reads: tuple[int, ...]
    readers: tuple[int, ...]
    shared: bool
    output: bool
    key: int | None
    draws: int


def order(graphs: Sequence[Graph], streams: Sequence[int]) -> list[int]:
    """The order of members, as indices, in which `align` takes them.

    Args:
        streams: members with equal numbers see the same batches.
    """
    keys = [
        [step.text for step in _steps(graph, stream).values()] for graph, stream in zip(graphs, streams, strict=True)
    ]
    sizes = [[(_numbers(node), node.type.shape) for node in graph.nodes] for graph in graphs]
    widths = [_width(graph) for graph in graphs]
    alike = Counter(widths)
    return sorted(
        range(len(graphs)),
        key=lambda i: (streams[i], widths[i] if alike[widths[i]] >= ALIKE else 0, keys[i], sizes[i]),
    )


def align(graphs: Sequence[Graph], streams: Sequence[int], first: int = 0) -> list[Block]:
    """The blocks of members in the order of `order`; each stands behind those that it reads.

    Args:
        first: the number of the first member.
    """
    steps = [_steps(graph, stream) for graph, stream in zip(graphs, streams, strict=True)]
    places = {place for one in steps for place in one}
    blocks: list[Block] = []
    found: _Found = {}  # place, member → its joint node, and which of its members it is
    for place in sorted(places, key=lambda place: (place < 0, place)):
        here = [(member, one[place]) for member, one in enumerate(steps) if place in one]
        last = ""
        for run in _runs(here, found):
            (_, step), *_ = run
            if not last or last != step.form:
                blocks.append(Block(step.shared, step.output))
            # Only numbers with one axis gain by lying beside those of other joint nodes.
            last = "" if step.shared or len(step.node.type.shape) > 1 else step.form
            _join(run, blocks[-1], place, found, first)
    return _deep_first(blocks)


def _deep_first(blocks: Sequence[Block]) -> list[Block]:
    """Each behind those that it reads and no earlier than needed, so that few gradients are kept at a time."""
    waiting = [block for block in reversed(blocks) if block.output]
    found: dict[Block, None] = {}
    while waiting:
        block = waiting[-1]
        missing = [one for joint in block.joints for one, _ in joint.inputs if one not in found]
        waiting += missing[:1]
        if not missing:
            found.setdefault(waiting.pop())
    return list(found)


_Here = list[tuple[int, _Step]]
_Found = dict[tuple[int, int], tuple[Joint, int]]


def _runs(here: _Here, found: _Found) -> list[_Here]:
    """Neighbors at a place that do the same to neighbors elsewhere, with weights of neighbors in one joint node."""
    runs: list[_Here] = []
    for member, step in here:
        before, last = runs[-1][-1] if runs else (-1, None)
        if (
            last is not None
            and last.text == step.text
            and all(_neighbors(found[at, before], found[at, member]) for at in step.reads)
            and (
                step.key is None
                or (step.key, member) not in found
                or found[step.key, before][0] is found[step.key, member][0]
            )
        ):
            runs[-1].append((member, step))
        else:
            runs.append([(member, step)])
    return runs


def _neighbors(one: tuple[Joint, int], other: tuple[Joint, int]) -> bool:
    """Whether they are neighbors in one block."""
    (joint, at), (next_joint, next_at) = one, other
    return joint.block is next_joint.block and joint.start + at + 1 == next_joint.start + next_at


def _join(run: _Here, block: Block, place: int, found: _Found, first: int) -> None:
    member, step = run[0]
    sources = [found[at, member] for at in step.reads]
    joint = Joint(
        members=tuple(first + m for m, _ in run),
        nodes=tuple(one.node for _, one in run),
        types=tuple(one.types for _, one in run),
        block=block,
        start=sum(len(one.members) for one in block.joints),
        inputs=tuple((source.block, source.start + at) for source, at in sources),
        readers=tuple(map(max, zip(*(one.readers for _, one in run), strict=True))),
        owns=step.key == place,
        owner=None if step.key in (None, place) else found[step.key, member],
        draws=step.draws,
    )
    block.joints.append(joint)
    found.update({(place, m): (joint, i) for i, (m, _) in enumerate(run)})


@lru_cache(maxsize=512)  # a graph is put in order, joined for training and joined for evaluation
def _steps(graph: Graph, stream: int) -> Mapping[int, _Step]:
    """Place → what the graph does there."""
    end = graph.outputs[0] + 1
    places: list[int] = []
    found: dict[int, _Step] = {}
    brought: dict[str, int] = {}  # key of weights → the place of the node that brought them
    draws = 0
    for node in graph.nodes[:end]:
        operator = TABLE.get(node.op)
        attrs = dict(node.attrs)
        types = tuple(graph.nodes[i].type for i in node.inputs)
        owns = operator is not None and bool(operator.weights(types, attrs))
        random = operator is not None and operator.random
        reads = tuple(places[i] for i in node.inputs)
        common = all(found[at].shared for at in reads)
        shared = common and not owns and not random
        place = node.id - end
        if place < -1 and (place < -LAST or common):  # one product for all that read the common input
            place = node.id
        places.append(place)
        key = brought.setdefault(node.weights or f"#{node.id}", place) if owns else None
        free = {one.name for one in operator.arguments if _free(one, random)} if operator else set()
        settings = node.attrs if shared else tuple(one for one in node.attrs if one[0] not in free)
        form = repr(str(node.type if shared else node.type.names))
        drawn = draws if random else -1
        found[place] = _Step(
            node=node,
            types=types,
            text=repr((node.op, settings, reads, form, key, drawn, stream * shared)),
            form=form,
            reads=reads,
            readers=tuple(len(graph.consumers[i]) + graph.outputs.count(i) for i in node.inputs),
            shared=shared,
            output=place == -1,
            key=key,
            draws=drawn,
        )
        draws += random
    return found


def _width(graph: Graph) -> int:
    """What the first layer with weights makes of a sample, where that has one axis; else 0."""
    for node in graph.nodes:
        if node.op in TABLE and TABLE[node.op].weights(
            tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs)
        ):
            return node.type.size if len(node.type.shape) == 1 else 0
    return 0


def _numbers(node: Node) -> list[int]:
    """Its sizes, those first that its type does not show, such as a grid: rules do best with equal ones side by side."""
    return [value for _, value in reversed(node.attrs) if isinstance(value, int)]


def _free(argument: Argument, random: bool) -> bool:
    """Whether joined members may differ in it: sizes, and rates of noise."""
    return argument.free or argument.kind == "size" or (random and argument.kind == "float")
