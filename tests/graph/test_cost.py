"""Costs are what torch counts, without torch."""

from __future__ import annotations

import random
import subprocess
import sys

from counting import assert_costs
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph, typed_graph

from nas.graph.builder import Builder
from nas.graph.cost import Costs, costs
from nas.graph.types import Axis, TensorType


def flat(size: int) -> TensorType:
    return TensorType((Axis("features", size),))


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_costs_of_any_operators_are_what_torch_counts(rng: random.Random) -> None:
    assert_costs(typed_graph(rng, rng.randint(2, 12)))


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_shared_weights_count_once(rng: random.Random) -> None:
    assert_costs(random_graph(rng, rng.randint(1, 20), alike=True))


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_builder_keeps_the_same_account(rng: random.Random) -> None:
    builder = Builder({"x": flat(4)})
    for number in range(rng.randint(1, 9)):
        key = f"w{rng.randrange(number + 1)}"
        builder.apply("linear", (rng.randrange(len(builder.nodes)),), (4,), {"frozen": len(key) % 2 == 0}, weights=key)
    found = costs(builder.finish([0]))
    assert (builder.params, builder.active_params, builder.trainable_params, builder.macs) == (
        found.params,
        found.active_params,
        found.trainable_params,
        found.macs,
    )


def test_the_costs_of_a_residual_block_by_hand() -> None:
    builder = Builder({"x": flat(10)})
    hidden = builder.apply("linear", (0,), (40,), weights="up")
    acted = builder.apply("relu", (hidden,))
    back = builder.apply("linear", (acted,), (10,), {"bias": False, "frozen": True}, weights="down")
    graph = builder.finish([builder.apply("add", (0, back))])
    found = costs(graph)
    assert found == Costs(
        params=10 * 40 + 40 + 40 * 10,
        active_params=10 * 40 + 40 + 40 * 10,
        trainable_params=10 * 40 + 40,
        frozen_params=400,
        buffers=0,
        macs=800,
        activation_bytes=4 * (10 + 40 + 40),
    )
    assert found.as_dict()["frozen_params"] == 400


def test_a_view_needs_no_memory_and_keeps_its_source_alive() -> None:
    builder = Builder({"x": flat(4)})
    wide = builder.apply("linear", (0,), (100,), weights="w")
    half = builder.apply("chunk", (wide,), (0, 2))
    small = builder.apply("linear", (half,), (3,), weights="v")
    assert costs(builder.finish([small])).activation_bytes == 4 * (4 + 100 + 3)


def test_costs_need_no_torch() -> None:
    code = "import sys, nas.graph.cost, nas.graph.digest, nas.graph.simplify; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
