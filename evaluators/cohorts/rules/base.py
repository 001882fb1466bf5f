"""What a cohort rule is: how the members of a joint node compute it and its gradient, as lists of ready calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.values import Value, together
from evaluators.cohorts.weights import Slot
from nas.graph.graph import Node
from nas.graph.types import TensorType

Call = Callable[[], object]
Calls = list[Call]

# Calls that compute the values of a joint node, and a function that makes those for its gradients, which is called when all
# readers of the node have made theirs, last reader first.
Made = tuple[Calls, Callable[[], Calls]]

# None where the rule does not serve the place; then every member runs its own layer there.
Rule = Callable[["Site"], Made | None]


@dataclass
class Clock:
    """Where each member is: the seed of its randomness and the step it takes, both by member."""

    seeds: list[int]
    steps: list[int]


class Scratch:
    """Memory for what a place of a program needs only while its own calls run; the next place takes the same."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[int, int, torch.dtype, torch.device], Tensor] = {}

    def take(self, number: int, like: Tensor) -> Tensor:
        """A dense tensor of the shape of `like`. A place asks for each of those that it needs at once by another number."""
        size = like.numel()
        room = 1 << max(0, size - 1).bit_length()
        key = (number, room, like.dtype, like.device)
        if key not in self._blocks:
            self._blocks[key] = torch.zeros(room, dtype=like.dtype, device=like.device)
        return self._blocks[key][:size].view(like.shape)


@dataclass(frozen=True, eq=False)
class Site:
    """A joint node as its rule sees it.

    Args:
        nodes: one for each member; they differ in sizes at most.
        types: of each member's inputs.
        inputs: what it reads; members as in `nodes`.
        output: where the results go.
        weights: the operator's weights.
        learning: which inputs need a gradient.
        training: False in evaluation: no noise, running statistics are used.
        members: their numbers in the cohort.
        clock: the members' steps, by number in the cohort.
        draws: place among the operators of the graph that draw random numbers.
        readers: of each input, how many nodes read it.
        scratch: memory for the time between the first and the last of the calls that a rule gives at once.
    """

    nodes: Sequence[Node]
    types: Sequence[Sequence[TensorType]]
    inputs: Sequence[Value]
    output: Value
    weights: Mapping[str, Slot]
    learning: Sequence[bool]
    training: bool
    members: Sequence[int]
    clock: Clock
    draws: int = -1
    readers: Sequence[int] = ()
    scratch: Scratch = field(default_factory=Scratch)
    attrs: Mapping[str, object] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attrs", dict(self.nodes[0].attrs))

    def __len__(self) -> int:
        return len(self.nodes)

    def gradient(self, place: int = 0) -> Destination | None:
        """Where the gradient of an input goes; None where nobody needs it. To be called once for each input."""
        if not self.learning[place]:
            return None
        value = self.inputs[place]
        held = value.claim()
        before: Calls = []
        if any(held) and not all(held):
            before = [part.zero_ for part, full in zip(value.gradient.parts, held, strict=True) if not full]
        return Destination(value.gradient, any(held), before, self.scratch)


@dataclass(frozen=True, eq=False)
class Destination:
    """Where a gradient goes.

    Args:
        value: the memory.
        holds: whether it holds a part of the gradient already, to which this one is added.
        before: calls that come first.
    """

    value: Value
    holds: bool
    before: Calls
    scratch: Scratch = field(default_factory=Scratch)

    def through(self, compute: Callable[..., Call], *values: Value) -> Calls:
        """Calls that bring a gradient computed element by element.

        Args:
            compute: of the tensors of `values` and of `out`, the call that writes to `out`.
        """
        calls = list(self.before)
        for out, *tensors in together(self.value, *values):
            if self.holds:
                scratch = self.scratch.take(0, out)
                calls += [compute(*tensors, scratch), partial(out.add_, scratch)]
            else:
                calls.append(compute(*tensors, out))
        return calls


def summed(numbers: Tensor, dims: tuple[int, ...], out: Tensor, added: bool) -> Call:
    """The call that brings the sum over `dims`, which stay as axes of size 1 where `out` has them, to a weight's gradient.

    Args:
        added: to what `out` holds: the gradient of a weight that is tied.
    """
    keep = out.ndim == numbers.ndim
    return partial(_add_sum, numbers, dims, keep, out) if added else partial(torch.sum, numbers, dims, keep, out=out)


def row_sums(numbers: Tensor, slot: Slot) -> Calls:
    """The calls that bring the gradient of a weight of which `numbers` has a row for each element."""
    return [] if slot.gradient is None else [summed(numbers, (1,), slot.gradient, slot.tied)]


def _add_sum(numbers: Tensor, dims: tuple[int, ...], keep: bool, out: Tensor) -> None:
    out.add_(numbers.sum(dims, keep))
