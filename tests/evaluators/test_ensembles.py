"""Ensembles: the loss of two members by hand, the metrics of their mean, and a TabM that learns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from evaluators.tasks import Criterion, CrossEntropy, Reconstruction, SquaredError, Task, load_task, task_from_arrays
from evaluators.tasks.ensembles import Ensemble
from evaluators.training import train
from nas.codegen import build
from nas.study.candidate import Job, Outcome

ONE = torch.ones(())

# Members share the matrices and have scales and biases of their own (Gorishniy et al. 2025, arXiv:2410.24210).
TABM = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.r = nn.Parameter(torch.randint(0, 2, ({members}, {features})) * 2.0 - 1)
        self.shared = nn.Linear({features}, 32, bias=False)
        self.s = nn.Parameter(torch.ones({members}, 32))
        self.b = nn.Parameter(torch.zeros({members}, 32))
        self.head = nn.Parameter(torch.randn({members}, 32, {targets}) / 6)

    def forward(self, x):
        h = torch.relu(self.shared(x[:, None] * self.r) * self.s + self.b)
        return torch.einsum("bmh,mht->bmt", h, self.head)
"""


def trained(task: Task, members: int, source: str = TABM, epochs: int = 5) -> tuple[Outcome, Any]:
    filled = source.format(members=members, features=task.inputs[0][0], targets=task.outputs[0][0])
    seen: list[Any] = []
    run = train(
        Job(0, {}, filled, {"lr": 1e-2}, 0, {"epochs": epochs}, members=members),
        task,
        on_finish=lambda m: seen.append(m),
    )
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value, seen[0] if seen else None


def test_cross_entropy_of_two_members_by_hand() -> None:
    output = torch.tensor([[[0.0, 1.0], [2.0, 0.0]], [[-1.0, 3.0], [0.5, 0.5]]])
    target = torch.tensor([1, 0])

    def wrong(logits: list[float], label: int) -> float:
        return math.log(sum(map(math.exp, logits))) - logits[label]

    both = [wrong([0.0, 1.0], 1), wrong([-1.0, 3.0], 0), wrong([2.0, 0.0], 1), wrong([0.5, 0.5], 0)]
    ensemble = Ensemble(CrossEntropy(2), 2, probabilities=True)
    assert ensemble.loss(output, target).item() == pytest.approx(sum(both) / 4)
    odds = [1 / (1 + math.exp(-x)) for x in (1.0, -2.0, 4.0, 0.0)]  # of class 1: sample 0, sample 0, sample 1, sample 1
    mean = [(odds[0] + odds[1]) / 2, (odds[2] + odds[3]) / 2]
    got = ensemble.measure(output, target, ONE)
    assert mean[0] < 0.5 < mean[1], "both are wrong"
    assert got["accuracy"] == 0
    assert got["loss"] == pytest.approx(-(math.log(mean[0]) + math.log(1 - mean[1])) / 2)
    assert got["loss"] < sum(both) / 4, "the mean probability is better than the members are on average"


def test_squared_error_of_two_members_by_hand() -> None:
    ensemble = Ensemble(SquaredError(), 2, probabilities=False)
    output, target = torch.tensor([[[1.0], [3.0]], [[0.0], [-4.0]]]), torch.tensor([[2.0], [0.0]])
    assert ensemble.loss(output, target).item() == pytest.approx((1 + 1 + 0 + 16) / 4)
    assert ensemble.measure(output, target, torch.tensor(3.0))["mae"] == pytest.approx(3.0 * (0 + 2) / 2)


