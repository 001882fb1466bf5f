"""Samplers that learn nothing: chance, and every design of a small space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError
from nas.space import Rejected
from nas.space.deciders import Random as Draw
from nas.space.domains import Domain
from nas.study.candidate import Value
from nas.study.mirror import Mirror
from nas.study.samplers.base import Exhausted, Proposal, Sampler
from nas.study.samplers.population import Known

if TYPE_CHECKING:
    from nas.space import Architecture, Space
    from nas.study.objectives import Goal


class RandomSearch(Sampler):
    """Independent draws, as the space's weights and scales say."""

    learns = False

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        return Proposal(self._space.build(Draw(Random(seed))), "random")


N_LISTED = 20_000  # designs that may be gone through one by one
N_PROBES = 200


class Grid(Sampler):
    """Every accepted design of a small space once, in the order of the domains.

    Raises: ExperimentError: the space has no end, or far more than `N_LISTED` designs.
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        size = rough_size(space)
        if size > 10 * N_LISTED:
            how_many = "no end" if size == math.inf else f"about {size:.0e} designs"
            raise ExperimentError(
                f"the sampler `grid` goes through every design in order, and `{space.name}` has {how_many}; it is for "
                f"spaces of some {N_LISTED:,}, elsewhere `random` covers more"
            )
        self._designs: Iterator[Architecture] = space.enumerate()
        self._next: Architecture | None = None
        self._known = Known()

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        """The first design that the mirror does not hold; so a resumed grid goes on where it was."""
        self._known.update(mirror)
        while self._next is None or self._next.genotype in self._known:
            self._next = next(self._designs, None)
            if self._next is None:
                raise Exhausted
        return Proposal(self._next, "grid")


def rough_size(space: Space) -> float:
    """About how many designs a space has, in a moment: right to a factor of a few, infinite where a real has no step.

    Source: Knuth 1975, "Estimating the Efficiency of Backtrack Programs"; `nas.space.count` is exact and takes seconds.
    """
    rng = Random(0)
    total = 0.0
    for _ in range(N_PROBES):
        probe = _Probe(rng)
        with suppress(Rejected):
            space.build(probe)
            total += probe.ways
    return total / N_PROBES


class _Probe:
    """Any value of every domain with equal chances; `ways` is the number of choices there were."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.ways = 1.0

    def decide(self, path: str, domain: Domain) -> Value:
        self.ways *= domain.size
        if domain.size == math.inf:
            return domain.sample(self._rng)
        return domain.nth(self._rng.randrange(int(domain.size)))
