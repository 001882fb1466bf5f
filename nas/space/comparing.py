"""Comparisons that are never true: a choice against a word that is none of its values, as a slip of the pen leaves it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from nas.errors import nearest
from nas.space.domains import Value

_SHOWN = 8  # values in a message


def slips(
    node: ast.Compare, choices: Mapping[str, tuple[Value, ...]], bare: Collection[str]
) -> Iterator[tuple[ast.expr, str]]:
    """What a comparison says of a choice that it cannot be, each with the part that says it.

    Args:
        choices: the values by decision, of the choices that can be read here.
        bare: words that hold no value here; they were meant to stand in quotes.
    """
    left = node.left
    for op, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(op, ast.Eq | ast.NotEq):
            for choice, other in ((left, right), (right, left)):
                if isinstance(choice, ast.Name) and choice.id in choices:
                    yield from _slip(choice.id, choices, other, bare)
        elif isinstance(right, ast.List | ast.Tuple) and isinstance(left, ast.Name) and left.id in choices:
            for item in right.elts:
                yield from _slip(left.id, choices, item, bare)
        left = right


def _slip(
    name: str, choices: Mapping[str, tuple[Value, ...]], other: ast.expr, bare: Collection[str]
) -> Iterator[tuple[ast.expr, str]]:
    values = choices[name]
    if isinstance(other, ast.Name) and other.id in bare:
        yield other, f'`{name}` is compared with a word here; write it in quotes: "{other.id}"'
    if not isinstance(other, ast.Constant) or other.value in values:
        return
    said = other.value
    if _is_number(said) and any(map(_is_number, values)):
        return  # as with `depth == 3` where the depth is 2 or 4: numbers come and go
    words = [str(value) for value in values]
    listed = ", ".join(words[:_SHOWN]) + (", …" if words[_SHOWN:] else "")
    hint = nearest(said, words) if isinstance(said, str) else ""
    yield other, f"`{name}` is one of {listed}; it is never {said!r}{hint}"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
