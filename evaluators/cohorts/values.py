"""What the members of a cohort compute at one place of their graphs: tensors of their own in one block of memory.

The block never moves, so that a step of training is the same list of calls every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate
from math import prod

import torch
from torch import Tensor

Shape = tuple[int, ...]


class Value:
    """The tensors of some members, each `(batch, *shape)` with a shape of its own.

    Members whose shapes agree but for the last axis lie side by side along that axis: `tensor` is `(batch, …, Σ last)`.
    Where that is their only axis, its memory has features first and samples last, so that every member's stretch, and that
    of neighbors, is dense whatever the widths. Otherwise one lies behind the other, and `tensor` is flat.

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
        widths = [shape[-1] if self.side else batch * prod(shape) for shape in self.shapes]
        self._offsets = [0, *accumulate(widths)]
        if memory is None:
            whole = self.shapes[0] if shared else (*self.shapes[0][:-1], self._offsets[-1])
            size = (batch, *whole) if shared or self.side else (self._offsets[-1],)
            memory = torch.zeros(size[::-1] if self.turned else size, dtype=like.dtype, device=like.device)
        self.memory = memory

    def __len__(self) -> int:
        return len(self.shapes)

    @property
    def turned(self) -> bool:
        """Whether memory has features first: `tensor` is `(batch, Σ last)`, its memory `(Σ last, batch)`."""
        return self.side and len(self.shapes[0]) == 1

    @cached_property
    def tensor(self) -> Tensor:
        return self.memory.t() if self.turned else self.memory

    @cached_property
    def parts(self) -> list[Tensor]:
        """Each member's tensor, `(batch, *shape)`, as a view."""
        if self.shared:
            return [self.tensor] * len(self)
        cuts = zip(self._offsets, self._offsets[1:], self.shapes, strict=False)
        if self.side:
            return [self.tensor[..., low:high] for low, high, _ in cuts]
        return [self.tensor[low:high].view(self.batch, *shape) for low, high, shape in cuts]

    @cached_property
    def rows(self) -> Tensor:
        """`tensor` with all axes but the last as one: `(rows, Σ last)`; only side by side or shared."""
        return _as_rows(self.tensor)

    @cached_property
    def part_rows(self) -> list[Tensor]:
        """Each member's tensor with all axes but the last as one."""
        if self.side:
            return [self.rows[:, low:high] for low, high in zip(self._offsets, self._offsets[1:], strict=False)]
        return [_as_rows(part) for part in self.parts]

    def slice(self, low: int, high: int) -> Value:
        """The members from `low` to before `high`, in the same memory."""
        if (low, high) == (0, len(self)):
            return self
        start, end = self._offsets[low], self._offsets[high]
        memory = self.memory
        if not self.shared:
            memory = memory[..., start:end] if self.side and not self.turned else memory[start:end]
        part = Value(self.shapes[low:high], self.batch, like=memory, memory=memory, shared=self.shared)
        part.side = self.side
        if self.side:
            part._offsets = [0, *accumulate(shape[-1] for shape in part.shapes)]
        else:
            part._offsets = [0, *accumulate(self.batch * prod(shape) for shape in part.shapes)]
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

    Axes are in the order of memory.

    >>> x, y = (Value([(2,), (3,)], 4, like=torch.zeros(())) for _ in range(2))
    >>> [tuple(one.shape) for one in together(x, y)[0]]
    [(5, 4), (5, 4)]
    """
    first = values[0]
    alike = all(
        (value.shared, value.side, value.shapes) == (first.shared, first.side, first.shapes) for value in values
    )
    if alike:
        return [tuple(value.memory for value in values)]
    return list(zip(*(value.parts for value in values), strict=True))


def _as_rows(tensor: Tensor) -> Tensor:
    return tensor if tensor.ndim == 2 else tensor.flatten(0, -2) if tensor.ndim > 2 else tensor.unsqueeze(1)
