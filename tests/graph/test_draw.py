"""Drawings show everything once, and nothing on top of anything else."""

from __future__ import annotations

import itertools
import math
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, typed_graph

from nas.graph.builder import Builder
from nas.graph.draw import svg, text
from nas.graph.graph import Call, Graph, Node
from nas.graph.layout import Cell, Frame, frame
from nas.graph.outline import Block, Item, nodes_in, outline
from nas.graph.types import Axis, TensorType


def residual(depth: int = 4, shared: bool = False, odd: int = -1) -> Graph:
    """A residual MLP; block number `odd` is wider than the others."""
    builder = Builder({"x": TensorType((Axis("features", 40),))})
    x = builder.apply("linear", (0,), (64,), weights="in")
    for i in range(depth):
        scope = (Call("residual", "stage", (i,)),)
        inner = (*scope, Call("mlp", "mlp"))
        key = "" if shared else str(i)
        h = builder.apply("layer_norm", (x,), scope=scope, weights=f"norm{key}")
        h = builder.apply("linear", (h,), (128 if i == odd else 256,), {"bias": False}, scope=inner, weights=f"up{key}")
        h = builder.apply("gelu", (h,), scope=inner)
        h = builder.apply("linear", (h,), (64,), scope=inner, weights=f"down{key}")
        x = builder.apply("add", (x, h), scope=scope)
    return builder.finish([builder.apply("linear", (x,), (10,), weights="out")])


def test_the_text_of_a_residual_network() -> None:
    assert (
        text(residual())
        == """\
1  x                               [features=40]
2  linear(1, 64)                   [features=64]     2,624
   ┌ residual × 4                                  131,840
3  │ layer_norm(2)                 [features=64]       128
   │ ┌ mlp                                          32,832
4  │ │ linear(3, 256, bias=False)  [features=256]   16,384
5  │ │ gelu(4)                     [features=256]
6  │ │ linear(5, 64)               [features=64]    16,448
   │ └
7  │ add(2, 6)                     [features=64]
   └
8  linear(7, 10)                   [features=10]       650
   → 8                                             135,114"""
    )


def titles(items: tuple[Item, ...]) -> list[str]:
    return [item.title for item in items if isinstance(item, Block)]


def test_only_what_is_the_same_is_folded() -> None:
    assert titles(outline(residual(5)).items) == ["residual × 5"]
    assert titles(outline(residual(1)).items) == ["residual"]
    assert titles(outline(residual(5, shared=True)).items) == ["residual × 5, shared"]
    assert titles(outline(residual(5, odd=2)).items) == ["residual × 2", "residual", "residual × 2"]
    assert outline(residual(5, shared=True)).params[2:] == outline(residual(1)).params[2:-1] + (0,) * 20 + (650,)


def test_a_call_that_skips_the_one_before_is_not_folded() -> None:
    assert titles(outline(layers(0, 1, 1, 3).finish([4, 2])).items) == ["layer", "layer", "layer × 2"]


def test_loops_without_a_block_are_folded_too() -> None:
    builder = Builder({"x": TensorType((Axis("features", 4),))})
    x = 0
    for i in range(5):
        x = builder.apply("add", (x, builder.apply("relu", (builder.apply("linear", (x,), (4,), weights=str(i)),))))
    seen = outline(builder.finish([builder.apply("linear", (x,), (4,), weights="out")]))
    assert titles(seen.items) == ["× 5"]
    assert len(list(nodes_in(seen.items))) == 1 + 3 + 1


def layers(*sources: int) -> Builder:
    """Linear layers in calls of their own; each reads one of the tensors so far, which are x and the layers."""
    builder = Builder({"x": TensorType((Axis("features", 4),))})
    for i, source in enumerate(sources):
        builder.apply("linear", (source,), (4,), weights=str(i), scope=(Call("layer", "layer", (i,)),))
    return builder


def test_branches_side_by_side_are_folded_if_nothing_tells_them_apart() -> None:
    builder = layers(0, 0, 0)
    assert titles(outline(builder.finish([builder.apply("add", (1, 2, 3))])).items) == ["layer × 3, side by side"]
    builder = layers(0, 0, 0)
    other = builder.finish([builder.apply("multiply", (1, builder.apply("add", (2, 3))))])
    assert titles(outline(other).items) == ["layer", "layer × 2, side by side"]


def test_a_chain_that_is_read_in_the_middle_is_not_folded_there() -> None:
    builder = layers(0, 1, 2, 3)
    assert titles(outline(builder.finish([4])).items) == ["layer × 4"]
    assert titles(outline(builder.finish([4, 2])).items) == ["layer × 2", "layer × 2"]
    assert titles(outline(builder.finish([builder.apply("add", (3, 4))])).items) == ["layer × 3", "layer"]


