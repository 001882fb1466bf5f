"""From what the user wrote (a name, a data file, a Python function) to a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from evaluators.tables import TABLES
from evaluators.tasks.arrays import task_from_arrays
from evaluators.tasks.hugging_face import task_from_hugging_face
from evaluators.tasks.image_folder import task_from_image_folder
from evaluators.tasks.npy_folder import task_from_npy_folder
from evaluators.tasks.npz_file import task_from_npz
from evaluators.tasks.shipped import TASKS
from evaluators.tasks.table_file import task_from_table
from evaluators.tasks.task import Task
from evaluators.tasks.torchvision_set import task_from_torchvision
from evaluators.tasks.user_file import OwnEvaluator, call_user
from nas.errors import TaskError, nearest

Made = TypeVar("Made")

READERS: dict[str, Callable[..., Task]] = {
    ".csv": task_from_table,
    ".parquet": task_from_table,
    ".npz": task_from_npz,
}
LIBRARIES: dict[str, Callable[..., Task]] = {"hf": task_from_hugging_face, "torchvision": task_from_torchvision}
KINDS = (
    "a .csv, .parquet or .npz file, a folder of images or of .npy files, hf:NAME, torchvision:NAME or FILE.py:FUNCTION"
)


def load_task(spec: str, options: Mapping[str, Any] | None = None, folder: Path | str | None = None) -> Task:
    """The task that `spec` names.

    Args:
        spec: a name in `TASKS` or `TABLES`; a `.csv`, `.parquet` or `.npz` file; `FILE.csv:TARGET_COLUMN`; a folder of
            images or of `.npy` files; `hf:NAME`, `torchvision:NAME`; or `FILE.py:FUNCTION`.
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
        raise TaskError(f"a task is a name, {KINDS}, got {_brief(spec)}")
    what = f"task `{spec}`"
    if spec in TASKS:
        return _called(TASKS[spec].make, options, what)
    if spec in TABLES:
        return _called(TABLES[spec].make, options, what)
    base = Path(folder) if folder is not None else Path()
    library, file, part = file_of(spec)
    if library:
        return _called(LIBRARIES[library[:-1]], options, what, file, base)
    if part and file.endswith(".py"):
        return _made(_existing(base / file, spec), part[1:], options)
    if part:
        return _called(task_from_table, {**options, "target": part[1:]}, what, _existing(base / file, spec))
    path = base / spec
    if path.suffix == ".py":
        raise TaskError(f"{what}: say which function makes it: `{spec}:make`")
    if path.suffix in READERS:
        return _called(READERS[path.suffix], options, what, _existing(path, spec))
    if path.is_dir():
        return _called(_folder_reader(path), options, what, path.resolve())
    if path.suffix or "\\" in spec or path.exists():
        raise TaskError(f"{what}: a data file ends in .csv, .parquet or .npz{nearest(spec, TASKS)}")
    raise TaskError(
        f"no task is called `{spec}`{nearest(spec, (*TASKS, *TABLES))}; there are {', '.join((*TASKS, *TABLES))}, or give "
        f"{KINDS}"
    )


def _folder_reader(path: Path) -> Callable[..., Task]:
    return task_from_npy_folder if next(path.glob("*.npy"), None) else task_from_image_folder


def file_of(spec: str) -> tuple[str, str, str]:
    """A task's file, what stands before it, a library's name, and what follows it: a function's name, or a column's.

    >>> file_of("my_task.py:make"), file_of("data.csv:price"), file_of("mnist1d")
    (('', 'my_task.py', ':make'), ('', 'data.csv', ':price'), ('', 'mnist1d', ''))
    >>> file_of("hf:imdb"), file_of("torchvision:CIFAR10")
    (('hf:', 'imdb', ''), ('torchvision:', 'CIFAR10', ''))
    """
    library, colon, name = spec.partition(":")
    if colon and library in LIBRARIES:
        return library + colon, name, ""
    file, colon, part = spec.rpartition(":")
    return ("", file, colon + part) if file.endswith((".py", ".csv", ".parquet")) else ("", spec, "")


def anchored(spec: str, options: Mapping[str, Any], folder: Path) -> tuple[str, dict[str, Any]]:
    """The same task by absolute paths, for a process that works elsewhere; a name that nothing has from `folder` on stays."""
    if spec in TASKS or spec in TABLES:
        return spec, dict(options)
    library, file, part = file_of(spec)
    if library == "torchvision:":
        root = options.get("root", "data")
        return spec, {
            **options,
            "root": str((folder / Path(root).expanduser()).resolve()) if isinstance(root, str) else root,
        }
    try:
        path = (folder / file).resolve() if file and (folder / file).exists() else file
    except (OSError, ValueError):  # a name that no file can have
        path = file
    return f"{library}{path}{part}", dict(options)


def _brief(value: object) -> str:
    """What was given, in a line: arrays are not printed whole."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"a value of type {type(value).__name__}"


def _existing(path: Path, spec: str) -> Path:
    if path.is_dir():
        raise TaskError(f"task `{spec}`: {path} is a folder, and a file is needed")
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
