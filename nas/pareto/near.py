"""Candidates that missed the frontier by little: with another seed they might be on it, and a member off it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from nas.pareto import geometry
from nas.pareto.uncertainty import confirmed_frontier

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.study.records import TrialRecord


def margins(front: Front) -> geometry.Array:
    """By how much each of `front.candidates` missed the frontier, in what costs do not settle; 0 on it.

    The least ε such that the candidate would be dominated no longer if each of its uncertain values were better by ε times the
    range of the members there: the largest, over the members whose costs are no higher, of the smallest of the differences. It is
    the additive ε-indicator of Zitzler et al. 2003 with exact costs. Infinite where all objectives are costs, which no
    retraining changes.

    Returns: `(candidates,)`, from 0.
    """
    exact = np.array([one.is_cost for one in front.record.objectives])
    losses, members = front.losses(front.candidates), front.losses(front.members)
    on_it = {trial.number for trial in front.members}
    if exact.all():
        return np.array([0.0 if trial.number in on_it else np.inf for trial in front.candidates])
    ranges = np.ptp(members[:, ~exact], axis=0)
    ranges = np.where(ranges > 0, ranges, np.ptp(losses[:, ~exact], axis=0))
    behind = (losses[:, None, ~exact] - members[None, :, ~exact]) / np.where(ranges > 0, ranges, 1.0)
    cheaper = (members[None, :, exact] <= losses[:, None, exact]).all(axis=2)
    missed: geometry.Array = np.where(cheaper, behind.min(axis=2), 0.0).max(axis=1).clip(min=0.0)
    return missed


def near_members(front: Front, n: int) -> tuple[TrialRecord, ...]:
    """The `n` candidates with the least `margins` that are not members, the nearest first; fewer where there are no more.

    Of one architecture under one recipe only the first counts, and none that is a member already.
    """
    seen = {_identity(trial) for trial in front.members}
    found: list[TrialRecord] = []
    for missed, trial in sorted(
        zip(margins(front), front.candidates, strict=True), key=lambda one: (one[0], one[1].number)
    ):
        if len(found) < n and np.isfinite(missed) and _identity(trial) not in seen:
            seen.add(_identity(trial))
            found.append(trial)
    return tuple(found)


def _identity(trial: TrialRecord) -> str:
    return json.dumps([trial.digest, trial.recipe], sort_keys=True, default=str)


def retrained_note(front: Front, confirmation: Confirmation | None) -> str:
    """Who is on the frontier of the retrained candidates, in a sentence; empty where none has a value.

    Args:
        front: of the search, which says who was on it before.
    """
    found = (
        () if confirmation is None else confirmed_frontier(confirmation, front.record.objectives, confirmation.split)
    )
    if confirmation is None or not found:
        return ""
    before = {trial.number for trial in front.members}
    named = [str(number) if number in before else f"{number} (not on the search's)" for number in found]
    of = f"{len(found)} of {len(confirmation.candidates)} retrained candidates are on the frontier of these"
    return f"{of}, by their means on {confirmation.split}: {', '.join(named)}"
