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

from nas.space.deciders import Random as Draw
from nas.study.mirror import Mirror, Point
from nas.study.samplers.base import Proposal, Sampler
from nas.study.samplers.population import best, breeding, title

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
        points = breeding(mirror)
        if len(points) < self._population:
            return Proposal(self._space.build(Draw(rng)), "random")
        mother, father = self._parents(points, max(self._population, len(points) // PARENTS_ONE_IN), rng)
        return child_of(self._space, mother, father, self._crossover, rng)

    def _parents(self, points: list[Point], count: int, rng: Random) -> list[Point]:
        """Two of the best `count`, each the better of two."""
        parents = [points[i] for i in best(points, count)]
        return [parents[_tournament(len(parents), rng)] for _ in range(2)]


def child_of(space: Space, mother: Point, father: Point, crossover: float, rng: Random) -> Proposal:
    """A child of both with probability `crossover`, where they differ; else, and where it were one of them, a mutation."""
    if rng.random() < crossover and father.genotype != mother.genotype:
        child = space.crossover(mother.genotype, father.genotype, rng)
        if child.genotype not in (mother.genotype, father.genotype):
            return Proposal(child, f"crossover of {title(mother)} and {title(father)}")
    return Proposal(space.mutate(mother.genotype, rng), f"mutation of {title(mother)}")


def _tournament(n: int, rng: Random) -> int:
    """The better of two drawn places; the parents stand best first."""
    return min(rng.randrange(n), rng.randrange(n))
