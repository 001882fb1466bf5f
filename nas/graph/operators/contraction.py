"""Sums of products over named axes: what einsum computes."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from string import ascii_lowercase

from nas.errors import ShapeError
from nas.graph.operators.table import Argument, Attributes, Operator, Types, register
from nas.graph.types import Axis, TensorType


def letters(names: Iterable[str]) -> dict[str, str]:
    """A letter for each axis: the first of its name that no other has.

    >>> letters(["tokens", "channels", "time"])
    {'tokens': 't', 'channels': 'c', 'time': 'i'}
    """
    found: dict[str, str] = {}
    for name in names:
        wished = [character for character in name.lower() if character in ascii_lowercase]
        found[name] = next(letter for letter in (*wished, *ascii_lowercase) if letter not in found.values())
    return found


def einsum_macs(out: TensorType, summed: Iterable[int]) -> int:
    """Multiply-accumulates of an einsum of two tensors: none where it sums over nothing and is a plain product."""
    n = prod(summed)
    return out.size * n if n > 1 else 0


def _infer(types: Types, attrs: Attributes) -> TensorType:
    a, b = types
    over = attrs["over"]
    if len(set(over)) < len(over):
        raise ShapeError(f"`contract` sums over an axis once, got over=[{', '.join(over)}]")
    for name in over:
        if name not in a.names or name not in b.names:
            raise ShapeError(f"`contract` sums over axes that both tensors have, got `{name}` for {a} and {b}")
    kept = {axis.name: axis for axis in (*b.axes, *a.axes)}
    for axis in b.axes:
        mine = kept[axis.name]
        if not mine.agrees(axis):
            raise ShapeError(f"`contract` needs `{axis.name}` to be the same axis in both tensors, got {a} and {b}")
        kept[axis.name] = mine if mine.factors else axis
    rest = [name for name in b.names if name not in a.names]
    return TensorType(tuple(kept[name] for name in (*a.names, *rest) if name not in over))


def _summed(types: Types, attrs: Attributes) -> tuple[Axis, ...]:
    return tuple(axis for axis in types[0].axes if axis.name in attrs["over"])


def _forward(types: Types, attrs: Attributes, out: TensorType, module: str, args: list[str]) -> str:
    letter = letters(dict.fromkeys((*types[0].names, *types[1].names)))
    a, b, y = ("..." + "".join(letter[name] for name in type_.names) for type_ in (*types, out))
    return f'torch.einsum("{a},{b}->{y}", {args[0]}, {args[1]})'


register(
    Operator(
        name="contract",
        cohort="evaluators.cohorts.rules.products:contract",
        equation="y = Σ_over a ⊙ b",
        example="contract(x, y, [channels])",
        on=("tokens=8, channels=16", "keys=4, channels=16"),
        doc=(
            "The sum over named axes of the product of two tensors, as einsum has it. Axes that both have and that are not "
            "summed over are kept, and so are those that one of them has: first those of a, then those that only b has. "
            "Attention, bilinear fusion and propagation along a graph are written with it."
        ),
        arity=(2, 2),
        arguments=(Argument("over", "axes", "the axes that are summed over; both tensors have them"),),
        infer=_infer,
        macs=lambda types, attrs, out: einsum_macs(out, [axis.size for axis in _summed(types, attrs)]),
        forward=_forward,
        keeps_zero=lambda attrs: True,
    )
)
