"""NSGA-II on genotypes: crossover and mutation are the space's own, so conditional and recursive spaces are at home.

Steady state: every proposal is one child of the best points told so far, ordered by constrained non-dominated rank and
crowding: the best `population`, and in long searches the best tenth, which keeps them from settling in one branch of a
space. There are no generations to keep, so the state is a function of the record, and workers never wait for one another.

Source: Deb et al. 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II"; the steady-state form is
Durillo et al. 2009, "On the Effect of the Steady-State Selection Scheme in Multi-Objective Genetic Algorithms".
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.space.deciders import Random as Draw
from nas.study.mirror import Mirror, Point
from nas.study.ranking import best_first, ranks
from nas.study.samplers.base import Proposal, Sampler

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal


PARENTS_ONE_IN = 10


class Nsga2(Sampler):
    """See the module. Settings: `population`, and `crossover`, the share of children that have two parents."""

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._population = int(settings["population"])
        self._crossover = float(settings["crossover"])

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        points = _breeding(mirror)
        if len(points) < self._population:
            return Proposal(self._space.build(Draw(rng)), "random")
        parents = [points[i] for i in self._best(points, max(self._population, len(points) // PARENTS_ONE_IN))]
        mother, father = (parents[_tournament(len(parents), rng)] for _ in range(2))
        if rng.random() < self._crossover and father.genotype != mother.genotype:
            child = self._space.crossover(mother.genotype, father.genotype, rng)
            if child.genotype not in (mother.genotype, father.genotype):
                return Proposal(child, f"crossover of {_name(mother)} and {_name(father)}")
        return Proposal(self._space.mutate(mother.genotype, rng), f"mutation of {_name(mother)}")

    def _best(self, points: list[Point], count: int) -> list[int]:
        """The best `count` of these points, best first."""
        n_losses = max(len(point.losses or ()) for point in points)
        losses = np.array([point.losses or (0.0,) * n_losses for point in points])
        violations = np.array([point.total_violation for point in points])
        rank = ranks(losses, violations)
        # Crowding is only worth computing as far down as parents are taken.
        near = np.flatnonzero(rank <= np.sort(rank)[count - 1])
        return [int(near[i]) for i in best_first(losses[near], violations[near])[:count]]


def _breeding(mirror: Mirror) -> list[Point]:
    """Whole designs, each candidate once: those told, and those that only a constraint refused.

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


def _name(point: Point) -> str:
    return "a refused design" if point.number is None else str(point.number)


def _tournament(n: int, rng: Random) -> int:
    """The better of two drawn places; the parents stand best first."""
    return min(rng.randrange(n), rng.randrange(n))
