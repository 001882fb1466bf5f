"""The geometry of frontiers over plain arrays, every objective minimised.

`moocore` does the hard part; this module states definitions, refuses what has no answer, and adds the reference point,
the knee and the history, which are policies rather than theorems.
"""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
import numpy.typing as npt

from nas.errors import ParetoError

Array = npt.NDArray[np.float64]

MARGIN = 0.1
"""How far beyond the nadir the default reference point lies, as a share of each objective's range."""


def as_points(points: npt.ArrayLike, columns: int | None = None) -> Array:
    """`points` as an `(n, m)` array of finite numbers, n ≥ 0 and m ≥ 1.

    Args:
        columns: the m that is expected, when it is known.
    Raises: ParetoError: not two-dimensional, another number of columns, or a value that is not finite.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ParetoError(f"points are expected as rows of objective values, shape (n, m), got shape {array.shape}")
    if columns is not None and array.shape[1] != columns:
        raise ParetoError(f"{columns} objectives are expected per point, got {array.shape[1]}")
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise ParetoError(
            f"objective values must be finite, got {array[row].tolist()} in row {row}; leave that point out"
        )
    return array


def nondominated(points: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Which rows no other row dominates: is at most as large in every column and smaller in one.

    Equal rows do not dominate each other, so copies of a nondominated point are all kept.

    Args:
        points: `(n, m)` finite objective values, n ≥ 0.
    Returns: `(n,)` booleans.
    Raises: ParetoError: as `as_points`.
    Source: Kung, Luccio & Preparata 1975, "On Finding the Maxima of a Set of Vectors", by way of moocore.

    >>> nondominated([[1, 3], [2, 2], [3, 3], [2, 2]]).tolist()
    [True, True, False, True]
    """
    array = as_points(points)
    if not len(array):
        return np.zeros(0, dtype=np.bool_)
    return np.asarray(moocore.is_nondominated(array, keep_weakly=True), dtype=np.bool_)


def hypervolume(points: npt.ArrayLike, /, reference: npt.ArrayLike) -> float:
    """Volume dominated by `points` and bounded by `reference`, all objectives minimised.

    Args:
        points: `(n, m)` finite objective values; none at all have volume 0.
        reference: `(m,)` finite; a point not strictly below it in every objective adds nothing.
    Returns: the volume, in the product of the objectives' units.
    Raises: ParetoError: shapes disagree, or a value is not finite.
    Source: While et al. 2012, "A Fast Way of Calculating Exact Hypervolumes", by way of moocore.

    >>> hypervolume([[5, 5], [4, 6], [2, 7], [7, 4]], reference=[10, 10])
    38.0
    """
    bound = _reference(reference)
    array = as_points(points, columns=len(bound))
    # A point at the bound has no volume; dropped here because a product such as 0 x 1e300 is nobody's friend.
    array = array[(array < bound).all(axis=1)]
    return float(moocore.hypervolume(array, ref=bound)) if len(array) else 0.0


def hypervolume_history(points: npt.ArrayLike, /, reference: npt.ArrayLike) -> Array:
    """Hypervolume after the first, the first two, … all `points`: how a search progressed.

    Args:
        points: `(n, m)` finite objective values in order of arrival.
        reference: `(m,)` finite.
    Returns: `(n,)`, never falling; only points that enter the frontier cost a computation.
    Raises: ParetoError: shapes disagree, or a value is not finite.

    >>> hypervolume_history([[2, 2], [3, 3], [1, 1]], reference=[4, 4]).tolist()
    [4.0, 4.0, 9.0]
    """
    bound = _reference(reference)
    array = as_points(points, columns=len(bound))
    history = np.zeros(len(array))
    front = np.zeros((0, len(bound)))
    volume = 0.0
    for i, point in enumerate(array):
        if (point < bound).all() and not (front <= point).all(axis=1).any():
            front = np.vstack([front[~(point <= front).all(axis=1)], point])
            # Rounding may lose the last digit of a sum taken in another order; a history never falls.
            volume = max(volume, hypervolume(front, reference=bound))
        history[i] = volume
    return history


