"""NSGA-II on genotypes: crossover and mutation are the space's own, so conditional and recursive spaces are at home.

Steady state: every proposal is one child of the best `population` points told so far, ordered by constrained
non-dominated rank and crowding. There are no generations to keep, so the state is a function of the record, and
workers never wait for one another.

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
from nas.study.ranking import best_first
from nas.study.samplers.base import Proposal, Sampler

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal


class Nsga2(Sampler):
    """See the module. Settings: `population`, and `crossover`, the share of children that have two parents."""

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._population = int(settings["population"])
        self._crossover = float(settings["crossover"])

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        if mirror.results < self._population:
            return Proposal(self._space.build(Draw(rng)), "random")
        parents = self.parents(mirror)
        first = _tournament(len(parents), rng)
        mother = parents[first]
        if rng.random() < self._crossover:
            second = _tournament(len(parents), rng)
            father = parents[second]
            if father.genotype != mother.genotype:
                child = self._space.crossover(mother.genotype, father.genotype, rng)
                if child.genotype not in (mother.genotype, father.genotype):
                    return Proposal(child, f"crossover of {mother.number} and {father.number}")
        return Proposal(self._space.mutate(mother.genotype, rng), f"mutation of {mother.number}")

    def parents(self, mirror: Mirror) -> list[Point]:
        """The best `population` distinct candidates, best first."""
        told: dict[int, Point] = {}
        for point in mirror.points:
            if point.state == "told" and point.number is not None:
                told.setdefault(point.number, point)
        points = list(told.values())
        losses = np.array([point.losses for point in points], dtype=float)
        order = best_first(losses, [point.total_violation for point in points])
        return [points[i] for i in order[: self._population]]


def _tournament(n: int, rng: Random) -> int:
    """The better of two drawn places; the parents stand best first."""
    return min(rng.randrange(n), rng.randrange(n))
