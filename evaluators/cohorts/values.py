"""What the members of a cohort compute at one place of their graphs: tensors of their own in one block of memory.

The block never moves, so that a step of training is the same list of calls every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from math import prod

import torch
from torch import Tensor

Shape = tuple[int, ...]


class Value:
    """The tensors of some members, each `(batch, *shape)` with a shape of its own.

    In memory the last axis comes first and samples come last, `(last, *others, batch)`, one member behind the other. So every
    member's numbers are dense, calls element by element run along the samples and take all members at once, and a matrix
    product along any axis needs no copies. Where shapes agree but for the last axis, members lie *side by side*:
    `memory` is `(Σ last, *others, batch)`, and `tensor` all of them as one, `(batch, *others, Σ last)`.

    Args:
        shapes: of the members' samples.
        batch: samples.
        memory: the block; allocated where it is None.
        like: gives dtype and device of what is allocated.
        shared: all members see the same tensor, which is `tensor`.
        pool: where the memory of the gradient comes from and returns to; None: it has its own.
    """

    def __init__(
        self,
        shapes: Sequence[Shape],
        batch: int,
        *,
        like: Tensor,
        memory: Tensor | None = None,
        shared: bool = False,
        pool: Pool | None = None,
    ) -> None:
        self.pool, self.holders = pool, 1  # values whose gradient lies in this memory, where it is a gradient
        self.shapes, self.batch, self.shared = tuple(shapes), batch, shared
        self.side = not shared and len({(len(shape), shape[:-1]) for shape in shapes}) == 1 and len(shapes[0]) > 0
        self._root, self._low = self, 0
        self._gradient: Value | None = None
        self.written = [False] * len(self.shapes)
        self._offsets = self._ends()
        if memory is None:
            size = in_memory(self.shapes[0], batch)
            if not shared:
                size = (self._offsets[-1], *size[1:]) if self.side else (self._offsets[-1],)
            memory = torch.zeros(size, dtype=like.dtype, device=like.device)
        self.memory = memory

    def __len__(self) -> int:
        return len(self.shapes)

    def _ends(self) -> list[int]:
        """Where each member begins, and the last one ends, along the first axis of memory."""
        return [0, *accumulate(shape[-1] if self.side else self.batch * prod(shape) for shape in self.shapes)]

    @cached_property
    def flat(self) -> Tensor:
        """All numbers, in the order of memory."""
        return self.memory.view(-1)

    @cached_property
    def tensor(self) -> Tensor:
        """Side by side `(batch, *others, Σ last)`; shared `(batch, *shape)`; otherwise flat."""
        return self.memory.transpose(0, -1) if self.side or self.shared else self.memory

    @cached_property
    def parts(self) -> list[Tensor]:
        """Each member's tensor, `(batch, *shape)`, as a view."""
        return [part.transpose(0, -1) for part in self.part_memories]

    @cached_property
    def part_memories(self) -> list[Tensor]:
        """Each member's memory, `(last, *others, batch)`."""
        if self.shared:
            return [self.memory] * len(self)
        cuts = [self.memory[low:high] for low, high in pairwise(self._offsets)]
        if self.side:
            return cuts
        return [cut.view(in_memory(shape, self.batch)) for cut, shape in zip(cuts, self.shapes, strict=True)]

    @cached_property
    def columns(self) -> Tensor:
        """`(Σ last, numbers)`: all axes but the last, and the batch, as one; only side by side or shared."""
        return _as_columns(self.memory)

    @cached_property
    def part_columns(self) -> list[Tensor]:
        """`(last, numbers)` of each member."""
        return [_as_columns(part) for part in self.part_memories]

    def slice(self, low: int, high: int) -> Value:
        """The members from `low` to before `high`, in the same memory."""
        if (low, high) == (0, len(self)):
            return self
        memory = self.memory if self.shared else self.memory[self._offsets[low] : self._offsets[high]]
        part = Value(self.shapes[low:high], self.batch, like=memory, memory=memory, shared=self.shared)
        part.side = self.side
        part._offsets = part._ends()
        part._root, part._low = self._root, self._low + low
        return part

    # ------------------------------------------------------------------ gradients

    @property
    def gradient(self) -> Value:
        """Where the gradient with respect to these tensors is gathered, laid out like them."""
        root = self._root
        if root._gradient is None:
            memory = None if root.pool is None else root.pool.take(root.memory)
            root._gradient = Value(root.shapes, root.batch, like=root.memory, memory=memory)
            root._gradient.side = root.side
        return root._gradient.slice(self._low, self._low + len(self))

    def borrow_gradient(self, of: Value) -> bool:
        """Let the gradient be the very memory of another's, where nothing was written yet and the members are the same."""
        root = self._root
        if root is not self or of._root is not of or root._gradient is not None or of.shapes != self.shapes:
            return False
        root._gradient = of.gradient
        root._gradient.holders += 1
        root.written = [True] * len(self)
        return True

    def release_gradient(self) -> None:
        """Give the gradient's memory back: whatever is asked for from now on is computed later in every step."""
        if self.pool is not None and self._gradient is not None:
            self._gradient.holders -= 1
            if self._gradient.holders == 0:
                self.pool.give(self._gradient.memory)

    def claim(self) -> list[bool]:
        """For each member, whether its gradient holds something already; from now on it does."""
        root, high = self._root, self._low + len(self)
        before = root.written[self._low : high]
        root.written[self._low : high] = [True] * len(self)
        return before


class Pool:
    """Memory that is used for one thing after the other, so that it stays in the processor's cache."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def take(self, like: Tensor) -> Tensor:
        """Memory for a tensor like this one, with old numbers in it; the last given back of those that fit."""
        size = like.numel()
        for place in reversed(range(len(self._free))):
            block = self._free[place]
            if size <= block.numel() <= 4 * size and (block.dtype, block.device) == (like.dtype, like.device):
                break
        else:
            return torch.zeros(like.shape, dtype=like.dtype, device=like.device)
        del self._free[place]
        return block[:size].view(like.shape)

    def give(self, tensor: Tensor) -> None:
        """Memory that `take` gave; it may be taken again."""
        whole = tensor.untyped_storage().nbytes() // tensor.itemsize
        self._free.append(tensor.as_strided((whole,), (1,), 0))


def together(*values: Value) -> list[tuple[Tensor, ...]]:
    """The fewest tuples of tensors on which a computation element by element must be called, so that all members are served.

    >>> x, y = (Value([(2,), (3,)], 4, like=torch.zeros(())) for _ in range(2))
    >>> [tuple(one.shape) for one in together(x, y)[0]]
    [(20,), (20,)]
    """
    first = values[0]
    if all((value.shared, value.shapes) == (first.shared, first.shapes) for value in values):
        return [tuple(value.flat for value in values)]
    return list(zip(*(value.part_memories for value in values), strict=True))


def in_memory(shape: Shape, batch: int) -> Shape:
    """How a member's samples lie: the last axis first, the batch last.

    >>> in_memory((4, 6, 3), 128)
    (3, 4, 6, 128)
    """
    return (*shape[-1:], *shape[:-1], batch)


def _as_columns(memory: Tensor) -> Tensor:
    return memory.flatten(1) if memory.ndim > 1 else memory.unsqueeze(0)
