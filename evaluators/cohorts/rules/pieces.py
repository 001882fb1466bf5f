"""Operators that move pieces of a tensor along an axis, with zeros where nothing comes to lie, or see a tensor several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site, summed
from evaluators.cohorts.values import Value
from nas.graph.graph import Node
from nas.graph.types import TensorType

Types = Sequence[TensorType]

# Views of x and of y of one shape; no number of either is in two of them.
Pieces = list[tuple[Tensor, Tensor]]


def pieces(site: Site) -> Made | None:
    """y = pieces of x at other places, 0 between them."""
    cut = _CUTS[site.nodes[0].op]
    if any(
        _attrs(node).get("fill", "zero") != "zero" or _attrs(node).get("mode", "zero") != "zero" for node in site.nodes
    ):
        return None
    x, y = site.inputs[0], site.output

    def of_all(x: Value, y: Value) -> list[tuple[Tensor, Tensor, Pieces]]:
        """The tensors that are served together, and their pieces."""
        if _as_one(site, x, y):
            return [(x.tensor, y.tensor, cut(x.tensor, y.tensor, site.types[0], site.nodes[0]))]
        members = zip(x.parts, y.parts, site.types, site.nodes, strict=True)
        return [(given, to, cut(given, to, types, node)) for given, to, types, node in members]

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        calls = list(into.before)
        for whole, _, found in of_all(into.value, y.gradient):
            if not into.holds and sum(piece.numel() for piece, _ in found) < whole.numel():
                calls.append(whole.zero_)
            calls += [partial(to.add_ if into.holds else to.copy_, gradient) for to, gradient in found]
        return calls

    forward: Calls = []
    for _, whole, found in of_all(x, y):
        if sum(piece.numel() for _, piece in found) < whole.numel():
            forward.append(whole.zero_)
        forward += [partial(to.copy_, given) for given, to in found]
    return forward, backward


def flip(site: Site) -> Made:
    """y = x in the opposite order."""
    at = _at(site.types[0], site.nodes[0])

    def pairs(x: Value, y: Value) -> list[tuple[Tensor, Tensor]]:
        return [(x.tensor, y.tensor)] if _as_one(site, x, y) else list(zip(x.parts, y.parts, strict=True))

    def turned(given: Tensor, to: Tensor, added: bool) -> Call:
        write = to.add_ if added else to.copy_
        return lambda: write(given.flip(at))

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        return into.before + [turned(given, to, into.holds) for to, given in pairs(into.value, site.output.gradient)]

    return [turned(given, to, False) for given, to in pairs(site.inputs[0], site.output)], backward


def copies(site: Site) -> Made:
    """y = x along axes that x lacks."""
    x, y = site.inputs[0], site.output

    def views(x: Value, y: Value) -> list[tuple[Tensor, Tensor, tuple[int, ...]]]:
        """Of each member x with its axes in the order of y, y, and the dimensions that x lacks."""
        found = []
        for given, to, types, node in zip(x.parts, y.parts, site.types, site.nodes, strict=True):
            names, have = node.type.names, types[0].names
            order = [have.index(name) + 1 for name in names if name in have]
            lacking = tuple(i for i, name in enumerate(names, start=1) if name not in have)
            found.append((given.permute(0, *order), to, lacking))
        return found

    def spread(given: Tensor, to: Tensor, lacking: tuple[int, ...]) -> Call:
        for dim in lacking:
            given = given.unsqueeze(dim)
        return partial(to.copy_, given.expand_as(to))

    def gathered(to: Tensor, gradient: Tensor, lacking: tuple[int, ...], added: bool) -> Call:
        if not lacking:
            return partial(to.add_ if added else to.copy_, gradient)
        return summed(gradient, lacking, to, added)

    def backward() -> Calls:
        calls: Calls = []
        into = site.gradient()
        if into is not None:
            calls += into.before
            calls += [gathered(*view, into.holds) for view in views(into.value, y.gradient)]
        if len(site.inputs) > 1 and (like := site.gradient(1)) is not None:  # of which only the type counts
            calls += like.before + ([] if like.holds else [like.value.tensor.zero_])
        return calls

    return [spread(*view) for view in views(x, y)], backward


def _attrs(node: Node) -> dict[str, Any]:
    return dict(node.attrs)


def _at(types: Types, node: Node) -> int:
    """The dimension of the operator's axis, the batch counted."""
    return types[0].names.index(_attrs(node)["axis"]) + 1


def _as_one(site: Site, x: Value, y: Value) -> bool:
    """Whether members lie side by side and are moved alike along an axis other than the last."""
    alike = len({node.attrs for node in site.nodes}) == 1 and site.nodes[0].op != "cycle_shift"
    return alike and x.side and y.side and _at(site.types[0], site.nodes[0]) < len(site.types[0][0].axes)


def _rolled(x: Tensor, y: Tensor, types: Types, node: Node) -> Pieces:
    at = _at(types, node)
    size = x.shape[at]
    by = _attrs(node)["shift"] % size
    ends = (x.narrow(at, 0, size - by), y.narrow(at, by, size - by))
    return [ends, (x.narrow(at, size - by, by), y.narrow(at, 0, by))] if by else [ends]


def _shifted(x: Tensor, y: Tensor, types: Types, node: Node) -> Pieces:
    return [_moved(x, y, _at(types, node), _attrs(node)["by"])]


def _padded(x: Tensor, y: Tensor, types: Types, node: Node) -> Pieces:
    at = _at(types, node)
    return [(x, y.narrow(at, _attrs(node)["before"], x.shape[at]))]


def _cycled(x: Tensor, y: Tensor, types: Types, node: Node) -> Pieces:
    at, window = _at(types, node), _attrs(node)["window"]
    half = window // 2
    found = []
    for c in range(min(window, x.shape[-1])):
        by = half - (c + half) % window
        if abs(by) < x.shape[at]:
            found.append(_moved(x[..., c::window], y[..., c::window], at, by))
    return found


def _moved(x: Tensor, y: Tensor, at: int, by: int) -> tuple[Tensor, Tensor]:
    """What is left of x, moved by so many places along a dimension, and where it comes to lie."""
    size = x.shape[at] - abs(by)
    return x.narrow(at, max(-by, 0), size), y.narrow(at, max(by, 0), size)


_CUTS: dict[str, Callable[[Tensor, Tensor, Types, Node], Pieces]] = {
    "roll": _rolled,
    "shift": _shifted,
    "pad": _padded,
    "cycle_shift": _cycled,
}
