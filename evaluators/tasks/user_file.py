"""A user's own Python: `my_task.py:make` returns a task, arrays, or an evaluator of their own."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from evaluators.tasks.criteria import Direction
from evaluators.tasks.task import Shape
from nas.errors import TaskError, nearest


@runtime_checkable
class OwnEvaluator(Protocol):
    """What a user's `make` returns when candidates are not trained here: a closed form, a table, a simulator.

    `evaluate(job)` yields `Report`s, is closed to stop it, and returns an `Outcome`, a mapping of metrics, or nothing (then
    the last report counts).
    """

    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    metrics: Mapping[str, Direction]

    def evaluate(self, job: Any) -> Any: ...


def call_user(path: Path, function: str, options: Mapping[str, Any]) -> Any:
    """What `function` of the Python file at `path` returns for `options`.

    Raises: TaskError: the file has no such function, cannot be run, or the function fails; says on which of its lines.
    """
    # The name is the path's, so that two files called task.py do not meet in sys.modules.
    name = f"user_task_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up
    try:
        spec.loader.exec_module(module)
    except TaskError:
        raise
    except Exception as error:
        del sys.modules[name]
        raise TaskError(_blame(path, error)) from error
    make = getattr(module, function, None)
    if not callable(make):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise TaskError(f"{path}: no function `{function}`{nearest(function, functions)}")
    try:
        return make(**options)
    except TaskError:
        raise
    except Exception as error:
        raise TaskError(_blame(path, error)) from error


def _blame(path: Path, error: Exception) -> str:
    """The last line of the user's own file in the traceback, and what went wrong there."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    place = f":{lines[-1].lineno}\n  {lines[-1].line}" if lines else ""
    if isinstance(error, SyntaxError) and error.lineno:
        place = f":{error.lineno}\n  {(error.text or '').strip()}"
    return f"{path}{place}\n  {type(error).__name__}: {error}"
