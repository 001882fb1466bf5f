"""A data set of Hugging Face's `datasets` as a task: one that `save_to_disk` wrote, or one that the library knows by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.arrays import Kind, Missing, Standardise, task_from_arrays
from evaluators.tasks.images import Color, images_as_array
from evaluators.tasks.installed import installed
from evaluators.tasks.splits import PARTS
from evaluators.tasks.table import listed
from evaluators.tasks.task import Task
from nas.errors import TaskError, nearest

LABELS = ("label", "labels")


def task_from_hugging_face(
    name: str,
    folder: Path,
    *,
    config: str | None = None,
    split: str | Mapping[str, str] | None = None,
    x: str | Sequence[str] | None = None,
    y: str | None = None,
    groups: str | None = None,
    color: Color | None = None,
    size: tuple[int, int] | None = None,
    kind: Kind | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    split_seed: int = 0,
    standardise: Standardise | None = None,
    missing: Missing = "error",
) -> Task:
    """A task over columns of the data set. Whether anything is downloaded is between the user and their library.

    Args:
        name: a folder that `save_to_disk` wrote, or what `load_dataset` takes, which looks into its cache first.
        folder: that relative paths start from.
        config: of a data set that has several.
        split: the name of one, which is divided here, or which name is `train`, `validation` and `test`; None: by those
            names. Splits of other names are left out.
        x: column to predict from, or several. Columns of numbers make one input together, each column of images or of
            lists makes one. None: the images, or where there are none all columns but `y` and `groups`.
        y: column to predict; None: `label` or `labels`.
        groups: column with the group of each sample; a group stays in one part.
        color, size: of images, as in `images_as_array`.
        kind, test, validation, split_seed, standardise, missing: as in `task_from_arrays`.
    Raises: TaskError: the library is not installed or does not find the data; a column is missing or holds something else;
        or what `images_as_array` and `task_from_arrays` find.
    """
    what = f"hf:{Path(name).name}"
    names = [x] if isinstance(x, str) else x
    if names is not None and not (isinstance(names, Sequence) and all(isinstance(column, str) for column in names)):
        raise TaskError(f"{what}: `x` names a column or several, got {x!r}")
    for option, column in (("y", y), ("groups", groups)):
        if column is not None and not isinstance(column, str):
            raise TaskError(f"{what}: `{option}` names a column, got {column!r}")
    parts = _parts(_loaded(name, folder, config, what), split, what)
    features = next(iter(parts.values())).features
    if y is None and not any(label in features for label in LABELS):
        raise TaskError(f"{what}: say which column to predict: `y: COLUMN`; it has {listed(list(features))}")
    target = y if y is not None else next(label for label in LABELS if label in features)
    if names is None:
        others = [column for column in features if column not in (target, groups)]
        names = [column for column in others if _is_image(features[column])] or others
    wanted = dict.fromkeys([*names, target, *([] if groups is None else [groups])])
    for part, one in parts.items():
        for column in wanted:
            if column not in one.features:
                raise TaskError(
                    f"{what}: no column `{column}`{f' in the split of {part}' if part else ''}"
                    f"{nearest(str(column), one.features)}; it has {listed(list(one.features))}"
                )
    if not names or target in names:
        raise TaskError(f"{what}: `x` is one or more columns other than `{target}`, got {listed(list(names))}")
    columns = _Columns(parts, list(wanted), color, size, what)
    arrays = {column: columns.read(column) for column in names}
    inputs = _inputs(arrays)
    task = task_from_arrays(
        list(inputs.values()),
        columns.read(target, words=True),
        name=what,
        kind=kind,
        groups=None if groups is None else columns.read(groups, words=True),
        split=columns.split,
        test=test,
        validation=validation,
        split_seed=split_seed,
        standardise=standardise,
        missing=missing,
        features=next(iter(inputs)) if all(array.ndim == 1 for array in arrays.values()) else (),
    )
    return replace(task, columns=tuple(inputs))


def _loaded(name: str, folder: Path, config: str | None, what: str) -> Any:
    datasets = installed("datasets", "datasets", f"task `{what}`")
    path = folder / name
    try:
        return datasets.load_from_disk(str(path)) if path.is_dir() else datasets.load_dataset(name, config)
    except Exception as error:  # of the library, its builders and its network, who share no class
        how = "load_from_disk" if path.is_dir() else "load_dataset"
        raise TaskError(f"{what}: datasets.{how} does not find it: {error}") from error


def _parts(loaded: Any, split: str | Mapping[str, str] | None, what: str) -> dict[str, Any]:
    """What is to be `train`, `validation` and `test`; under an empty name what is to be divided."""
    if not isinstance(loaded, Mapping):
        if split is not None:
            raise TaskError(f"{what}: has no named splits, so `split` does not apply")
        return {"": loaded}
    if isinstance(split, str):
        chosen = {"": split}
    elif split is None:
        chosen = {PARTS[name.lower()]: name for name in loaded if name.lower() in PARTS}
        if len(loaded) == 1:
            chosen = {"": next(iter(loaded))}
        elif "train" not in chosen:
            raise TaskError(f"{what}: say which split to learn from: `split: NAME`; it has {listed(list(loaded))}")
    elif isinstance(split, Mapping) and "train" in split and set(split) <= set(PARTS.values()):
        chosen = dict(split)
    else:
        raise TaskError(
            f"{what}: `split` is a name, or names for `train`, and perhaps `validation` and `test`, got {split!r}"
        )
    for name in chosen.values():
        if not isinstance(name, str) or name not in loaded:
            raise TaskError(f"{what}: no split `{name}`{nearest(str(name), loaded)}; it has {listed(list(loaded))}")
    return {part: loaded[name] for part, name in chosen.items()}


class _Columns:
    """The columns of all parts, one part after the other."""

    def __init__(
        self,
        parts: Mapping[str, Any],
        columns: list[str],
        color: Color | None,
        size: tuple[int, int] | None,
        what: str,
    ) -> None:
        datasets = installed("datasets", "datasets", f"task `{what}`")
        try:
            self._whole = datasets.concatenate_datasets([part.select_columns(columns) for part in parts.values()])
        except ValueError as error:
            raise TaskError(f"{what}: its splits do not fit together: {error}") from None
        self._owners = np.concatenate([np.full(len(one), part) for part, one in parts.items()])
        self._color, self._size, self._what = color, size, what

    @property
    def split(self) -> NDArray[np.str_] | None:
        """The part of each sample; None: they are to be divided."""
        return None if (self._owners == "").all() else self._owners

    def read(self, column: str, *, words: bool = False) -> NDArray[Any]:
        """`(n, ...)` numbers; images are from 0 to 1; words and names of classes where `words` are allowed."""
        feature = self._whole.features[column]
        one = self._whole.select_columns([column])
        kind, dtype = type(feature).__name__, _dtype(feature)
        if _is_image(feature):
            images = (
                (f"{self._what}, sample {i} of `{column}`", partial(_cell, one, i, column)) for i in range(len(one))
            )
            return images_as_array(images, color=self._color, size=self._size, name=self._what)
        if words and kind == "ClassLabel":
            numbers = [-1 if number is None else number for number in one[:][column]]
            self._require([number >= 0 for number in numbers], column, "no class")
            return np.array([feature.names[number] for number in numbers])
        if words and dtype in ("string", "large_string"):
            cells = one[:][column]
            self._require([isinstance(cell, str) for cell in cells], column, "no word")
            return np.array(cells)
        if not dtype.startswith(("int", "uint", "float", "bool")):
            raise TaskError(
                f"{self._what}: column `{column}` holds {dtype or kind}, and inputs are images, numbers or lists of numbers; "
                "say which columns to predict from: `x: [COLUMN, …]`"
            )
        double = {"dtype": np.float64} if dtype.startswith("float") else {}
        array = np.asarray(one.with_format("numpy", **double)[:][column])
        if array.dtype == object:
            raise TaskError(f"{self._what}: column `{column}` has lists of different lengths, or none in some sample")
        return array

    def _require(self, present: Sequence[bool], column: str, what: str) -> None:
        """Raises: TaskError: a sample has no value in the column."""
        gaps = np.flatnonzero(~np.array(present))
        if len(gaps):
            owner = self._owners[gaps[0]]
            of = f" of {owner}" if owner else ""
            raise TaskError(
                f"{self._what}: {len(gaps)} samples have {what} in `{column}`, the first is sample {gaps[0]}{of}. A part "
                "without labels can be left out: `split: {train: NAME}`"
            )


def _inputs(arrays: Mapping[str, NDArray[Any]]) -> dict[tuple[str, ...], NDArray[Any]]:
    """By its columns one input of all numbers, where the first of them stands, and one for each other array."""
    numeric = tuple(column for column, array in arrays.items() if array.ndim == 1)
    inputs: dict[tuple[str, ...], NDArray[Any]] = {}
    for column, array in arrays.items():
        if array.ndim > 1:
            inputs[(column,)] = array
        elif column == numeric[0]:
            inputs[numeric] = np.stack([arrays[other] for other in numeric], axis=1)
    return inputs


def _cell(one: Any, sample: int, column: str) -> Any:
    return one[sample][column]


def _is_image(feature: Any) -> bool:
    return type(feature).__name__ == "Image"


def _dtype(feature: Any) -> str:
    """Of the numbers or words in it, or in the lists in it; empty where it has parts with names."""
    while hasattr(feature, "feature"):
        feature = feature.feature
    return str(getattr(feature, "dtype", ""))
