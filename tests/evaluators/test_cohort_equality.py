"""Candidates trained as one end where each of them ends when it trains alone on the same batches."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor, nn

from evaluators.cohorts.cohort import Cohort, Member
from evaluators.cohorts.rules.activations import ONEDNN_PAYS, PAIRS
from evaluators.optimizer import make_optimizer
from evaluators.randomness import Noise
from evaluators.recipe import Recipe
from evaluators.schedule import rate
from evaluators.tasks.criteria import CrossEntropy
from nas.codegen import build, source
from nas.graph.graph import Graph
from nas.space import space_from_text

STEPS, BATCH, FEATURES, CLASSES = 20, 16, 12, 5

MLPS = """
space: mlps
inputs: {x: [features]}
outputs: [targets]
choose:
  depth: {int: [1, 3]}
  width: {int: [4, 24]}
  act: [relu, gelu, silu, tanh, cos]
  norm: [identity, batch_norm, layer_norm, rms_norm]
  rate: [0.0, 0.2]
  skip: [false, true]
  lift: [false, true]
model: |
  z = linear(x, width, frozen=lift)
  for i in range(depth):
      h = dropout(act(norm(linear(z, width))), rate)
      z = z + h if skip else h
  return linear(z, targets)
"""


def graphs(text: str, count: int, seed: int = 0) -> list[Graph]:
    space = space_from_text(text, "space.yaml").bind([[FEATURES]], [[CLASSES]])
    rng = random.Random(seed)
    return [space.sample(rng).graph for _ in range(count)]


def module_of(graph: Graph, seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return build(source(graph)).double()


def batches(seed: int = 0) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(BATCH, FEATURES, generator=generator, dtype=torch.float64),
            torch.randint(CLASSES, (BATCH,), generator=generator),
        )
        for _ in range(STEPS)
    ]


def alone(graph: Graph, seed: int, recipe: Recipe, given: list[tuple[Tensor, Tensor]]) -> tuple[nn.Module, float]:
    """Trained by itself with torch's gradients; the module, and the mean loss."""
    module, criterion = module_of(graph, seed), CrossEntropy(CLASSES)
    optimizer, noise = make_optimizer(module, recipe), Noise(module, seed)
    losses = []
    for step, (x, y) in enumerate(given):
        noise.begin(step + 1)
        loss = criterion.loss(module(x), y, recipe.label_smoothing)
        loss.backward()
        assert optimizer is not None
        optimizer.step(rate(recipe, step, STEPS))
        losses.append(loss.item())
    return module, sum(losses) / STEPS


def together(members: list[Member], given: dict[int, list[tuple[Tensor, Tensor]]]) -> Cohort:
    example = next(iter(given.values()))[0]
    cohort = Cohort(members, CrossEntropy(CLASSES), example[1], example[0])
    with torch.no_grad():
        for step in range(STEPS):
            now = {stream: ([pairs[step][0]], pairs[step][1]) for stream, pairs in given.items()}
            cohort.step(now, [rate(one.recipe, step, STEPS) for one in cohort.members])
    return cohort


