"""What the names in equations can hold besides numbers, words and lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.space.run import Frame


class Tensor:
    """A tensor of the architecture being built: the id of its node."""

    __slots__ = ("id",)

    def __init__(self, id: int) -> None:
        self.id = id


class AxisSize(int):
    """An axis of the space's inputs or outputs: as a number its size, as an argument its name."""

    name: str

    def __new__(cls, name: str, size: int) -> AxisSize:
        self = super().__new__(cls, size)
        self.name = name
        return self


class AxisName(str):
    """An axis that only exists inside the model, declared under `axes`; it has no size of its own."""

    __slots__ = ()


def axis_name(value: object) -> object:
    """The name of an axis where this is one; what else it is stays for the operator to judge."""
    return value.name if type(value) is AxisSize else str(value) if isinstance(value, str) else value


class Element(str):
    """A drawn choice that can be called: the text of the element, what it calls, and the arguments bound to it."""

    __slots__ = ("bound", "callee", "frame")
    callee: str
    bound: tuple[tuple[str, Callable[[Any], Any]], ...]
    frame: Frame

    def __new__(
        cls, text: str, callee: str, bound: tuple[tuple[str, Callable[[Any], Any]], ...], frame: Frame
    ) -> Element:
        self = super().__new__(cls, text)
        self.callee = callee
        self.bound = bound
        self.frame = frame
        return self

    def arguments(self) -> dict[str, Any]:
        """The bound arguments, evaluated in the scope that declares the choice."""
        return {name: value(self.frame) for name, value in self.bound}


@dataclass(frozen=True, slots=True)
class Callee:
    """An operator or a block named as a value, to be passed on and called."""

    name: str


def describe(value: object) -> str:
    """A value for a message, in the words of the language."""
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, Callee):
        return f"`{value.name}`"
    if isinstance(value, AxisSize):
        return f"the axis `{value.name}`"
    if isinstance(value, AxisName):
        return f"the axis `{value}`"
    if isinstance(value, bool) or value is None:
        return f"{value}"
    if isinstance(value, str):
        return f"the word '{value}'"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return f"the number {value}"
