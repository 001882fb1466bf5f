"""A Python file of the user's, run as a module of its own."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from nas.errors import NasError


def run_file(path: Path, prefix: str, error: type[NasError]) -> ModuleType:
    """The module that the file at `path` makes, run anew.

    Args:
        path: ends in `.py`.
        prefix: of its name in `sys.modules`, behind which the path's digest stands, so that two files of one name do not meet.
    Raises: error: it cannot be run; says on which of its lines.
    """
    name = f"{prefix}{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except error:
        raise
    except Exception as problem:  # whatever the user's code raises
        del sys.modules[name]
        raise error(blame(path, problem)) from problem
    return module


def blame(path: Path, problem: Exception) -> str:
    """The last line of the user's own file in the traceback, and what went wrong there."""
    lines = [frame for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == str(path)]
    place = f":{lines[-1].lineno}\n  {lines[-1].line}" if lines else ""
    if isinstance(problem, SyntaxError) and problem.lineno:
        place = f":{problem.lineno}\n  {(problem.text or '').strip()}"
    return f"{path}{place}\n  {type(problem).__name__}: {problem}"
