"""Several searches side by side: repeats of one experiment with other seeds, and experiments that differ in something."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.errors import ParetoError
from nas.pareto import geometry
from nas.pareto.attainment import LEVELS, attainment
from nas.pareto.confirmation import Spread
from nas.pareto.contest import coverage
from nas.pareto.control import Control, draws_at_random, is_chance, random_control
from nas.pareto.families import families, family_decision, family_of
from nas.pareto.front import Front, frontier
from nas.pareto.paired import Contest, contests

if TYPE_CHECKING:
    from nas.study.objectives import Objective
    from nas.study.records import StudyRecord

_OWN = ("seed", "experiment", "space")
"""Settings in which repeats of one experiment may differ; of the space, its text counts and not its file's name."""


@dataclass(frozen=True)
class Arm:
    """Searches that differ only in their seeds.

    Args:
        name: what tells it from other arms, in a few words.
        searches: places in `Several.fronts`.
    """

    name: str
    searches: tuple[int, ...]


@dataclass(frozen=True)
class Several:
    """Searches for the same objectives on the same task, measured against one reference.

    Args:
        fronts: of the searches, in the order given; at least one.
        labels: what each is called, all different.
        arms: in the order of their first searches.
        drawn: the control of each, or None.
    """

    fronts: tuple[Front, ...]
    labels: tuple[str, ...]
    arms: tuple[Arm, ...]
    drawn: tuple[StudyRecord | None, ...]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Those of all the searches."""
        return self.fronts[0].record.objectives

    @cached_property
    def reference(self) -> tuple[float, ...]:
        """The reference point in the objectives' own units: slightly worse than the worst candidate of all searches."""
        losses = np.vstack([front.losses(front.candidates) for front in self.fronts])
        first = self.fronts[0]
        return first.stated(geometry.reference_point(losses))

    @cached_property
    def hypervolumes(self) -> tuple[float, ...]:
        """Of each search, up to the common reference."""
        return tuple(front.hypervolume(self.reference) for front in self.fronts)

    @cached_property
    def joint(self) -> float:
        """Hypervolume of all searches together: the best that is known."""
        losses = np.vstack([front.losses(front.members) for front in self.fronts])
        return geometry.hypervolume(losses, reference=self.fronts[0].oriented(self.reference))

    def spread(self, arm: Arm) -> Spread:
        """Mean and standard deviation of the hypervolumes of its searches."""
        return Spread.of([self.hypervolumes[i] for i in arm.searches])

    def contests(self) -> tuple[Contest, ...]:
        """Hypervolumes of every two arms, paired by study seed; those with fewer than two seeds in common are left out."""
        return contests({arm.name: {self._seed(i): self.hypervolumes[i] for i in arm.searches} for arm in self.arms})

    def coverages(self) -> list[list[float]]:
        """Row i, column j: the share of the frontier of search j that the one of search i covers."""
        losses = [front.losses(front.members) for front in self.fronts]
        return [[coverage(mine, theirs) for theirs in losses] for mine in losses]

    def surfaces(self, arm: Arm, levels: Sequence[float] = LEVELS) -> dict[float, list[tuple[float, ...]]]:
        """The attainment surfaces of the arm's searches, points in the objectives' own units.

        Raises: ParetoError: there are not two or three objectives.
        """
        first = self.fronts[0]
        runs = [self.fronts[i].losses(self.fronts[i].members) for i in arm.searches]
        return {level: [first.stated(point) for point in found] for level, found in attainment(runs, levels).items()}

    def family_contests(self, arm: Arm) -> tuple[Contest, ...]:
        """Hypervolumes of every two families, paired by those searches of the arm that tried both."""
        first = self.fronts[arm.searches[0]]
        decision = family_decision(*(front.record for front in self.fronts))
        names = sorted({name for i in arm.searches for name in families(self.fronts[i].record, decision)})
        if decision is None or len(names) < 2 or len(arm.searches) < 2:
            return ()
        reference = first.oriented(self.reference)
        measured: dict[str, dict[int, float]] = {name: {} for name in names}
        for i in arm.searches:
            front = self.fronts[i]
            for name in families(front.record, decision):
                own = [trial for trial in front.candidates if family_of(trial, decision) == name]
                volume = geometry.hypervolume(front.losses(own), reference=reference) if own else 0.0
                measured[name][self._seed(i)] = volume
        return contests(measured)

    def controls(self) -> dict[str, tuple[Control, ...]]:
        """Label → the search's best against its own control and the random candidates of the searches here that draw at random.

        Only searches in the same space with the same recipe and budget are a control; there may be none, and fewer than `ENOUGH`
        candidates are none. What chance alone proposed is not held against chance.
        """
        found = {}
        for label, front, own in zip(self.labels, self.fronts, self.drawn, strict=True):
            others = {
                name: other.record
                for name, other in zip(self.labels, self.fronts, strict=True)
                if other is not front
                and draws_at_random(other.record)
                and _ground(other.record) == _ground(front.record)
            }
            alike = [*others.values(), *([] if own is None else [own])]
            if not alike or draws_at_random(front.record) or is_chance(front):
                continue
            source = ", ".join([*others, *(["its own control"] if own is not None and others else [])])
            pooled = replace(alike[0], trials=tuple(trial for record in alike for trial in record.trials))
            if enough := tuple(one for one in random_control(front, None, pooled, source) if one.is_enough):
                found[label] = enough
        return found

    def to_json(self) -> dict[str, Any]:
        """Everything that the command prints, as plain JSON values."""
        return {
            "task": self.fronts[0].record.task,
            "objectives": [str(one) for one in self.objectives],
            "reference": list(self.reference),
            "joint_hypervolume": self.joint,
            "searches": [
                {
                    "directory": label,
                    "study": front.record.name,
                    "arm": next(arm.name for arm in self.arms if i in arm.searches),
                    "seed": front.record.seed,
                    "trials": len(front.record.trials),
                    "complete": len(front.candidates),
                    "members": len(front.members),
                    "hypervolume": self.hypervolumes[i],
                    "seconds": sum(trial.seconds for trial in front.record.trials),
                }
                for i, (label, front) in enumerate(zip(self.labels, self.fronts, strict=True))
            ],
            "coverage": self.coverages(),
            "arms": [self._arm_to_json(arm) for arm in self.arms],
            "contests": [_contest_to_json(one) for one in self.contests()],
            "controls": {label: [_control_to_json(one) for one in found] for label, found in self.controls().items()},
        }

    def _arm_to_json(self, arm: Arm) -> dict[str, Any]:
        spread = self.spread(arm)
        surfaces = self.surfaces(arm) if 2 <= len(self.objectives) <= 3 else {}
        return {
            "name": arm.name,
            "searches": [self.labels[i] for i in arm.searches],
            "hypervolume": {"mean": spread.mean, "std": _or_none(spread.std), "n": spread.n},
            "attainment": {f"{level:g}": [list(point) for point in points] for level, points in surfaces.items()},
            "families": [_contest_to_json(one) for one in self.family_contests(arm)],
        }

    def _seed(self, i: int) -> int:
        return self.fronts[i].record.seed