def assert_equal(cohort: Cohort, given: dict[int, list[tuple[Tensor, Tensor]]], tolerance: float = 1e-9) -> None:
    probe = batches(7)[0][0]
    losses, predictions = {}, {}
    with torch.no_grad():
        for stream in given:
            losses.update(zip(cohort.places(stream), cohort.mean_losses(stream, STEPS), strict=True))
            predictions.update(zip(cohort.places(stream), cohort.predict(stream, [probe], 6), strict=True))
    for place, member in enumerate(cohort.members):
        module, loss = alone(member.graph, member.seed, member.recipe, given[member.stream])
        assert losses[place] == pytest.approx(loss, rel=1e-12)
        found = cohort.weights.tensors(place)
        for name, value in module.state_dict().items():
            torch.testing.assert_close(found[name], value, rtol=tolerance, atol=tolerance)
        module.eval()
        with torch.no_grad():
            torch.testing.assert_close(predictions[place], module(probe), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("seed", range(3))
def test_mlps_of_any_shape_train_as_they_do_alone(seed: int) -> None:
    made = graphs(MLPS, 10, seed)
    members = [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(made)]
    given = {0: batches()}
    assert_equal(together(members, given), given)


def test_every_member_has_its_own_recipe_and_order_of_batches() -> None:
    made = graphs(MLPS, 6, 5)
    recipes = [
        Recipe(lr=1e-2),
        Recipe(weight_decay=0.5, label_smoothing=0.1),
        Recipe(optimizer="adam", beta1=0.5),
        Recipe(optimizer="sgd", lr=1e-2),
        Recipe(optimizer="sgd", momentum=0.0, nesterov=False, weight_decay=0.0),
        Recipe(lr_factors={"*.bias": 0.1}, weight_decay_factors={"*.bias": 1.0}),
    ]
    members = [
        Member(graph, module_of(graph, i), recipe, i, stream=i % 2)
        for i, (graph, recipe) in enumerate(zip(made, recipes, strict=True))
    ]
    given = {0: batches(), 1: batches(1)}
    assert_equal(together(members, given), given)


def test_a_member_ends_the_same_whoever_is_with_it() -> None:
    made = graphs(MLPS, 6, 9)
    members = [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(made)]
    given = {0: batches()}
    many, few = together(members, given), together(members[:2], given)
    for place, member in enumerate(few.members):
        other = many.weights.tensors(many.members.index(member))
        for name, value in few.weights.tensors(place).items():
            torch.testing.assert_close(other[name], value, rtol=1e-9, atol=1e-9)


def test_a_step_can_be_recorded_where_nothing_asks_the_host() -> None:
    quiet = MLPS.replace("rate: [0.0, 0.2]", "rate: [0.0]").replace(", cos]", "]")
    noisy = MLPS.replace("rate: [0.0, 0.2]", "rate: [0.2]")
    for text, expected in ((quiet, True), (noisy, False)):
        made = graphs(text, 3, 1)
        members = [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(made)]
        assert together(members, {0: batches()}).is_recordable is expected


def test_members_of_one_width_share_products_whatever_their_activations_and_depths() -> None:
    text = """
space: equals
inputs: {x: [features]}
outputs: [targets]
choose: {depth: {int: [1, 3]}, act: [relu, gelu, silu]}
model: |
  z = x
  for i in range(depth):
      z = act(linear(z, 6))
  return linear(z, targets)
"""
    made = list({repr(graph): graph for graph in graphs(text, 60)}.values())
    assert len(made) == 9
    members = [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(made)]
    given = {0: batches()}
    cohort = together(members, given)
    names = [getattr(call, "func", call).__name__ for call in cohort.training.forward_calls]
    # The first layer, two more that not all have, and the last one.
    assert sum(name in {"addmm", "baddbmm", "mm", "bmm"} for name in names) == 4
    assert_equal(cohort, given)


@pytest.mark.parametrize("approximate", ["none", "tanh"])
@pytest.mark.parametrize("numbers", [7, 2 * ONEDNN_PAYS])
def test_gelu_is_torchs_at_any_size_and_leaves_onednn_as_it_was(numbers: int, approximate: str) -> None:
    x, gradient = torch.randn(2, numbers, generator=torch.Generator().manual_seed(0))
    y, grown, attrs = torch.empty_like(x), torch.empty_like(x), {"approximate": approximate}
    before = torch._C._get_mkldnn_enabled()
    PAIRS["gelu"].forward(x, y, attrs)()
    PAIRS["gelu"].backward(gradient, x, y, grown, attrs)()
    assert torch._C._get_mkldnn_enabled() is before
    leaf = x.clone().requires_grad_()
    wanted = nn.functional.gelu(leaf, approximate=approximate)
    torch.testing.assert_close(y, wanted.detach())
    torch.testing.assert_close(grown, torch.autograd.grad(wanted, leaf, gradient)[0])
