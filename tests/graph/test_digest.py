"""Two graphs have one digest exactly when they are isomorphic after the rewrites."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import pytest
from brute_force import outline, picture, same
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_speed import slowness
from random_graphs import random_graph, retold

from nas.graph.builder import Builder
from nas.graph.digest import digest
from nas.graph.graph import Graph
from nas.graph.types import Axis, TensorType

X = TensorType((Axis("features", 4),))


def build(write: Callable[[Builder], int | list[int]], n_inputs: int = 1) -> Graph:
    builder = Builder({f"x{i}": X for i in range(n_inputs)})
    outputs = write(builder)
    return builder.finish(outputs if isinstance(outputs, list) else [outputs])


class Layers:
    """Writes graphs shortly: `f(x)` is a linear layer with weights of its own."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.count = 0

    def __call__(self, x: int, weights: str = "") -> int:
        self.count += 1
        return self.builder.apply("linear", (x,), (4,), weights=weights or f"own{self.count}")

    def add(self, *terms: int) -> int:
        return self.builder.apply("add", terms)

    def mul(self, *factors: int) -> int:
        return self.builder.apply("multiply", factors)

    def op(self, name: str, *inputs: int, **arguments: object) -> int:
        return self.builder.apply(name, inputs, (), arguments, weights=f"{name}{len(self.builder.nodes)}")


@pytest.mark.parametrize("alike", [False, True])
def test_digests_agree_with_brute_force(alike: bool) -> None:
    rng = random.Random(1 + alike)
    buckets = defaultdict(list)
    for _ in range(3000):
        graph = random_graph(rng, rng.randint(2, 8 if alike else 7), alike, n_inputs=rng.choice((1, 1, 2)))
        drawn = picture(graph)
        buckets[outline(drawn), len(graph.inputs)].append((drawn, digest(graph)))
    equal = different = 0
    for bucket in buckets.values():
        for (one, a), (other, b) in itertools.islice(itertools.combinations(bucket, 2), 40):
            isomorphic = same(one, other)
            assert isomorphic == (a == b)
            equal += isomorphic
            different += not isomorphic
    assert equal > 300
    assert different > 30
    outlines = [{name for _, name in bucket} for bucket in buckets.values()]
    assert sum(map(len, outlines)) == len(set().union(*outlines)), "different outlines, one digest"


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_retold_graph_keeps_its_digest(rng: random.Random, alike: bool) -> None:
    graph = random_graph(rng, rng.randint(1, 14), alike, n_inputs=rng.choice((1, 2)))
    assert digest(retold(graph, rng)) == digest(graph)


def test_separate_layers_are_not_one_layer_used_twice() -> None:
    separate = build(lambda b: (f := Layers(b)).add(f(0), f(0)))
    merged = build(lambda b: (f := Layers(b)).add(y := f(0), y))
    tied = build(lambda b: (f := Layers(b)).add(f(0, "w"), f(0, "w")))
    assert len({digest(separate), digest(merged), digest(tied)}) == 3


def test_who_shares_with_whom_matters() -> None:
    def wired(*keys: str) -> Graph:
        def write(b: Builder) -> int:
            f = Layers(b)
            first, second = (b.apply(name, (0,)) for name in ("relu", "gelu"))
            top = [f(first, keys[0]), f(second, keys[1])]
            return f.add(f(b.apply("sin", (top[0],)), keys[2]), f(b.apply("cos", (top[1],)), keys[3]))

        return build(write)

    partners = {keys: digest(wired(*keys)) for keys in ("abab", "abba", "aabb", "abcd", "aaaa", "abcb")}
    assert len(set(partners.values())) == len(partners)
    assert digest(wired(*"baba")) == partners["abab"]


def test_random_numbers_are_drawn_afresh() -> None:
    once = build(lambda b: (f := Layers(b)).mul(d := f.op("dropout", 0, rate=0.5), d))
    twice = build(lambda b: (f := Layers(b)).mul(f.op("dropout", 0, rate=0.5), f.op("dropout", 0, rate=0.5)))
    assert digest(once) != digest(twice)


def test_equal_expressions_are_one() -> None:
    once = build(lambda b: (f := Layers(b)).mul(r := f.op("relu", 0), r))
    twice = build(lambda b: (f := Layers(b)).mul(f.op("relu", 0), f.op("relu", 0)))
    assert digest(once) == digest(twice)


def test_a_sum_counts_how_often() -> None:
    sums = [build(lambda b, n=n: b.apply("add", (0,) * n)) for n in (1, 2, 3)]
    assert len({digest(graph) for graph in sums}) == 3
    nested = build(lambda b: (f := Layers(b)).add(f.add(0, 0), 0))
    assert digest(nested) == digest(sums[2])


def test_doubling_sixty_times_stays_small() -> None:
    def doubled(times: int) -> Graph:
        def write(b: Builder) -> int:
            x = 0
            for _ in range(times):
                x = b.apply("add", (x, x))
            return x

        return build(write)

    assert digest(doubled(60)) != digest(doubled(61))


def test_inputs_and_outputs_keep_their_places() -> None:
    def write(first: int, second: int) -> Callable[[Builder], list[int]]:
        return lambda b: [b.apply("relu", (first,)), b.apply("gelu", (second,))]

    one, swapped = build(write(0, 1), 2), build(write(1, 0), 2)
    assert digest(one) != digest(swapped)
    flipped = Graph(one.nodes, one.inputs, one.outputs[::-1])
    assert digest(one) != digest(flipped)
    unread = build(lambda b: [b.apply("relu", (0,)), b.apply("gelu", (0,))], 2)
    assert digest(unread) != digest(build(lambda b: [b.apply("relu", (0,)), b.apply("gelu", (0,))], 1))


