"""What the report's script works with: the study as compact JSON, thousands of candidates in a few megabytes.

Trials are columns rather than objects, repeated paths, recipes and messages are written once, and numbers have six
significant digits. Graphs and code are carried only by the candidates that people open: see `detailed`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from nas.pareto import numbers
from nas.pareto.families import families, family_of
from nas.pareto.plane import axis_of, plane_of
from nas.pareto.published import PublishedPoint
from nas.study.latency import LATENCY
from nas.study.ranking import ranks

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.study.records import StudyRecord, TrialRecord

DETAILED = 120
"""How many candidates carry their graph and code unless told otherwise."""


@dataclass(frozen=True)
class Artifact:
    """What can be shown of one candidate, from whoever knows its space.

    Args:
        svg: drawing of its graph; scripts in it are dropped.
        source: PyTorch source of its model.
        text: its outline or its equations; left out if empty.
    """

    svg: str
    source: str
    text: str = ""


def detailed(front: Front, confirmation: Confirmation | None, n: int = DETAILED) -> list[TrialRecord]:
    """The candidates whose graph and code the report carries, those first that people will open.

    Every member of the frontier and every confirmed candidate, whatever `n` is; then candidates by non-dominated rank
    and number, until there are `n`.
    """
    must = {trial.number for trial in front.members}
    if confirmation is not None:
        must |= {one.number for one in confirmation.candidates}
    chosen = [trial for trial in front.record.trials if trial.number in must]
    by_rank = sorted(
        zip(ranks(front.losses(front.candidates)).tolist(), front.candidates, strict=True),
        key=lambda pair: (pair[0], pair[1].number),
    )
    near = [trial for _, trial in by_rank if trial.number not in must]
    return chosen + near[: max(0, n - len(chosen))]


def payload(
    record: StudyRecord,
    front: Front | None,
    artifacts: Callable[[TrialRecord], Artifact | None],
    published: Sequence[PublishedPoint],
    confirmation: Confirmation | None,
    n_detailed: int,
) -> dict[str, Any]:
    """The report's data, JSON values only; without a frontier (nothing is complete) there is nothing to plot."""
    decision = front.decision if front is not None else None
    names = families(record, decision)
    data: dict[str, Any] = {
        "study": record.name,
        "families": names,
        "trials": _columns(record, names, decision),
        "objectives": [one.name for one in record.objectives],
    }
    if front is None:
        return data
    plane = plane_of(front)
    details = {}
    for trial in detailed(front, confirmation, n_detailed):
        artifact = artifacts(trial)
        if artifact is not None:
            details[trial.number] = {"svg": artifact.svg, "source": artifact.source, "text": artifact.text}
    return data | {
        "quantities": _quantities(front),
        "x": plane.x.name,
        "y": plane.y.name,
        "candidates": [trial.number for trial in front.candidates],
        "members": [trial.number for trial in front.members],
        "knee": front.knee().number,
        "history": _history(front),
        "details": details,
        "published": [{"label": one.label, "values": _plain(one.values)} for one in published],
        "confirmed": _confirmed(front, confirmation),
    }


def rounded(value: float) -> float | int | None:
    """`value` with six significant digits; whole numbers as they are; None for what JSON cannot hold.

    >>> rounded(0.123456789), rounded(123456789), rounded(float("nan"))
    (0.123457, 123456789, None)
    """
    if isinstance(value, int):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _history(front: Front) -> list[list[float | int | None]]:
    """Rows of a candidate's number, the hypervolume after it, and the compute that it and all before it took, in hours."""
    took = dict(
        zip(
            (trial.number for trial in front.record.trials),
            accumulate(trial.seconds for trial in front.record.trials),
            strict=True,
        )
    )
    return [[number, rounded(volume), rounded(took[number] / 3600)] for number, volume in front.history()]


def _quantities(front: Front) -> list[dict[str, Any]]:
    """Everything an axis can show, objectives first."""
    names = dict.fromkeys(one.name for one in front.record.objectives)
    for key in ("costs", "metrics"):
        for trial in front.record.trials:
            names.update(dict.fromkeys(getattr(trial, key)))
    found = []
    for name in names:
        axis = axis_of(front, name)
        is_count = any(name in trial.costs for trial in front.candidates)
        found.append(
            {
                "name": name,
                "words": numbers.spoken(name),
                "direction": axis.direction,
                "log": axis.log,
                "count": is_count,
                "of_data": not is_count and name != LATENCY,
                "objective": name in {one.name for one in front.record.objectives},
                "values": [rounded({**t.metrics, **t.costs}.get(name, math.nan)) for t in front.record.trials],
            }
        )
    return found


def _columns(record: StudyRecord, names: Sequence[str], decision: str | None) -> dict[str, Any]:
    paths, recipes, states = _Index(), _Index(), _Index()
    return {
        "number": [trial.number for trial in record.trials],
        "state": [states.add(trial.state) for trial in record.trials],
        "family": [names.index(family_of(trial, decision)) for trial in record.trials],
        "genotype": [
            [item for path, value in trial.genotype.items() for item in (paths.add(path), _plain(value))]
            for trial in record.trials
        ],
        "recipe": [recipes.add(_plain(trial.recipe)) for trial in record.trials],
        "curve": [_curve(trial) for trial in record.trials],
        "seconds": [rounded(float(trial.seconds)) for trial in record.trials],
        "joules": [{source: rounded(value) for source, value in trial.joules.items()} for trial in record.trials],
        "seed": [str(trial.seed) for trial in record.trials],
        "origin": [trial.origin for trial in record.trials],
        "digest": [trial.digest for trial in record.trials],
        "message": [trial.message for trial in record.trials],
        "paths": paths.values,
        "recipes": recipes.values,
        "states": states.values,
    }


def _curve(trial: TrialRecord) -> dict[str, Any]:
    """Rungs, and under each metric's name one value for each rung."""
    names = dict.fromkeys(name for report in trial.curve for name in report.metrics)
    return {
        "rung": [report.rung for report in trial.curve],
        "metrics": {
            name: [rounded(float(report.metrics.get(name, math.nan))) for report in trial.curve] for name in names
        },
    }


def _confirmed(front: Front, confirmation: Confirmation | None) -> list[dict[str, Any]]:
    """For each confirmed candidate mean and standard deviation on test of every quantity: what error bars need."""
    if confirmation is None:
        return []
    found = []
    for one in confirmation.candidates:
        names = dict.fromkeys([*one.costs, *(name for run in one.runs for name in run.test)])
        spreads = {name: one.spread(name, "test") for name in names}
        found.append(
            {
                "number": one.number,
                "test": {name: [rounded(s.mean), rounded(s.std)] for name, s in spreads.items() if s.n},
            }
        )
    return found


class _Index:
    """Values written once, by their place in a list; told apart by their JSON text."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def add(self, value: Any) -> int:
        place = self._places.setdefault(repr(value), len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return rounded(value)
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
