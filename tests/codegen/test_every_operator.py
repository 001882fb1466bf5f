"""Laws that hold of programs of any operators: what they declare, what they are called, and that they learn."""

from __future__ import annotations

import random

import pytest
import torch
from node_by_node import as_tuple, examples
from random_programs import random_program

from counting import assert_costs  # isort: skip  # of tests/graph, which random_programs adds to the path
from random_graphs import retold  # isort: skip

from nas.codegen import build, source
from nas.graph.digest import digest
from nas.graph.operators import TABLE
from nas.graph.simplify import simplify

torch.set_num_threads(1)

N_DRAWS = 400
SEEDS = [*range(40), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(40, 120))]
NEVER_DRAWN = {"identity"}  # which simplification takes out
GROWING = {"multiply", "power", "square", "exp"}  # what can leave the numbers of float32, one after another


def test_every_operator_is_drawn() -> None:
    drawn = {node.op for seed in range(N_DRAWS) for node in simplify(random_program(seed)).nodes}
    assert set(TABLE) - drawn == NEVER_DRAWN


@pytest.mark.parametrize("seed", SEEDS)
def test_a_program_is_what_it_declares(seed: int) -> None:
    torch.manual_seed(seed)
    assert_costs(simplify(random_program(seed)))


@pytest.mark.parametrize("seed", SEEDS)
def test_another_telling_is_the_same_program(seed: int) -> None:
    graph = random_program(seed)
    assert digest(retold(graph, random.Random(seed))) == digest(graph)
    assert digest(simplify(graph)) == digest(graph)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradients_are_finite(seed: int) -> None:
    graph = simplify(random_program(seed))
    torch.manual_seed(seed)
    model = build(source(graph)).train()
    outputs = as_tuple(model(*examples(graph)))
    loss = torch.stack([output.tanh().mean() for output in outputs]).sum()
    if not torch.isfinite(loss):
        assert {node.op for node in graph.nodes} & GROWING
        return
    if loss.requires_grad:
        loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name
