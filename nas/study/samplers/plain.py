"""Samplers that learn nothing: chance, and every design of a small space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError, SpaceError
from nas.space.deciders import Random as Draw
from nas.study.candidate import Genotype
from nas.study.mirror import Mirror
from nas.study.samplers.base import Exhausted, Proposal, Sampler

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal


class RandomSearch(Sampler):
    """Independent draws, as the space's weights and scales say."""

    learns = False

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        return Proposal(self._space.build(Draw(Random(seed))), "random")


N_GRID = 20_000


class Grid(Sampler):
    """Every accepted design of a finite space once, in an order drawn from the setting `order`.

    Raises: ExperimentError: the space has no end, or more than `N_GRID` designs.
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        try:
            self._designs = [dict(design.genotype) for design in islice(space.enumerate(), N_GRID + 1)]
        except SpaceError as endless:
            raise ExperimentError(f"the sampler `grid` needs a finite space, and this one is not: {endless}") from None
        if len(self._designs) > N_GRID:
            raise ExperimentError(
                f"the sampler `grid` goes through every design, and `{space.name}` has more than {N_GRID:,}; take another"
            )
        Random(int(settings["order"])).shuffle(self._designs)
        self._known: set[str] = set()
        self._n_seen = 0

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        """The next design that the mirror does not hold; so a resumed grid goes on where it was."""
        self._known.update(_key(point.genotype) for point in mirror.points[self._n_seen :])
        self._n_seen = len(mirror.points)
        while self._designs:
            if _key(self._designs[-1]) not in self._known:
                return Proposal(self._space.replay(self._designs[-1]), "grid")
            self._designs.pop()
        raise Exhausted


def _key(genotype: Genotype) -> str:
    return json.dumps(genotype, sort_keys=True)
