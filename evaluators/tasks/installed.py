"""Packages that only some data need."""

from __future__ import annotations

import importlib
from typing import Any

from nas.errors import TaskError


def installed(module: str, package: str, what: str) -> Any:
    """The module, imported now, of the `package` on PyPI that `what` needs.

    Raises: TaskError: the package is not installed, or fails where it is imported.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise TaskError(f"{what} needs the package {package}: pip install {package}") from None
    except Exception as error:  # built for another torch, another numpy: each package fails in its own way
        raise TaskError(f"{what} needs the package {package}, which cannot be imported: {error}") from error
