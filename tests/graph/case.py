"""One application of an operator, as the tests of operators take it."""

from __future__ import annotations

from typing import Any, NamedTuple

from nas.graph.types import Axis, TensorType


def type_(**axes: int) -> TensorType:
    """`type_(tokens=8, channels=4)` is [tokens=8, channels=4]."""
    return TensorType(tuple(Axis(name, size) for name, size in axes.items()))


class Case(NamedTuple):
    op: str
    types: tuple[TensorType, ...]
    arguments: dict[str, Any]

    def __str__(self) -> str:
        given = "".join(f", {name}={value}" for name, value in self.arguments.items())
        return f"{self.op}({', '.join(map(str, self.types))}{given})"


FLAT = type_(features=6)
SEQUENCE = type_(tokens=6, channels=4)
IMAGE = type_(height=4, width=6, channels=2)
VOLUME = type_(frames=2, height=4, width=6, channels=2)
HALVED = type_(height=2, width=3)
MERGED = TensorType((Axis("tokens", 6, HALVED.axes), Axis("channels", 4)))


def cases(op: str, *types: TensorType, **arguments: Any) -> list[Case]:
    """`op` for each of the types."""
    return [Case(op, (each,), arguments) for each in types]
