"""A user's own Python: `my_task.py:make` returns a task, arrays, or an evaluator of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from evaluators.tasks.criteria import Direction
from evaluators.tasks.task import Shape
from nas.errors import TaskError, nearest
from nas.space.python_file import blame, run_file


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
    module = run_file(path, "user_task_", TaskError)
    make = getattr(module, function, None)
    if not callable(make):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise TaskError(f"{path}: no function `{function}`{nearest(function, functions)}")
    try:
        return make(**options)
    except TaskError:
        raise
    except Exception as error:
        raise TaskError(blame(path, error)) from error
