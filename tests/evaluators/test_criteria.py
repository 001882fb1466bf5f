"""Metrics against independent implementations."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from evaluators.tasks import Criterion, CrossEntropy, Reconstruction, SquaredError, task_from_arrays

ONE = torch.ones(())


def test_classification_against_sklearn() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(300, 5, generator=generator)
    target = torch.randint(0, 4, (300,), generator=generator)  # class 4 never occurs
    got = CrossEntropy(5).measure(logits, target, ONE)
    guesses = logits.argmax(1).numpy()
    assert list(got) == list(CrossEntropy(5).metrics)
    assert got["accuracy"] == pytest.approx(metrics.accuracy_score(target, guesses))
    recall = metrics.recall_score(target, guesses, average=None, labels=range(4), zero_division=0)
    assert got["balanced_accuracy"] == pytest.approx(float(np.mean(recall)))
    assert got["error"] == pytest.approx(1 - got["accuracy"])
    assert got["loss"] == pytest.approx(metrics.log_loss(target, logits.double().softmax(1), labels=range(5)), rel=1e-5)


def test_area_under_the_roc_curve_against_sklearn() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(0, 6, (400, 2), generator=generator).float()  # with many ties
    target = torch.randint(0, 2, (400,), generator=generator)
    criterion = CrossEntropy(2, auc=True)
    got = criterion.measure(logits, target, ONE)
    assert list(got) == list(criterion.metrics) == ["auc", *CrossEntropy(2).metrics]
    assert got["auc"] == pytest.approx(metrics.roc_auc_score(target, logits[:, 1] - logits[:, 0]))
    sure = torch.nn.functional.one_hot(target, 2).float()
    assert criterion.measure(sure, target, ONE)["auc"] == 1
    assert criterion.measure(-sure, target, ONE)["auc"] == 0
    assert criterion.measure(logits, torch.ones_like(target), ONE)["auc"] == 0.5


def test_logits_of_several_axes_are_flattened() -> None:
    logits, target = torch.randn(8, 2, 3), torch.arange(8) % 6
    assert CrossEntropy(6).loss(logits, target) == CrossEntropy(6).loss(logits.reshape(8, 6), target)


def test_regression_is_measured_in_the_users_units() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(100.0, 30.0, (200, 2)) * [1.0, 50.0]
    guess = truth + rng.normal(0, 5, (200, 2))
    task = task_from_arrays(
        rng.normal(size=(200, 3)), truth, split=np.array(["train"] * 100 + ["val"] * 50 + ["test"] * 50)
    )
    mean, scale = truth[:100].mean(0), truth[:100].std(0)
    output = torch.tensor((guess[100:150] - mean) / scale, dtype=torch.float32)
    resident = task.resident()
    got = SquaredError().measure(output.reshape(50, 1, 2), resident.validation.targets, resident.target_scale)
    expected, guesses = truth[100:150], guess[100:150]
    assert got["rmse"] == pytest.approx(math.sqrt(metrics.mean_squared_error(expected, guesses)), rel=1e-4)
    assert got["mae"] == pytest.approx(metrics.mean_absolute_error(expected, guesses), rel=1e-4)
    assert got["r2"] == pytest.approx(metrics.r2_score(expected, guesses), rel=1e-4)


def test_r2_of_a_column_that_never_varies() -> None:
    target = torch.stack([torch.arange(4.0), torch.zeros(4)], 1)
    assert SquaredError().measure(target.clone(), target, ONE)["r2"] == 0.5


def test_psnr_is_the_mean_over_batches_of_128() -> None:
    target, output = torch.rand(300, 6, 6, 1), torch.rand(300, 36)
    wrong = ((output - target.reshape(300, 36)) ** 2).numpy()
    batches = [10 * math.log10(1 / wrong[start : start + 128].mean()) for start in (0, 128, 256)]
    got = Reconstruction().measure(output, target, ONE)
    assert got["psnr"] == pytest.approx(float(np.mean(batches)), rel=1e-5)
    assert got["loss"] == pytest.approx(float(wrong.mean()), rel=1e-5)
    assert Reconstruction().measure(target, target, ONE)["psnr"] == pytest.approx(120)


@pytest.mark.parametrize("criterion", [CrossEntropy(3), SquaredError(), Reconstruction()])
def test_criteria_keep_their_contract(criterion: Criterion) -> None:
    assert isinstance(criterion, Criterion)
    assert set(criterion.metrics.values()) <= {"maximize", "minimize"}
    output = torch.randn(12, 3, requires_grad=True)
    target = torch.arange(12) % 3 if isinstance(criterion, CrossEntropy) else torch.randn(12, 3)
    loss = criterion.loss(output, target, 0.1)
    loss.backward()
    assert loss.shape == ()
    assert set(criterion.measure(output.detach(), target, ONE)) == set(criterion.metrics)
