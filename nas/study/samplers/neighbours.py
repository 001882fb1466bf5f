"""Searches that walk from neighbour to neighbour, one decision at a time; what a neighbour is, the space itself says.

Source: White et al. 2021, "Exploring the Loss Landscape in Neural Architecture Search" (local search); Paquete et al. 2004,
"Pareto Local Optimum Sets in the Biobjective Traveling Salesman Problem" (several objectives); Glover 1989, "Tabu Search –
Part I".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, pairwise
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.space.deciders import Random as Draw
from nas.study.candidate import Value
from nas.study.mirror import Mirror, Point
from nas.study.ranking import ranks
from nas.study.samplers.base import Proposal, Sampler
from nas.study.samplers.population import Known, best, breeding, by_number, judged, key, title

if TYPE_CHECKING:
    from nas.space import Architecture, Space
    from nas.study.objectives import Goal

MOST_NEIGHBOURS = 500  # of one design; a recursive design of thousands of decisions has more than anybody explores


class LocalSearch(Sampler):
    """Unknown neighbours of the frontier, of a member drawn anew each time.

    With one objective that is local search from the best design so far: a better neighbour takes over at once. Where all
    neighbours of the frontier are known, every second proposal starts anew at random and the others go on with the rank
    behind it, so that a new start that is any good is followed up too.

    Setting: `startup`, results at random before it starts.
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._n_startup = int(settings["startup"])
        self._known = Known()
        self._around: dict[str, _Around] = {}

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        points = breeding(mirror)
        self._known.update(mirror)
        if len(points) < self._n_startup:
            return Proposal(self._space.build(Draw(rng)), "random")
        rank = ranks(*judged(points))
        for level in np.unique(rank):
            members = [points[i] for i in np.flatnonzero(rank == level)]
            rng.shuffle(members)
            for member in members:
                found = self._neighbour(member)
                if found is not None:
                    return Proposal(found, f"neighbour of {title(member)}")
            if rng.random() < 0.5:
                break
        return Proposal(self._space.build(Draw(rng)), "random")

    def _neighbour(self, member: Point) -> Architecture | None:
        """The first neighbour that is unknown; a design's neighbours stand in an order that it alone decides."""
        name = key(member.genotype)
        if name not in self._around:
            self._around[name] = _Around(self._space, member)
        return self._around[name].first_unknown(self._known)


class _Around:
    """The neighbours of a design, gone through once: what is known stays known."""

    def __init__(self, space: Space, point: Point) -> None:
        neighbours = space.neighbours(point.genotype, Random(key(point.genotype)))
        self._rest: Iterator[Architecture] = islice(neighbours, MOST_NEIGHBOURS)
        self._next = next(self._rest, None)

    def first_unknown(self, known: Known) -> Architecture | None:
        while self._next is not None and self._next.genotype in known:
            self._next = next(self._rest, None)
        return self._next


class Tabu(Sampler):
    """From where it stands, as many neighbours as a `neighbourhood` has; then it stands at the best of these, even if worse.

    Candidates form neighbourhoods by their numbers, the first one at random. For `tenure` moves nobody touches the decisions
    that a move changed, which keeps the walk from going back; where nothing else is unknown, they may be touched after all.
    With several objectives the best is the one of the best rank among all results, then the loneliest.

    Settings: `neighbourhood` and `tenure`.
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._size = int(settings["neighbourhood"])
        self._tenure = int(settings["tenure"])
        self._known = Known()

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        self._known.update(mirror)
        way = self._way(mirror)
        if not way:
            return Proposal(self._space.build(Draw(rng)), "random")
        here = way[-1]
        tabu = {path for one, other in pairwise(way) for path in _changed(one.genotype, other.genotype)}
        spare = None
        for neighbour in islice(self._space.neighbours(here.genotype, rng), MOST_NEIGHBOURS):
            if neighbour.genotype in self._known:
                continue
            if not tabu.intersection(_changed(here.genotype, neighbour.genotype)):
                return Proposal(neighbour, f"neighbour of {title(here)}")
            spare = spare or neighbour
        if spare is not None:
            return Proposal(spare, f"neighbour of {title(here)}")
        return Proposal(self._space.mutate(here.genotype, rng), f"mutation of {title(here)}")

    def _way(self, mirror: Mirror) -> list[Point]:
        """Where it stood after each of the last neighbourhoods that matter, where it stands at the end."""
        numbered = by_number(mirror)
        points = [point for point in numbered.values() if point.state == "told"]
        order = [points[i] for i in best(points, len(points))] if points else []
        first: dict[int, Point] = {}
        for point in order:
            assert point.number is not None
            first.setdefault(point.number // self._size, point)
        whole = max(numbered, default=-1) + 1
        ended = sorted(block for block in first if (block + 1) * self._size <= whole)
        return [first[block] for block in ended[-self._tenure - 1 :]]


def _changed(one: Mapping[str, Value], other: Mapping[str, Value]) -> set[str]:
    """Decisions of both that differ. What a change made newly readable is no change of its own."""
    return {path for path, value in one.items() if path in other and other[path] != value}
