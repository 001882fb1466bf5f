"""The cell space of NAS-Bench-201: its size, its published costs, and the classes that the digest makes of it."""

from __future__ import annotations

import itertools
from collections import defaultdict

import networkx
import pytest

from nas.space import load_space, space_from_text

EDGES = ("edge_10", "edge_20", "edge_21", "edge_30", "edge_31", "edge_32")
OPERATIONS = ("zero", "identity", "conv1x1", "conv3x3", "pool3x3")


def one_cell():
    """The space with a single cell between stem and head: what tells cells apart is the same, and quick."""
    text = load_space("nasbench201").text
    head, _, model = text.partition("model: |\n")
    lines = model.splitlines()
    kept = [lines[0], "  z = cell(z)", *lines[-2:]]
    head = head[: head.index("  reduction(")]
    return space_from_text(head + "model: |\n" + "\n".join(kept) + "\n", "one-cell.yaml").with_sizes(
        {"height": 8, "width": 8}
    )


def reduced(cell: tuple[str, ...]) -> networkx.MultiDiGraph | None:
    """The cell after the stated rewrites, written here independently of the library; None where its output is zero.

    Vertices are values: the input, and one for every operation that has weights or works on a value. A node of the cell
    is a sum, kept flat: a bag of values. `identity` adds the whole bag of its source, `zero` nothing. A pool of an empty
    bag is empty. Of a convolution of an empty bag only the shift of its normalisation is left: ReLU and a convolution
    without bias keep zero, whatever their kernel. Pools of equal bags are one value.
    """
    graph = networkx.MultiDiGraph()
    graph.add_node(0, kind="input")
    bags: list[tuple[int, ...] | None] = [(0,), None, None, None]
    pools: dict[tuple[int, ...], int] = {}
    edges = {(1, 0): cell[0], (2, 0): cell[1], (2, 1): cell[2], (3, 0): cell[3], (3, 1): cell[4], (3, 2): cell[5]}
    for target in (1, 2, 3):
        bag: list[int] = []
        for origin in range(target):
            operation, values = edges[target, origin], bags[origin]
            assert values is not None
            if operation == "zero":
                continue
            if operation == "identity":
                bag.extend(values)
            elif operation == "pool3x3":
                if not values:
                    continue
                key = tuple(sorted(values))
                if key not in pools:
                    pools[key] = len(graph)
                    graph.add_node(pools[key], kind="pool3x3")
                    for value in values:
                        graph.add_edge(value, pools[key])
                bag.append(pools[key])
            else:
                vertex = len(graph)
                graph.add_node(vertex, kind=operation if values else "shift")
                for value in values:
                    graph.add_edge(value, vertex)
                bag.append(vertex)
        bags[target] = tuple(bag)
    if not bags[3]:
        return None
    output = len(graph)
    graph.add_node(output, kind="output")
    for value in bags[3]:
        graph.add_edge(value, output)
    used = networkx.ancestors(graph, output) | {output, 0}
    return graph.subgraph(used).copy()


def isomorphism_classes(cells) -> list[list[tuple[str, ...]]]:
    """Brute force: VF2 within buckets of equal kinds and degrees."""
    zeros, buckets = [], defaultdict(list)
    for cell in cells:
        graph = reduced(cell)
        if graph is None:
            zeros.append(cell)
            continue
        simple = networkx.DiGraph()
        simple.add_nodes_from(graph.nodes(data=True))
        for a, b in graph.edges():
            count = graph.number_of_edges(a, b)
            simple.add_edge(a, b, count=str(count))
        key = tuple(sorted((kind, simple.in_degree(v), simple.out_degree(v)) for v, kind in simple.nodes(data="kind")))
        buckets[key].append((cell, simple))
    classes = [zeros] if zeros else []
    for members in buckets.values():
        found: list[tuple[networkx.DiGraph, list[tuple[str, ...]]]] = []
        for cell, graph in members:
            for representative, group in found:
                if networkx.is_isomorphic(
                    graph,
                    representative,
                    node_match=lambda a, b: a["kind"] == b["kind"],
                    edge_match=lambda a, b: a["count"] == b["count"],
                ):
                    group.append(cell)
                    break
            else:
                found.append((graph, [cell]))
        classes.extend(group for _, group in found)
    return classes


def digest_classes(space, cells) -> list[list[tuple[str, ...]]]:
    groups = defaultdict(list)
    for cell in cells:
        groups[space.replay(dict(zip(EDGES, cell, strict=True))).digest].append(cell)
    return list(groups.values())


def as_sets(classes) -> set[frozenset]:
    return {frozenset(group) for group in classes}


def test_published_parameters_and_flops_of_the_heaviest_cell() -> None:
    heaviest = load_space("nasbench201").replay(dict.fromkeys(EDGES, "conv3x3"))
    assert heaviest.costs.params == 1_531_546  # the paper's table: 1.531546 MB
    assert heaviest.costs.macs == 220_119_680  # 220.119680 M


def test_digest_is_isomorphism_on_a_third_of_the_operations() -> None:
    cells = list(itertools.product(("zero", "identity", "conv3x3"), repeat=6))
    space = one_cell()
    assert as_sets(digest_classes(space, cells)) == as_sets(isomorphism_classes(cells))


@pytest.mark.slow
def test_all_cells_enumerate_and_the_digest_is_isomorphism() -> None:
    space = one_cell()
    groups = defaultdict(list)
    for built in space.enumerate():
        groups[built.digest].append(tuple(built.genotype[edge] for edge in EDGES))
    assert sum(map(len, groups.values())) == 15_625
    cells = list(itertools.product(OPERATIONS, repeat=6))
    assert as_sets(groups.values()) == as_sets(isomorphism_classes(cells))
