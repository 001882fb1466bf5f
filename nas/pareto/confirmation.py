"""What retraining a frontier with several seeds showed: the record, its file, and what may be concluded from it.

A search picks the luckiest of many single trainings, so its frontier is too good to be true. `confirm` trains the members
and, where it is told to, those near them again with other seeds and, for the first time, looks at the test split; this module holds the result in `confirm.json`;
`nas.pareto.uncertainty` and `nas.pareto.sealed` say what follows from it.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nas.errors import ParetoError
from nas.study.candidate import STATES, State

if TYPE_CHECKING:
    from nas.study.objectives import Objective

FILE = "confirm.json"
VERSION = 1

Split = Literal["validation", "test"]


@dataclass(frozen=True)
class Retraining:
    """One training of one candidate with one seed.

    Args:
        seed: for weights and data order.
        state: as an outcome's; only `complete` ones enter means.
        validation, test: metric → value on that split; empty unless complete.
        seconds: wall time.
        message: why it did not complete.
    """

    seed: int
    state: State
    validation: dict[str, float] = field(default_factory=dict)
    test: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    message: str = ""

    def metrics(self, split: Split) -> dict[str, float]:
        """The metrics on `split`."""
        return self.test if split == "test" else self.validation


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation (n − 1 in the denominator; nan for one value) of `n` seeds."""

    mean: float
    std: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of `values`; nan for none.

        >>> Spread.of([1.0, 2.0, 3.0])
        Spread(mean=2.0, std=1.0, n=3)
        """
        n = len(values)
        mean = math.fsum(values) / n if n else math.nan
        std = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else math.nan
        return cls(mean, std, n)


@dataclass(frozen=True)
class Confirmed:
    """One candidate, retrained.

    Args:
        number: of its trial in the study.
        digest: of its graph, so that the file cannot be taken for another study's.
        costs: the trial's.
        runs: one for each seed, in the order trained.
    """

    number: int
    digest: str
    costs: dict[str, int]
    runs: tuple[Retraining, ...]

    @property
    def failures(self) -> tuple[Retraining, ...]:
        """The runs that did not complete."""
        return tuple(run for run in self.runs if run.state != "complete")

    def values(self, name: str, split: Split) -> list[float]:
        """`name` on `split`, one finite value for each complete run; a cost is the same in all of them."""
        complete = [run for run in self.runs if run.state == "complete"]
        if name in self.costs:
            return [float(self.costs[name])] * len(complete)
        found = [run.metrics(split).get(name, math.nan) for run in complete]
        return [value for value in found if math.isfinite(value)]

    def spread(self, name: str, split: Split) -> Spread:
        """Mean ± standard deviation of `name` on `split` over the complete runs."""
        return Spread.of(self.values(name, split))

    def drop(self, objective: Objective) -> float:
        """How much worse the mean is on test than on validation, in the objective's unit; positive is worse.

        Both means are over the same runs. Nan where one of the splits has no value.
        """
        on_test, on_validation = self.spread(objective.name, "test"), self.spread(objective.name, "validation")
        return objective.loss(on_test.mean) - objective.loss(on_validation.mean)


@dataclass(frozen=True)
class Confirmation:
    """A frontier retrained with several seeds; the content of `confirm.json`.

    Args:
        study: name of the study.
        task: name of the task.
        seeds: those that every candidate was to be trained with.
        candidates: in the order of the frontier, then those near it, then those that were retrained before.
        budget: what each run could spend, such as `{"epochs": 30}`.
        environment: versions, commit, device, date: whatever tells where the numbers come from.
    """

    study: str
    task: str
    seeds: tuple[int, ...]
    candidates: tuple[Confirmed, ...]
    budget: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)

    def candidate(self, number: int) -> Confirmed | None:
        """The candidate of trial `number`, or None if it was not retrained."""
        return next((one for one in self.candidates if one.number == number), None)

    @property
    def split(self) -> Split:
        """The one to judge by: `test`, where the task has it."""
        return "test" if any(run.test for one in self.candidates for run in one.runs) else "validation"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        data: dict[str, Any] = _plain({"version": VERSION, **asdict(self)})
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Confirmation:
        """The confirmation that `to_json` wrote; keys of later minor versions are passed over.

        Raises: ParetoError: another version, or something is missing or of the wrong type.
        """
        if data.get("version") != VERSION:
            raise ParetoError(f"a confirmation of version {VERSION} is expected, got version {data.get('version')!r}")
        try:
            candidates = tuple(
                Confirmed(
                    int(one["number"]),
                    str(one["digest"]),
                    {str(name): int(cost) for name, cost in one["costs"].items()},
                    tuple(map(_retraining, one["runs"])),
                )
                for one in data["candidates"]
            )
            seeds = tuple(map(int, data["seeds"]))
            budget, environment = dict(data.get("budget", {})), dict(data.get("environment", {}))
            return cls(str(data["study"]), str(data["task"]), seeds, candidates, budget, environment)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ParetoError(
                f"this is not a confirmation: {type(error).__name__}: {error}; run `nas confirm`"
            ) from None


def write_confirmation(confirmation: Confirmation, directory: str | Path) -> Path:
    """Write `confirm.json` into the study's directory, whole or not at all, and give its path.

    Raises: ParetoError: the directory cannot be written to.
    """
    path = Path(directory) / FILE
    draft = path.with_name(f".{FILE}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(confirmation.to_json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        raise ParetoError(f"cannot write {path}: {error.strerror}; check the folder and its permissions") from None
    return path


def read_confirmation(directory: str | Path) -> Confirmation | None:
    """The study's confirmation, or None if it was not confirmed yet.

    Raises: ParetoError: the file is there and is not a confirmation.
    """
    path = Path(directory) / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ParetoError(f"this is not a confirmation: a mapping is expected, got {type(data).__name__}")
        return Confirmation.from_json(data)
    except FileNotFoundError:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ParetoError(f"{path}: this is not JSON: {error}; remove the file and run `nas confirm`") from None
    except ParetoError as error:
        raise ParetoError(f"{path}: {error}") from None


def _retraining(data: Mapping[str, Any]) -> Retraining:
    state = data["state"]
    if state not in STATES:
        raise ValueError(f"a state is one of {', '.join(STATES)}, got {state!r}")
    validation, test = ({str(k): float(v) for k, v in data[split].items()} for split in ("validation", "test"))
    seconds, message = float(data.get("seconds", 0.0)), str(data.get("message", ""))
    return Retraining(int(data["seed"]), state, validation, test, seconds, message)


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are not finite as the words that `float` reads back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