def several(
    records: Sequence[StudyRecord], labels: Sequence[str], controls: Sequence[StudyRecord | None] = ()
) -> Several:
    """The searches of `records`, compared.

    Args:
        records: at least one.
        labels: what to call them, such as their directories.
        controls: of each, where it has one; see `nas.study.control.read_control`.
    Raises: ParetoError: a search was given twice, they are for different tasks or objectives, or one has no frontier yet.
    """
    if not records:
        raise ParetoError("a comparison needs at least one search")
    first, begun = records[0], labels[0]
    for record, label in zip(records[1:], labels[1:], strict=True):
        if record.task != first.task:
            raise ParetoError(
                f"searches on different tasks cannot be compared: {begun} is on `{first.task}`, {label} on `{record.task}`"
            )
        if set(record.objectives) != set(first.objectives):
            raise ParetoError(
                "searches for different objectives cannot be compared: "
                f"{begun} is to {_goals(first)}, {label} to {_goals(record)}; `--objective` states common ones"
            )
    twice = [label for i, label in enumerate(labels) if label in labels[:i]]
    if twice:
        raise ParetoError(f"{twice[0]} was given twice; a comparison takes each search once")
    fronts = []
    for record, label in zip(records, labels, strict=True):
        try:
            fronts.append(frontier(_reordered(record, first)))
        except ParetoError as problem:
            raise ParetoError(f"{label}: {problem}") from None
    drawn = tuple(controls) or (None,) * len(records)
    return Several(tuple(fronts), tuple(labels), _arms(records), drawn)


