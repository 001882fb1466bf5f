"""Operators of which every result is one of the inputs' numbers: copies between views, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Made, Site
from evaluators.cohorts.values import Value
from nas.graph.graph import Node
from nas.graph.types import TensorType

Types = Sequence[TensorType]


class _Move(NamedTuple):
    """How the numbers lie.

    Args:
        view: `(x, y, types, node)` → views of x and y of one shape, number by number the same.
        free: `(types, node)` → whether it leaves the last axis alone, so that members side by side are moved at once.
    """

    view: Callable[[Tensor, Tensor, Types, Node], tuple[Tensor, Tensor]]
    free: Callable[[Types, Node], bool]


def move(site: Site) -> Made:
    """y = some of the numbers of x, in another order."""
    x, y = site.inputs[0], site.output
    how = _MOVES[site.nodes[0].op]
    same = len({node.attrs for node in site.nodes}) == 1 and how.free(site.types[0], site.nodes[0])
    whole = x.shared or (same and x.side and y.side)

    def pairs(x: Value, y: Value) -> list[tuple[Tensor, Tensor]]:
        if whole:
            return [how.view(x.tensor, y.tensor, site.types[0], site.nodes[0])]
        return [how.view(*one) for one in zip(x.parts, y.parts, site.types, site.nodes, strict=True)]

    def backward() -> Calls:
        same_memory = site.nodes[0].op in ("identity", "rename")
        if same_memory and site.learning[0] and site.readers[0] == 1 and x.borrow_gradient(y):
            return []
        into = site.gradient()
        if into is None:
            return []
        calls = list(into.before)
        found = pairs(into.value, y.gradient)
        if not into.holds and sum(to.numel() for to, _ in found) < into.value.tensor.numel():
            calls.append(into.value.tensor.zero_)
        return calls + [partial(to.add_ if into.holds else to.copy_, gradient) for to, gradient in found]

    forward: Calls = [partial(to.copy_, given) for given, to in pairs(x, y)]
    return forward, backward


def concat(site: Site) -> Made:
    """y = [x₁; x₂; …]"""
    y, at = site.output, _at(site.types[0], site.nodes[0])
    whole = y.side and at < y.tensor.ndim - 1 and all(x.side for x in site.inputs)

    def pieces(place: int, x: Value, y: Value) -> list[tuple[Tensor, Tensor]]:
        """The tensors of one input, and their places in the result."""
        values = [(x.tensor, y.tensor)] if whole else zip(x.parts, y.parts, strict=True)
        sizes = [[type_.shape[at - 1] for type_ in types] for types in site.types]
        return [
            (given, out.narrow(at, sum(size[:place]), size[place]))
            for (given, out), size in zip(values, sizes, strict=False)
        ]

    def backward() -> Calls:
        calls: Calls = []
        for place in range(len(site.inputs)):
            into = site.gradient(place)
            if into is not None:
                calls += into.before
                for to, gradient in pieces(place, into.value, y.gradient):
                    calls.append(partial(to.add_ if into.holds else to.copy_, gradient))
        return calls

    forward: Calls = [
        partial(out.copy_, given) for place, x in enumerate(site.inputs) for given, out in pieces(place, x, y)
    ]
    return forward, backward


def _attrs(node: Node) -> dict[str, Any]:
    return dict(node.attrs)


def _at(types: Types, node: Node, name: str = "axis") -> int:
    """The dimension of an argument, the batch counted."""
    return types[0].names.index(_attrs(node)[name]) + 1


def _aside(types: Types, node: Node) -> bool:
    return _at(types, node) < len(types[0].axes)


def _same(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    return x, y


def _chunk(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    attrs, at = _attrs(node), _at(types, node)
    return x.chunk(attrs["parts"], at)[attrs["index"]], y


def _slice(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    at = _at(types, node)
    return x.narrow(at, _attrs(node)["start"], y.shape[at]), y


def _order(types: Types, node: Node) -> list[int]:
    return [types[0].names.index(name) + 1 for name in _attrs(node)["axes"]]


def _reorder(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    return x.permute(0, *_order(types, node)), y


def _flatten(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    return x, y if x.ndim == 2 else torch.unflatten(y, 1, x.shape[1:])


def _merge(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    first, second = _at(types, node, "first"), _at(types, node, "second")
    moved = x.movedim(second, first + (first < second))
    at = first - (second < first)
    return moved, torch.unflatten(y, at, moved.shape[at : at + 2])


def _split(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    at = _at(types, node)
    return torch.unflatten(x, at, y.shape[at : at + y.ndim - x.ndim + 1]), y


def _patchify(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    attrs = _attrs(node)
    if attrs["channels"] is not None or x.ndim == 4:
        x = x.movedim(-1 if attrs["channels"] is None else _at(types, node, "channels"), -1)
    else:
        x = x.unsqueeze(-1)
    sides = [attrs["size"] if size > 1 else 1 for size in x.shape[1:-1]]
    grid = [size // side for size, side in zip(x.shape[1:-1], sides, strict=True)]
    y = torch.unflatten(torch.unflatten(y, 1, grid), -1, (*sides, x.shape[-1]))
    for i, pair in reversed(list(enumerate(zip(grid, sides, strict=True), start=1))):
        x = torch.unflatten(x, i, pair)
    return (x.transpose(2, 3), y) if len(grid) == 2 else (x, y)


def _unpatchify(x: Tensor, y: Tensor, types: Types, node: Node) -> tuple[Tensor, Tensor]:
    tokens = types[0].axes[0]
    grid = [axis.size for axis in tokens.factors or (tokens,)]
    sides = [size // count for size, count in zip(y.shape[1:], grid, strict=False)]
    if y.ndim == 1 + len(grid):  # one channel, which has no axis
        y = y.unsqueeze(-1)
    x = torch.unflatten(torch.unflatten(x, 1, grid), -1, (*sides, y.shape[-1]))
    for i, pair in reversed(list(enumerate(zip(grid, sides, strict=True), start=1))):
        y = torch.unflatten(y, i, pair)
    return (x, y.transpose(2, 3)) if len(grid) == 2 else (x, y)


_MOVES = {
    "identity": _Move(_same, lambda types, node: True),
    "rename": _Move(_same, lambda types, node: True),
    "chunk": _Move(_chunk, _aside),
    "slice": _Move(_slice, _aside),
    "reorder": _Move(_reorder, lambda types, node: _order(types, node)[-1] == len(types[0].axes)),
    "flatten": _Move(_flatten, lambda types, node: len(types[0].axes) == 1),
    "merge_axes": _Move(
        _merge,
        lambda types, node: max(_at(types, node, "first"), _at(types, node, "second")) < len(types[0].axes),
    ),
    "split_axis": _Move(_split, _aside),
    "patchify": _Move(_patchify, lambda types, node: False),
    "unpatchify": _Move(_unpatchify, lambda types, node: False),
}
