"""Experiment files: what to search, on which task, for which objectives, with which means. One dataclass, one reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from nas.errors import ExperimentError, Fault, Place, nearest
from nas.space.yaml_tree import Tree, read_yaml

DEFAULT_TRIALS = 100
DEFAULT_EPOCHS = 30


@dataclass(frozen=True)
class Experiment:
    """The settings of a search. Every field is a key of the experiment file.

    Args:
        experiment: its name; results go to `runs/NAME` unless `directory` says otherwise.
        space: a shipped name, or the path of a space file.
        task: a shipped name, a data file, `my_task.py:make`, or a mapping with `name` and the task's options.
        objectives: such as `maximize accuracy`; empty: the task's headline metric, and `minimize params`.
        constraints: such as `macs <= 5e6`.
        sampler: a name (see `nas samplers`), or a mapping with `name` and its options.
        stopping: `none`, or `{rule: pareto-halving, rungs: [10, 30], eta: 3}`.
        trials: unique candidates.
        hours: wall-clock after which nothing new is started; None: no limit.
        budget: what one candidate may spend: `{epochs: 30}` or `{steps: 2000}`.
        recipe: training settings; a space's own recipe overrides them.
        engine: `inline`, or `{name: ray, workers: 2}`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        timeout_s: seconds for one candidate; None: no limit.
        confirm: `{seeds: 5}`, how the frontier is retrained.
        seed: of everything that is drawn.
        directory: where results go.
        published: CSV file of published points to stand beside ours; see `nas.pareto.published`.
    """

    space: Any = ""
    task: Any = ""
    experiment: str = ""
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    sampler: Any = "tpe"
    stopping: Any = "none"
    trials: int = DEFAULT_TRIALS
    hours: float | None = None
    budget: Mapping[str, Any] = field(default_factory=lambda: {"epochs": DEFAULT_EPOCHS})
    recipe: Mapping[str, Any] = field(default_factory=dict)
    engine: Any = "inline"
    device: str = "auto"
    timeout_s: float | None = None
    confirm: Mapping[str, Any] = field(default_factory=lambda: {"seeds": 5})
    seed: int = 0
    directory: str | None = None
    published: str | None = None
    # not keys of the file:
    text: str = field(default="", repr=False)
    file: str = field(default="", repr=False)
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)

    @property
    def folder(self) -> Path:
        """What relative paths in the file are relative to."""
        return Path(self.file).parent if self.file else Path()

    @property
    def task_name(self) -> str:
        return str(self.task.get("name", "")) if isinstance(self.task, Mapping) else str(self.task)

    @property
    def task_options(self) -> dict[str, Any]:
        return {k: v for k, v in self.task.items() if k != "name"} if isinstance(self.task, Mapping) else {}

    def at(self, key: str, problem: ExperimentError) -> ExperimentError:
        """The same problem with the place of `key` in the file, where there is one."""
        place = self.places.get(key)
        if place is None or any(fault.place for fault in problem.faults):
            return problem
        return ExperimentError(*(Fault(fault.message, place) for fault in problem.faults))


KEYS = tuple(field.name for field in fields(Experiment) if field.name not in ("text", "file", "places"))


def load_experiment(path: str | Path) -> Experiment:
    """Read an experiment file.

    Raises: ExperimentError: it cannot be read, or what is wrong in it, all at once.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ExperimentError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as problem:
        raise ExperimentError(f"{path}: not a text in UTF-8 (byte {problem.start})") from None
    except OSError as problem:
        raise ExperimentError(f"{path}: cannot be read: {problem.strerror}") from None
    return experiment_from_text(text, str(path))


def experiment_from_text(text: str, file: str) -> Experiment:
    """Read an experiment from YAML; `file` is the name that errors carry and where relative paths start."""
    tree = read_yaml(text, file, ExperimentError)
    if tree.kind != "mapping":
        raise ExperimentError(
            Fault(f"an experiment is a mapping with keys such as space and task; this is {tree.describe()}", tree.place)
        )
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for key, (place, value) in tree.keys.items():
        if key not in KEYS:
            hint = nearest(key, KEYS) or f"; it has {', '.join(KEYS)}"
            faults.append(Fault(f"an experiment has no key `{key}`{hint}", place))
            continue
        places[key] = value.place
        wrong = _CHECKS[key](value)
        if wrong:
            faults.append(Fault(f"`{key}` {wrong}; this is {value.describe()}", value.place))
        values[key] = tuple(map(str, value.plain())) if key in _LISTS and not wrong else value.plain()
    for key in ("space", "task"):
        if key not in tree.keys:
            faults.append(Fault(f"{file}: an experiment needs `{key}:`"))
    if faults:
        raise ExperimentError(*faults)
    values.setdefault("experiment", Path(file).stem)
    return Experiment(**values, text=text, file=file, places=places)


def checked_value(key: str, value: Any) -> Any:
    """A setting given in Python or on the command line. Raises: ExperimentError: it is of the wrong kind."""
    if key not in KEYS:
        raise ExperimentError(f"a search has no setting `{key}`{nearest(key, KEYS)}")
    if key == "trials" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ExperimentError(f"`trials` is a positive integer, got {value!r}")
    if key == "seed" and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ExperimentError(f"`seed` is a non-negative integer, got {value!r}")
    if key in _LISTS:
        return (value,) if isinstance(value, str) else tuple(value)
    return value


_LISTS = ("objectives", "constraints")
Check = Callable[[Tree], str | None]


def _text(tree: Tree) -> str | None:
    return None if tree.kind == "scalar" and isinstance(tree.value, str) and tree.text.strip() else "is a text"


def _texts(tree: Tree) -> str | None:
    good = tree.kind == "list" and all(item.kind == "scalar" and isinstance(item.value, str) for item in tree.items)
    return None if good else "is a list of texts"


def _number(low: float, whole: bool) -> Check:
    def check(tree: Tree) -> str | None:
        value = tree.value
        good = isinstance(value, int if whole else int | float) and not isinstance(value, bool) and low <= value < 1e15
        kind = "an integer" if whole else "a number"
        return None if tree.kind == "scalar" and good else f"is {kind} of at least {low:g}"

    return check


def _mapping(tree: Tree) -> str | None:
    return None if tree.kind == "mapping" else "is a mapping"


def _named(tree: Tree) -> str | None:
    if tree.kind == "mapping":
        return None if "name" in tree.keys or "rule" in tree.keys else "is a name, or a mapping with `name`"
    return None if tree.kind == "scalar" and isinstance(tree.value, str) else "is a name, or a mapping with `name`"


def _positive(tree: Tree) -> str | None:
    value = tree.value
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15
    return None if tree.kind == "scalar" and good else "is a positive number"


_CHECKS: dict[str, Check] = {
    "experiment": _text,
    "space": _text,
    "task": _named,
    "objectives": _texts,
    "constraints": _texts,
    "sampler": _named,
    "stopping": _named,
    "trials": _number(1, whole=True),
    "hours": _positive,
    "budget": _mapping,
    "recipe": _mapping,
    "engine": _named,
    "device": _text,
    "timeout_s": _positive,
    "confirm": _mapping,
    "seed": _number(0, whole=True),
    "directory": _text,
    "published": _text,
}
