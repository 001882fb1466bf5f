"""The weights of a cohort: all that learn in one flat tensor, those of a joint node one behind the other.

A weight of a joint node is a `Slot`: one stretch of the flat tensor with every member's part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod

import torch
from torch import Tensor, nn

from evaluators.cohorts.alignment import Joint
from nas.codegen import weight_paths
from nas.graph.graph import Graph
from nas.graph.operators import TABLE


@dataclass(frozen=True)
class Named:
    """A member's weights, and what they are called for each node of its graph.

    Args:
        tensors: parameters and buffers by name, as `state_dict` has them.
        trained: names of those that learn.
        of_node: node → the operator's weight → name.
    """

    tensors: Mapping[str, Tensor]
    trained: frozenset[str]
    of_node: Mapping[int, Mapping[str, str]]


def named(module: nn.Module, graph: Graph) -> Named:
    """The weights of `module`, which was built from the source of `graph`."""
    paths = weight_paths(graph)
    of_node = {}
    for node in graph.nodes:
        operator = TABLE.get(node.op)
        if operator is None:
            continue
        own = operator.weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs))
        if own:
            of_node[node.id] = {weight.name: f"{paths[node.id]}.{weight.name}" for weight in own}
    trained = {name for name, weight in module.named_parameters(remove_duplicate=False) if weight.requires_grad}
    return Named(module.state_dict(), frozenset(trained), of_node)


class Slot:
    """One weight of the members of a joint node.

    Args:
        members: by number.
        names: what each member's own module calls it.
        shapes: of each member's part.
        whole: the stretch of memory, flat.
        gradient: likewise for its gradient; None: it does not learn.
        tied: several places of the graphs share it, so gradients are added up from zero.
    """

    def __init__(
        self,
        members: Sequence[int],
        names: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        whole: Tensor,
        gradient: Tensor | None,
        tied: bool,
    ) -> None:
        self.members, self.names, self.shapes = tuple(members), tuple(names), tuple(shapes)
        self.whole, self.gradient, self.tied = whole, gradient, tied

    @property
    def learns(self) -> bool:
        return self.gradient is not None

    @cached_property
    def parts(self) -> list[Tensor]:
        """Each member's tensor."""
        return _cut(self.whole, self.shapes)

    @cached_property
    def gradients(self) -> list[Tensor]:
        """Where each member's gradient goes; only of what learns."""
        assert self.gradient is not None
        return _cut(self.gradient, self.shapes)

    def slice(self, low: int, high: int) -> Slot:
        """The part of the members at the places `low` to before `high`, in the same memory."""
        if (low, high) == (0, len(self.shapes)):
            return self
        gradient = None if self.gradient is None else self.part_of(self.gradient, low, high)
        whole = self.part_of(self.whole, low, high)
        return Slot(self.members[low:high], self.names[low:high], self.shapes[low:high], whole, gradient, self.tied)

    def part_of(self, memory: Tensor, low: int, high: int) -> Tensor:
        """From its member at place `low` to before that at `high`, of memory laid out like `whole`."""
        ends = [0, *accumulate(map(prod, self.shapes))]
        return memory[ends[low] : ends[high]]


def _cut(whole: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    ends = [0, *accumulate(map(prod, shapes))]
    return [whole[low:high].view(shape) for low, high, shape in zip(ends, ends[1:], shapes, strict=False)]


class Weights:
    """Every weight of a cohort.

    Args:
        joints: of `align`.
        members: in the order of the joints.
        like: gives dtype and device of floating-point weights.
    """

    def __init__(self, joints: Sequence[Joint], members: Sequence[Named], like: Tensor) -> None:
        lent = {joint.owner[0] for joint in joints if joint.owner is not None}
        owners = [joint for joint in joints if joint.owns]
        wanted: list[tuple[Joint, str, list[str], list[Tensor]]] = []
        for joint in owners:
            of_node = [members[m].of_node[node.id] for m, node in zip(joint.members, joint.nodes, strict=True)]
            for weight in of_node[0]:
                names = [own[weight] for own in of_node]
                tensors = [members[m].tensors[name] for m, name in zip(joint.members, names, strict=True)]
                wanted.append((joint, weight, names, tensors))
        learning = [one for one in wanted if one[2][0] in members[one[0].members[0]].trained]
        resting = [one for one in wanted if one[2][0] not in members[one[0].members[0]].trained]
        # What decays comes first, so that a cohort with one recipe is two stretches.
        learning.sort(key=lambda one: one[3][0].ndim < 2)
        sizes = [sum(tensor.numel() for tensor in tensors) for *_, tensors in learning]
        self.flat = torch.zeros(sum(sizes), dtype=like.dtype, device=like.device)
        self.gradient = torch.zeros_like(self.flat)
        self._slots: dict[Joint, dict[str, Slot]] = {joint: {} for joint in owners}
        ends = list(accumulate(sizes))
        for (joint, weight, names, tensors), end, size in zip(learning, ends, sizes, strict=True):
            stretch = slice(end - size, end)
            shapes = [tuple(tensor.shape) for tensor in tensors]
            whole, gradient = self.flat[stretch], self.gradient[stretch]
            self._slots[joint][weight] = Slot(joint.members, names, shapes, whole, gradient, joint in lent)
        for joint, weight, names, tensors in resting:
            dtype = like.dtype if tensors[0].is_floating_point() else tensors[0].dtype
            whole = torch.zeros(sum(tensor.numel() for tensor in tensors), dtype=dtype, device=like.device)
            shapes = [tuple(tensor.shape) for tensor in tensors]
            self._slots[joint][weight] = Slot(joint.members, names, shapes, whole, None, False)
        self._at = {
            (member, node.id): (self._slots[joint], i)
            for joint in owners
            for i, (member, node) in enumerate(zip(joint.members, joint.nodes, strict=True))
        }

    def of(self, joint: Joint) -> dict[str, Slot]:
        """The operator's weight → its slot, for the members of `joint`."""
        if not joint.owns and joint.owner is None:
            return {}
        owner, at = joint.owner or (joint, 0)
        slots, low = self._at[joint.members[0], owner.nodes[at].id]
        return {name: slot.slice(low, low + len(joint.members)) for name, slot in slots.items()}

    def slots(self) -> Iterator[Slot]:
        """All of them, each once."""
        for slots in self._slots.values():
            yield from slots.values()

    def tensors(self, member: int) -> dict[str, Tensor]:
        """A member's weights by name: views of the memory that is trained in."""
        return {
            slot.names[at]: slot.parts[at]
            for slot in self.slots()
            for at, other in enumerate(slot.members)
            if other == member
        }

    def load(self, member: int, tensors: Mapping[str, Tensor]) -> None:
        """Take a member's weights from `tensors`, by name."""
        for name, view in self.tensors(member).items():
            view.copy_(tensors[name])
