"""Tasks that give images for images: halving against torch's own filter, class images, what an exported model carries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from evaluators.tasks import Reconstruction, load_task
from evaluators.tasks.generation import generation
from evaluators.tasks.super_resolution import halved
from nas.experiment.described import described

pytest.importorskip("mlxtend")


def test_halving_is_the_bicubic_filter_of_torch_clamped() -> None:
    images = np.random.default_rng(0).random((3, 28, 20, 2))
    channels_first = torch.from_numpy(images).permute(0, 3, 1, 2)
    expected = interpolate(channels_first, scale_factor=0.5, mode="bicubic", antialias=True).clamp(0, 1)
    assert halved(images) == pytest.approx(expected.permute(0, 2, 3, 1).numpy(), abs=1e-12)
    assert halved(np.ones((1, 8, 8, 1))) == pytest.approx(np.ones((1, 4, 4, 1)), abs=1e-12)


@pytest.mark.slow
def test_super_resolution_is_from_half_the_pixels_of_the_same_image() -> None:
    task = load_task("mnist5k/super-resolution")
    assert task.inputs == ((14, 14, 1),)
    assert task.outputs == ((28, 28, 1),)
    assert (len(task.data.train), len(task.data.validation)) == (3200, 800)
    for part in (task.data.train, task.data.validation, task.open_test("a test of the data")):
        assert part.inputs[0] == pytest.approx(halved(part.targets), abs=1e-6)
        assert part.targets.min() == 0
        assert part.targets.max() == 1


def test_generation_is_to_the_first_training_image_of_the_class() -> None:
    images = np.arange(6, dtype=float).reshape(6, 1, 1, 1)
    parts = {"train": np.array([1, 3, 4]), "validation": np.array([0, 2]), "test": np.array([5])}
    data = generation(images, np.array([7, 2, 2, 7, 2, 7]), parts)
    assert data.train.targets.ravel().tolist() == [1, 3, 1]
    assert data.validation.inputs[0].ravel().tolist() == [0, 2]
    assert data.validation.targets.ravel().tolist() == [3, 1]
    assert data.test.open("a test of the data").targets.ravel().tolist() == [3]


def test_there_is_one_image_for_each_class_of_mnist() -> None:
    task = load_task("mnist5k/generate")
    found = [np.unique(part.targets.reshape(len(part), -1), axis=0) for part in (task.data.train, task.data.validation)]
    assert np.array_equal(*found)
    assert len(found[0]) == 10
    trained = {image.tobytes() for image in task.data.train.inputs[0]}
    assert all(image.tobytes() in trained for image in found[0])


@pytest.mark.parametrize("name", ["mnist5k/super-resolution", "mnist5k/generate"])
def test_metrics_and_what_an_exported_model_says(name: str) -> None:
    task = load_task(name)
    assert task.criterion == Reconstruction()
    assert list(task.metrics.items()) == [("psnr", "maximize"), ("loss", "minimize")]
    assert task.augment is None
    carried = described(task.reshaped([(task.data.train.inputs[0][0].size,)], task.outputs))
    assert not carried.functions()
    assert carried.notes() == {"inputs": "used as they are in the task's data"}
