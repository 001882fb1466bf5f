"""From what the user wrote (a name, a data file, a Python function) to a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from evaluators.tables import TABLES
from evaluators.tasks.arrays import task_from_arrays
from evaluators.tasks.csv_file import task_from_csv
from evaluators.tasks.npy_folder import task_from_npy_folder
from evaluators.tasks.npz_file import task_from_npz
from evaluators.tasks.shipped import TASKS
from evaluators.tasks.task import Task
from evaluators.tasks.user_file import OwnEvaluator, call_user
from nas.errors import TaskError, nearest

Made = TypeVar("Made")

READERS: dict[str, Callable[..., Task]] = {".npz": task_from_npz, ".csv": task_from_csv}


def load_task(spec: str, options: Mapping[str, Any] | None = None, folder: Path | str | None = None) -> Task:
    """The task that `spec` names.

    Args:
        spec: a name in `TASKS` or `TABLES`, a `.csv` or `.npz` file, `FILE.csv:TARGET_COLUMN`, or `FILE.py:FUNCTION`.
        options: of that kind of task, such as `target` of a CSV file or `validation` of any.
        folder: that relative paths start from; None: the working folder.
    Raises: TaskError: there is no such task, an option is unknown, or the data cannot be used.
    """
    found = load_subject(spec, options, folder)
    if not isinstance(found, Task):
        raise TaskError(f"`{spec}` is an evaluator of its own, and a task with data is needed here")
    return found


def load_subject(
    spec: str, options: Mapping[str, Any] | None = None, folder: Path | str | None = None
) -> Task | OwnEvaluator:
    """As `load_task`; a user's function may also return an object that evaluates by itself."""
    options = dict(options or {})
    if not isinstance(spec, str):
        raise TaskError(f"a task is a name, a .csv or .npz file, or FILE.py:FUNCTION, got {_brief(spec)}")
    if spec in TASKS:
        return _called(TASKS[spec].make, options, f"task `{spec}`")
    if spec in TABLES:
        return _called(TABLES[spec].make, options, f"task `{spec}`")
    base = Path(folder) if folder is not None else Path()
    file, part = file_of(spec)
    if part and file.endswith(".py"):
        return _made(_existing(base / file, spec), part[1:], options)
    if part:
        return _called(task_from_csv, {**options, "target": part[1:]}, f"task `{spec}`", _existing(base / file, spec))
    path = base / spec
    if path.is_dir() and next(path.glob("*.npy"), None):
        return _called(task_from_npy_folder, options, f"task `{spec}`", path)
    if path.suffix == ".py":
        raise TaskError(f"task `{spec}`: say which function makes it: `{spec}:make`")
    if path.suffix in READERS:
        reader = READERS[path.suffix]
        return _called(reader, options, f"task `{spec}`", _existing(path, spec))
    if path.suffix or "\\" in spec or path.exists():
        raise TaskError(f"task `{spec}`: a data file ends in .csv or .npz{nearest(spec, TASKS)}")
    raise TaskError(
        f"no task is called `{spec}`{nearest(spec, (*TASKS, *TABLES))}; there are {', '.join((*TASKS, *TABLES))}, or give a .csv or .npz file "
        "or FILE.py:FUNCTION"
    )


def file_of(spec: str) -> tuple[str, str]:
    """A task's file, and what follows it: a function's name after a `.py`, a column's after a `.csv`.

    >>> file_of("my_task.py:make"), file_of("data.csv:price"), file_of("mnist1d")
    (('my_task.py', ':make'), ('data.csv', ':price'), ('mnist1d', ''))
    """
    file, colon, part = spec.rpartition(":")
    return (file, colon + part) if file.endswith((".py", ".csv")) else (spec, "")


def _brief(value: object) -> str:
    """What was given, in a line: arrays are not printed whole."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"a value of type {type(value).__name__}"


def _existing(path: Path, spec: str) -> Path:
    if not path.is_file():
        beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise TaskError(f"task `{spec}`: no file {path}{nearest(path.name, beside)}")
    return path.resolve()


def _called(make: Callable[..., Made], options: dict[str, Any], what: str, *arguments: Any) -> Made:
    known = [
        name
        for name, parameter in inspect.signature(make).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise TaskError(f"{what} has no option `{option}`{nearest(str(option), known)}; it has {', '.join(known)}")
    return make(*arguments, **options)


def _made(path: Path, function: str, options: dict[str, Any]) -> Task | OwnEvaluator:
    made = call_user(path, function, options)
    name = f"{path.name}:{function}"
    if isinstance(made, Task):
        return made
    if hasattr(made, "evaluate"):
        missing = [part for part in ("inputs", "outputs", "metrics") if not hasattr(made, part)]
        if missing:
            raise TaskError(
                f"{name} returned an evaluator without `{missing[0]}`; it needs inputs, outputs, metrics, evaluate"
            )
        return cast("OwnEvaluator", made)
    if isinstance(made, Mapping) and {"x", "y"} <= set(made):
        rest = {key: value for key, value in made.items() if key not in ("x", "y")}
        known = list(inspect.signature(task_from_arrays).parameters)[2:]
        for key in rest:
            if key not in known:
                raise TaskError(
                    f"{name} returned an unknown key `{key}`{nearest(str(key), known)}; known are x, y, {', '.join(known)}"
                )
        return task_from_arrays(_several(made["x"]), np.asarray(made["y"]), **{"name": name, **rest})
    if isinstance(made, tuple) and len(made) == 2:
        return task_from_arrays(_several(made[0]), np.asarray(made[1]), name=name)
    raise TaskError(
        f"{name} returned {type(made).__name__}; expected a Task, arrays (x, y), a mapping with x and y, "
        "or an object with evaluate(job), inputs, outputs and metrics"
    )


def _several(x: Any) -> list[np.ndarray[Any, Any]]:
    """One input array or several, as a list. A tensor is an array here."""
    return [np.asarray(part) for part in x] if isinstance(x, (tuple, list)) else [np.asarray(x)]
