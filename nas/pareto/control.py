"""Whether searching was worth it: the best candidate against the average random architecture of the space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.pareto.confirmation import Spread
from nas.study.control import ORIGIN

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.study.objectives import Objective
    from nas.study.records import StudyRecord, TrialRecord

# Origins that say nothing of whether the search has begun to learn: the space's own seeds, and another study's results.
_UNLEARNED = (ORIGIN, "seed:", "carried over from")
ENOUGH = 8
"""Random candidates trained to the end below which their mean is not worth comparing with."""


@dataclass(frozen=True)
class Control:
    """The best candidate by one objective against random ones of the same space, recipe and budget, on validation.

    Args:
        objective: one that training decides.
        best: number of the best candidate.
        value: what the search measured of it: the luckiest of many trainings.
        retrained: its mean over the seeds of the confirmation; nan where it was not retrained.
        random: mean and spread of the random candidates that were trained to the end.
        unfinished: random candidates that were stopped early or failed. They have no final value; where a rule stopped the worst,
            the mean of the others is too good, and the improvement is understated.
        source: the searches that the random candidates are from; empty: the search itself or its own control.
    """

    objective: Objective
    best: int
    value: float
    retrained: float
    random: Spread
    unfinished: int
    source: str = ""

    @property
    def improvement(self) -> float:
        """(best − mean random)/|mean random|, turned so that positive is better; of the retrained mean where there is one."""
        gain = self.objective.loss(self.random.mean) - self.objective.loss(self.shown)
        return gain / abs(self.random.mean) if self.random.mean else math.nan

    @property
    def shown(self) -> float:
        """The best candidate's value that counts: its mean when retrained, where it was."""
        return self.value if math.isnan(self.retrained) else self.retrained

    def __str__(self) -> str:
        of = f" of {self.source}" if self.source else ""
        left = f", {self.unfinished} more not trained to the end" if self.unfinished else ""
        return (
            f"{self.objective.name} {self.shown:.4g} is {self.improvement:+.1%} against the average of "
            f"{self.random.n} random candidates{of}, {self.random.mean:.4g}{left}"
        )

    @property
    def is_enough(self) -> bool:
        """Whether there are enough random candidates to say anything."""
        return self.random.n >= ENOUGH


def random_control(
    front: Front, confirmation: Confirmation | None = None, control: StudyRecord | None = None, source: str = ""
) -> tuple[Control, ...]:
    """One for each objective that training decides.

    Args:
        confirmation: gives the best candidate's mean over seeds in place of its luckiest training.
        control: random candidates of the same space, for the same task, with the same recipe and budget, as a study with the
            sampler `random`: the study's own control, or another search. Where there is none or it is too small, those that the
            study proposed `by_chance` are taken, if they are enough.
        source: the searches that `control` is from, where it is not the study's own.
    Source: Yang, Esperança & Carlucci 2020, "NAS evaluation is frustratingly hard", eq. 1, who compare on test.
    """
    pools = [by_chance(one) for one in (control, front.record) if one is not None]
    found = []
    for at, objective in enumerate(front.record.objectives):
        if not objective.is_learned:
            continue
        chance = next((pool for pool in pools if len(_finals(pool, objective)) >= ENOUGH), pools[0])
        values = _finals(chance, objective)
        best = min(front.candidates, key=lambda trial, at=at, goal=objective: goal.loss((trial.values or ())[at]))  # type: ignore[misc]
        again = confirmation.candidate(best.number) if confirmation is not None else None
        retrained = again.spread(objective.name, "validation").mean if again is not None else math.nan
        ended = sum(trial.state != "running" for trial in chance)
        value = float((best.values or ())[at])
        of = source if control is not None and chance is pools[0] else ""
        found.append(Control(objective, best.number, value, retrained, Spread.of(values), ended - len(values), of))
    return tuple(found)


def by_chance(record: StudyRecord) -> tuple[TrialRecord, ...]:
    """The candidates that chance alone proposed.

    Of a search that learns, those that it began with, before its first mutation or the like: what a model later picks out of many
    random designs is not chance, though it may say `random` too.
    """
    learned = () if draws_at_random(record) else (t for t in record.trials if not t.origin.startswith(_UNLEARNED))
    first = min((trial.number for trial in learned), default=math.inf)
    return tuple(trial for trial in record.trials if trial.origin == ORIGIN and trial.number < first)


def is_chance(front: Front) -> bool:
    """Whether chance proposed every candidate that the best was chosen from: the best of them is no merit of a search."""
    drawn = {trial.number for trial in by_chance(front.record)}
    return all(trial.number in drawn for trial in front.candidates)


ITSELF = "chance proposed every candidate, so the search is chance itself and there is nothing to compare"
"""What is said where `is_chance`."""


def draws_at_random(record: StudyRecord) -> bool:
    """Whether the search's sampler is `random`."""
    sampler = record.experiment.get("sampler")
    return (sampler.get("name") if isinstance(sampler, dict) else sampler) == ORIGIN


def _finals(trials: Sequence[TrialRecord], objective: Objective) -> list[float]:
    """The values of those that were trained to the end."""
    found = (trial.metrics.get(objective.name, math.nan) for trial in trials if trial.state == "complete")
    return [value for value in found if math.isfinite(value)]


def advice(controls: Sequence[Control]) -> str:
    """How to get a random control, where there is none that is large enough; else empty."""
    lacking = [one for one in controls if not one.is_enough]
    if not lacking:
        return ""
    return (
        f"{lacking[0].random.n} random candidates were trained to the end, {ENOUGH} are needed for a control: "
        f"`nas resume` with `--control {ENOUGH}` trains what is missing"
    )
