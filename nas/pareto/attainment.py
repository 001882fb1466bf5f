"""What repeated searches attain: the empirical attainment function of several frontiers."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt

from nas.errors import ParetoError
from nas.pareto import geometry

LEVELS = (25.0, 50.0, 75.0)
"""Percent of the searches: the best quarter, the median, and what three quarters reach."""


def attainment(runs: Sequence[npt.ArrayLike], levels: Sequence[float] = LEVELS) -> dict[float, geometry.Array]:
    """The attainment surfaces of `runs`, all objectives minimised.

    A run attains a point if one of its own points is at least as good in every objective. The surface of level p bounds
    what at least p percent of the runs attain; the surface of 50 is the median frontier.

    Args:
        runs: for each search an `(n, m)` array of finite objective values, n ≥ 1, the same m of 2 or 3 in all.
        levels: percents, above 0 and at most 100.
    Returns: level → `(k, m)` nondominated points in rising order of the first objective.
    Raises: ParetoError: there is no run, one has no point, their shapes disagree, m is not 2 or 3, or a level is no percent.
    Source: Grunert da Fonseca et al. 2001, "Inferential Performance Assessment of Stochastic Optimisers and the Attainment
        Function"; computed by moocore after Fonseca et al. 2011, "On the Computation of the Empirical Attainment Function".

    >>> attainment([[[1, 4]], [[2, 3]]], levels=[50, 100])[100].tolist()
    [[2.0, 4.0]]
    """
    if not runs:
        raise ParetoError("attainment is of several searches, got none")
    wrong = [level for level in levels if not 0 < level <= 100]
    if wrong:
        raise ParetoError(f"a level of attainment is a percent above 0 and at most 100, got {wrong[0]:g}")
    m = geometry.as_points(runs[0]).shape[1]
    if m not in (2, 3):
        raise ParetoError(f"attainment surfaces are of two or three objectives, got {m}; choose among them")
    fronts = []
    for number, run in enumerate(runs):
        points = geometry.as_points(run, columns=m)
        if not len(points):
            raise ParetoError(f"search {number} has no point, so it attains nothing; leave it out, and say so")
        fronts.append(np.unique(points[geometry.nondominated(points)], axis=0))
    of = np.repeat(np.arange(len(fronts)), [len(front) for front in fronts])
    found = moocore.eaf(np.vstack(fronts), of, percentiles=sorted(set(map(float, levels))))
    return {level: _sorted(found[found[:, -1] == level, :-1]) for level in levels}


def attained(runs: Sequence[npt.ArrayLike], point: npt.ArrayLike) -> float:
    """The share of `runs` that attain `point`: the empirical attainment function itself.

    >>> attained([[[1, 4]], [[2, 3]]], [2, 4]), attained([[[1, 4]], [[2, 3]]], [1, 5])
    (1.0, 0.5)
    """
    goal = np.asarray(point, dtype=np.float64)
    reached = [bool((geometry.as_points(run, columns=len(goal)) <= goal).all(axis=1).any()) for run in runs]
    return sum(reached) / len(reached)


def _sorted(points: geometry.Array) -> geometry.Array:
    found: geometry.Array = points[np.lexsort(points.T[::-1])]
    return found
