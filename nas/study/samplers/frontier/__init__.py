"""`frontier`: models what is uncertain, takes what is known as known, and asks for what should enlarge the frontier most.

Quality is believed in by a Gaussian process over a design's decisions, its graph and its costs. Costs are no part of the
belief: they are exact before any training. Unseen designs are ranked by the expected growth of the hypervolume; candidates
in training count as if they had turned out as expected, so that a batch of proposals is a batch of different ideas.

One proposal of four doubts what is believed. Without that, a family of networks whose first and only member had an unlucky
learning rate is not looked at again, while another still has something to gain: see `results/samplers-at-equal-time`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nas.space import Rejected
from nas.space.deciders import Random as Draw
from nas.study.candidate import Genotype
from nas.study.mirror import Mirror, Point, PointState
from nas.study.parameters import Parameters
from nas.study.samplers.base import Proposal, Sampler
from nas.study.samplers.frontier.beliefs import Belief, Observed, Odds, gathered, milestone
from nas.study.samplers.frontier.choice import Choice, undominated
from nas.study.samplers.frontier.columns import Columns, Describe, Described, described
from nas.study.samplers.frontier.pool import Pool, Unseen
from nas.study.samplers.frontier.process import Kernel, Prediction

if TYPE_CHECKING:
    from nas.space import Architecture, Space
    from nas.study.objectives import Goal

Array = NDArray[np.float64]

GOLDEN = (math.sqrt(5) - 1) / 2
N_FIRST_DRAWS = 8
N_PROMISING = 6  # unseen designs that have children in the pool
EVERY, DOUBT = 4, 2.0  # of so many proposals one is chosen as if beliefs were so many times as uncertain


@dataclass(slots=True)
class _Turn:
    """All that follows from one state of the record: what may be chosen, by whom it is known, and who took what."""

    state: tuple[int, ...]
    unseen: list[Unseen]
    place: dict[str, int]  # key of a design → its place in the choice; the first are `unseen`
    choice: Choice
    taken: set[int]  # numbers of pending candidates that the choice knows of


@dataclass(slots=True)
class _Record:
    """What was observed, and what is believed of it.

    Args:
        points: told, then those that have only reached a rung; seen: the same as the model sees them.
        losses: (n, q), uncertain ones as believed; paid: (n, d), known ones. good: (n,), whether constraints hold.
        odds: of success; None where nothing ever failed.
    """

    points: list[Point]
    seen: list[Described]
    columns: Columns
    beliefs: list[Belief]
    losses: Array
    paid: Array
    good: NDArray[np.bool_]
    odds: Odds | None

    def best(self) -> list[int]:
        """The frontier, as believed."""
        every = np.concatenate([self.losses, self.paid], 1)
        good = np.flatnonzero(self.good)
        return [int(i) for i in good[undominated(every[good])]]


class Frontier(Sampler):
    """See the module.

    Args:
        settings: `startup`, results before it begins to model; `pool`, unseen designs that each result adds to choose from.
        decisions: whether the model sees them; without, it sees graphs and costs only, as NAS-BOWL does.
        greedy: take what is expected to be best without doubt, as the Neural Predictor does, and look at statistics, too.
    """

    def __init__(
        self, space: Space, goal: Goal, settings: Mapping[str, Any], decisions: bool = True, greedy: bool = False
    ) -> None:
        self._space, self._goal = space, goal
        self._decisions, self._greedy = decisions, greedy
        self._startup, self._n_new = int(settings["startup"]), int(settings["pool"])
        self._uncertain = [i for i, one in enumerate(goal.objectives) if not one.is_cost]
        self._costs = [one for one in goal.objectives if one.is_cost]
        self._designs: dict[int, Described] = {}  # of candidates, by number
        self._proposed: Unseen | None = None  # what was proposed last
        self._pool: Pool | None = None
        self._turn: _Turn | None = None
        self._kernels: tuple[int, Columns, list[Kernel]] | None = None
        self._odds_kernel: tuple[int, Columns | None, Kernel | None] = (0, None, None)

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        known = _candidates(mirror)
        if len(known["told"]) < self._startup or not self._uncertain:
            return self._first(mirror, seed)
        turn = self._turn_of(mirror, known)
        number = sum(map(len, known.values()))
        best = turn.choice.best(DOUBT if number % EVERY == 0 else 1.0)
        if best is None:
            return self._first(mirror, seed)
        self._proposed = one = turn.unseen[best]
        return Proposal(one.design or self._space.replay(one.genotype), one.origin)

    # ------------------------------------------------------------------ before there is anything to model

    def _first(self, mirror: Mirror, seed: int) -> Proposal:
        """One of a few random designs, such that the costs of all first designs spread evenly over what is usual."""
        rng = Random(seed)
        drawn: list[tuple[float, Architecture]] = []
        for _ in range(N_FIRST_DRAWS):
            try:
                design = self._space.build(Draw(rng))
            except Rejected:
                continue
            costs = design.costs.as_dict()
            if self._goal.broken(costs) is None:
                drawn.append((sum(one.loss(costs[one.name]) for one in self._costs), design))
        if not drawn:
            return Proposal(self._space.build(Draw(rng)), "random")
        drawn.sort(key=lambda pair: pair[0])
        share = (0.5 + len(mirror.points) * GOLDEN) % 1.0
        return Proposal(drawn[int(share * len(drawn))][1], "random")

    # ------------------------------------------------------------------ the model

    def _turn_of(self, mirror: Mirror, candidates: Mapping[PointState, list[Point]]) -> _Turn:
        """The turn of this state of the record, in which all that is being trained is taken."""
        pending = [point for point in candidates["pending"] if not _reported(point, mirror)]
        keys = {point.number: self._design(point, mirror.parameters).key for point in pending}
        state = (len(candidates["told"]), len(candidates["refused"]), sum(map(len, mirror.reached.values())))
        turn = self._turn
        if turn is None or turn.state != state or not set(keys.values()) <= turn.place.keys():
            turn = self._turn = self._begin(mirror, candidates, pending, state)
        for point in pending:
            if point.number not in turn.taken:
                turn.choice.take(turn.place[keys[point.number]])
                turn.taken.add(point.number or 0)
        return turn

    def _begin(
        self,
        mirror: Mirror,
        candidates: Mapping[PointState, list[Point]],
        pending: Sequence[Point],
        state: tuple[int, ...],
    ) -> _Turn:
        told = candidates["told"]
        if self._pool is None:
            salt = crc32(repr(sorted(told[0].genotype.items())).encode())
            describe = Describe(mirror.parameters, self.statistics if self._greedy else None)
            self._pool = Pool(self._space, salt, describe, self._n_new)
        parameters = mirror.parameters
        running = [point for point in candidates["pending"] if _reported(point, mirror)]
        failed = [point for point in candidates["refused"] if point.violation > 0]
        record = self._record(mirror, [*told, *running], failed)
        known = {design.key for design in record.seen} | {self._design(point, parameters).key for point in failed}
        unseen = self._new(self._pool.drawn(told), known)
        predicted = self._predicted(record, [one.seen for one in unseen], [None] * len(record.beliefs))
        first = self._choice(record, predicted, [one.seen for one in unseen], len(unseen))
        parents = [record.points[i].genotype for i in record.best()]
        parents += [unseen[i].genotype for i in first.order()[:N_PROMISING]]
        unseen += self._new(self._pool.children(parents, len(told)), known)
        designs = [one.seen for one in unseen]
        place = {design.key: i for i, design in enumerate(designs)}
        for point in pending:
            design = self._design(point, parameters)
            if design.key not in place:
                place[design.key] = len(designs)
                designs.append(design)
        predicted = self._predicted(record, designs, predicted)
        return _Turn(state, unseen, place, self._choice(record, predicted, designs, len(unseen)), set())

    def _new(self, pool: Iterable[Unseen], known: set[str]) -> list[Unseen]:
        """What of the pool is not in `known`, which then holds it, and is allowed."""
        found = []
        for one in pool:
            if one.seen.key not in known and self._goal.broken(one.seen.costs) is None:
                known.add(one.seen.key)
                found.append(one)
        return found

    def _predicted(
        self, record: _Record, designs: Sequence[Described], before: Sequence[Prediction | None]
    ) -> list[Prediction]:
        """For each uncertain loss; `before` are those of the first of `designs`."""
        rows = record.columns.rows(designs)
        return [belief.process.predict(rows, known) for belief, known in zip(record.beliefs, before, strict=True)]

    def _choice(
        self, record: _Record, predicted: Sequence[Prediction], designs: Sequence[Described], n_offered: int
    ) -> Choice:
        return Choice(
            [one.means for one in predicted],
            [one.covariance for one in predicted],
            [belief.process.kernel.noise for belief in record.beliefs],
            self._paid(designs),
            np.ones(len(designs)) if record.odds is None else record.odds.success(record.columns.rows(designs)),
            record.losses[record.good],
            record.paid[record.good],
            n_offered=n_offered,
            seed=len(record.points),
            greedy=self._greedy,
        )

    def _record(self, mirror: Mirror, observed: list[Point], failed: list[Point]) -> _Record:
        seen = [self._design(point, mirror.parameters) for point in observed]
        columns, beliefs = self._beliefs(mirror, observed, seen)
        losses = np.stack([belief.process.means for belief in beliefs], 1)
        good = np.array([point.total_violation == 0 for point in observed])
        odds = None if good.all() and not failed else self._odds(mirror, columns, [*observed, *failed])
        good = good if good.any() else np.ones_like(good)
        return _Record(observed, seen, columns, beliefs, losses, self._paid(seen), good, odds)

    def _beliefs(
        self, mirror: Mirror, observed: Sequence[Point], designs: Sequence[Described]
    ) -> tuple[Columns, list[Belief]]:
        """What is believed of each uncertain loss; columns and length scales are set anew at milestones only."""
        count = milestone(sum(point.state == "told" for point in observed), self._startup)
        if self._kernels is None or self._kernels[0] != count:
            self._kernels = (count, Columns(designs[:count], self._decisions), [])
        _, columns, kernels = self._kernels
        numbers = [-1 if point.number is None else point.number for point in observed]
        beliefs = []
        for place, index in enumerate(self._uncertain):
            whole = [
                point.losses[index]
                if point.losses is not None and not (point.stopped and _reported(point, mirror))
                else math.nan
                for point in observed
            ]
            known = kernels[place] if place < len(kernels) else None
            observations = Observed(np.array(whole), gathered(numbers, index, mirror.reached))
            beliefs.append(Belief(columns, designs, observations, count, known))
        self._kernels = (count, columns, [belief.process.kernel for belief in beliefs])
        return columns, beliefs

    def _odds(self, mirror: Mirror, columns: Columns, points: list[Point]) -> Odds:
        points = sorted(points, key=lambda point: -1 if point.number is None else point.number)
        count = milestone(len(points), self._startup)
        known = self._odds_kernel[2] if self._odds_kernel[:2] == (count, columns) else None
        designs = [self._design(point, mirror.parameters) for point in points]
        failed = np.array([point.total_violation > 0 for point in points])
        odds = Odds(columns, designs, failed, count, known)
        self._odds_kernel = (count, columns, odds.process.kernel)
        return odds

    # ------------------------------------------------------------------ designs

    def _paid(self, designs: Sequence[Described]) -> Array:
        """The known losses, (n, d)."""
        paid = [[one.loss(design.costs[one.name]) for one in self._costs] for design in designs]
        return np.array(paid, dtype=float).reshape(len(designs), len(self._costs))

    def _described(self, parameters: Parameters, design: Architecture) -> Described:
        """What the model sees of a design."""
        return described(design, parameters, self.statistics if self._greedy else None)

    def _design(self, point: Point, parameters: Parameters) -> Described:
        """What the sampler keeps of a candidate's point."""
        assert point.number is not None
        known = self._designs.get(point.number)
        if known is None:
            last = self._proposed
            if last is not None and _name(last.genotype) == _name(point.genotype):
                known = last.seen
            else:
                known = self._described(parameters, self._space.replay(point.genotype))
            self._designs[point.number] = known
        return known


def _candidates(mirror: Mirror) -> dict[PointState, list[Point]]:
    """The points that are candidates by state, each candidate once, where it came first."""
    found: dict[int, Point] = {}
    for point in mirror.points:
        if point.number is not None:
            found.setdefault(point.number, point)
    by_state: dict[PointState, list[Point]] = {"pending": [], "told": [], "refused": [], "unknown": []}
    for point in found.values():
        by_state[point.state].append(point)
    return by_state


def _name(genotype: Genotype) -> str:
    return json.dumps(genotype, sort_keys=True)


def _reported(point: Point, mirror: Mirror) -> bool:
    return any(point.number in at for at in mirror.reached.values())
