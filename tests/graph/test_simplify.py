"""Simplifying keeps the function, and there is nothing left to do after it."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, typed_graph
from running import Running

from nas.graph.builder import Builder
from nas.graph.digest import digest
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.graph.simplify import simplify
from nas.graph.types import Axis, TensorType

X = TensorType((Axis("features", 4),))


def outputs_of(graph: Graph, weights: Running | None, train: bool = False) -> tuple[list[torch.Tensor], Running]:
    """The outputs on fixed inputs, with the weights of another run where they have the same keys."""
    torch.manual_seed(0)
    running = Running(graph).train(train)
    if weights is not None:
        known = weights.state_dict()
        running.load_state_dict({name: known[name] for name in running.state_dict()})
    generator = torch.Generator().manual_seed(1)
    inputs = [torch.rand(3, *graph.nodes[i].type.shape, generator=generator) - 0.5 for i in graph.inputs]
    with torch.no_grad():
        return list(running(*inputs)), running


def assert_simplified(graph: Graph, train: bool = False) -> None:
    small = simplify(graph)
    before, running = outputs_of(graph, None, train)
    after, _ = outputs_of(small, running, train)
    for one, other in zip(before, after, strict=True):
        if one.isfinite().all():
            assert torch.equal(one, other)
    assert simplify(small) is small or simplify(small) == small
    assert [small.nodes[i].type for i in small.outputs] == [graph.nodes[i].type for i in graph.outputs]
    assert [small.nodes[i].type for i in small.inputs] == [graph.nodes[i].type for i in graph.inputs]
    assert [node.id for node in small.nodes] == list(range(len(small.nodes)))
    assert all(source < node.id for node in small.nodes for source in node.inputs)
    read = {source for node in small.nodes for source in node.inputs} | {*small.outputs, *small.inputs}
    assert read == set(range(len(small.nodes)))
    for node in small.nodes:
        if node.op not in ("input", "zero"):
            inferred = TABLE[node.op].infer(tuple(small.nodes[i].type for i in node.inputs), dict(node.attrs))
            assert inferred.agrees(node.type)
    assert digest(small) == digest(graph)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_simplifying_keeps_the_function(rng: random.Random) -> None:
    assert_simplified(random_graph(rng, rng.randint(1, 20), n_inputs=rng.choice((1, 2))))


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_simplifying_keeps_the_function_of_any_operators(rng: random.Random) -> None:
    assert_simplified(typed_graph(rng, rng.randint(2, 12)))


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_simplifying_keeps_the_function_in_training(rng: random.Random) -> None:
    graph = random_graph(rng, rng.randint(1, 20))
    if not any(TABLE[node.op].random and dict(node.attrs)["rate"] for node in graph.nodes[1:]):
        assert_simplified(graph, train=True)


def test_what_needs_nothing_is_given_back_itself() -> None:
    builder = Builder({"x": X})
    graph = builder.finish([builder.apply("relu", (0,))])
    assert simplify(graph) is graph


def test_zero_goes_through_what_keeps_it_and_stops_at_what_does_not() -> None:
    builder = Builder({"x": X, "unread": X})
    zero = builder.apply("zero", (0,), (6,))
    kept = builder.apply("relu", (builder.apply("linear", (zero,), (4,), {"bias": False}, weights="a"),))
    lost = builder.apply("linear", (zero,), (4,), weights="b")
    small = simplify(builder.finish([builder.apply("add", (0, kept)), builder.apply("add", (kept, lost))]))
    assert [node.op for node in small.nodes] == ["input", "input", "zero", "linear"]
    assert small.nodes[2].inputs == (0,)
    assert str(small.nodes[2].type) == "[features=6]"
    assert small.outputs == (0, 3)


@pytest.mark.parametrize("op", ["dropout", "drop_path"])
def test_noise_at_rate_zero_goes(op: str) -> None:
    builder = Builder({"x": X})
    quiet = builder.apply(op, (0,), (0.0,))
    loud = builder.apply(op, (quiet,), (0.5,))
    assert [node.op for node in simplify(builder.finish([loud])).nodes] == ["input", op]


def test_a_sum_that_knew_more_of_its_axes_keeps_its_type() -> None:
    known = TensorType((Axis("features", 4, (Axis("a", 2), Axis("b", 2))),))
    builder = Builder({"x": X, "y": known})
    total = builder.apply("add", (0, builder.apply("zero", (1,))))
    graph = builder.finish([builder.apply("split_axis", (total,), ("features",))])
    assert_simplified(graph)
    assert [node.op for node in simplify(graph).nodes] == ["input", "input", "add", "split_axis"]
