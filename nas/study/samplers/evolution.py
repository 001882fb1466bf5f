"""Regularised evolution: every proposal is a mutation of the winner of a small tournament in a population that ages.

The population is the last `population` candidates told, in the order of their numbers, so that nothing stays for having been
lucky once. The winner is the best by constrained non-dominated rank, then by crowding; with one objective simply the best.
Until that many are told, designs that a constraint refused fill it up, those that violate least first: they breed their way
into what is allowed.

Source: Real et al. 2019, "Regularized Evolution for Image Classifier Architecture Search".
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


class Evolution(Sampler):
    """See the module. Settings: `population`, and `tournament`, how many of it are drawn for each parent."""

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._population = int(settings["population"])
        self._tournament = int(settings["tournament"])

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        living = self._living(mirror)
        if len(living) < self._population:
            return Proposal(self._space.build(Draw(rng)), "random")
        order = best(living, len(living))
        parent = living[order[min(rng.randrange(len(order)) for _ in range(self._tournament))]]
        return Proposal(self._space.mutate(parent.genotype, rng), f"mutation of {title(parent)}")

    def _living(self, mirror: Mirror) -> list[Point]:
        points = breeding(mirror)
        told = [point for point in points if point.number is not None]
        refused = sorted((point for point in points if point.number is None), key=lambda one: one.total_violation)
        return [*told[-self._population :], *refused[: max(0, self._population - len(told))]]
