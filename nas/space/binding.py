"""A task's shapes → the sizes of a space's axes, by position."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from nas.errors import SpaceError
from nas.space.program import Program


def bound_sizes(
    program: Program, file: str, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]
) -> dict[str, int]:
    """The size of every axis; see `Space.bind`."""
    if len(inputs) != len(program.inputs):
        raise SpaceError(
            f"{file}: the space has {_inputs(len(program.inputs))} ({', '.join(program.inputs)}), the task {len(inputs)}; "
            "a space names one input for each of the task's"
        )
    if len(outputs) != 1:
        raise SpaceError(f"{file}: the space has one output, the task {len(outputs)}")
    sizes: dict[str, int] = {}
    named = [(f"input `{name}`", axes) for name, axes in program.inputs.items()] + [("output", program.outputs)]
    for (what, axes), shape in zip(named, [*inputs, outputs[0]], strict=True):
        given = fitted(shape, len(axes))
        if given is None:
            raise SpaceError(
                f"{file}: the {what} has the axes [{', '.join(axes)}], the task's has the sizes {list(shape)}; "
                f"name {len(shape)} axes, or one for all of them flattened"
            )
        for axis, size in zip(axes, given, strict=True):
            if sizes.setdefault(axis, size) != size and what == "output":
                raise SpaceError(
                    f"{file}: the space returns [{', '.join(axes)}] with the sizes of its input, so `{axis}` is "
                    f"{sizes[axis]}; this task wants the sizes {list(shape)}. Take a task that returns what it is given, "
                    "such as mnist5k/denoise, or a space with an output axis of its own"
                )
            if sizes[axis] != size:
                raise SpaceError(
                    f"{file}: the axis `{axis}` would be {sizes[axis]} and {size}; one name means one size, use two names"
                )
    return sizes


def _inputs(count: int) -> str:
    return "one input" if count == 1 else f"{count} inputs"


def fitted(shape: Sequence[int], axes: int) -> tuple[int, ...] | None:
    """The shape on so many axes: the last that are missing get the size 1, and one axis takes all; None elsewhere.

    >>> fitted([40], 3), fitted([28, 28], 1), fitted([3, 32, 32], 2)
    ((40, 1, 1), (784,), None)
    """
    if len(shape) <= axes:
        return (*shape, *[1] * (axes - len(shape)))
    return (prod(shape),) if axes == 1 else None
