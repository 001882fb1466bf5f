"""Scores at initialisation: by hand on a net of two layers, the same twice, and honest about what is not finite."""

from __future__ import annotations

import math
from random import Random

import pytest
import torch

from evaluators.tasks import Task, load_task
from evaluators.tasks.criteria import SquaredError
from evaluators.zero_cost import JITTER, grad_norm, jacob_cov, snip, synflow, zero_cost
from nas.codegen import build, source
from nas.errors import ExperimentError
from nas.space import load_space, space_from_text
from nas.study.scores import SCORES

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.last = nn.Linear(2, 1, bias=False)
        self.first.weight.data = torch.tensor([[1.0, -2.0], [0.5, 1.0]])
        self.last.weight.data = torch.tensor([[2.0, -1.0]])

    def forward(self, x):
"""
SMALL = HEAD + "        return self.last(F.relu(self.first(x)))\n"
BLIND = HEAD + "        return self.last(F.relu(self.first(torch.ones_like(x))))\n"

INPUTS = (torch.eye(2, dtype=torch.float64),)
TARGET = torch.tensor([[1.0], [0.0]], dtype=torch.float64)


@pytest.fixture(scope="module")
def digits() -> Task:
    return load_task("digits").reshaped([(64,)], [(10,)])


def drawn(seed: int = 0) -> str:
    return source(load_space("mlp").bind([[64]], [[10]]).sample(Random(seed)).graph)


def test_by_hand() -> None:
    """Hidden values are (1, ½) and, behind the ReLU, (0, 1); outputs 1.5 and −1; ∂L/∂output ½ and −1."""
    slopes = [[1, 0], [-0.5, 1]], [[0.5, -0.75]]
    expected = {
        grad_norm: math.sqrt(sum(slope**2 for layer in slopes for row in layer for slope in row)),
        snip: (1 + 0 + 0.25 + 1) + (1 + 0.75),
        synflow: 2 * (2 * 3 + 1 * 1.5),
        # The Jacobians (1.5, −5) and (−½, −1) both fall, so that their correlation is 1: eigenvalues 0 and 2.
        jacob_cov: -sum(math.log(one + JITTER) + 1 / (one + JITTER) for one in (0, 2)),
    }
    assert expected[grad_norm] == 1.75
    for score, value in expected.items():
        found = score(build(SMALL).double(), INPUTS, TARGET, SquaredError())
        assert found == pytest.approx(value, rel=1e-9), score.__name__


def test_samples_without_correlation_are_the_best() -> None:
    apart = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]], dtype=torch.float64)

    class Squares(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.square()

    assert jacob_cov(Squares(), (apart,), TARGET, SquaredError()) == pytest.approx(-2, abs=1e-4)


def test_synaptic_flow_is_the_same_through_every_layer() -> None:
    """Tanaka et al., theorem 1: without biases, Σ θ ∂R/∂θ of each layer is R."""
    layers = [torch.nn.Linear(5, 7, bias=False), torch.nn.ReLU(), torch.nn.Linear(7, 3, bias=False), torch.nn.ReLU()]
    module = torch.nn.Sequential(*layers, torch.nn.Linear(3, 2, bias=False)).double()
    flow = torch.ones(5, dtype=torch.float64)
    for weight in module.parameters():
        flow = weight.detach().abs() @ flow
    found = synflow(module, (torch.zeros(4, 5, dtype=torch.float64),), TARGET, SquaredError())
    assert found == pytest.approx(3 * float(flow.sum()), rel=1e-12)


@pytest.mark.parametrize("norm", ["identity", "batch_norm(affine=False)", "layer_norm(affine=False)"])
def test_synaptic_flow_passes_norms(norm: str, digits: Task) -> None:
    text = f"""
space: one
inputs: {{x: [features]}}
outputs: [targets]
choose: {{norm: ["{norm}"]}}
model: return linear(relu(norm(linear(x, 8, bias=False))), targets, bias=False)
"""
    code = source(space_from_text(text, "one.yaml").bind([[64]], [[10]]).sample(Random(0)).graph)
    torch.manual_seed(0)
    weights = [one.detach().double().abs() for one in build(code).parameters()]
    through = float((weights[1] @ weights[0]).sum())
    assert zero_cost(code, digits, ["synflow"])["synflow"] == pytest.approx(2 * through, rel=1e-9)


def test_equal_arguments_give_equal_numbers_and_leave_no_trace(digits: Task) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = zero_cost(drawn(), digits, seed=1)
    assert torch.equal(torch.rand(2), expected)
    assert torch.get_num_threads() == threads
    assert tuple(first) == tuple(SCORES)
    with torch.no_grad():
        assert zero_cost(drawn(), digits, reversed(SCORES), seed=1) == first, (
            "each by itself, also amid others' training"
        )
    other = zero_cost(drawn(), digits, seed=2, order=1)
    assert all(other[name] != first[name] for name in SCORES)


def test_what_has_no_finite_value_says_so(digits: Task) -> None:
    inputs = torch.eye(2, dtype=torch.float64)
    assert math.isnan(jacob_cov(build(BLIND).double(), (inputs,), TARGET, SquaredError()))
    deep = "space: deep\ninputs: {x: [features]}\noutputs: [targets]\nmodel: |\n  z = linear(x, 64)\n"
    deep += "  for i in range(12):\n      z = linear(z, 64) * z\n  return linear(z, targets)\n"
    code = source(space_from_text(deep, "deep.yaml").bind([[64]], [[10]]).sample(Random(0)).graph)
    assert not math.isfinite(zero_cost(code, digits, ["synflow"])["synflow"])


def test_a_network_with_nothing_to_train_has_no_gradient() -> None:
    module = build(SMALL).double().requires_grad_(False)
    assert grad_norm(module, INPUTS, TARGET, SquaredError()) == 0
    assert snip(module, INPUTS, TARGET, SquaredError()) == 0


def test_an_unknown_score(digits: Task) -> None:
    with pytest.raises(ExperimentError, match=r"no score `synflwo` among synflow, .*; did you mean `synflow`"):
        zero_cost(drawn(), digits, ["synflwo"])
