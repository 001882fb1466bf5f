"""Families against each other: who covers whom, what each dominates by itself, and whether seeds agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from nas.errors import ParetoError
from nas.pareto import geometry

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation, Split
    from nas.pareto.front import Front


def coverage(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """The share of `second` that some point of `first` equals or dominates, all objectives minimised.

    It is not symmetric: look at both directions.

    Args:
        first, second: `(n, m)` and `(k, m)` finite objective values, k ≥ 1.
    Raises: ParetoError: shapes disagree, a value is not finite, or there is nothing to cover.
    Source: Zitzler & Thiele 1999, "Multiobjective Evolutionary Algorithms: A Comparative Case Study", the measure C.

    >>> coverage([[1, 2], [3, 1]], [[2, 2], [0, 9]])
    0.5
    """
    covered = geometry.as_points(second)
    if not len(covered):
        raise ParetoError("coverage is of at least one point, got none to cover")
    points = geometry.as_points(first, columns=covered.shape[1])
    return float((points[:, None, :] <= covered[None, :, :]).all(axis=2).any(axis=0).mean())


@dataclass(frozen=True)
class FamilyFront:
    """What one family reaches by itself.

    Args:
        members: candidates on the family's own frontier.
        hypervolume: of that frontier, up to the reference of the whole search.
        unique: how much hypervolume all families together would lose without it.
        covers: other family → the share of its frontier that this one's covers.
    """

    name: str
    members: int
    hypervolume: float
    unique: float
    covers: dict[str, float]


def family_fronts(front: Front) -> tuple[FamilyFront, ...]:
    """The frontier of each family that has candidates trained to the end, largest hypervolume first."""
    losses, reference = front.losses(front.candidates), geometry.reference_point(front.losses(front.candidates))
    of = np.array([front.family(trial) for trial in front.candidates])
    own = {str(name): losses[of == name] for name in np.unique(of)}
    best = {name: points[geometry.nondominated(points)] for name, points in own.items()}
    whole = geometry.hypervolume(losses, reference=reference)
    found = []
    for name, points in best.items():
        others = {other: coverage(points, theirs) for other, theirs in best.items() if other != name}
        lost = whole - geometry.hypervolume(losses[of != name], reference=reference)
        volume = geometry.hypervolume(points, reference=reference)
        found.append(FamilyFront(name, len(points), volume, max(lost, 0.0), others))
    return tuple(sorted(found, key=lambda one: (-one.hypervolume, one.name)))


def confirmed_volumes(front: Front, confirmation: Confirmation, split: Split = "test") -> dict[str, dict[int, float]]:
    """Hypervolume of each family's retrained candidates, once for each seed of the confirmation.

    Of seed k, the k-th run of every candidate is taken, so a family's numbers differ by what seeds do. A test on
    them is about these candidates: how a family does in another search, only other searches can tell (`nas compare`).

    Returns: family → (place of the seed → hypervolume up to a reference common to all); only seeds with which every candidate was
        trained to the end, and families with a retrained candidate.
    """
    goals = front.record.objectives
    rows: dict[int, list[tuple[str, list[float]]]] = {}
    trials = {trial.number: trial for trial in front.record.trials}
    candidates = [one for one in confirmation.candidates if one.number in trials]
    for one in candidates:
        for k, run in enumerate(one.runs):
            known = {**run.metrics(split), **one.costs}
            losses = [goal.loss(known.get(goal.name, math.nan)) for goal in goals]
            if run.state == "complete" and all(map(math.isfinite, losses)):
                rows.setdefault(k, []).append((front.family(trials[one.number]), losses))
    whole = {k: found for k, found in sorted(rows.items()) if len(found) == len(candidates)}
    if not whole:
        return {}
    reference = geometry.reference_point([losses for found in whole.values() for _, losses in found])
    names = sorted({name for name, _ in next(iter(whole.values()))})
    return {
        name: {
            k: geometry.hypervolume([losses for family, losses in found if family == name], reference=reference)
            for k, found in whole.items()
        }
        for name in names
    }
