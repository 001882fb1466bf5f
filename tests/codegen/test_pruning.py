"""Pruned mixtures: what stays is what it was, what goes takes along all that only it needed, and the outputs hardly move."""

from __future__ import annotations

import fnmatch
from random import Random

import pytest
import torch
from node_by_node import check
from torch import Tensor, nn

from nas.codegen import build, pruned, source
from nas.errors import NasError
from nas.graph.graph import Graph
from nas.space import load_space, space_from_text

SPACE = """
space: mixed
inputs: {x: [features]}
outputs: [targets]
sizes: {features: 4, targets: 3}
blocks:
  two(x, n): return linear(tanh(linear(x, 5)), n)
  mixed(x, n): return mixture(linear(x, n), two(x, n), batch_norm(linear(x, n)), AXIS)
model: |
  z = MODEL
  return z
"""


def mixed(model: str = "mixed(relu(mixed(x, 6)), targets)", axis: str = "axis=''") -> Graph:
    text = SPACE.replace("AXIS", axis).replace(", axis=''", "").replace("MODEL", model)
    return space_from_text(text).sample(Random(0)).graph


def trained(graph: Graph, shares: list[list[float]]) -> nn.Module:
    """A model with random weights whose mixtures have `shares`, in order."""
    torch.manual_seed(0)
    model = build(source(graph)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
        for weight, own in zip(logits(model), shares, strict=True):
            weight.copy_(torch.tensor(own).log().view(-1, *[1] * (weight.ndim - 1)).expand_as(weight))
    return model


def logits(model: nn.Module) -> list[nn.Parameter]:
    return [weight for name, weight in model.named_parameters() if name.endswith("mixture.weight")]


def smaller(model: nn.Module, graph: Graph, threshold: float) -> tuple[nn.Module, Graph]:
    found, weights = pruned(graph, model.state_dict(), threshold)
    result = build(source(found)).eval()
    result.load_state_dict(weights)  # strict: every weight, and no other
    return result, found


def mixtures(graph: Graph) -> list[int]:
    return [len(node.inputs) for node in graph.nodes if node.op == "mixture"]


def outputs(model: nn.Module) -> Tensor:
    with torch.no_grad():
        result: Tensor = model(torch.randn(32, 4, generator=torch.Generator().manual_seed(1)))
    return result


@pytest.mark.parametrize("axis", ["axis=''", "axis=features"])
def test_what_came_to_nothing_goes_and_the_outputs_stay(axis: str) -> None:
    graph = mixed(axis=axis)
    model = trained(graph, [[0.3, 1e-12, 0.7], [1e-12, 0.5, 0.5]])
    result, found = smaller(model, graph, 0.05)
    assert mixtures(graph) == [3, 3]
    assert mixtures(found) == [2, 2]
    assert sum(node.op == "linear" for node in found.nodes) == 2 + 3
    torch.testing.assert_close(outputs(result), outputs(model), rtol=1e-5, atol=1e-6)
    for own, old, rows in zip(logits(result), logits(model), ([0, 2], [1, 2]), strict=True):
        assert torch.equal(own, old[rows])
    others = [tensor for name, tensor in model.state_dict().items() if "mixture" not in name]
    for name, tensor in result.state_dict().items():
        assert "mixture" in name or any(torch.equal(tensor, one) for one in others)
    check(found)


def test_of_one_input_nothing_is_left_of_the_mixture() -> None:
    graph = mixed("mixed(x, targets)")
    model = trained(graph, [[0.0, 0.0, 1.0]])
    result, found = smaller(model, graph, 0.5)
    assert [node.op for node in found.nodes] == ["input", "linear", "batch_norm"]
    assert torch.equal(outputs(result), outputs(model))


def test_the_largest_share_stays_whatever_the_threshold() -> None:
    graph = mixed("mixed(x, targets)")
    _, found = smaller(trained(graph, [[0.3, 0.4, 0.3]]), graph, 0.9)
    assert [node.op for node in found.nodes] == ["input", "linear", "tanh", "linear"]


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.1, 0.2])
def test_outputs_change_by_no_more_than_twice_what_is_dropped(threshold: float) -> None:
    graph = mixed("mixed(x, targets)")
    model = trained(graph, [[0.85, 0.09, 0.06]])
    result, found = smaller(model, graph, threshold)
    dropped = sum(share for share in (0.85, 0.09, 0.06) if share < threshold)
    assert mixtures(found) == ([3] if threshold < 0.06 else [2] if threshold < 0.09 else [])
    largest = max(outputs(trained(graph, [own])).abs().max() for own in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]))
    assert (outputs(result) - outputs(model)).abs().max() <= 2 * dropped * largest + 1e-6
    if not dropped:
        assert found == graph


def test_an_input_that_one_channel_needs_stays() -> None:
    graph = mixed("mixed(x, targets)", "axis=features")
    model = trained(graph, [[0.98, 0.01, 0.01]])
    with torch.no_grad():
        logits(model)[0][1, 2] += 3
    _, found = smaller(model, graph, 0.05)
    assert mixtures(found) == [2]


def test_shared_mixtures_are_pruned_alike() -> None:
    graph = mixed('linear(mixed(mixed(x, 4, tied="one"), 4, tied="one"), targets)')
    torch.manual_seed(0)
    model = build(source(graph)).eval()
    with torch.no_grad():
        logits(model)[0].copy_(torch.tensor([9.0, -30.0, 9.0]))
    result, found = smaller(model, graph, 0.05)
    assert mixtures(found) == [2, 2]
    torch.testing.assert_close(outputs(result), outputs(model))
    assert sum(p.numel() for p in result.parameters()) == (4 * 4 + 4) * 2 + 4 + 4 + 2 + 4 * 3 + 3


def test_a_family_of_mixtures() -> None:
    space = load_space("s-kan").seed_space("small")
    drawn = space.replay(space.seeds["small"])
    graph = drawn.graph
    torch.manual_seed(0)
    model = build(source(graph)).eval()
    with torch.no_grad():
        for weight in logits(model):
            weight[[0, 3]] = -50
    (glob,) = drawn.recipe["lr_factors"]
    assert fnmatch.filter([name for name, _ in model.named_parameters()], glob) == [
        "node_mixtures.0.mixture.weight",
        "node_mixtures.1.mixture.weight",
    ]
    found, weights = pruned(graph, model.state_dict(), 0.01)
    result = build(source(found)).eval()
    result.load_state_dict(weights)
    assert not any(node.op in ("kan", "fourier_kan") for node in found.nodes)
    x = torch.randn(8, 40)
    with torch.no_grad():
        torch.testing.assert_close(result(x), model(x))


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_what_is_no_threshold(threshold: float) -> None:
    with pytest.raises(NasError, match=f"dropped below a share of at least 0 and below 1, got {threshold:g}"):
        pruned(mixed(), {}, threshold)
