"""Shipped tasks: what the registry says is what the data are; the test part stays sealed; nothing is downloaded."""

from __future__ import annotations

import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from evaluators.tasks import TASKS, load_task, shipped
from nas.errors import TaskError

NAMES = sorted(TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_metadata_is_what_the_data_are(name: str) -> None:
    task = load_task(name)
    for part in (task.data.train, task.data.validation, task.open_test("a test of the data")):
        assert tuple(array.shape[1:] for array in part.inputs) == task.inputs
        assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in part.inputs)
        if task.kind == "classification":
            assert set(np.unique(part.targets)) == set(range(len(task.classes)))
            assert task.outputs == ((len(task.classes),),)
        else:
            assert part.targets.shape[1:] == task.outputs[0]
            assert part.targets.dtype == np.float32
    assert task.headline == next(iter(task.metrics))
    assert task.doc
    assert task.source


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_the_same_each_time_and_disjoint(name: str) -> None:
    one, two = load_task(name).data, load_task(name).data
    assert np.array_equal(one.train.inputs[0], two.train.inputs[0])
    assert np.array_equal(one.validation.inputs[0], two.validation.inputs[0])
    rows = [{x.tobytes() for x in part.inputs[0]} for part in (one.train, one.validation, one.test.open("disjoint?"))]
    assert not rows[0] & rows[1]
    assert not (rows[0] | rows[1]) & rows[2]


def test_another_split_seed_is_another_division() -> None:
    one, two = load_task("digits"), load_task("digits", {"split_seed": 1})
    assert not np.array_equal(one.data.train.targets, two.data.train.targets)


@pytest.mark.parametrize("name", ["mnist1d", "digits", "mnist5k", "diabetes", "digits/graph", "clicks"])
def test_training_inputs_are_standardised(name: str) -> None:
    x = load_task(name).data.train.inputs[0]
    assert abs(x.mean()) < 1e-5
    assert x.std() == pytest.approx(1, abs=1e-5)


def test_mnist1d_is_generated_as_its_package_does_and_never_downloaded(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a download was tried")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    np.random.seed(3)
    expected = np.random.random()
    np.random.seed(3)
    task = load_task("mnist1d")
    assert len(task.data.train) == 3200
    assert np.random.random() == expected, "numpy's global random state was disturbed"
    arrays = shipped._arrays(TASKS["mnist1d"])
    assert arrays["x"][:4000].sum() == pytest.approx(-51.78746787509559)
    test = task.open_test("which samples are they?")
    assert np.array_equal(test.targets, arrays["y"][4000:])


def test_mnist1d_shuffled_has_the_same_numbers_in_one_other_order() -> None:
    plain, shuffled = (load_task(name).data.train.inputs[0] for name in ("mnist1d", "mnist1d/shuffled"))
    order = [int(np.flatnonzero((plain == column[:, None]).all(0))[0]) for column in shuffled.T]
    assert sorted(order) == list(range(40))
    assert order != list(range(40))


def test_denoising_has_fresh_noise_in_training_and_fixed_noise_elsewhere() -> None:
    task = load_task("mnist5k/denoise")
    clean = task.resident().train
    assert torch.equal(clean.inputs[0], clean.targets)
    assert task.augment is not None
    one = task.augment(clean.inputs, torch.Generator().manual_seed(0))[0]
    two = task.augment(clean.inputs, torch.Generator().manual_seed(1))[0]
    again = task.augment(clean.inputs, torch.Generator().manual_seed(0))[0]
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    assert one.min() == 0
    assert one.max() == 1
    validation = task.resident().validation
    assert validation.inputs[0].min() == 0
    grey = (validation.targets > 0.4) & (validation.targets < 0.6)
    assert (validation.inputs[0] - validation.targets)[grey].std() == pytest.approx(0.25, abs=0.02)


def test_names_and_shapes_cost_neither_torch_nor_data() -> None:
    program = (
        "import sys, evaluators.tasks as t; [(e.doc, e.inputs, e.make().metrics, e.make().headline) for e in t.TASKS.values()];"
        "print([m for m in ('torch', 'sklearn', 'mlxtend', 'mnist1d', 'pandas', 'pyarrow', 'PIL', 'datasets', 'ray') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise shipped.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(shipped.metadata, "version", missing)
    with pytest.raises(TaskError, match=r"task `mnist1d` needs the package mnist1d: pip install mnist1d"):
        load_task("mnist1d").data  # noqa: B018


def test_the_test_part_of_mnist1d_cannot_be_chosen() -> None:
    with pytest.raises(TaskError, match=r"`mnist1d` has its test samples from its source; `test` cannot be set"):
        load_task("mnist1d", {"test": 0.1})


def test_the_seal() -> None:
    task = load_task("digits")
    assert repr(task.data.test) == "SealedSplit(359 samples, sealed)"
    assert not [name for name in dir(task.data.test) if not name.startswith("_") and name not in ("open", "openings")]
    with pytest.raises(TaskError, match="the test split is sealed: say why"):
        task.open_test(" ")
    task.open_test("confirm trial 12")
    assert [opening.reason for opening in task.data.test.openings] == ["confirm trial 12"]
    assert repr(task.data.test) == "SealedSplit(359 samples, opened 1 times)"
    resident = task.resident()
    assert len(resident.train) + len(resident.validation) == 1797 - 359


def test_views() -> None:
    task = load_task("digits").reshaped([(64,)], [(2, 5)])
    assert task.inputs == ((64,),)
    assert task.resident().train.inputs[0].shape[1:] == (64,)
    assert task.resident() is task.resident()
    with pytest.raises(TaskError, match=r"`digits` has input shapes \[8, 8, 1\], which cannot be viewed as \[65\]"):
        task.__class__.reshaped(load_task("digits"), [(65,)], [(10,)])
    with pytest.raises(TaskError, match=r"output shapes \[10\], which cannot be viewed as \[5\] and \[2\]"):
        load_task("digits").reshaped([(64,)], [(5,), (2,)])
