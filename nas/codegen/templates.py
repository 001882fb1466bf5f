"""Torch expressions with holes, as the operator table writes them: where the numbers are and what may stand in a hole.

A template is the text that `Operator.forward` gives for the arguments `_0`, `_1`, … and the module `_m`. Its numbers are
taken out, so that calls which differ in their sizes only have one skeleton, and its precedences are read off its syntax
tree, so that expressions nest with the parentheses they need and no others.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

MODULE: Final = "_m"
ANY, SUM, PRODUCT, SIGN, PRIMARY = range(5)

Skeleton = tuple[str | int, ...]
"""Literal text; a hole for argument i as the integer i, for the module as -1, for a number as -2."""
_MODULE_HOLE, _NUMBER_HOLE = -1, -2

_TOKENS = re.compile(
    r"""(?P<string>"[^"]*"|'[^']*')|(?<!\w)_(?:(?P<module>m)|(?P<arg>\d+))(?!\w)"""
    r"""|(?<![\w.)])(?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?!\w)"""
)


class Hole(NamedTuple):
    """One appearance of an argument in a template; only what binds at least as tightly as `binding` may stand there."""

    argument: int
    binding: int


class Grammar(NamedTuple):
    """What the syntax tree of a skeleton says."""

    binding: int  # how tightly the whole expression binds
    holes: tuple[Hole, ...]  # in the order of the text
    calls: bool  # whether anything is called
    names: frozenset[str]  # free names, such as `F` and `torch`


@lru_cache(maxsize=2_048)
def taken_apart(template: str) -> tuple[Skeleton, tuple[str, ...]]:
    """The skeleton of a template and its numbers in the order of the text.

    >>> taken_apart("_m(_0.unflatten(1, (4, 8)))")
    ((-1, '(', 0, '.unflatten(', -2, ', (', -2, ', ', -2, ')))'), ('1', '4', '8'))
    """
    template = _without_spare_comma(template)
    pieces: list[str | int] = []
    numbers: list[str] = []
    end = 0
    for match in _TOKENS.finditer(template):
        if match["string"]:
            continue
        if match.start() > end:
            pieces.append(template[end : match.start()])
        end = match.end()
        if match["number"]:
            numbers.append(match["number"])
            pieces.append(_NUMBER_HOLE)
        else:
            pieces.append(_MODULE_HOLE if match["module"] else int(match["arg"]))
    if end < len(template):
        pieces.append(template[end:])
    return tuple(pieces), tuple(numbers)


def call(n_arguments: int) -> Skeleton:
    """`_m(_0, _1, …)`"""
    holes: list[str | int] = [_MODULE_HOLE, "("]
    for i in range(n_arguments):
        holes += [", ", i] if i else [i]
    return (*holes, ")")


def filled(skeleton: Skeleton, module: str, arguments: Sequence[str], numbers: Sequence[str]) -> str:
    """The text with everything in its place."""
    rest = iter(numbers)
    return "".join(
        [
            piece
            if isinstance(piece, str)
            else arguments[piece]
            if piece >= 0
            else module
            if piece == _MODULE_HOLE
            else next(rest)
            for piece in skeleton
        ]
    )


@lru_cache(maxsize=2_048)
def grammar(skeleton: Skeleton) -> Grammar:
    """How tightly an expression binds and what its holes ask for."""
    numbers = skeleton.count(_NUMBER_HOLE)
    largest = max((piece for piece in skeleton if isinstance(piece, int)), default=-1)
    text = filled(skeleton, MODULE, [f"_{i}" for i in range(largest + 1)], ["1"] * numbers)
    tree = ast.parse(text, mode="eval").body
    holes: list[tuple[int, Hole]] = []
    names: set[str] = set()
    bound: set[str] = set()

    def walk(node: ast.AST, binding: int) -> None:
        if isinstance(node, ast.Name):
            hole = re.fullmatch(r"_(\d+)", node.id)
            if hole:
                holes.append((node.col_offset, Hole(int(hole[1]), binding)))
            elif node.id != MODULE:
                (names if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            return
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    walk(child, _asked(node, field))

    walk(tree, ANY)
    holes.sort()
    return Grammar(
        _binding(tree),
        tuple(hole for _, hole in holes),
        any(isinstance(node, ast.Call) for node in ast.walk(tree)),
        frozenset(names - bound),
    )


def constructor(
    target: str, args: Sequence[Any], kwargs: Sequence[tuple[str, Any]], suffix: str = ""
) -> tuple[Skeleton, tuple[str, ...], tuple[str, ...]]:
    """`target(*args, **kwargs)suffix` as a skeleton, its numbers, and the keyword that each number belongs to, if any."""
    pieces: list[str | int] = [f"{target}("]
    numbers: list[str] = []
    labels: list[str] = []

    def put(value: Any, label: str) -> None:
        if isinstance(value, tuple | list):
            pieces.append("(")
            for i, part in enumerate(value):
                pieces.append(", " * (i > 0))
                put(part, label)
            pieces.append(",)" if len(value) == 1 else ")")
        elif isinstance(value, int | float) and not isinstance(value, bool) and value - value == 0:
            pieces.append(_NUMBER_HOLE)
            numbers.append(repr(value))
            labels.append(label)
        else:
            pieces.append(f'float("{value}")' if isinstance(value, float) else _literal(value))

    for i, (label, value) in enumerate([*(("", value) for value in args), *kwargs]):
        pieces.append(", " * (i > 0) + (f"{label}=" if label else ""))
        put(value, label)
    pieces.append(f"){suffix}")
    return _joined(pieces), tuple(numbers), tuple(labels)


def _literal(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)


def _joined(pieces: list[str | int]) -> Skeleton:
    joined: list[str | int] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)


def _without_spare_comma(template: str) -> str:
    """`(a, b,)` as `(a, b)`: a comma at the end asks formatters to break the line there."""
    if ",)" not in template:
        return template
    for node in ast.walk(ast.parse(template, mode="eval")):
        if isinstance(node, ast.Tuple) and len(node.elts) > 1 and node.end_col_offset is not None:
            encoded = template.encode()  # offsets count bytes
            end = node.end_col_offset
            if encoded[end - 2 : end] == b",)":
                return _without_spare_comma((encoded[: end - 2] + encoded[end - 1 :]).decode())
    return template


def _binding(node: ast.expr) -> int:
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.Add | ast.Sub):
            return SUM
        return PRODUCT if isinstance(node.op, ast.Mult | ast.Div | ast.MatMult) else ANY
    if isinstance(node, ast.UnaryOp):
        return SIGN if isinstance(node.op, ast.USub) else ANY
    return PRIMARY if isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.Constant) else ANY


def _asked(parent: ast.AST, field: str) -> int:
    """How tightly a child at `field` of `parent` must bind to stand there without parentheses."""
    if isinstance(parent, ast.Call):
        return PRIMARY if field == "func" else ANY + 1
    if isinstance(parent, ast.keyword | ast.Tuple | ast.List) or (
        isinstance(parent, ast.Subscript) and field == "slice"
    ):
        return ANY + 1
    if isinstance(parent, ast.BinOp) and _binding(parent) in (SUM, PRODUCT):
        return _binding(parent) + (field == "right")
    return PRIMARY