def _reordered(record: StudyRecord, like: StudyRecord) -> StudyRecord:
    """`record` with its objectives in the order of another's."""
    from nas.pareto.restated import restated

    return record if record.objectives == like.objectives else restated(record, [str(one) for one in like.objectives])


def _arms(records: Sequence[StudyRecord]) -> tuple[Arm, ...]:
    """The searches by everything that is not their own: a repeat has the same space and settings, and another seed."""
    grouped: dict[str, list[int]] = {}
    for i, record in enumerate(records):
        key = _identity(record)
        # Two searches with one seed and the same settings are one experiment twice, not two samples of it.
        while any(records[j].seed == record.seed for j in grouped.get(key, ())):
            key += "'"
        grouped.setdefault(key, []).append(i)
    names = _names([records[places[0]] for places in grouped.values()])
    return tuple(Arm(name, tuple(places)) for name, places in zip(names, grouped.values(), strict=True))


def _identity(record: StudyRecord) -> str:
    settings = {key: value for key, value in record.experiment.items() if key not in _OWN}
    return json.dumps([record.space_text, settings], sort_keys=True, default=str)


def _ground(record: StudyRecord) -> str:
    """What two searches must share for the candidates of one to be a control of the other."""
    return json.dumps([record.space_text, *(record.experiment.get(key) for key in ("recipe", "budget"))], default=str)


def _names(records: Sequence[StudyRecord]) -> list[str]:
    """What tells arms apart: the settings in which they differ; the study's name where there is one arm or no such setting."""
    keys = dict.fromkeys(key for record in records for key in record.experiment if key not in _OWN)
    shown = {key: [_brief(record.experiment.get(key)) for record in records] for key in keys}
    if len({record.space_text for record in records}) > 1:
        shown["space"] = [record.space_name for record in records]
    telling = [key for key, values in shown.items() if len(set(values)) > 1]
    names = [", ".join(f"{key} {shown[key][i]}" for key in telling) or one.name for i, one in enumerate(records)]
    return [name if names.count(name) == 1 else f"{name} #{names[: i + 1].count(name)}" for i, name in enumerate(names)]


def _brief(value: Any) -> str:
    """A setting in a few characters: its name or rule, and what else it says."""
    if isinstance(value, dict):
        return " ".join(
            _brief(item) if key in ("name", "rule") else f"{key}={_brief(item)}" for key, item in value.items()
        )
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(_brief, value)) + "]"
    if isinstance(value, str) and ".py:" in value:  # a file of one's own, wherever it lies
        return Path(value).name
    return f"{value:g}" if isinstance(value, float) else str(value)


def _goals(record: StudyRecord) -> str:
    return " and ".join(f"`{one}`" for one in record.objectives)


def _contest_to_json(one: Contest) -> dict[str, Any]:
    test = one.test
    return {
        "first": one.first,
        "second": one.second,
        "pairs": test.n,
        "difference": test.mean,
        "interval": [_or_none(test.low), _or_none(test.high)],
        "p": test.p,
        "least_p": test.least_p,
    }


def _control_to_json(one: Control) -> dict[str, Any]:
    return {
        "objective": str(one.objective),
        "best": one.best,
        "value": one.value,
        "random": {
            "mean": _or_none(one.random.mean),
            "std": _or_none(one.random.std),
            "n": one.random.n,
            "of": one.source,
        },
        "unfinished": one.unfinished,
        "improvement": _or_none(one.improvement),
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
