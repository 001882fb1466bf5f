"""The architecture as a value: nodes in topological order. Cost, digest, drawing and source are functions of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from nas.graph.types import TensorType

if TYPE_CHECKING:
    import networkx

Attribute = int | float | bool | str | None | tuple["Attribute", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One block call that a node lies in: the block's name, the call site, the indices of the loops around it."""

    block: str
    site: str
    index: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.site + "".join(f"[{i}]" for i in self.index)


class Node(NamedTuple):
    """One operator applied once.

    Args:
        id: its position in `Graph.nodes`.
        op: the operator's name in the table; `input` for the graph's own inputs.
        attrs: every argument of the operator in the table's order, defaults filled in, axes by name:
            `(("n", 64), ("bias", True), …)`.
        inputs: ids of the nodes it reads, all smaller than `id`.
        type: of its one result.
        scope: the block calls around it, outermost first.
        weights: key of its weights; nodes with equal keys share them. Empty where the operator has none.
    """

    id: int
    op: str
    attrs: tuple[tuple[str, Attribute], ...]
    inputs: tuple[int, ...]
    type: TensorType
    scope: tuple[Call, ...] = ()
    weights: str = ""

    @property
    def arguments(self) -> Mapping[str, Attribute]:
        return MappingProxyType(dict(self.attrs))


@dataclass(frozen=True)
class Graph:
    """An immutable graph of `Node`s in topological order; `inputs` and `outputs` are node ids."""

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each node, the ids of the nodes that read it, once for each reading."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for node in self.nodes:
            for source in node.inputs:
                found[source].append(node.id)
        return tuple(map(tuple, found))

    def networkx(self) -> networkx.MultiDiGraph[int]:
        """The same graph for networkx: nodes carry `op`, `attrs`, `type`, `scope`; edges their input `position`."""
        import networkx

        view: networkx.MultiDiGraph[int] = networkx.MultiDiGraph()
        for node in self.nodes:
            view.add_node(node.id, op=node.op, attrs=dict(node.attrs), type=node.type, scope=node.scope)
        for node in self.nodes:
            for position, source in enumerate(node.inputs):
                view.add_edge(source, node.id, position=position)
        return view
