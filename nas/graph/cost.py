"""What a graph costs, exactly and without torch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

from nas.graph.graph import Attribute, Graph
from nas.graph.operators.table import TABLE
from nas.graph.types import TensorType


@dataclass(frozen=True, slots=True)
class Costs:
    """The exact costs of a graph.

    Args:
        params: numbers in all parameters; those shared by several nodes count once. `trainable_params` and
            `frozen_params` are its two parts.
        active_params: those of `params` that one position of a sample uses. Where `experts` choose, the weights of the
            experts that are not chosen are left out; everywhere else the two are equal. It is a count, whoever is chosen.
        buffers: numbers in what is stored and never learned: running statistics, knots, centres.
        macs: multiply-accumulates of one forward pass. Contractions count (linear maps, convolutions), and as
            torch's `FlopCounterMode` counts them: its flops are twice these. What is elementwise is free. torch counts
            nothing for Fourier transforms; `rfft` and `irfft` count n ⌈log₂ n⌉ for each line of n numbers, which are the
            real products of half the butterflies of a radix-2 transform: that of real numbers does half the work.
        activation_bytes: the peak of the tensors alive in one forward pass in evaluation. A tensor lives from the node that
            makes it to the last that reads it; the graph's inputs and outputs live to the end. While a node runs, its
            inputs and its result are alive together; what it holds in between is not counted, nor are the weights. A node
            that only looks at its input in another way shares its memory: chunk, expand, identity, rename, reorder, repeat,
            slice, split_axis and unfold are views. One that may have to copy (flatten, merge_axes) counts as a copy, and a
            view of few numbers read many times (expand, repeat, unfold) as those few.
    """

    params: int
    active_params: int
    trainable_params: int
    frozen_params: int
    buffers: int
    macs: int
    activation_bytes: int

    def as_dict(self) -> dict[str, int]:
        """The costs by name."""
        return {name: getattr(self, name) for name in _NAMES}


_NAMES = tuple([one.name for one in fields(Costs)])


class _Own(NamedTuple):
    """What one node costs by itself."""

    trainable: int
    frozen: int
    inactive: int
    buffers: int
    macs: int


_owned: dict[tuple[str, tuple[tuple[str, Attribute], ...], tuple[TensorType, ...], TensorType], _Own] = {}
_REMEMBERED = 8_192


def costs(graph: Graph, batch: int = 1, bytes_per_number: int = 4) -> Costs:
    """The costs of `graph` as it stands; simplify it first to leave out what its outputs do not need.

    Args:
        batch: samples in the forward pass that `macs` and `activation_bytes` speak of.
        bytes_per_number: 4 for float32, 2 for the half precisions.
    """
    trainable = frozen = inactive = buffers = macs = 0
    nodes = graph.nodes
    counted: set[str] = set()
    for node in nodes:
        if node.op == "input":
            continue
        own = _own(node.op, node.attrs, tuple([nodes[i].type for i in node.inputs]), node.type)
        macs += own.macs
        if node.weights:
            if node.weights in counted:
                continue
            counted.add(node.weights)
        trainable += own.trainable
        frozen += own.frozen
        inactive += own.inactive
        buffers += own.buffers
    params = trainable + frozen
    return Costs(
        params=params,
        active_params=params - inactive,
        trainable_params=trainable,
        frozen_params=frozen,
        buffers=buffers,
        macs=macs * batch,
        activation_bytes=_peak(graph) * batch * bytes_per_number,
    )


def _own(op: str, attrs: tuple[tuple[str, Attribute], ...], types: tuple[TensorType, ...], out: TensorType) -> _Own:
    key = (op, attrs, types, out)
    own = _owned.get(key)
    if own is None:
        operator, arguments = TABLE[op], dict(attrs)
        weights = operator.weights(types, arguments)
        parameters = [weight for weight in weights if not weight.buffer]
        own = _Own(
            sum(weight.size for weight in parameters if weight.trainable),
            sum(weight.size for weight in parameters if not weight.trainable),
            operator.inactive(types, arguments),
            sum(weight.size for weight in weights if weight.buffer),
            operator.macs(types, arguments, out),
        )
        if len(_owned) >= _REMEMBERED:
            _owned.clear()
        _owned[key] = own
    return own


def _peak(graph: Graph) -> int:
    """The most numbers of one sample alive at once."""
    nodes = graph.nodes
    home = list(range(len(nodes)))  # the node whose memory a node's result lies in
    last = [0] * len(nodes)
    for node in nodes:
        if node.op != "input" and (TABLE[node.op].view or (node.op in ("add", "multiply") and len(node.inputs) == 1)):
            home[node.id] = home[node.inputs[0]]
        for source in node.inputs:
            last[home[source]] = node.id
    for kept in (*graph.inputs, *graph.outputs):
        last[home[kept]] = len(nodes)
    ends: list[list[int]] = [[] for _ in range(len(nodes) + 1)]
    alive = peak = 0
    for node in nodes:
        if home[node.id] == node.id:
            alive += node.type.size
            ends[max(last[node.id], node.id)].append(node.type.size)
        if alive > peak:
            peak = alive
        for size in ends[node.id]:
            alive -= size
    return peak
