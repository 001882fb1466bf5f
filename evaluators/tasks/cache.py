"""Arrays that take long to make, kept on disk for the next process."""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def folder() -> Path:
    """Where arrays are kept: `$XDG_CACHE_HOME/hourglass-nas`, or `~/.cache/hourglass-nas`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hourglass-nas"


def cached(name: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays called `name`, from disk where an intact file holds them, else made and written.

    A cache is a convenience: a folder that cannot be written or a damaged file never stops anybody.
    """
    path = folder() / f"{name}.npz"
    damaged = contextlib.suppress(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile)
    # Opened here, for numpy leaves a damaged file open.
    with damaged, path.open("rb") as file, np.load(file) as stored:
        return {key: stored[key] for key in stored.files}
    arrays = make()
    with contextlib.suppress(OSError):
        _write(path, arrays)
    return arrays


def _write(path: Path, arrays: Arrays) -> None:
    """Write beside `path`, then rename: a reader sees the whole file or none, whoever else writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
