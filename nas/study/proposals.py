"""How the next candidate is found: seeds first, then the sampler, then what it has not seen.

Nothing here is random beyond the study's seed, the candidate's number and the attempt, and nothing is remembered that
the record does not hold, so a resumed study finds the candidates of one that was never interrupted.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

from nas.errors import SpaceError, StudyError
from nas.space import GenotypeError, Rejected
from nas.space.deciders import Random as Draw
from nas.space.domains import Domain
from nas.study.candidate import Genotype, Value
from nas.study.entry import PassedKind, PassedOver
from nas.study.mirror import Mirror, Point
from nas.study.objectives import Goal
from nas.study.parameters import genotype_of
from nas.study.samplers.base import Exhausted, Proposal, Sampler, Statistics
from nas.study.samplers.plain import N_LISTED, rough_size

if TYPE_CHECKING:
    from nas.space import Architecture, Space

N_ATTEMPTS = 20  # of the sampler, for one candidate
N_NEIGHBOURS = 300  # of the duplicates it proposed
N_DRAWS = 2_000  # at random, while none is accepted
N_DUPLICATE_DRAWS = 100  # at random, while all accepted ones are known


@dataclass(frozen=True)
class Found:
    """A design that is new to the study; see `Entry` for the fields."""

    architecture: Architecture
    origin: str
    values: dict[str, Value]
    domains: dict[str, Domain]
    passed_over: tuple[PassedOver, ...]
    counts: dict[str, int]


@dataclass
class _Search:
    """The search for one candidate: what was passed over on the way, and why."""

    number: int
    passed_over: list[PassedOver] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    duplicates: list[tuple[int, Genotype]] = field(default_factory=list)


class Proposals:
    """Finds candidates.

    Args:
        space: bound to the task.
        goal: its constraints on costs refuse designs before training.
        sampler: proposes.
        mirror: what the sampler learns from; proposals that are passed over go in here.
        recipe: the study's, under the space's own.
        seed: the study's.
    """

    def __init__(
        self, space: Space, goal: Goal, sampler: Sampler, mirror: Mirror, recipe: Mapping[str, Any], seed: int
    ) -> None:
        self._space, self._goal, self._sampler, self._mirror = space, goal, sampler, mirror
        self._recipe, self._seed = dict(recipe), seed
        self._recipes: dict[str, dict[str, Any]] = {}  # all that differ, by their texts
        self._known: dict[str, dict[str, int]] = {}  # text of a recipe → digest → candidate
        self._tried_seeds: set[str] = set()
        self._n_names = 0  # parameters that the record knows
        self._enumeration: Iterator[Architecture] | None = None
        self._all_enumerated = False
        self.exhausted: str | None = None

    def inform(self, statistics: Statistics) -> None:
        """Let the sampler look at these."""
        self._sampler.statistics = statistics

    def recipe(self, architecture: Architecture) -> dict[str, Any]:
        """The effective recipe: the study's, overridden by the space's. Equal ones are one, for every candidate keeps its own."""
        if not architecture.recipe:
            return self._recipe
        recipe = {**self._recipe, **architecture.recipe}
        return self._recipes.setdefault(_text(recipe), recipe)

    def remember(self, number: int, digest: str, recipe: Mapping[str, Any], origin: str) -> None:
        """Candidate `number` is trained or being trained: not again."""
        self._known.setdefault(_text(recipe), {})[digest] = number
        self._n_names = len(self._mirror.parameters.domains)
        self._tried_seeds.add(origin)

    def known(self, digest: str, recipe: Mapping[str, Any]) -> int | None:
        """The candidate that is this architecture under this recipe."""
        return self._known.get(_text(recipe), {}).get(digest)

    def pass_over(self, passed: PassedOver) -> None:
        """Tell the mirror of a proposal that was passed over; also when the record is read back."""
        self._tried_seeds.add(passed.origin)
        if not passed.values:
            return
        genotype = genotype_of(passed.values)
        if passed.kind == "duplicate" and passed.of is not None:
            self._mirror.twin(passed.values, genotype, passed.of)
            return
        rejected = passed.kind == "rejected"
        slacks = (0.0,) * len(self._goal.constraints) if rejected else self._goal.slacks(passed.costs)
        self._mirror.add(
            Point(passed.values, genotype, "refused", None, not rejected, slacks=slacks, violation=float(rejected))
        )

    def next(self, number: int) -> Found | None:
        """A design that the study does not know yet; None, and `exhausted` says why, where there is none.

        Raises: StudyError: no design was allowed at all, and says what refuses them; or a seed is no design of the space.
        """
        search = _Search(number)
        for proposal in self._proposed(search):
            if (found := self._judged(search, proposal, teach=True)) is not None:
                return found
        for proposal in self._unseen(search):
            if (found := self._judged(search, proposal, teach=False)) is not None:
                return found
        if not self._known:
            raise StudyError(self._nothing_allowed(search))
        self.exhausted = self._why_exhausted(search)
        return None

    # ------------------------------------------------------------------ where designs come from

    def _proposed(self, search: _Search) -> Iterator[Proposal]:
        """The space's seeds that are still to come, then the sampler's proposals."""
        for name, genotype in self._space.seeds.items():
            origin = f"seed:{name}"
            if origin not in self._tried_seeds:
                try:
                    design = self._space.replay(genotype, Random(seed_of(self._seed, search.number, origin)))
                except (Rejected, SpaceError) as refused:
                    if isinstance(refused, GenotypeError) and name not in self._space.seed_sizes:
                        raise StudyError(f"the space's seed `{name}` is no design of it: {refused}") from None
                    self._keep(search, PassedOver("rejected", {}, origin, str(refused)))
                else:
                    yield Proposal(design, origin)
        for attempt in range(N_ATTEMPTS):
            try:
                yield self._sampler.propose(self._mirror, seed_of(self._seed, search.number, attempt))
            except Rejected as refused:
                search.counts["rejected"] += 1
                search.rules[refused.rule] += 1
                if self._sampler.learns:
                    values = self._mirror.parameters.named(refused.genotype, refused.domains)
                    self._keep(search, PassedOver("rejected", values, rule=refused.rule))
            except Exhausted:
                return

    def _unseen(self, search: _Search) -> Iterator[Proposal]:
        """Neighbours of the duplicates that were proposed, designs drawn at random, then all designs in order."""
        left = N_NEIGHBOURS
        rng = Random(seed_of(self._seed, search.number, "neighbours"))
        for of, genotype in search.duplicates:
            for design in islice(self._space.neighbours(genotype, rng), left):
                left -= 1
                yield Proposal(design, f"neighbour of {of}")
        draw = Draw(Random(seed_of(self._seed, search.number, "chance")))
        most = search.counts["duplicate"] + N_DUPLICATE_DRAWS
        for _ in range(N_DRAWS):
            if search.counts["duplicate"] >= most:
                break
            try:
                yield Proposal(self._space.build(draw), "random")
            except Rejected as refused:
                search.counts["rejected"] += 1
                search.rules[refused.rule] += 1
        if self._known:
            yield from self._enumerated()

    def _enumerated(self) -> Iterator[Proposal]:
        """The designs after those that earlier searches went through, which are known or refused by now."""
        if self._enumeration is None:
            listed = rough_size(self._space) <= 10 * N_LISTED
            self._enumeration = self._space.enumerate() if listed else iter(())
            self._all_enumerated = listed
        for design in self._enumeration:
            yield Proposal(design, "enumeration")

    # ------------------------------------------------------------------ what becomes of them

    def _judged(self, search: _Search, proposal: Proposal, teach: bool) -> Found | None:
        """The proposal if it is allowed and new. Else it is counted and, with `teach`, told to the sampler."""
        design, parameters = proposal.architecture, self._mirror.parameters
        costs = design.costs.as_dict()
        broken = self._goal.broken(costs)
        of = None if broken else self.known(design.digest, self.recipe(design))
        if broken is None and of is None:
            values = parameters.named(design.genotype, design.domains)
            domains = dict(islice(parameters.domains.items(), self._n_names, None))
            found = (tuple(search.passed_over), dict(search.counts))
            return Found(design, proposal.origin, values, domains, *found)
        kind: PassedKind = "duplicate" if broken is None else "infeasible"
        search.counts[kind] += 1
        search.rules[str(broken or "known already")] += 1
        if teach and of is not None:
            search.duplicates.append((of, dict(design.genotype)))
        seed = proposal.origin.startswith("seed:")
        if teach and (self._sampler.learns or seed):
            values = parameters.named(design.genotype, design.domains)
            rule = str(broken) if broken else ""
            self._keep(search, PassedOver(kind, values, proposal.origin, rule, costs if broken else {}, of))
        return None

    def _keep(self, search: _Search, passed: PassedOver) -> None:
        search.passed_over.append(passed)
        self.pass_over(passed)

    def _nothing_allowed(self, search: _Search) -> str:
        refused = sum(search.rules.values())
        listed = "".join(f"\n  {count / refused:6.1%}  {rule}" for rule, count in search.rules.most_common(5))
        return (
            f"none of {refused:,} designs of `{self._space.name}` is allowed; loosen the rules of the space or the "
            f"constraints of the search. What refuses them:{listed}"
        )

    def _why_exhausted(self, search: _Search) -> str:
        if self._all_enumerated:
            known = sum(map(len, self._known.values()))
            return f"the space is exhausted: all different designs that are allowed were asked for, {known:,} in all"
        tried = sum(search.counts.values())
        return f"the space seems exhausted: the last {tried:,} designs tried were all refused or known already"


def seed_of(seed: int, *parts: int | str) -> int:
    """A seed of 31 bits from the study's seed and what it is for; stable across versions of Python."""
    text = json.dumps([seed, *parts])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def order_of(seed: int) -> int:
    """The seed of the order of batches, from the study's: all its candidates see the same."""
    return seed_of(seed, 0, "order")


def _text(recipe: Mapping[str, Any]) -> str:
    return json.dumps(recipe, sort_keys=True)
