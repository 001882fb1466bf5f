"""The points of a study as a population: who may be a parent, who is best, and what a person calls them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nas.study.candidate import Value
from nas.study.mirror import Mirror, Point
from nas.study.ranking import Losses, best_first, ranks


def breeding(mirror: Mirror) -> list[Point]:
    """Whole designs, each candidate once: those told, and behind them those that only a constraint refused.

    The latter have no losses and need none: how much they violate ranks them, below everything feasible.
    """
    told: dict[int, Point] = {}
    infeasible = []
    for point in mirror.points:
        if point.state == "told" and point.number is not None:
            told.setdefault(point.number, point)
        elif point.state == "refused" and point.whole and point.violation == 0:
            infeasible.append(point)
    return [*told.values(), *infeasible]


def by_number(mirror: Mirror) -> dict[int, Point]:
    """Every candidate, whatever became of it: its own point, the first of those that share its outcome."""
    found: dict[int, Point] = {}
    for point in mirror.points:
        if point.number is not None:
            found.setdefault(point.number, point)
    return found


def judged(points: Sequence[Point]) -> tuple[Losses, npt.NDArray[np.float64]]:
    """Losses `(n, m)`, 0 where there are none, and violations `(n,)`, as `nas.study.ranking` takes them."""
    n_losses = max((len(point.losses or ()) for point in points), default=0)
    losses = np.array([point.losses or (0.0,) * n_losses for point in points]).reshape(len(points), n_losses)
    return losses, np.array([point.total_violation for point in points])


def best(points: Sequence[Point], count: int) -> list[int]:
    """Indices of the best `count` of these points, best first: by constrained rank, then the lonelier first."""
    losses, violations = judged(points)
    rank = ranks(losses, violations)
    # Crowding is only worth computing as far down as is asked for.
    near = np.flatnonzero(rank <= np.sort(rank)[min(count, len(points)) - 1])
    return [int(near[i]) for i in best_first(losses[near], violations[near])[:count]]


def title(point: Point) -> str:
    """What a person calls it."""
    return "a refused design" if point.number is None else str(point.number)


def key(genotype: Mapping[str, Value]) -> str:
    """Equal for equal genotypes only: `1`, `1.0` and `true` differ."""
    return json.dumps(dict(genotype), sort_keys=True)


class Known:
    """The genotypes in a mirror that grows."""

    def __init__(self) -> None:
        self._keys: set[str] = set()
        self._n_seen = 0

    def update(self, mirror: Mirror) -> None:
        self._keys.update(key(point.genotype) for point in mirror.points[self._n_seen :])
        self._n_seen = len(mirror.points)

    def __contains__(self, genotype: Mapping[str, Value]) -> bool:
        return key(genotype) in self._keys
