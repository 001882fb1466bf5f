"""Tensor types: named axes with sizes. The batch axis comes first in every tensor and is never written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod


@dataclass(frozen=True)
class Axis:
    """One axis: its name, its size, and, where it was merged from several, their order, major first."""

    name: str
    size: int
    factors: tuple[Axis, ...] = ()

    def resized(self, size: int) -> Axis:
        """The same axis with another size; what it was merged from no longer holds."""
        return Axis(self.name, size)

    def agrees(self, other: Axis) -> bool:
        """Whether the two may be added: equal names and sizes, and equal factors where both know theirs."""
        return (
            self.name == other.name
            and self.size == other.size
            and (not self.factors or not other.factors or self.factors == other.factors)
        )

    def __str__(self) -> str:
        return f"{self.name}={self.size}"


@dataclass(frozen=True)
class TensorType:
    """The axes of a tensor, in order, without the batch axis.

    >>> print(TensorType((Axis("tokens", 8), Axis("channels", 5))))
    [tokens=8, channels=5]
    """

    axes: tuple[Axis, ...]

    @cached_property
    def size(self) -> int:
        """Numbers in one sample."""
        return prod(axis.size for axis in self.axes)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Sizes without the batch."""
        return tuple(axis.size for axis in self.axes)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    @cached_property
    def _hash(self) -> int:
        return hash(self.axes)

    def __hash__(self) -> int:
        return self._hash

    def agrees(self, other: TensorType) -> bool:
        return len(self.axes) == len(other.axes) and all(
            a.agrees(b) for a, b in zip(self.axes, other.axes, strict=True)
        )

    def __str__(self) -> str:
        return "[" + ", ".join(map(str, self.axes)) + "]"
