"""Searches that walk from neighbour to neighbour, one decision at a time; what a neighbour is, the space itself says.

Source: White et al. 2021, "Exploring the Loss Landscape in Neural Architecture Search" (local search); Paquete et al. 2004,
"Pareto Local Optimum Sets in the Biobjective Traveling Salesman Problem" (several objectives); Glover 1989, "Tabu Search –
Part I".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.space.deciders import Random as Draw
from nas.study.candidate import Value
from nas.study.mirror import Mirror, Point
from nas.study.ranking import best_first, ranks
from nas.study.samplers.base import Proposal, Sampler
from nas.study.samplers.population import Known, best, breeding, by_number, judged, key, title

if TYPE_CHECKING:
    from nas.space import Architecture, Space
    from nas.study.objectives import Goal

MOST_NEIGHBOURS = 500  # of one design; a recursive design of thousands of decisions has more than anybody explores


class LocalSearch(Sampler):
    """Unknown neighbours of the frontier, of the lonelier of two members drawn.

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
        losses, violations = judged(points)
        rank = ranks(losses, violations)
        order = best_first(losses, violations)
        for level in np.unique(rank):
            members = [points[i] for i in order if rank[i] == level]
            while members:
                member = members.pop(lonelier(len(members), rng))
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


def lonelier(n: int, rng: Random) -> int:
    """The better of two drawn places among `n`; the loneliest stand first."""
    return min(rng.randrange(n), rng.randrange(n))


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

    Candidates form neighbourhoods by their numbers, the first ones at random. For `tenure` moves nobody touches the decisions
    that a move changed, which keeps the walk from going back; where nothing else is unknown, they may be touched after all.
    When no move of the last `patience` is on the frontier, it goes back there, to the lonelier of two members. With several
    objectives the best is the one of the best rank among all results, then the loneliest.

    Settings: `startup`, `neighbourhood`, `tenure` and `patience`.
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._n_startup = int(settings["startup"])
        self._size = int(settings["neighbourhood"])
        self._tenure = int(settings["tenure"])
        self._patience = int(settings["patience"])
        self._known = Known()

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        self._known.update(mirror)
        numbered = by_number(mirror)
        told = [point for point in numbered.values() if point.state == "told"]
        ended = (max(numbered, default=-1) + 1) // self._size
        around = self._neighbourhoods(told, ended)
        if not around or len(told) < self._n_startup:
            return Proposal(self._space.build(Draw(rng)), "random")
        here = self._stand(told, around, ended)
        tabu = {path for members in around[-self._tenure :] for path in moved(members)} if self._tenure else set()
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

    def _neighbourhoods(self, told: list[Point], ended: int) -> list[list[Point]]:
        """The results of each neighbourhood that has any and is asked for as a whole, the best first."""
        found: dict[int, list[Point]] = {}
        for i in best(told, len(told)) if told else ():
            found.setdefault((told[i].number or 0) // self._size, []).append(told[i])
        return [found[one] for one in sorted(found) if one < ended]

    def _stand(self, told: list[Point], around: list[list[Point]], ended: int) -> Point:
        """At the best of the last neighbourhood, or at a member of the frontier where the walk has led nowhere."""
        rank = ranks(*judged(told))
        frontier = [told[i] for i in best(told, int(np.count_nonzero(rank == 0)))]
        numbers = {point.number for point in frontier}
        if any(members[0].number in numbers for members in around[-self._patience :]):
            return around[-1][0]
        return frontier[lonelier(len(frontier), Random(ended))]  # the same for a whole neighbourhood


def moved(members: Sequence[Point]) -> set[str]:
    """The decisions that the move to the first of these neighbours changed: most of the others agree there on another value.

    That value is the one that all of them come from, for each neighbour changed one decision of its own.
    """
    first, *others = (point.genotype for point in members)
    changed = set()
    for path, value in first.items():
        values = Counter(repr(other[path]) for other in others if path in other)
        common, count = values.most_common(1)[0] if values else ("", 0)
        if 2 * count > values.total() and common != repr(value):
            changed.add(path)
    return changed


def _changed(one: Mapping[str, Value], other: Mapping[str, Value]) -> set[str]:
    """Decisions of both that differ. What a change made newly readable is no change of its own."""
    return {path for path, value in one.items() if path in other and other[path] != value}
