"""A study as others read it: facts only, without a lock, also while it runs elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nas.errors import StudyError
from nas.study.candidate import Genotype, Report, State
from nas.study.directory import Settings, location, read_settings
from nas.study.objectives import Constraint, Goal, Objective

if TYPE_CHECKING:
    from nas.codegen import Exported
    from nas.study.entry import Entry


@dataclass(frozen=True)
class TrialRecord:
    """One candidate and what came of it.

    Args:
        genotype: path → value of every decision, those that were solved for last.
        state: an outcome's state, or `running`.
        values: the objectives as the user states them; None where the candidate did not complete.
        feasible: whether it completed and satisfies every constraint.
        curve: the reports in order.
        message: why, for one that did not complete.
        origin: `sampler`, `random`, `seed:NAME`, `mutation of 12`, …
        joules: energy by what drew it, `cpu` or `gpu`, where it was measured.
        exporter: writes it to a path in formats; a search gives it to its trials.
    """

    number: int
    state: State | Literal["running"]
    genotype: Genotype
    digest: str
    costs: dict[str, int]
    recipe: dict[str, Any] = field(repr=False)
    metrics: dict[str, float]
    values: tuple[float, ...] | None
    feasible: bool
    curve: tuple[Report, ...] = field(repr=False)
    seconds: float
    seed: int
    message: str
    origin: str
    joules: dict[str, float] = field(default_factory=dict)
    exporter: Callable[[TrialRecord, str | Path, str | Iterable[str]], Exported] | None = field(
        default=None, repr=False, compare=False
    )

    def export(self, path: str | Path, formats: str | Iterable[str] = ()) -> Exported:
        """Write it as plain PyTorch, as `Search.export` does. Raises: StudyError: it was read without its search."""
        if self.exporter is None:
            raise StudyError(f"trial {self.number} was read without its search; take it from `nas.open_search(…)`")
        return self.exporter(self, path, formats)


@dataclass(frozen=True)
class StudyRecord:
    """A study: its settings, its snapshots and its trials in order of number.

    Args:
        experiment: the settings as a mapping in the shape of an experiment file.
        experiment_text: that file as it was read; empty where there was none.
        counts: proposals that never became candidates, by reason: `rejected`, `infeasible`, `duplicate`.
    """

    directory: Path
    name: str
    task: str
    space_name: str
    space_text: str
    experiment: dict[str, Any]
    experiment_text: str
    objectives: tuple[Objective, ...]
    constraints: tuple[Constraint, ...]
    seed: int
    trials: tuple[TrialRecord, ...]
    counts: dict[str, int] = field(default_factory=dict)

    def completed(self) -> tuple[TrialRecord, ...]:
        """Trials with values that satisfy every constraint: those a frontier is made of."""
        return tuple(trial for trial in self.trials if trial.feasible)


def read_study(directory: str | Path) -> StudyRecord:
    """The study in `directory` as of now.

    Raises: StudyError: there is none, or its record cannot be read.
    """
    from nas.study.storage import read_entries

    directory = Path(directory)
    settings = read_settings(directory)
    place = location(directory, settings)
    begun = not isinstance(place, Path) or place.exists()
    return record_of(directory, settings, read_entries(place, settings.name) if begun else [])


def record_of(directory: Path, settings: Settings, entries: Iterable[Entry]) -> StudyRecord:
    """The record that these entries make."""
    goal = Goal.parse(settings.objectives, settings.constraints, settings.metrics)
    entries = list(entries)
    counts: Counter[str] = Counter()
    for entry in entries:
        counts.update(entry.counts)
    return StudyRecord(
        directory=directory,
        name=settings.name,
        task=settings.task,
        space_name=settings.space,
        space_text=_text(directory / "space.yaml"),
        experiment=experiment_of(settings),
        experiment_text=_text(directory / "experiment.yaml"),
        objectives=goal.objectives,
        constraints=goal.constraints,
        seed=settings.seed,
        trials=tuple(trial_of(goal, entry) for entry in entries),
        counts=dict(counts),
    )


def experiment_of(settings: Settings) -> dict[str, Any]:
    """The settings in the shape of an experiment file."""
    asked = {"latency": settings.latency} if settings.latency else {}
    return {
        "experiment": settings.name,
        "space": settings.space,
        "task": settings.task,
        "objectives": list(settings.objectives),
        "constraints": list(settings.constraints),
        "sampler": settings.sampler,
        "stopping": settings.stopping,
        "trials": settings.trials,
        "budget": settings.budget,
        "recipe": settings.recipe,
        "seed": settings.seed,
        **asked,
    }


def trial_of(goal: Goal, entry: Entry) -> TrialRecord:
    """One candidate and what came of it so far."""
    candidate, outcome = entry.candidate, entry.outcome
    metrics = {} if outcome is None else outcome.metrics
    complete = outcome is not None and outcome.state == "complete"
    values = goal.values(candidate.costs, metrics) if complete else None
    held = values is not None and all(slack <= 0 for slack in goal.slacks(candidate.costs, metrics))
    return TrialRecord(
        number=candidate.number,
        state="running" if outcome is None else outcome.state,
        genotype=candidate.values,
        digest=candidate.digest,
        costs=candidate.costs,
        recipe=candidate.recipe,
        metrics=metrics,
        values=values,
        feasible=held,
        curve=tuple(entry.curve) if outcome is None else outcome.curve,
        seconds=0.0 if outcome is None else outcome.seconds,
        seed=candidate.seed,
        message="" if outcome is None else outcome.message,
        origin=candidate.origin,
        joules={} if outcome is None else outcome.joules,
    )


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