def test_numbers_of_different_kinds_are_different() -> None:
    def with_rate(rate: object) -> Graph:
        graph = build(lambda b: b.apply("dropout", (0,), (0.5,)))
        node = graph.nodes[1]._replace(attrs=(("rate", rate),))  # type: ignore[arg-type]
        return Graph((graph.nodes[0], node), (0,), (1,))

    assert len({digest(with_rate(rate)) for rate in (1, 1.0, True, "1", "True", None)} - {""}) == 5 + 1


def cube(b: Builder, crossed: bool) -> int:
    """Six layers in pairs: two triangles of products, or one hexagon. Every layer looks like every other."""
    f = Layers(b)
    layers = [f(0) for _ in range(6)]
    pairs = (
        [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0)]
        if crossed
        else [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    )
    return f.add(*(f.mul(layers[i], layers[j]) for i, j in pairs))


def test_colours_alone_do_not_tell_two_triangles_from_a_hexagon() -> None:
    hexagon, triangles = (build(lambda b, c=c: cube(b, c)) for c in (True, False))
    assert digest(hexagon) != digest(triangles)
    rng = random.Random(0)
    assert {digest(retold(hexagon, rng)) for _ in range(5)} == {digest(hexagon)}


def strongly_regular(b: Builder, shrikhande: bool) -> int:
    """Two graphs on sixteen layers with equal degrees and equal numbers of common neighbours, and yet not isomorphic."""
    f = Layers(b)
    layers = {(i, j): f(0) for i in range(4) for j in range(4)}
    steps = [(0, 1), (1, 0), (1, 1)] if shrikhande else []
    edges = set()
    for i, j in layers:
        if shrikhande:
            near = [((i + a) % 4, (j + c) % 4) for a, c in steps]
        else:
            near = [(i, k) for k in range(4) if k != j] + [(k, j) for k in range(4) if k != i]
        edges |= {frozenset(((i, j), other)) for other in near}
    products = [f.mul(*(layers[end] for end in edge)) for edge in sorted(edges, key=lambda e: sorted(e))]
    return f.add(*products)


def test_strongly_regular_graphs_are_told_apart() -> None:
    one, other = (build(lambda b, s=s: strongly_regular(b, s)) for s in (True, False))
    assert digest(one) != digest(other)
    rng = random.Random(0)
    assert digest(retold(one, rng)) == digest(one)
    assert digest(retold(other, rng)) == digest(other)


def branches(b: Builder) -> int:
    f = Layers(b)
    return f.add(*(f(f.op("relu", f(0))) for _ in range(12)))


def siblings(b: Builder) -> int:
    f = Layers(b)
    return f.add(*(f(0) for _ in range(30)))


def tied_siblings(b: Builder) -> int:
    f = Layers(b)
    return f.add(*(f(f(0), f"pair{i // 2}") for i in range(24)))


def complete(b: Builder) -> int:
    f = Layers(b)
    layers = [f(0) for _ in range(10)]
    return f.add(*(f.mul(one, other) for one, other in itertools.combinations(layers, 2)))


def alike_network(b: Builder) -> int:
    f = Layers(b)
    front = [f(0) for _ in range(6)]
    for _ in range(3):
        front = [f(f.add(*front)) for _ in range(6)]
    return f.add(*front)


@pytest.mark.parametrize(
    ("write", "limit_ms"), [(branches, 20), (siblings, 20), (tied_siblings, 30), (alike_network, 20), (complete, 500)]
)
def test_symmetry_costs_milliseconds(write: Callable[[Builder], int], limit_ms: float) -> None:
    graph = build(write)
    begun = time.process_time()
    name = digest(graph)
    spent_ms = (time.process_time() - begun) * 1e3
    assert digest(retold(graph, random.Random(0))) == name
    assert spent_ms < 5 * limit_ms or spent_ms < 5 * limit_ms * slowness(), spent_ms  # factorials take far longer


def test_a_usual_graph_takes_less_than_half_a_millisecond() -> None:
    def write(b: Builder) -> int:
        f = Layers(b)
        x = 0
        for _ in range(12):
            x = f.add(x, f(f.op("relu", f(x))))
        return x

    graph = build(write)
    spent = []
    for _ in range(20):
        begun = time.process_time()
        digest(graph)
        spent.append(time.process_time() - begun)
    assert min(spent) < 2e-3 * slowness()


def test_the_digest_is_the_same_in_every_process() -> None:
    code = (
        "from nas.graph.builder import Builder; from nas.graph.digest import digest; "
        "from nas.graph.types import Axis, TensorType; "
        "b = Builder({'x': TensorType((Axis('features', 4),))}); "
        "h = [b.apply('linear', (0,), (4,), {'bias': False}, weights=str(i)) for i in range(3)]; "
        "print(digest(b.finish([b.apply('add', (*h, 0))])))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": s}
        )
        for s in ("1", "2")
    ]
    assert {run.stdout.strip() for run in runs} == {GOLDEN}


GOLDEN = "9bc17b7b5232bde715ce5dda015bde8f"
