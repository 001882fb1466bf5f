"""How much a design is expected to enlarge the hypervolume, where only one loss is uncertain and the costs are known.

A frontier member at known costs `c` with the loss `f` adds `∫ A(l) dl` over the loss levels `l` from `f` to the reference,
where `A(l)` is the part of the box between `c` and the reference costs that no member with a loss of at most `l` dominates.
`A` changes only at the members' losses, so with a normal belief in `f` the expectation is a finite sum of differences of
expected improvements: exact, without sampling, and no cost is ever modelled.

Source: Emmerich et al. 2011, "Hypervolume-based expected improvement: monotonicity properties and exact computation", here
with all but one objective known. Knowles 2006, "ParEGO", for the scalarised form.
"""

from __future__ import annotations

import moocore
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


def expected_improvement(level: Array | float, mean: Array, deviation: Array) -> Array:
    """`E[max(level − f, 0)]` for normal `f`."""
    z = (level - mean) / deviation
    density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
    found: Array = deviation * (z * ndtr(z) + density)
    return found


def hypervolume_improvement(
    mean: Array, deviation: Array, costs: Array, losses: Array, members: Array, reference: Array
) -> Array:
    """Expected growth of the hypervolume for each of m designs.

    Args:
        mean, deviation: (m,), of the uncertain loss. costs: (m, d), known; d from 0 to 2.
        losses: (k,), of the points so far; dominated ones do no harm. members: (k, d), their costs.
        reference: (1 + d,), first of the loss. What lies beyond it counts nothing.
    """
    kept = (losses < reference[0]) & moocore.is_nondominated(np.concatenate([losses[:, None], members], 1))
    order = np.argsort(losses[kept], kind="stable")
    losses, members = losses[kept][order], members[kept][order]
    volumes = free_volumes(costs, members, reference[1:])
    level, which = np.nonzero(volumes)
    levels = np.append(losses, reference[0])
    above, below = np.zeros_like(volumes), np.zeros_like(volumes)
    above[level, which] = expected_improvement(levels[level], mean[which], deviation[which])
    below[1:] = above[:-1]
    gain: Array = (volumes * (above - below)).sum(0)
    return gain


def free_volumes(costs: Array, members: Array, reference: Array) -> Array:
    """What each of m designs dominates in the space of costs and none of the first so many of k members does: (k + 1, m).

    It shrinks from row to row.
    """
    free = np.zeros((len(members) + 1, len(costs)))
    if costs.shape[1] == 0:
        free[0] = 1.0
    elif costs.shape[1] == 1:
        least = np.concatenate([reference, np.minimum.accumulate(np.minimum(members[:, 0], reference[0]))])
        np.maximum(least[:, None] - costs[None, :, 0], 0.0, out=free)
    else:
        for k, volume in enumerate(free):
            _free_area(costs, staircase(members[:k], reference), reference, volume)
            if not volume.any():
                break
    return free


def _free_area(costs: Array, kept: Array, reference: Array, area: Array) -> None:
    """Add to `area` (m,) what each design dominates in the plane of two costs, and the stairs `kept` do not."""
    edges = np.concatenate([[-np.inf], kept[:, 0], [reference[0]]])
    heights = np.concatenate([[reference[1]], kept[:, 1]])
    for low, high, height in zip(edges, edges[1:], heights, strict=False):
        width = np.maximum(high - np.maximum(costs[:, 0], low), 0.0)
        area += width * np.maximum(height - costs[:, 1], 0.0)


def staircase(points: Array, reference: Array) -> Array:
    """Those of `points` (n, 2) that no other dominates and that lie before the reference, by the first coordinate."""
    kept: list[Array] = []
    for point in points[np.lexsort((points[:, 1], points[:, 0]))]:
        if (point < reference).all() and (not kept or point[1] < kept[-1][1]):
            kept.append(point)
    return np.array(kept).reshape(-1, 2)


def scalarised_improvement(means: Array, deviations: Array, losses: Array, weights: Array, draws: Array) -> Array:
    """Expected improvement of the largest weighted loss, for any number of objectives, by draws.

    Args:
        means, deviations: (m, q), of the losses on scales where 0 is the best and 1 the worst; a known one has deviation 0.
        losses: (k, q), of the points so far. weights: (q,). draws: (s, q), standard normal.
    """
    best = augmented(losses, weights).min()
    found = np.zeros(len(means))
    for draw in draws:
        found += np.maximum(best - augmented(means + deviations * draw, weights), 0.0)
    return found / len(draws)


def augmented(losses: Array, weights: Array) -> Array:
    """The augmented Chebyshev norm of each row of `losses` (m, q): (m,)."""
    weighted = losses * weights
    found: Array = weighted.max(1) + 0.05 * weighted.sum(1)
    return found