def test_tied_weights_are_said_to_be() -> None:
    builder = Builder({"x": TensorType((Axis("features", 4),))})
    one = builder.apply("linear", (0,), (4,), weights="w")
    graph = builder.finish([builder.apply("linear", (one,), (4,), weights="w")])
    assert text(graph).splitlines()[2].split() == ["3", "linear(2,", "4)", "[features=4]", "tied"]


def scoped(rng: random.Random) -> Graph:
    """A random graph whose nodes lie in random nested calls."""
    graph = typed_graph(rng, rng.randint(2, 14)) if rng.random() < 0.5 else random_graph(rng, rng.randint(2, 14), True)
    nodes: list[Node] = []
    scope: tuple[Call, ...] = ()
    for node in graph.nodes:
        if node.op != "input":
            if rng.random() < 0.3:
                scope = scope[:-1]
            elif rng.random() < 0.4 and len(scope) < 3:
                scope = (*scope, Call(rng.choice("ab"), rng.choice("cd"), (rng.randrange(3),)))
            node = node._replace(scope=scope)
        nodes.append(node)
    return Graph(tuple(nodes), graph.inputs, graph.outputs)


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False))
def test_an_outline_shows_every_node_or_its_like(rng: random.Random) -> None:
    graph = scoped(rng)
    seen = outline(graph)
    ids = [node.id for node in nodes_in(seen.items)]
    assert ids == sorted(set(seen.shown))
    for i, stand in enumerate(seen.shown):
        assert seen.shown[stand] == stand <= i
        assert graph.nodes[i].op == graph.nodes[stand].op
        assert graph.nodes[i].type == graph.nodes[stand].type
    assert len(text(graph).splitlines()) >= len(ids) + 1


def placed(drawn: Frame, left: float, top: float) -> Iterator[tuple[Cell, tuple[float, float, float, float]]]:
    for cell in drawn.cells:
        box = (left + cell.x - cell.width / 2, top + cell.y, left + cell.x + cell.width / 2, top + cell.y + cell.height)
        yield cell, box
        if cell.inside is not None:
            inner = list(placed(cell.inside, box[0] + 14, box[1]))
            for _, (a, b, c, d) in inner:
                assert box[0] <= a + 1e-6
                assert box[1] <= b + 1e-6
                assert c <= box[2] + 1e-6
                assert d <= box[3] + 1e-6
            yield from inner


@settings(max_examples=80, deadline=None)
@given(st.randoms(use_true_random=False))
def test_boxes_do_not_overlap_and_wires_arrive(rng: random.Random) -> None:
    graph = scoped(rng)
    seen = outline(graph)
    edges = {(seen.shown[a], seen.shown[node.id]) for node in graph.nodes for a in node.inputs}
    edges = {(a, b) for a, b in edges if a < b}
    below = {seen.shown[i] for i in graph.outputs}
    drawn = frame(seen.items, edges, below, lambda node: (80.0, 30.0), lambda block: 60.0)
    boxes = [(cell, box) for cell, box in placed(drawn, 0, 0) if not isinstance(cell.item, Block)]
    for (_, a), (_, b) in itertools.combinations(boxes, 2):
        apart = a[2] <= b[0] + 1e-6 or b[2] <= a[0] + 1e-6 or a[3] <= b[1] + 1e-6 or b[3] <= a[1] + 1e-6
        assert apart
    assert sum(isinstance(cell.item, Node) for cell, _ in boxes) == len(set(seen.shown))
    assert arrivals(drawn) >= edges


def arrivals(drawn: Frame) -> set[tuple[int, int]]:
    """Pairs of nodes (source, target) that a wire ends at, at any depth."""
    found = set()
    for start, end, source in drawn.wires:
        assert end.layer == start.layer + 1
        if isinstance(end.item, Node):
            found.add((source, end.item.id))
    for cell in drawn.cells:
        if cell.inside is not None:
            found |= arrivals(cell.inside)
    return found


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_svg_is_well_formed_and_always_the_same(rng: random.Random) -> None:
    graph = scoped(rng)
    drawing = svg(graph)
    root = ElementTree.fromstring(drawing)
    boxes = list(root.iter("{http://www.w3.org/2000/svg}g"))
    assert len(boxes) == len(set(outline(graph).shown))
    assert drawing == svg(graph)
    assert all(math.isfinite(float(part.get("x", "0"))) for part in root.iter())


def test_names_are_escaped() -> None:
    builder = Builder({"<x>": TensorType((Axis("a&b", 4),))})
    assert "&lt;x&gt;" in svg(builder.finish([0]))
    assert "a&amp;b=4" in svg(builder.finish([0]))
