"""A folder of `.npy` files as a task whose inputs are never read into memory as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from evaluators.tasks.arrays import Kind, Standardise, class_numbers, finite, guessed_kind, one_of, rescaled
from evaluators.tasks.criteria import CrossEntropy, SquaredError
from evaluators.tasks.splits import divide_in_order
from evaluators.tasks.stored import Stored
from evaluators.tasks.task import Array, Data, SealedSplit, Split, Standardised, Task
from nas.errors import TaskError

PARTS = ("train", "validation", "test")


def task_from_npy_folder(
    path: Path,
    *,
    inputs: str | Sequence[str] = "x",
    target: str = "y",
    kind: Kind | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    standardise: Standardise | None = None,
) -> Task:
    """A task over memory-mapped files: `x.npy` and `y.npy`, or `x_train.npy`, `y_train.npy`, `x_test.npy` and so on.

    Inputs may be of any size and number type; they are standardised as they are read. Targets are held in memory. What is
    not divided into files is divided in order, the first samples being for training: store samples in random order unless their order is time.

    Args:
        path: the folder.
        inputs: name of the input's files, or names of several.
        target: name of the files to predict.
        kind, standardise: as in `task_from_arrays`.
        test: share of all samples, unless there are files for it.
        validation: share of what is not test, unless there are files for it.
    Raises: TaskError: a file is missing or unreadable, lengths disagree, a number is not finite.
    """
    names = [inputs] if isinstance(inputs, str) else list(inputs)
    name = path.name
    one_of("kind", kind, get_args(Kind), name)
    one_of("standardise", standardise, get_args(Standardise), name)
    parts = _parts(path, [*names, target], test, validation)
    counts = {part: len(stored[-1]) for part, stored in parts.items()}
    targets = np.concatenate([np.asarray(stored[-1].opened()) for stored in parts.values()])
    first = parts["train"][:-1]
    kind = kind or guessed_kind(targets)
    classes: tuple[str, ...] = ()
    scale, mean = np.ones((), np.float32), None
    if kind == "classification":
        targets, classes = class_numbers(targets, name)
    else:
        targets = finite(targets, "the target", name)
        targets = targets[:, None] if targets.ndim == 1 else targets
        targets, mean, scale = rescaled(targets, np.arange(counts["train"]), targets.ndim == 2)
        targets, scale = targets.astype(np.float32), scale.astype(np.float32)
    ends = np.cumsum(list(counts.values()))
    splits = {
        part: Split(tuple(stored[:-1]), targets[end - counts[part] : end])
        for (part, stored), end in zip(parts.items(), ends.tolist(), strict=True)
    }
    shapes = tuple(one.shape[1:] or (1,) for one in first)
    return Task(
        name=name,
        doc=f"{kind} of {len(targets)} samples, read from files",
        kind=kind,
        inputs=shapes,
        outputs=((len(classes),) if classes else targets.shape[1:],),
        criterion=CrossEntropy(len(classes)) if classes else SquaredError(),
        load=partial(_data, splits, scale, mean, standardise),
        classes=classes,
        streams=True,
    )


def _data(splits: dict[str, Split], scale: Array, mean: Array | None, standardise: Standardise | None) -> Data:
    """The moments are those of the training part, read once."""
    done = []
    for one in splits["train"].inputs:
        mode = standardise or ("columns" if len(one.shape) <= 2 else "whole")
        done.append(Standardised() if mode == "none" else one.standardised(mode == "columns"))
    return Data(splits["train"], splits["validation"], SealedSplit(splits["test"]), scale, mean, tuple(done))


def _parts(path: Path, names: Sequence[str], test: float, validation: float) -> dict[str, list[Stored]]:
    """The files of each part, inputs first and the target last, of as many samples each."""
    target = names[-1]
    if (path / f"{target}.npy").exists():
        whole = _files(path, names, "")
        places = divide_in_order(len(whole[-1]), test=test, validation=validation, name=path.name)
        return {
            part: [one.part(int(at[0]), int(at[-1]) + 1) for one in whole] for part, at in places.items() if len(at)
        }
    found = {part: _files(path, names, f"_{part}") for part in PARTS if (path / f"{target}_{part}.npy").exists()}
    if "train" not in found:
        there = ", ".join(sorted(entry.name for entry in path.iterdir())[:8])
        raise TaskError(f"{path}: expected `{target}.npy` or `{target}_train.npy` here; the folder holds {there}")
    for part, share in (("test", test), ("validation", validation)):
        if part not in found:
            count = len(found["train"][-1])
            left = count - max(1, round(share * count))
            found[part] = [one.part(left, count) for one in found["train"]]
            found["train"] = [one.part(0, left) for one in found["train"]]
    return {part: found[part] for part in PARTS}


def _files(path: Path, names: Sequence[str], ending: str) -> list[Stored]:
    files = [_existing(path / f"{name}{ending}.npy") for name in names]
    found = [*map(Stored.of, files[:-1]), Stored.of(files[-1], "buifUS")]
    counts = {one.path.name: len(one) for one in found}
    if len(set(counts.values())) > 1:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise TaskError(f"{path}: files of one part hold one sample a row, as many each, got {shown}")
    return found


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise TaskError(f"{path}: there is no such file, and the target has one like it")
    return path
