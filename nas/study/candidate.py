"""What passes between a study and whoever evaluates for it: plain frozen values that survive JSON and pickling.

Light on purpose: an evaluator imports this module without Optuna, torch or a search space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

Value = bool | int | float | str | None
Genotype = dict[str, Value]

State = Literal["complete", "stopped", "diverged", "out_of_memory", "timeout", "crashed", "lost"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True)
class Candidate:
    """One architecture that the study asks to have evaluated.

    Args:
        number: its place in the order of asking, from 0; the same after a resume.
        genotype: path of a decision → its value, in the order in which the decisions were read.
        digest: of the canonical graph; equal digests are one architecture.
        costs: `params`, `active_params`, `trainable_params`, `macs`, `activation_bytes` and what else the space counts; known before training.
        recipe: the effective training settings: defaults, overridden by the experiment's, overridden by the space's.
        seed: for its weights and its data order; a function of the study's seed and `number`.
        solved: path → value of what is not chosen but follows from the genotype, so that no sampler sees it.
        origin: where it came from: `sampler`, `seed:NAME`, `neighbour of 12`, `enumeration`.
        edition: how many drivers evaluated it before and were lost; not compared, and written down elsewhere.
        architecture: the space's architecture, in the driver's process only; neither compared nor written down.
    """

    number: int
    genotype: Genotype
    digest: str
    costs: dict[str, int]
    recipe: dict[str, Any]
    seed: int
    origin: str = "sampler"
    solved: dict[str, int] = field(default_factory=dict)
    edition: int = field(default=0, compare=False, repr=False)
    architecture: Any = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; all that is compared."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.compare}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Candidate:
        return cls(**_taken(cls, data))

    @property
    def values(self) -> Genotype:
        """Every decision with its value, chosen or solved for: what people and evaluators look at."""
        return {**self.genotype, **self.solved}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "architecture": None}


@dataclass(frozen=True)
class Job:
    """All that an evaluator needs to train one candidate, without the space it came from.

    Args:
        number: the candidate's.
        genotype: the candidate's, and what was solved for.
        source: PyTorch source that defines the model's class.
        recipe: the effective training settings.
        seed: for weights and noise.
        budget: how much may be spent at most, such as `{"epochs": 30}`.
        rungs: amounts of the budget's unit at which a report is due, beside the one at its end.
        costs: the candidate's, so that nobody computes them again.
        members: predictions that the model returns side by side, on a first axis behind the batch; 1: no such axis.
        checkpoint: folder for an evaluator of one's own to make and to keep there what it needs to go on after its process
            was lost; removed when the candidate ends. Empty: there is none.
        order: seed of the order of batches; None: `seed`. Candidates of one search see the same batches, so that they differ in
            nothing else and can be trained together.
        graph: what `source` was made from, for evaluators that train several candidates at once; not written down.
    """

    number: int
    genotype: Genotype
    source: str
    recipe: dict[str, Any]
    seed: int
    budget: dict[str, int | float]
    rungs: tuple[int, ...] = ()
    costs: dict[str, int] = field(default_factory=dict)
    members: int = 1
    checkpoint: str = ""
    order: int | None = None
    graph: Any = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; all but `graph`."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name != "graph"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        taken = _taken(cls, data)
        return cls(**{**taken, "rungs": tuple(taken.get("rungs", ()))})


@dataclass(frozen=True, slots=True)
class Report:
    """Metrics after `rung` units of the budget (such as epochs) were spent."""

    rung: int
    metrics: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        return {"rung": self.rung, "metrics": _plain(self.metrics)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        return cls(int(data["rung"]), _numbers(data["metrics"]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an evaluation ended. A failure is data: every state but `complete` says in `message` why.

    Args:
        state: `complete`; `stopped` at a rung; `diverged` (a loss that is not finite); `out_of_memory`; `timeout`;
            `crashed` (an exception); `lost` (its worker died).
        metrics: final values; of a candidate that did not complete, the last ones known, perhaps none.
        curve: the reports in order.
        seconds: wall time spent on it.
        message: one line for people; empty for `complete`.
        joules: energy drawn for it, by what drew it, `cpu` or `gpu`; what nobody measured is not in it.
    """

    state: State
    metrics: dict[str, float] = field(default_factory=dict)
    curve: tuple[Report, ...] = ()
    seconds: float = 0.0
    message: str = ""
    joules: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"an outcome's state is one of {', '.join(STATES)}, got {self.state!r}")

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "metrics": _plain(self.metrics),
            "curve": [report.to_json() for report in self.curve],
            "seconds": self.seconds,
            "message": self.message,
            "joules": _plain(self.joules),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        return cls(
            data["state"],
            _numbers(data.get("metrics", {})),
            tuple(map(Report.from_json, data.get("curve", ()))),
            float(data.get("seconds", 0.0)),
            data.get("message", ""),
            _numbers(data.get("joules", {})),
        )


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it. JSON has no NaN and no infinity: those become the strings `nan`, `inf`, `-inf`."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(value) for name, value in metrics.items()}


def _taken(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `cls` in `data`; keys that a later version wrote are passed over."""
    known = {f.name for f in fields(cls)}
    return {key: value for key, value in data.items() if key in known}
