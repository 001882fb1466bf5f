"""Block headers such as `residual(x, n=64):`, and the names that nothing may hide."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from nas.errors import Place
from nas.graph.operators import TABLE
from nas.space.builtins import BUILTINS
from nas.space.compiler import Names
from nas.space.declarations import Axes
from nas.space.program import COSTS
from nas.space.reading import Reading
from nas.space.yaml_tree import Tree

MAX_BLOCKS = 200
MAX_HEADER = 500  # characters


@dataclass(frozen=True)
class Signature:
    """A block's header and what stands under it."""

    name: str
    params: tuple[str, ...]
    defaults: Mapping[str, Any]
    place: Place
    tree: Tree


def signatures(reading: Reading) -> dict[str, Signature]:
    """The headers of all blocks, by name."""
    tree = reading.tree.get("blocks")
    found: dict[str, Signature] = {}
    if tree is None:
        return found
    if tree.kind != "mapping":
        reading.fault(tree, f"`blocks` maps `name(arguments)` to equations; this is {tree.describe()}")
        return found
    if len(tree.keys) > MAX_BLOCKS:
        reading.fault(tree, f"more than {MAX_BLOCKS} blocks")
        return found
    for key, (place, child) in tree.keys.items():
        signature = _signature(key, place, child)
        if isinstance(signature, str):
            reading.fault(place, signature)
            continue
        name = signature.name
        if name in found:
            first = found[name].place
            reading.fault(place, f"there are two blocks `{name}`; the first is in line {first.line}")
            continue
        meaning = meaning_of(name, Names())
        if meaning:
            reading.fault(place, f"`{name}` is {meaning} already; give the block another name")
        params = signature.params
        for param in dict.fromkeys(params):
            if params.count(param) > 1:
                reading.fault(place, f"block `{name}` has two arguments `{param}`; give one of them another name")
            elif param == "tied":
                reading.fault(place, "`tied` shares weights in any call; give the block's argument another name")
            elif param.startswith("_"):
                reading.fault(place, f"`{param}`: a name does not start with an underscore")
        found[name] = signature
    return found


def _signature(key: str, place: Place, tree: Tree) -> Signature | str:
    """A header taken apart, or why it is none."""
    shown = key if len(key) <= 60 else key[:60] + "…"
    no = f"a block is written `name(x, n=64):`; this is `{shown}`"
    if len(key) > MAX_HEADER or "\n" in key or "#" in key or not key.rstrip().endswith(")"):
        return no
    try:
        body = ast.parse(f"def {key}: pass").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return no
    function = body[0]
    if not isinstance(function, ast.FunctionDef) or len(body) != 1 or not isinstance(function.body[0], ast.Pass):
        return no
    arguments = function.args
    plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs)
    annotated = any(argument.annotation for argument in arguments.args) or function.returns
    if not plain or annotated or len(function.body) != 1 or function.name.startswith("_"):
        return no
    try:
        values = [ast.literal_eval(default) for default in arguments.defaults]
    except (ValueError, TypeError, RecursionError, MemoryError):
        values = [()]
    if not all(value is None or isinstance(value, bool | str) or _number(value) for value in values):
        return "an argument's default is a number, a word in quotes, True, False or None"
    params = tuple(argument.arg for argument in arguments.args)
    defaults = dict(zip(params[len(params) - len(values) :], values, strict=True))
    return Signature(function.name, params, defaults, place, tree)


def misread_names(reading: Reading, found: Iterable[str]) -> frozenset[str]:
    """Names of blocks whose header could not be read: that they are called is not another fault."""
    tree = reading.tree.get("blocks")
    keys = tree.keys if tree is not None else {}
    names = {match.group() for key in keys if (match := re.match(r"[A-Za-z]\w*", key))}
    return frozenset(names - set(found))


def _number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) <= 1e18 and isfinite(value)


def meaning_of(name: str, names: Names) -> str | None:
    """What a new name would hide: the cost, block, operator, function or axis of that name."""
    meanings = (
        (COSTS, "the name of a cost"), (names.blocks, "a block"), (TABLE, "an operator"), (BUILTINS, "a function"),
        (names.sized | names.unsized, "an axis"),
    )  # fmt: skip
    return next((meaning for known, meaning in meanings if name in known), None)


def reserve(reading: Reading, inputs: Mapping[str, Axes], outputs: Axes, inner: Axes, names: Names) -> None:
    """Faults for inputs and axes that would hide something, or one another."""
    blocks = Names(blocks=names.blocks)
    axes: dict[str, Place] = {}
    for group in (*inputs.values(), outputs, inner):
        for axis, place in group.items():
            axes.setdefault(axis, place)
    for axis, place in axes.items():
        meaning = meaning_of(axis, blocks)
        if meaning:
            reading.fault(place, f"the axis `{axis}` is {meaning} already; give it another name")
    for axis, place in inner.items():
        if axis in names.sized:
            message = f"`{axis}` is an axis of the inputs or outputs already; `axes` names those that exist only inside"
            reading.fault(place, message)
    keys = _keys(reading)
    for name in inputs:
        meaning = meaning_of(name, names) or ("a decision" if name in names.top else None)
        if meaning:
            reading.fault(keys[name], f"the input `{name}` is {meaning} already; give it another name")


def _keys(reading: Reading) -> dict[str, Place]:
    tree = reading.tree.get("inputs")
    return {name: place for name, (place, _) in tree.keys.items()} if tree is not None else {}


def clashes(
    reading: Reading, variables: Iterable[tuple[str, Place]], params: Iterable[str], own: Iterable[str], names: Names
) -> None:
    """Faults for a block's variables that would hide something; arguments are told apart from them."""
    for variable, place in variables:
        meaning = meaning_of(variable, names)
        if meaning is None and (variable in names.top or (variable in own and variable not in params)):
            meaning = "a decision"
        if meaning:
            what = "the block's argument" if variable in params else "the variable"
            reading.fault(place, f"`{variable}` is {meaning} already; give {what} another name")
