"""A data set of torchvision as a task. Its published test part is the sealed one."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.arrays import Kind, Standardise, task_from_arrays
from evaluators.tasks.images import Color, images_as_array
from evaluators.tasks.installed import installed
from evaluators.tasks.splits import PARTS
from evaluators.tasks.task import Task
from nas.errors import TaskError, nearest


def task_from_torchvision(
    name: str,
    folder: Path,
    *,
    root: str = "data",
    download: bool = False,
    split: Mapping[str, str] | None = None,
    arguments: Mapping[str, Any] | None = None,
    color: Color | None = None,
    size: tuple[int, int] | None = None,
    kind: Kind | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    split_seed: int = 0,
    standardise: Standardise | None = None,
) -> Task:
    """A task over `torchvision.datasets.NAME`, with images `(height, width, channels)`.

    Args:
        name: of the class.
        folder: that a relative `root` starts from.
        root: the folder with the data, as torchvision keeps them.
        download: let torchvision fetch them into `root`; otherwise nothing is downloaded.
        split: the class's names of `train`, `validation` and `test`, where it knows its parts by name.
        arguments: more for the class, such as `split: letters` of EMNIST.
        color, size: as in `images_as_array`.
        kind, split_seed, standardise: as in `task_from_arrays`.
        test: share of all samples, where the class knows no parts.
        validation: share of what is not test.
    Raises: TaskError: torchvision is not installed, has no such data set, or does not find the data; or what
        `images_as_array` and `task_from_arrays` find.
    """
    what = f"torchvision:{name}"
    if not isinstance(root, str):
        raise TaskError(f"{what}: `root` is the folder with the data, got {root!r}")
    if not isinstance(download, bool):
        raise TaskError(f"{what}: `download` is true or false, got {download!r}")
    if not isinstance(arguments or {}, Mapping):
        raise TaskError(f"{what}: `arguments` maps names to values, such as {{split: letters}}, got {arguments!r}")
    make = _class(name, what)
    fixed = {"root": str(folder / Path(root).expanduser()), **(arguments or {})}
    known = _parameters(make)
    if "download" in known:
        fixed["download"] = download
    elif download:
        raise TaskError(f"{what}: torchvision cannot download it; put it where `root` says, as torchvision describes")
    parts: dict[str, Any] = {}
    for part, which in _divided(known, split, fixed, what).items():
        try:
            parts[part] = make(**fixed, **which)
        except Exception as error:  # what is missing, damaged or not allowed: each class says it in its own way
            raise TaskError(
                f"{what}: {error}\nIts data are looked for in {fixed['root']}: `root: FOLDER` says where they are"
                + (", `download: true` fetches them" if "download" in known and not download else "")
            ) from error
    targets: list[Any] = []

    def opened(one: Any, sample: int) -> Any:
        image, target = one[sample]
        targets.append(target)
        return image

    images = (
        (f"{what}, sample {i} of {part or 'all'}", partial(opened, one, i))
        for part, one in parts.items()
        for i in range(len(one))
    )
    array = images_as_array(images, color=color, size=size, name=what)
    return task_from_arrays(
        array,
        _named(targets, getattr(next(iter(parts.values())), "classes", None) or (), what),
        name=what,
        kind=kind,
        split=None if "" in parts else np.concatenate([np.full(len(one), part) for part, one in parts.items()]),
        test=test,
        validation=validation,
        split_seed=split_seed,
        standardise=standardise,
    )


def _class(name: str, what: str) -> Any:
    datasets = installed("torchvision.datasets", "torchvision", f"task `{what}`")
    classes = [key for key, value in vars(datasets).items() if isinstance(value, type)]
    if name not in classes:
        raise TaskError(f"{what}: torchvision.datasets has no `{name}`{nearest(name, classes)}")
    return getattr(datasets, name)


def _parameters(make: type) -> set[str]:
    """What the class takes, also what it hands on as `**kwargs` to the class that it is derived from."""
    known: set[str] = set()
    for base in make.__mro__:
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            known |= set(parameters)
            if not any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
                break
    return known


def _divided(
    known: set[str], split: Mapping[str, str] | None, fixed: Mapping[str, Any], what: str
) -> dict[str, dict[str, Any]]:
    """Part → the arguments that ask for it; under an empty name what is to be divided here."""
    named = "split" in known and "split" not in fixed and "train" not in known
    if split is not None and not named:
        raise TaskError(f"{what}: does not know its parts by name, so `split` does not apply")
    if "train" in known:
        return {"train": {"train": True}, "test": {"train": False}}
    if not named:
        return {"": {}}
    if split is None:
        return {"train": {"split": "train"}, "test": {"split": "test"}}
    if not isinstance(split, Mapping) or "train" not in split or not set(split) <= set(PARTS.values()):
        raise TaskError(f"{what}: `split` names its `train`, and perhaps `validation` and `test`, got {split!r}")
    return {part: {"split": value} for part, value in split.items()}


def _named(targets: list[Any], names: Sequence[Any], what: str) -> NDArray[Any]:
    """Names of classes where there is one for each number, and no two are equal; else the numbers."""
    numbers = np.asarray(targets)
    if numbers.dtype.kind not in "biuf":
        raise TaskError(
            f"{what}: its targets are no numbers, such as {targets[0]!r}; use your own function: FILE.py:make"
        )
    distinct = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
    if (
        numbers.ndim == 1
        and numbers.dtype.kind in "iu"
        and distinct
        and set(numbers.tolist()) <= set(range(len(names)))
    ):
        named: NDArray[Any] = np.array(names)[numbers]
        return named
    return numbers
