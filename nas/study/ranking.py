"""Who is better than whom when there are several losses: ranks of dominance, and crowding inside a rank."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt

Losses = npt.NDArray[np.float64]


def ranks(losses: Losses, violations: Sequence[float] | Losses | None = None) -> npt.NDArray[np.int64]:
    """Non-dominated rank of every point, 0 the best; equal points share a rank.

    Args:
        losses: `(n, m)`, all minimised, finite.
        violations: `(n,)`, 0 where feasible. A violating point comes after every feasible one, by how much it violates,
            whatever its losses are.
    Source: Deb et al. 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (constrained domination);
        the ranks themselves are `moocore.pareto_rank`.

    >>> ranks(np.array([[1.0, 2.0], [2.0, 1.0], [2.0, 2.0], [0.0, 0.0]]), [0.0, 0.0, 0.0, 0.5]).tolist()
    [0, 0, 1, 2]
    """
    broken = np.zeros(len(losses)) if violations is None else np.maximum(np.asarray(violations, dtype=float), 0.0)
    found = np.zeros(len(losses), dtype=np.int64)
    feasible = broken == 0
    if feasible.any():
        found[feasible] = moocore.pareto_rank(losses[feasible])
    if not feasible.all():
        after = int(found[feasible].max()) + 1 if feasible.any() else 0
        found[~feasible] = after + np.unique(broken[~feasible], return_inverse=True)[1]
    return found


def crowding(losses: Losses, rank: npt.NDArray[np.int64]) -> Losses:
    """Crowding distance of every point among those of its rank, `(n,)`; infinite at the ends, larger is lonelier.

    Source: Deb et al. 2002.

    >>> crowding(np.array([[0.0, 4.0], [1.0, 2.0], [4.0, 0.0]]), np.zeros(3, dtype=int)).tolist()
    [inf, 2.0, inf]
    """
    distance = np.zeros(len(losses))
    for level in np.unique(rank):
        members = np.flatnonzero(rank == level)
        for column in losses[members].T:
            order = members[np.argsort(column, kind="stable")]
            ordered = np.sort(column, kind="stable")
            spread = ordered[-1] - ordered[0]
            distance[order[[0, -1]]] = np.inf
            if spread > 0:
                distance[order[1:-1]] += (ordered[2:] - ordered[:-2]) / spread
    return distance


def epsilon_net(losses: Losses) -> npt.NDArray[np.int64]:
    """An order of these points in which every beginning is spread well, `(n,)`.

    The best in the first loss comes first, then always the one farthest from all before it, every loss on a scale from 0
    to 1; of equal ones the first as they stand.

    Source: Clarkson 2006, "Nearest-Neighbor Searching and Metric Space Dimensions", greedy permutation; as a tie-break
        Schmucker et al. 2021, "Multi-objective Asynchronous Successive Halving".

    >>> epsilon_net(np.array([[1.0, 3.0], [0.0, 4.0], [4.0, 0.0], [3.0, 3.0]])).tolist()
    [1, 2, 3, 0]
    """
    spread = np.ptp(losses, axis=0)
    scaled = (losses - losses.min(axis=0)) / np.where(spread > 0, spread, 1.0)
    order = [int(np.argmin(losses[:, 0]))]
    distance = np.linalg.norm(scaled - scaled[order[0]], axis=1)
    distance[order[0]] = -1.0
    while len(order) < len(losses):
        order.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(scaled - scaled[order[-1]], axis=1))
        distance[order] = -1.0
    return np.array(order)


def best_first(
    losses: Losses, violations: Sequence[float] | Losses | None = None, most: int | None = None
) -> list[int]:
    """Indices from best to worst, at most so many: by rank, then the lonelier first, then as they came."""
    if not len(losses) or most == 0:
        return []
    rank = ranks(losses, violations)
    near = np.arange(len(losses))
    if most is not None and most < len(losses):
        near = np.flatnonzero(rank <= np.partition(rank, most - 1)[most - 1])  # whole ranks
    order = np.lexsort((near, -crowding(losses[near], rank[near]), rank[near]))
    return [int(near[i]) for i in order[:most]]
