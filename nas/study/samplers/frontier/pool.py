"""The unseen designs among which the model chooses: children of good ones, and the rest of the space.

Every result adds a handful of designs, drawn from the results until then; those of the latest results are in the pool
together. So designs are built a few at a time, and the pool is a function of the record: a search that is resumed finds
the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from nas.space import Rejected
from nas.space.deciders import Random as Draw
from nas.study.candidate import Genotype
from nas.study.mirror import Point
from nas.study.parameters import Parameters
from nas.study.ranking import best_first
from nas.study.samplers.frontier.columns import Described, described

if TYPE_CHECKING:
    from nas.space import Architecture, Space

N_LATEST = 8  # results whose designs are in the pool
N_NEW = 24  # designs for each result, of small graphs
N_CHILDREN = 64  # of the designs believed to be best
N_NODES = 1_500  # built for each result; larger graphs give fewer designs
N_LEAST = 6
N_PARENTS = 12
SHARES = (0.4, 0.7)  # mutations, then crossovers; the rest is drawn at random


@dataclass(frozen=True, slots=True)
class Unseen:
    """A design of the pool: what it is, what the model sees of it, and where it comes from."""

    architecture: Architecture
    seen: Described
    origin: str


class Pool:
    """See the module.

    Args:
        space: bound to the task. salt: differs between searches. parameters: names of decisions.
    """

    def __init__(self, space: Space, salt: int, parameters: Parameters) -> None:
        self._space, self._salt, self._parameters = space, salt, parameters
        self._added: dict[int, list[Unseen]] = {}

    def drawn(self, told: Sequence[Point]) -> list[Unseen]:
        """The pool after these results; some may be known already, and some may stand in it twice."""
        latest = range(max(len(told) - N_LATEST, 0) + 1, len(told) + 1)
        for count in [count for count in self._added if count not in latest]:
            del self._added[count]
        for count in latest:
            if count not in self._added:
                self._added[count] = list(self._new(told[:count], Random(self._salt * 1_000_003 + count)))
        return [one for count in latest for one in self._added[count]]

    def children(self, parents: Sequence[Genotype], turn: int) -> Iterator[Unseen]:
        """Mutations of these designs, with the same restrictions."""
        rng = Random(self._salt * 1_000_033 + turn)
        yield from self._built(N_CHILDREN, lambda: (self._space.mutate(rng.choice(parents), rng), "model"))

    def _new(self, told: Sequence[Point], rng: Random) -> Iterator[Unseen]:
        losses = np.array([point.losses for point in told])
        order = best_first(losses, np.array([point.total_violation for point in told]))
        parents = [told[i] for i in order[:N_PARENTS]]
        yield from self._built(N_NEW, lambda: self._one(parents, rng))

    def _built(self, most: int, make: Callable[[], tuple[Architecture, str]]) -> Iterator[Unseen]:
        """At most so many designs, fewer where graphs are large."""
        nodes = 0
        for count in range(most):
            if nodes > N_NODES * most / N_NEW and count >= N_LEAST:
                return
            with suppress(Rejected):
                design, origin = make()
                nodes += len(design.graph.nodes)
                yield Unseen(design, described(design, self._parameters), origin)

    def _one(self, parents: Sequence[Point], rng: Random) -> tuple[Architecture, str]:
        chance = rng.random()
        mother, father = rng.choice(parents), rng.choice(parents)
        if chance < SHARES[0]:
            return self._space.mutate(mother.genotype, rng), f"mutation of {mother.number}"
        if chance < SHARES[1] and mother is not father:
            child = self._space.crossover(mother.genotype, father.genotype, rng)
            return child, f"crossover of {mother.number} and {father.number}"
        return self._space.build(Draw(rng)), "random"
