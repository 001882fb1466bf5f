"""Metrics of many members are those of each."""

from __future__ import annotations

import pytest
import torch

from evaluators.cohorts.metrics import measured
from evaluators.tasks.criteria import Criterion, CrossEntropy, SquaredError


@pytest.mark.parametrize(
    ("criterion", "target"),
    [
        (
            CrossEntropy(5),
            torch.randint(4, (70,), generator=torch.Generator().manual_seed(0)),
        ),  # one class never occurs
        (CrossEntropy(2, auc=True), torch.arange(70) % 2),
        (SquaredError(), torch.linspace(-1, 1, 140).view(70, 2)),
    ],
)
def test_as_one_by_one(criterion: Criterion, target: torch.Tensor) -> None:
    width = 5 if isinstance(criterion, CrossEntropy) and criterion.n_classes == 5 else 2
    generator = torch.Generator().manual_seed(1)
    outputs = [torch.randn(70, width, generator=generator) for _ in range(3)]
    scale = torch.ones(())
    for ours, output in zip(measured(criterion, outputs, target, scale), outputs, strict=True):
        expected = criterion.measure(output, target, scale)
        assert list(ours) == list(expected)
        assert ours == pytest.approx(expected, rel=1e-6)


def test_a_member_that_diverged_changes_no_other() -> None:
    outputs = [torch.full((9, 3), torch.nan), torch.eye(3).repeat(3, 1)]
    bad, good = measured(CrossEntropy(3), outputs, torch.arange(9) % 3, torch.ones(()))
    assert bad["loss"] != bad["loss"]
    assert good["accuracy"] == 1.0
