"""NSGA-III on genotypes: as `nsga2`, but what is kept of a rank is spread over reference directions instead of by crowding.

Crowding says little where there are many objectives, since nearly everything is at some end; evenly laid directions still do.
Steady state, as with `nsga2`: every proposal is one child of two of the points kept. Each won against another by rank, then by
having fewer results in its direction.

Source: Deb and Jain 2014, "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based Nondominated
Sorting Approach, Part I"; Seada and Deb 2016, "A Unified Evolutionary Optimization Procedure", for the tournament; Das and Dennis 1998, "Normal-Boundary Intersection", for the directions.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from random import Random

import numpy as np
import numpy.typing as npt

from nas.study.mirror import Point
from nas.study.ranking import Losses, ranks
from nas.study.samplers.nsga2 import Nsga2
from nas.study.samplers.population import judged

Indices = npt.NDArray[np.int64]


class Nsga3(Nsga2):
    """See the module. Settings: `population`, and `crossover`, the share of children that have two parents."""

    def _parents(self, points: list[Point], count: int, rng: Random) -> list[Point]:
        rank = ranks(*judged(points))
        kept = survivors(points, rank, count, rng)
        crowd = self._crowd(points, count)
        return [points[min(rng.sample(kept, 2), key=lambda i: (rank[i], crowd[i]))] for _ in range(2)]

    @staticmethod
    def _crowd(points: list[Point], count: int) -> Indices:
        """How many results lie in the direction of each point, `(n,)`; 0 for those without losses."""
        told = np.array([point.losses is not None for point in points])
        found = np.zeros(len(points), dtype=np.int64)
        if told.any():
            losses = np.array([point.losses for point in points if point.losses is not None])
            nearest, _ = associated(normalized(losses), directions(losses.shape[1], count))
            found[told] = np.bincount(nearest)[nearest]
        return found


def survivors(points: list[Point], rank: Indices, count: int, rng: Random) -> list[int]:
    """Indices of the `count` points to keep: whole ranks, and of the last one those whose directions have the fewest."""
    losses, violations = judged(points)
    last = np.sort(rank)[count - 1]
    kept = np.flatnonzero(rank < last)
    level = np.flatnonzero(rank == last)
    missing = count - len(kept)
    if missing == len(level) or violations[level[0]] > 0:  # what violates has no losses to spread
        return [int(i) for i in (*kept, *level[:missing])]
    considered = np.concatenate([kept, level])
    feasible = losses[considered]
    direction, distance = associated(normalized(feasible), directions(losses.shape[1], count))
    picked = niched(direction[len(kept) :], distance[len(kept) :], direction[: len(kept)], missing, rng)
    return [int(i) for i in (*kept, *level[picked])]


def niched(direction: Indices, distance: Losses, taken: Indices, missing: int, rng: Random) -> list[int]:
    """Positions of `missing` points, each from the direction that has the fewest so far.

    Args:
        direction, distance: `(n,)`, of the points to choose from.
        taken: the directions of those kept already.
    """
    counts = {int(one): int(np.count_nonzero(taken == one)) for one in np.unique(direction)}
    left = {one: [int(i) for i in np.flatnonzero(direction == one)] for one in counts}
    picked: list[int] = []
    while len(picked) < missing:
        fewest = min(counts.values())
        niche = rng.choice([one for one in counts if counts[one] == fewest])
        members = left[niche]
        chosen = min(members, key=lambda i: distance[i]) if fewest == 0 else rng.choice(members)
        members.remove(chosen)
        picked.append(chosen)
        counts[niche] += 1
        if not members:
            del counts[niche]
    return picked


def normalized(losses: Losses) -> Losses:
    """Losses `(n, m)` from 0 at the best of each to 1 where the plane through the extreme points meets its axis.

    Where these points span no plane, 1 is the worst value of the non-dominated.
    """
    above = losses - losses.min(axis=0)
    m = above.shape[1]
    weights = np.where(np.eye(m) > 0, 1.0, 1e-6)
    extremes = above[[int(np.argmin((above / weight).max(axis=1))) for weight in weights]]
    front = above[ranks(losses) == 0].max(axis=0)
    try:
        reach = 1.0 / np.linalg.solve(extremes, np.ones(m))
    except np.linalg.LinAlgError:
        reach = front
    if not np.all(np.isfinite(reach)) or np.any(reach <= 1e-9):
        reach = front
    scaled: Losses = above / np.where(reach > 1e-9, reach, 1.0)
    return scaled


def associated(losses: Losses, towards: Losses) -> tuple[Indices, Losses]:
    """The direction nearest to each point by angle's perpendicular, `(n,)`, and how far the point is from its line, `(n,)`."""
    unit = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    along = losses @ unit.T
    apart = np.linalg.norm(losses[:, None, :] - along[:, :, None] * unit, axis=2)
    nearest = apart.argmin(axis=1)
    return nearest, apart[np.arange(len(losses)), nearest]


def directions(m: int, count: int) -> Losses:
    """Evenly laid directions `(n, m)` with parts that sum to 1: as many as a grid has that is no larger than `count`.

    >>> directions(2, 4).tolist()
    [[0.0, 1.0], [0.3333333333333333, 0.6666666666666666], [0.6666666666666666, 0.3333333333333333], [1.0, 0.0]]
    >>> len(directions(3, 12)), len(directions(3, 2))
    (10, 3)
    """
    parts = 1
    while comb(parts + m, m - 1) <= count:
        parts += 1
    bars = np.array(list(combinations(range(parts + m - 1), m - 1)))
    edges = np.hstack([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), parts + m - 1)])
    laid: Losses = (np.diff(edges, axis=1) - 1) / parts
    return laid