@pytest.mark.parametrize(
    ("criterion", "shape"), [(CrossEntropy(6), (6,)), (CrossEntropy(6), (2, 3)), (SquaredError(), (3, 2)), (Reconstruction(), (4,))]
)  # fmt: skip
def test_any_criterion_against_one_member_at_a_time(criterion: Criterion, shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(10, 3, *shape, generator=generator)
    classes = isinstance(criterion, CrossEntropy)
    target = torch.arange(10) % 6 if classes else torch.randn(10, *shape, generator=generator)
    ensemble = Ensemble(criterion, 3, probabilities=classes)
    assert isinstance(ensemble, Criterion)
    assert ensemble.metrics == criterion.metrics
    alone = [criterion.loss(output[:, member], target, 0.1) for member in range(3)]
    torch.testing.assert_close(ensemble.loss(output, target, 0.1), torch.stack(alone).mean())
    mean = output.flatten(2).softmax(-1).mean(1).log() if classes else output.mean(1)
    assert ensemble.measure(output, target, ONE) == pytest.approx(criterion.measure(mean, target, ONE), rel=1e-5)


def test_models_that_return_several_tensors() -> None:
    class Both:
        metrics = SquaredError().metrics

        def loss(self, output: Any, target: torch.Tensor, label_smoothing: float = 0.0) -> torch.Tensor:
            return SquaredError().loss(output[0] + output[1], target)

        def measure(self, output: Any, target: torch.Tensor, scale: torch.Tensor) -> dict[str, float]:
            return SquaredError().measure(output[0] + output[1], target, scale)

    one, two, target = torch.randn(5, 3, 2), torch.randn(5, 3, 2), torch.randn(5, 2)
    pair, added = Ensemble(Both(), 3, False), Ensemble(SquaredError(), 3, False)
    torch.testing.assert_close(pair.loss((one, two), target), added.loss(one + two, target))
    assert pair.measure((one, two), target, ONE) == pytest.approx(added.measure(one + two, target, ONE), rel=1e-5)


def test_a_tabm_learns_and_is_measured_as_its_mean() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(3, 4)) * 2
    y = np.arange(600) % 3
    task = task_from_arrays(centres[y] + rng.normal(size=(600, 4)), y, split_seed=1)
    outcome, module = trained(task, 4)
    assert outcome.state == "complete", outcome.message
    assert outcome.metrics["accuracy"] > 0.8
    part = task.resident().validation
    with torch.inference_mode():
        probabilities = module(*part.inputs).softmax(-1).mean(1)
    right = (probabilities.argmax(1) == part.targets).double().mean().item()
    assert outcome.metrics["accuracy"] == right
    likely = probabilities[torch.arange(len(part)), part.targets]
    assert outcome.metrics["loss"] == pytest.approx(-likely.log().mean().item(), rel=1e-4)


def test_a_tabm_of_regression_is_better_than_its_members_on_average() -> None:
    task = load_task("friedman")
    outcome, module = trained(task, 8, epochs=8)
    assert outcome.metrics["r2"] > 0.75
    resident = task.resident()
    with torch.inference_mode():
        outputs = module(*resident.validation.inputs)
    rmse = [
        task.criterion.measure(outputs[:, member], resident.validation.targets, resident.target_scale)["rmse"]
        for member in range(8)
    ]
    assert outcome.metrics["rmse"] < sum(rmse) / 8, "squared error is convex"


def test_one_member_is_no_ensemble() -> None:
    """Such a model has no axis of members, and trains as ever."""
    task = task_from_arrays(np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3)
    plain = "import torch\nclass Model(torch.nn.Linear):\n    def __init__(self):\n        super().__init__(4, 3)\n"
    assert trained(task, 1, plain)[0].state == "complete"
    assert build(plain)(torch.zeros(2, 4)).shape == (2, 3)


@pytest.mark.parametrize("returned", ["x", "x[:, 0]", "x[:, None]"])
def test_another_number_of_members_is_an_outcome_that_says_so(returned: str) -> None:
    task = load_task("friedman")
    source = f"import torch\nclass Model(torch.nn.Module):\n    def forward(self, x):\n        return {returned}\n"
    outcome, _ = trained(task, 4, source)
    assert outcome.state == "crashed"
    assert "ValueError: an ensemble of 4 returns (batch, 4, …), and this model returned [128" in outcome.message


def test_members_travel_with_the_job() -> None:
    job = Job(0, {}, "", {}, 0, {"epochs": 1}, members=32)
    assert Job.from_json(job.to_json()) == job
