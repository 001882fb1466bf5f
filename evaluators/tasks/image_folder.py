"""A user's folder of images as a task: one folder per class, perhaps below `train`, `validation` and `test`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from evaluators.tasks.arrays import Standardise, task_from_arrays
from evaluators.tasks.images import Color, images_as_array
from evaluators.tasks.installed import installed
from evaluators.tasks.splits import PARTS
from evaluators.tasks.task import Task
from nas.errors import TaskError


def task_from_image_folder(
    path: Path,
    *,
    color: Color | None = None,
    size: tuple[int, int] | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    split_seed: int = 0,
    standardise: Standardise | None = None,
) -> Task:
    """Classes from images `(height, width, channels)`, in the order of the names of folders and files, hidden ones left out.

    Args:
        path: the folder: `CLASS/IMAGE` in it, or `train/CLASS/IMAGE`, and likewise below `validation` (or `val`) and `test`.
        color, size: as in `images_as_array`.
        test, validation: shares, where there is no such folder.
        split_seed, standardise: as in `task_from_arrays`.
    Raises: TaskError: there are no class folders, one is empty, or what `images_as_array` and `task_from_arrays` find.
    """
    parts = _parts(path)
    found = [
        (part, label, image) for part, below in parts for label, images in _classes(below).items() for image in images
    ]
    pillow = installed("PIL.Image", "pillow", f"task `{path.name}`")
    return task_from_arrays(
        images_as_array(
            ((str(image), partial(pillow.open, image)) for _, _, image in found),
            color=color,
            size=size,
            name=path.name,
        ),
        np.array([label for _, label, _ in found]),
        name=path.name,
        kind="classification",
        split=None if parts == [("", path)] else np.array([part for part, _, _ in found]),
        test=test,
        validation=validation,
        split_seed=split_seed,
        standardise=standardise,
    )


def _parts(path: Path) -> list[tuple[str, Path]]:
    """Folders of classes, each with the part it is; without a name where the whole is to be divided."""
    inside = _folders(path)
    divided = [folder for folder in inside if folder.name.lower() in PARTS and _folders(folder)]
    if not divided:
        return [("", path)]
    for other in inside:
        if other not in divided:
            raise TaskError(
                f"{path}: `{divided[0].name}` holds class folders and `{other.name}` does not; either all folders in it are "
                "classes, or all are train, validation and test with class folders below"
            )
    parts = [(PARTS[folder.name.lower()], folder) for folder in divided]
    for index, (part, folder) in enumerate(parts):
        if part in dict(parts[:index]):
            raise TaskError(f"{path}: `{dict(parts[:index])[part].name}` and `{folder.name}` are both {part}; keep one")
    return parts


def _classes(folder: Path) -> dict[str, list[Path]]:
    classes = {below.name: _seen(below) for below in _folders(folder)}
    if not classes:
        raise TaskError(
            f"{folder}: no class folders; expected CLASS/IMAGE.png in it, such as cat/1.png, perhaps below train, "
            "validation and test; or files such as x.npy and y.npy"
        )
    suffixes = installed("PIL.Image", "pillow", f"task `{folder.name}`").registered_extensions()
    for entry in _seen(folder):
        if entry.is_file() and entry.suffix.lower() in suffixes:
            raise TaskError(f"{entry}: an image beside the class folders; its class is the folder that it lies in")
    for label, images in classes.items():
        if not images:
            raise TaskError(f"{folder / label}: a class folder without images; delete it, or put images there")
        for image in images:
            if image.is_dir():
                raise TaskError(
                    f"{image}: a folder in the class folder `{label}`; images lie right in their class folder"
                )
    return classes


def _folders(path: Path) -> list[Path]:
    return [entry for entry in _seen(path) if entry.is_dir()]


def _seen(path: Path) -> list[Path]:
    return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
