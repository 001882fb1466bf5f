"""Experiment files: what to search, on which task, for which objectives, with which means. One dataclass, one reader."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from evaluators.budget import CHECKPOINT_S
from nas.errors import ExperimentError, Fault, NasError, Place, nearest
from nas.space.yaml_tree import Tree, read_yaml
from nas.study.latency import Protocol
from nas.study.scores import SCORES

DEFAULT_TRIALS = 100
DEFAULT_EPOCHS = 30
CONFIRM_SEEDS = 5


@dataclass(frozen=True)
class Experiment:
    """The settings of a search. Every field is a key of the experiment file.

    Args:
        experiment: its name; results go to `runs/NAME` unless `directory` says otherwise.
        space: a shipped name, or the path of a space file. Paths in a file start from the file's folder.
        task: a shipped name, a data file, `my_task.py:make`, or a mapping with `name` and the task's options.
        objectives: such as `maximize accuracy`; empty: the task's headline metric, and `minimize params`.
        constraints: such as `macs <= 5e6`.
        sampler: a name (see `nas samplers`), or a mapping with `name` and its options.
        stopping: `none`, or `{rule: pareto-halving, rungs: [10, 30], eta: 3}`.
        trials: unique candidates.
        control: random architectures that the search is held against, trained to the end once it is over; what chance
            proposed in the search counts. 0: only that.
        hours: wall-clock after which nothing new is started; None: no limit.
        gpu_hours: spent by all candidates together (seconds of each × GPUs of a worker) after which nothing new is started.
        target_hypervolume: at which the search ends: a number, or `{volume: 1.2, reference: {accuracy: 0.5, params: 1e6}}`.
        budget: what one candidate may spend: `{epochs: 30}` or `{steps: 2000}`.
        recipe: training settings; a space's own recipe overrides them.
        engine: `inline`, `{name: processes, workers: 2}`, or `{name: ray, workers: 2}`.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
        timeout_s: seconds for one candidate; None: no limit.
        checkpoint_s: seconds between two checkpoints of a candidate in training at least, from which it goes on when its
            worker or the search was killed; 0: one at each report.
        latency: `{batch: 1, warmup: 10, repeats: 30, threads: 1, device: cpu}`, or a part of it: how every candidate's latency is
            measured; None: it is only where an objective or a constraint is about `latency`, and then with these defaults.
        scores: such as `[synflow, snip]`, at initialisation, that join the metrics of every candidate; see `nas.study.scores`.
        confirm: `{seeds: 5, near: 0}`, how the frontier is retrained, and how many that missed it by least.
        seed: of everything that is drawn.
        directory: where results go, from where the command runs.
        storage: URL of a database for the record, such as `sqlite:///study.db`; None: a journal file in the directory.
        published: CSV file of published points to stand beside ours; see `nas.experiment.published`.
        log: `{tensorboard: DIR, mlflow: URI}`, or one of them: where curves go beside the record; see `nas.experiment.logs`.
    Raises: ExperimentError: a setting is of the wrong kind; all of them at once.
    """

    space: Any = ""
    task: Any = ""
    experiment: str = ""
    objectives: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    sampler: Any = "frontier"
    stopping: Any = "none"
    trials: int = DEFAULT_TRIALS
    control: int = 0
    hours: float | None = None
    gpu_hours: float | None = None
    target_hypervolume: Any = None
    budget: Mapping[str, Any] = field(default_factory=lambda: {"epochs": DEFAULT_EPOCHS})
    recipe: Mapping[str, Any] = field(default_factory=dict)
    engine: Any = "inline"
    device: str = "auto"
    timeout_s: float | None = None
    checkpoint_s: float = CHECKPOINT_S
    latency: Mapping[str, Any] | None = None
    scores: tuple[str, ...] = ()
    confirm: Mapping[str, Any] = field(default_factory=lambda: {"seeds": CONFIRM_SEEDS})
    seed: int = 0
    directory: str | None = None
    storage: str | None = None
    published: str | None = None
    log: Mapping[str, Any] = field(default_factory=dict)
    # not keys of the file:
    file: str = field(default="", repr=False, compare=False)
    places: Mapping[str, tuple[Place, Any]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        wrong = {key: value_fault(key, getattr(self, key)) for key in KEYS}
        faults = [f"`{key}` {fault}, got {getattr(self, key)!r}" for key, fault in wrong.items() if fault]
        if faults:
            raise ExperimentError(*faults)

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

    def located(self, key: str, problem: NasError) -> NasError:
        """The same problem with places in the file: of the part of `key` that a message names, else of `key` itself."""
        return type(problem)(*(Fault(one.message, one.place or self._place(key, one)) for one in problem.faults))

    def _place(self, key: str, fault: Fault) -> Place | None:
        words = re.findall(r"[`']([^`']*)[`']", fault.message)
        inside = {path: found for path, found in self.places.items() if path.startswith((f"{key}.", f"{key}["))}
        for word in words:
            for path, (place, _) in inside.items():
                if path.rpartition(".")[2] == word:
                    return place
        for word in words:
            for place, value in inside.values():
                if value == word:
                    return place
        return self.places.get(f"{key}.name", self.places.get(key, (None, None)))[0]


KEYS = tuple(field.name for field in fields(Experiment) if field.name not in ("file", "places"))
_LISTS = ("objectives", "constraints", "scores")


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
    places: dict[str, tuple[Place, Any]] = {}
    for key, (place, value) in tree.keys.items():
        if key not in KEYS:
            hint = nearest(key, KEYS) or f"; it has {', '.join(KEYS)}"
            faults.append(Fault(f"an experiment has no key `{key}`{hint}", place))
            continue
        places |= dict(_places(key, value))
        values[key] = as_setting(key, value.plain(), from_file=True)
        wrong = value_fault(key, values[key])
        if wrong:
            shown = value.describe() if value.kind == "scalar" else value.plain()
            faults.append(Fault(f"`{key}` {wrong}; this is {shown}", value.place))
    for key in ("space", "task"):
        if key not in tree.keys:
            faults.append(Fault(f"{file}: an experiment needs `{key}:`"))
    if faults:
        raise ExperimentError(*faults)
    values.setdefault("experiment", Path(file).stem)
    return Experiment(**values, file=file, places=places)


def as_setting(key: str, value: Any, *, from_file: bool = False) -> Any:
    """A setting as `Experiment` holds it: lists are tuples, in Python one text may stand for a list, and paths are texts.

    Raises: ExperimentError: there is no such setting.

    >>> as_setting("objectives", "minimize params")
    ('minimize params',)
    """
    if key not in KEYS:
        raise ExperimentError(f"a search has no setting `{key}`{nearest(key, KEYS) or '; it has ' + ', '.join(KEYS)}")
    if key in _LISTS:
        if isinstance(value, str) and not from_file:
            return (value,)
        return tuple(value) if isinstance(value, list | tuple) else value
    return str(value) if isinstance(value, Path) else value


def value_fault(key: str, value: Any) -> str:
    """What a setting is that `value` is not, such as "is a text"; empty where nothing is wrong."""
    if value is None and key in _OPTIONAL:
        return ""
    return _CHECKS[key](value)


def _places(path: str, tree: Tree) -> Iterator[tuple[str, tuple[Place, Any]]]:
    """The place and the value of everything in `tree`, by path: `recipe`, `recipe.lr`, `objectives[0]`."""
    yield path, (tree.place, tree.value)
    for key, (place, child) in tree.keys.items():
        for inner, (at, value) in _places(f"{path}.{key}", child):
            yield inner, (place if inner == f"{path}.{key}" else at, value)
    for number, item in enumerate(tree.items):
        yield from _places(f"{path}[{number}]", item)


# ---------------------------------------------------------------------- what each setting must be

Check = Callable[[Any], str]


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and (value.strip() or not value) else "is a text"


def _texts(value: Any) -> str:
    good = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    return "" if good else "is a list of texts"


def _scores(value: Any) -> str:
    good = not _texts(value) and set(value) <= set(SCORES)
    return "" if good else f"is a list of scores at initialisation, of {', '.join(SCORES)}"


def _whole(low: int) -> Check:
    def check(value: Any) -> str:
        good = isinstance(value, int) and not isinstance(value, bool) and low <= value < 10**15
        return "" if good else f"is a whole number from {low}"

    return check


def _positive(value: Any) -> str:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e15
    return "" if good else "is a positive number"


def _seconds(value: Any) -> str:
    return "" if _is_finite(value) and 0 <= value < 1e15 else "is a number of seconds from 0"


def _mapping(value: Any) -> str:
    return "" if isinstance(value, Mapping) else "is a mapping"


def _named(value: Any) -> str:
    good = isinstance(value.get("name"), str) if isinstance(value, Mapping) else isinstance(value, str)
    return "" if good else "is a name, or a mapping with `name`"


def _stopping(value: Any) -> str:
    good = "rule" in value if isinstance(value, Mapping) else isinstance(value, str)
    return "" if good else "is `none`, or a mapping such as {rule: pareto-halving, rungs: [10, 30], eta: 3}"


def _budget(value: Any) -> str:
    good = isinstance(value, Mapping) and len(value) == 1
    good = good and all(unit in ("epochs", "steps") and not _whole(1)(amount) for unit, amount in value.items())
    return "" if good else "is {epochs: 30} or {steps: 2000}, with a whole number from 1"


def _target(value: Any) -> str:
    good = not _positive(value)
    if isinstance(value, Mapping) and "volume" in value and set(value) <= {"volume", "reference"}:
        reference = value.get("reference")
        numbers = reference.values() if isinstance(reference, Mapping) else [0.0] if reference is None else [math.nan]
        good = not _positive(value["volume"]) and all(map(_is_finite, numbers))
    return "" if good else "is a positive number, or {volume: 1.2, reference: {accuracy: 0.5, params: 1e6}}"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _url(value: Any) -> str:
    good = isinstance(value, str) and "://" in value.strip(":/") and ":memory:" not in value
    return "" if good else "is the URL of a database, such as sqlite:///study.db or postgresql://user@host/name"


def _confirm(value: Any) -> str:
    good = isinstance(value, Mapping) and set(value) <= {"seeds", "near"}
    good = good and not _whole(1)(value.get("seeds", CONFIRM_SEEDS)) and not _whole(0)(value.get("near", 0))
    return "" if good else f"is {{seeds: {CONFIRM_SEEDS}, near: 0}}, whole numbers from 1 and from 0"


def _latency(value: Any) -> str:
    known = {one.name: one.default for one in fields(Protocol)}
    good = isinstance(value, Mapping) and set(value) <= set(known)
    if good:
        filled = {**known, **value}
        counts = {name: _whole(0 if name == "warmup" else 1)(filled[name]) for name in known if name != "device"}
        good = not any(counts.values()) and isinstance(filled["device"], str)
    return (
        ""
        if good
        else "is {batch: 1, warmup: 10, repeats: 30, threads: 1, device: cpu} or a part of it, in whole numbers"
    )


def _log(value: Any) -> str:
    good = isinstance(value, Mapping) and set(value) <= {"tensorboard", "mlflow"}
    good = good and all(isinstance(where, str) and where.strip() for where in value.values())
    return "" if good else "is {tensorboard: DIR}, {mlflow: URI} or both"


_OPTIONAL = ("hours", "gpu_hours", "target_hypervolume", "timeout_s", "latency", "directory", "storage", "published")
_CHECKS: dict[str, Check] = {
    "experiment": _text,
    "space": _text,
    "task": _named,
    "objectives": _texts,
    "constraints": _texts,
    "sampler": _named,
    "stopping": _stopping,
    "trials": _whole(1),
    "control": _whole(0),
    "hours": _positive,
    "gpu_hours": _positive,
    "target_hypervolume": _target,
    "budget": _budget,
    "recipe": _mapping,
    "engine": _named,
    "device": _text,
    "timeout_s": _positive,
    "checkpoint_s": _seconds,
    "latency": _latency,
    "scores": _scores,
    "confirm": _confirm,
    "seed": _whole(0),
    "directory": _text,
    "storage": _url,
    "published": _text,
    "log": _log,
}
