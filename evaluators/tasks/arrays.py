"""From plain arrays to a task: what kind it is, whether the numbers are usable, splits, standardisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.criteria import Criterion, CrossEntropy, SquaredError
from evaluators.tasks.fields import coded
from evaluators.tasks.splits import divide
from evaluators.tasks.task import Data, SealedSplit, Split, Standardised, Task
from nas.errors import TaskError, nearest

Array = NDArray[Any]
Kind = Literal["classification", "regression"]
Standardise = Literal["columns", "whole", "none"]
Missing = Literal["error", "mean"]

# Whole numbers with more values than this, or with fewer samples of each, are quantities unless the user says otherwise.
MOST_CLASSES_GUESSED = 20
FEWEST_SAMPLES_GUESSED = 3


def task_from_arrays(
    inputs: Array | Sequence[Array],
    targets: Array,
    *,
    name: str = "arrays",
    doc: str = "",
    kind: Kind | None = None,
    groups: Array | None = None,
    split: Array | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    split_seed: int = 0,
    standardise: Standardise | None = None,
    missing: Missing = "error",
    criterion: Criterion | None = None,
    features: Sequence[str] = (),
    fields: Mapping[str, Array] | None = None,
) -> Task:
    """A task over arrays in memory; splits and standardisation are made here, from the training part alone.

    Args:
        inputs: `(n, ...)` numbers, or several such arrays, one per model input; `(n,)` counts as `(n, 1)`.
        targets: `(n,)` classes (text, whole numbers, truth values) or `(n, ...)` numbers.
        name: for messages.
        doc: one line for people.
        kind: guessed when None: text, truth values, and whole numbers of at most 20 values with 3 samples each on average,
            are classes.
        groups: `(n,)`; samples of one group stay in one part.
        split: `(n,)` of `train`, `validation`, `test`.
        test: share of all samples, unless `split` says which.
        validation: share of what is not test, unless `split` says which.
        split_seed: of the division.
        standardise: input numbers by `columns`, as a `whole`, or not at all (`none`); None: columns for samples of one
            axis, the whole otherwise. Regression targets are always standardised; metrics are in their own units.
        missing: NaN in an input is an `error`, or becomes the `mean` of its place over the training samples.
        criterion: a user's own loss and metrics.
        features: names of the columns of the only input, for those who read an exported model.
        fields: name → `(n,)` or `(n, k)` words or whole numbers, each column a category. They become the last input: codes
            from 0 in the order of the sorted words, for embeddings.
    Raises: TaskError: lengths disagree, a number is missing or not finite, there are too few samples or classes, an option
        is out of range.
    """
    one_of("kind", kind, get_args(Kind), name)
    one_of("standardise", standardise, get_args(Standardise), name)
    one_of("missing", missing, get_args(Missing), name)
    listed = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    gaps = missing == "mean"
    arrays = [finite(np.asarray(array), f"input {number}", name, gaps) for number, array in enumerate(listed)]
    if not arrays and fields is None:
        raise TaskError(f"{name}: a task needs at least one input array")
    arrays = [array[:, None] if array.ndim == 1 else array for array in arrays]
    targets = np.asarray(targets)
    if targets.ndim == 0:
        raise TaskError(f"{name}: targets need one entry per sample, got the single value {targets!r}")
    for what, array in [*((f"input {i}", a) for i, a in enumerate(arrays)), ("groups", groups), ("split", split)]:
        if array is not None and len(array) != len(targets):
            raise TaskError(f"{name}: {what} has {len(array)} samples, the targets have {len(targets)}")
    if features and [len(features)] != [array.shape[1] if array.ndim == 2 else 0 for array in arrays]:
        shapes = " and ".join(str(list(array.shape)) for array in arrays)
        raise TaskError(f"{name}: `features` names {len(features)} columns of one input, the inputs are {shapes}")
    codes, categories = (None, ()) if fields is None else coded(fields, len(targets), name)
    kind = kind or guessed_kind(targets)
    classes: tuple[str, ...] = ()
    if kind == "classification":
        targets, classes = class_numbers(targets, name)
    else:
        targets = finite(targets, "the target", name)
        targets = targets[:, None] if targets.ndim == 1 else targets
    parts = divide(
        len(targets),
        labels=np.array(classes)[targets] if classes else None,
        groups=groups,
        given=split,
        test=test,
        validation=validation,
        seed=split_seed,
        name=name,
    )
    data = prepare(arrays, targets, parts, codes=codes, standardise=standardise, regression=not classes, name=name)
    words = ", ".join(f"{field.name} ({len(field.words)} words)" for field in categories)
    return Task(
        name=name,
        doc=doc or f"{kind} of {len(targets)} samples" + (f"; fields: {words}" if words else ""),
        kind=kind,
        inputs=tuple(array.shape[1:] for array in data.train.inputs),
        outputs=((len(classes),) if classes else targets.shape[1:],),
        criterion=criterion or (CrossEntropy(len(classes)) if classes else SquaredError()),
        load=partial(_itself, data),
        classes=classes,
        features=tuple(map(str, features)),
        fields=categories,
    )


def prepare(
    arrays: Sequence[Array],
    targets: Array,
    parts: dict[str, NDArray[np.int64]],
    *,
    codes: Array | None = None,
    standardise: Standardise | None = None,
    regression: bool = False,
    name: str = "data",
) -> Data:
    """Divide and standardise. What is subtracted and divided by comes from the training part alone.

    Args:
        arrays: `(n, ...)` each; NaN becomes the mean of its place over the training samples.
        targets: `(n,)` class numbers, or `(n, ...)` quantities where `regression`.
        parts: as `divide` gives.
        codes: `(n, fields)` whole numbers, the last input, which stay as they are.
    Raises: TaskError: a regression target that never varies in the training part.
    """
    train = parts["train"]
    scaled = []
    done = []
    for array in arrays:
        array, fill = _filled(array, train)
        mode = standardise or ("columns" if array.ndim == 2 else "whole")
        centre = spread = None
        if mode != "none":
            array, centre, spread = rescaled(array, train, mode == "columns")
        scaled.append(array)
        done.append(Standardised(centre, spread, fill))
    if codes is not None:
        scaled.append(codes)
        done.append(Standardised())
    scale = np.ones((), np.float32)
    mean: Array | None = None
    if regression:
        if np.ptp(targets[train], axis=0).max() == 0:
            raise TaskError(
                f"{name}: the target is {targets[train].flat[0]:g} for every training sample: nothing to learn"
            )
        targets, mean, scale = rescaled(targets, train, targets.ndim == 2)
    whole = [array.astype(np.float32) for array in scaled]
    wanted = targets.astype(np.float32 if regression else np.int64)
    splits = {part: Split(tuple(a[where] for a in whole), wanted[where]) for part, where in parts.items()}
    test = SealedSplit(splits["test"])
    return Data(splits["train"], splits["validation"], test, scale.astype(np.float32), mean, tuple(done))


def _itself(data: Data) -> Data:
    """What a task over arrays in memory calls to load them; a named function, so that the task can be pickled."""
    return data


def _filled(array: Array, train: NDArray[np.int64]) -> tuple[Array, Array | None]:
    """Without NaN, and what took its place: the mean over the training samples; None where there was no NaN."""
    gaps = np.isnan(array)
    if not gaps.any():
        return array, None
    known = ~gaps[train]
    means = np.where(gaps[train], 0.0, array[train]).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(gaps, means, array), means


def rescaled(array: Array, train: NDArray[np.int64], columns: bool) -> tuple[Array, Array, Array]:
    """Zero mean and unit spread over the training samples, and both as they were; what never varies only loses its mean."""
    axis = 0 if columns else None
    known = array[train].astype(np.float64)
    mean, spread = known.mean(axis), known.std(axis)
    flat = spread <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    spread = np.where(flat, 1.0, spread)
    return (array - mean) / spread, mean, spread


def finite(array: Array, what: str, name: str, gaps: bool = False) -> Array:
    """`array` as float64, all finite, or NaN where `gaps` are allowed."""
    if array.dtype.kind not in "buif":
        raise TaskError(f"{name}: {what} should hold numbers, got {array.dtype} such as {array.flat[0]!r}")
    if array.ndim == 0 or array.size == 0:
        raise TaskError(f"{name}: {what} is empty: shape {list(array.shape)}")
    array = array.astype(np.float64)
    wrong = np.argwhere(np.isinf(array) if gaps else ~np.isfinite(array))
    if len(wrong):
        place = ", ".join(map(str, wrong[0].tolist()))
        raise TaskError(
            f"{name}: {what} has {len(wrong)} values that are not finite, the first is {array[tuple(wrong[0])]} at "
            f"[{place}]; leave those samples out, or fill inputs in with `missing: mean`"
        )
    return array


def guessed_kind(targets: Array) -> Kind:
    if targets.dtype.kind in "USOb":
        return "classification"
    if targets.dtype.kind not in "ui" or targets.ndim != 1:
        return "regression"
    values = len(np.unique(targets))
    few = values <= min(MOST_CLASSES_GUESSED, len(targets) / FEWEST_SAMPLES_GUESSED)
    return "classification" if few else "regression"


def class_numbers(targets: Array, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class numbers and the names of the classes: numbers in their order, text alphabetically."""
    if targets.ndim != 1:
        raise TaskError(f"{name}: classes are one per sample, got targets of shape {list(targets.shape)}")
    if targets.dtype.kind == "f":
        finite(targets, "the target", name)
    if targets.dtype.kind == "O":
        targets = targets.astype(str)
    values, numbers = np.unique(targets, return_inverse=True)
    if len(values) < 2:
        raise TaskError(f"{name}: classification needs at least 2 classes, all samples are {values.tolist()[0]!r}")
    return numbers.astype(np.int64), tuple(map(str, values.tolist()))


def one_of(option: str, value: object, known: Sequence[str], name: str) -> None:
    if value is not None and value not in known:
        raise TaskError(f"{name}: `{option}` is one of {', '.join(known)}, got {value!r}{nearest(str(value), known)}")