def reference_point(points: npt.ArrayLike, margin: float = MARGIN) -> Array:
    """The default reference: the worst value of each objective over all `points`, and a margin beyond it.

    Taken over all points rather than over the frontier, so that it does not move when the frontier improves, and with a
    margin, so that a frontier's extremes count. It does move when a worse point arrives: give a reference of your own to
    compare studies.

    Args:
        points: `(n, m)` finite objective values, n ≥ 1.
        margin: share of each objective's range; where all values are equal, of 1.
    Returns: `(m,)`.
    Raises: ParetoError: there is no point, or as `as_points`.
    Source: Ishibuchi et al. 2018, "How to Specify a Reference Point in Hypervolume Calculation for Fair Performance
        Comparison", sections 4–5, who show why it must lie slightly beyond the nadir.

    >>> reference_point([[0, 5], [10, 5]]).tolist()
    [11.0, 5.1]
    """
    array = as_points(points)
    if not len(array):
        raise ParetoError("a reference point cannot be derived from no points; give one")
    worst, best = array.max(axis=0), array.min(axis=0)
    spread = worst - best
    return np.asarray(worst + margin * np.where(spread > 0, spread, 1.0), dtype=np.float64)


def knee(points: npt.ArrayLike) -> int:
    """Row of the knee: the nondominated point that lies farthest beyond the chord between the frontier's extremes.

    Each objective is normalised over the frontier, its best value to 0 and its worst to 1. With two objectives the chord
    joins the two extreme points; with m it is the plane through the unit points, x₁ + … + xₘ = 1. The knee is what lies
    farthest from it on the side of the ideal point. Two points, or a frontier that bulges away from the ideal, have no
    point beyond the chord: then the one nearest to it, and among equals the first row, is the answer.

    Args:
        points: `(n, m)` finite objective values, n ≥ 1, already on the scale to judge by (log for counts).
    Returns: index of a row.
    Raises: ParetoError: there is no point, or as `as_points`.
    Source: Das 1999, "On Characterizing the 'Knee' of the Pareto Curve Based on Normal-Boundary Intersection"; with the
        plane of the normalised extremes, as in Branke et al. 2004, "Finding Knees in Multi-objective Optimization".

    >>> knee([[0, 10], [1, 2], [10, 0]])
    1
    """
    array = as_points(points)
    if not len(array):
        raise ParetoError("no points have no knee")
    rows = np.flatnonzero(nondominated(array))
    front = array[rows]
    best = front.min(axis=0)
    spread = front.max(axis=0) - best
    sums = ((front - best) / np.where(spread > 0, spread, 1.0)).sum(axis=1)
    # Rounded, so that points equally far from the chord on paper are equally far here and the first row wins.
    return int(rows[int(np.argmin(np.round(sums, 12)))])


def oriented(values: npt.ArrayLike, directions: Sequence[str], log: Sequence[bool] | None = None) -> Array:
    """Values as a user states them → all minimised: maximised columns negated, `log` columns as decades.

    Args:
        values: `(n, m)` finite values; columns marked in `log` hold counts, of which 0 is taken as 1.
        directions: m times `minimize` or `maximize`.
        log: m marks, none by default.
    Returns: `(n, m)`.
    Raises: ParetoError: as `as_points`.

    >>> oriented([[0.9, 1000]], ["maximize", "minimize"], log=[False, True]).tolist()
    [[-0.9, 3.0]]
    """
    array = as_points(values, columns=len(directions)).copy()
    for column, is_log in enumerate(log or ()):
        if is_log:
            array[:, column] = np.log10(np.maximum(array[:, column], 1.0))
    signs = np.array([-1.0 if direction == "maximize" else 1.0 for direction in directions])
    return np.asarray(array * signs, dtype=np.float64)


def _reference(reference: npt.ArrayLike) -> Array:
    bound = np.asarray(reference, dtype=np.float64)
    if bound.ndim != 1 or not len(bound) or not np.isfinite(bound).all():
        raise ParetoError(f"a reference point is one finite number per objective, got {np.asarray(reference).tolist()}")
    return bound
