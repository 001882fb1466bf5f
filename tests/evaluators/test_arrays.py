"""Tasks over arrays: kinds are guessed, the training part alone sets the scale, unusable numbers are refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from evaluators.tasks import task_from_arrays
from nas.errors import TaskError

RNG = np.random.default_rng(0)
X = RNG.normal(3.0, 5.0, (60, 4))
PARTS = np.array(["train"] * 40 + ["validation"] * 10 + ["test"] * 10)


@pytest.mark.parametrize(
    ("y", "kind", "outputs"),
    [
        (np.array(["b", "a", "c"] * 20), "classification", (3,)),
        (np.arange(60) % 3, "classification", (3,)),
        (np.arange(60) % 2 == 0, "classification", (2,)),
        (np.arange(60), "regression", (1,)),
        (np.arange(60) / 7, "regression", (1,)),
        (RNG.normal(size=(60, 2)), "regression", (2,)),
        (RNG.normal(size=(60, 4, 4, 1)), "regression", (4, 4, 1)),
    ],
)
def test_kinds(y: np.ndarray, kind: str, outputs: tuple[int, ...]) -> None:
    task = task_from_arrays(X, y)
    assert (task.kind, task.inputs, task.outputs) == (kind, ((4,),), (outputs,))


def test_class_names_keep_the_order_of_numbers() -> None:
    task = task_from_arrays(X, np.array([10, 9, 2] * 20))
    assert task.classes == ("2", "9", "10")


@pytest.mark.parametrize("standardise", ["columns", "whole"])
def test_only_the_training_part_sets_the_scale(standardise: Any) -> None:
    y = X @ np.ones(4)
    spoiled, wild = X.copy(), y.copy()
    spoiled[40:] *= 1000
    wild[40:] += 500
    one = task_from_arrays(X, y, split=PARTS, standardise=standardise)
    two = task_from_arrays(spoiled, wild, split=PARTS, standardise=standardise)
    assert np.array_equal(one.data.train.inputs[0], two.data.train.inputs[0])
    assert np.array_equal(one.data.train.targets, two.data.train.targets)
    assert np.array_equal(one.data.target_scale, two.data.target_scale)
    assert one.data.train.inputs[0].mean() == pytest.approx(0, abs=1e-6)


def test_gaps_are_filled_from_the_training_part() -> None:
    gaps = X.copy()
    gaps[0, 1] = gaps[45, 1] = np.nan
    y = X @ np.ones(4)
    task = task_from_arrays(gaps, y, split=PARTS, missing="mean")
    mean = gaps[1:40, 1].mean()
    known = (np.where(np.isnan(gaps), mean, gaps)[:40, 1] - mean).std()
    assert task.data.train.inputs[0][0, 1] == pytest.approx(0, abs=1e-6)
    assert task.data.validation.inputs[0][5, 1] == pytest.approx(0, abs=1e-6)
    assert task.data.train.inputs[0][1, 1] == pytest.approx((gaps[1, 1] - mean) / known, rel=1e-5)


def test_a_constant_column_only_loses_its_mean() -> None:
    x = X.copy()
    x[:, 2] = 7.3
    assert np.abs(task_from_arrays(x, np.arange(60) % 2).data.train.inputs[0][:, 2]).max() < 1e-6


def test_none_leaves_inputs_alone() -> None:
    task = task_from_arrays(X, np.arange(60) % 2, split=PARTS, standardise="none")
    assert np.array_equal(task.data.train.inputs[0], X[:40].astype(np.float32))


def test_several_inputs_and_flat_ones() -> None:
    task = task_from_arrays([X, X[:, 0], X.reshape(60, 2, 2)], np.arange(60) % 2)
    assert task.inputs == ((4,), (1,), (2, 2))
    assert [x.shape[1:] for x in task.resident().train.inputs] == [(4,), (1,), (2, 2)]


def test_a_task_travels() -> None:
    task = task_from_arrays(X, np.arange(60) % 2)
    task.resident()
    there = pickle.loads(pickle.dumps(task))
    assert np.array_equal(there.data.train.inputs[0], task.data.train.inputs[0])


BAD = X.copy()
BAD[17, 3] = np.nan
INFINITE = X.copy()
INFINITE[2, 0] = np.inf
LABELS = np.arange(60) % 2


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (
            BAD,
            LABELS,
            {},
            r"input 0 has 1 values that are not finite, the first is nan at \[17, 3\]; leave.*`missing: mean`",
        ),
        (INFINITE, LABELS, {"missing": "mean"}, r"the first is inf at \[2, 0\]"),
        (X, np.where(LABELS, np.nan, 1.5), {}, r"the target has 30 values that are not finite"),
        (X[:50], LABELS, {}, "input 0 has 50 samples, the targets have 60"),
        (X, LABELS, {"groups": np.arange(3)}, "groups has 3 samples, the targets have 60"),
        (X, LABELS, {"split": PARTS[:-1]}, "split has 59 samples, the targets have 60"),
        (X.astype(str), LABELS, {}, "input 0 should hold numbers, got <U"),
        (X[:, :0], LABELS, {}, r"input 0 is empty: shape \[60, 0\]"),
        ([], LABELS, {}, "a task needs at least one input array"),
        (X, np.array(3), {}, "targets need one entry per sample, got the single value"),
        (X, LABELS, {"features": ["a"]}, r"`features` names 1 columns of one input, the inputs are \[60, "),
        (X, np.zeros(60, int), {}, "classification needs at least 2 classes, all samples are 0"),
        (X, np.full(60, 2.5), {}, "the target is 2.5 for every training sample: nothing to learn"),
        (X, LABELS[:, None], {"kind": "classification"}, r"classes are one per sample, got targets of shape \[60, 1\]"),
        (X, LABELS.astype(str), {"kind": "regression"}, "the target should hold numbers"),
        (
            X,
            LABELS,
            {"kind": "clasification"},
            "`kind` is one of classification, regression.*did you mean `classification`",
        ),
        (X, LABELS, {"standardise": "column"}, "`standardise` is one of.*did you mean `columns`"),
        (X, LABELS, {"missing": "median"}, "`missing` is one of error, mean"),
    ],
)
def test_errors(x: Any, y: np.ndarray, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        task_from_arrays(x, y, **options)
