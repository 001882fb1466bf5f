"""A user's `.npz` file as a task."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.arrays import Kind, Missing, Standardise, task_from_arrays
from evaluators.tasks.task import Task
from nas.errors import TaskError, nearest

PARTS = ("train", "validation", "test")


def task_from_npz(
    path: Path,
    *,
    inputs: str | Sequence[str] = "x",
    target: str = "y",
    fields: str | Sequence[str] = (),
    groups: str | None = None,
    split: str | None = None,
    kind: Kind | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    split_seed: int = 0,
    standardise: Standardise | None = None,
    missing: Missing = "error",
) -> Task:
    """A task over the arrays of `path`.

    Args:
        path: the file. Instead of one array per name it may hold `NAME_train`, `NAME_test`, perhaps `NAME_validation`.
        inputs: name of the input array, or names of several.
        target: name of the array to predict.
        fields: name of an array of words or whole numbers, or names of several, turned into codes for embeddings: the last
            input. An array of two axes has a field in each column.
        groups: name of an array with the group of each sample.
        split: name of an array of `train`, `validation`, `test`.
        kind, test, validation, split_seed, standardise, missing: as in `task_from_arrays`.
    Raises: TaskError: the file or an array is missing or unreadable, or what `task_from_arrays` finds.
    """
    names = [inputs] if isinstance(inputs, str) else list(inputs)
    coded = [fields] if isinstance(fields, str) else list(fields)
    wanted = [*names, *coded, target]
    stored = _read(path)
    parted = [part for part in PARTS if f"{target}_{part}" in stored]
    if target not in stored and "train" in parted:
        if split is not None or groups is not None:
            raise TaskError(
                f"{path}: the arrays are divided already (`{target}_train`, …); `split` and `groups` do not apply"
            )
        arrays = {name: np.concatenate([_array(stored, f"{name}_{part}", path) for part in parted]) for name in wanted}
        given: NDArray[Any] | None = np.concatenate([np.full(len(stored[f"{target}_{part}"]), part) for part in parted])
    else:
        arrays = {name: _array(stored, name, path) for name in wanted}
        given = None if split is None else _array(stored, split, path)
    return task_from_arrays(
        [arrays[name] for name in names],
        arrays[target],
        name=path.name,
        kind=kind,
        groups=None if groups is None else _array(stored, groups, path),
        split=given,
        test=test,
        validation=validation,
        split_seed=split_seed,
        standardise=standardise,
        missing=missing,
        fields={name: arrays[name] for name in coded} or None,
    )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        if "Object arrays" in str(error):
            raise TaskError(
                f"{path}: holds an array of Python objects, which is never unpickled; save numbers or text: "
                "np.asarray(y, dtype=…)"
            ) from None
        raise TaskError(f"{path}: not a readable .npz file, as np.savez writes it ({error})") from None


def _array(stored: dict[str, NDArray[Any]], name: str, path: Path) -> NDArray[Any]:
    if name not in stored:
        known = ", ".join(f"{key} {list(array.shape)}" for key, array in stored.items())
        raise TaskError(f"{path}: no array `{name}`{nearest(name, stored)}; the file holds {known or 'nothing'}")
    array = stored[name]
    if array.ndim == 0:
        raise TaskError(f"{path}: array `{name}` is the single value {array[()]!r}; it needs one entry per sample")
    return array
