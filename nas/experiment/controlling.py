"""Training the control of a search: random architectures of its space, as its candidates are trained, to the end.

Those that chance proposed in the search come first: what was trained to the end there is taken over, what a rule stopped is trained
again with its seed. Then more are drawn. The search is as it would be without: no sampler sees the control.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from nas.experiment.session import Search
from nas.pareto.control import by_chance
from nas.space import Rejected
from nas.space.deciders import Random as Draw
from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.control import ORIGIN, SETTLED, Drawn, read_drawn, write_drawn
from nas.study.objectives import Goal
from nas.study.proposals import order_of, seed_of
from nas.study.records import TrialRecord

N_DRAWS = 2_000  # for one architecture


class ControlPlan:
    """The trainings to be done, as an engine asks for them. What was drawn before is kept, whatever is asked for now.

    Args:
        search: that has ended.
        n: architectures that are wanted; fewer where the space has no more.
        over: whether nothing may be started any more.
        spend: told the seconds of each training.
    """

    def __init__(self, search: Search, n: int, over: Callable[[], bool], spend: Callable[[float], None]) -> None:
        self.search, self.record = search, search.record()
        self._over, self._spend = over, spend
        self.drawn = list(read_drawn(search.directory))
        for one in self._more(n - len(self.drawn)):
            self.drawn.append(one)
        spend(sum(one.outcome.seconds for one in self.drawn if one.outcome is not None and one.of is None))
        self.todo = [one.candidate for one in self.drawn[:n] if not one.is_settled]
        self.todo.reverse()
        write_drawn(self.drawn, search.directory)

    # ------------------------------------------------------------------ what an engine asks and tells

    def ask(self) -> Candidate | None:
        return self.todo.pop() if self.todo and not self._over() else None

    def job(self, candidate: Candidate) -> Job:
        from nas.codegen import source

        design = self.search.space.replay(candidate.genotype)
        return Job(
            number=candidate.number,
            genotype=candidate.values,
            source=source(design.graph),
            recipe=candidate.recipe,
            seed=candidate.seed,
            budget=self.record.experiment["budget"],
            costs=candidate.costs,
            members=design.members,
            order=order_of(self.record.seed),
            graph=design.graph,
        )

    def report(self, candidate: Candidate, report: Report) -> bool:
        return True

    def tell(self, candidate: Candidate, outcome: Outcome) -> None:
        self.drawn[candidate.number] = Drawn(candidate, outcome)
        self._spend(outcome.seconds)
        write_drawn(self.drawn, self.search.directory)

    # ------------------------------------------------------------------ what is drawn

    def _more(self, n: int) -> Iterator[Drawn]:
        """Up to `n` architectures that are not in the control yet; whoever takes one puts it there."""
        searched = {_key(one.digest, one.recipe): one for one in self.record.trials}
        known = {_key(one.candidate.digest, one.candidate.recipe) for one in self.drawn}
        for candidate in self._proposed():
            if n <= 0:
                return
            key = _key(candidate.digest, candidate.recipe)
            if key in known:
                continue
            known.add(key)
            n -= 1
            yield _drawn(replace(candidate, number=len(self.drawn)), searched.get(key))

    def _proposed(self) -> Iterator[Candidate]:
        """What chance proposed in the search, then draws; some may be known."""
        for trial in by_chance(self.record):
            yield Candidate(0, trial.genotype, trial.digest, trial.costs, trial.recipe, trial.seed, ORIGIN)
        goal = Goal(self.record.objectives, self.record.constraints)
        missed = 0
        while missed < N_DRAWS:
            place = len(self.drawn)
            try:
                design = self.search.space.build(Draw(Random(seed_of(self.record.seed, place, f"control {missed}"))))
            except Rejected:
                missed += 1
                continue
            costs = design.costs.as_dict()
            if goal.broken(costs) is None:
                recipe = {**self.record.experiment["recipe"], **design.recipe}
                seed = seed_of(self.record.seed, place, "control")
                genotype, solved = dict(design.genotype), dict(design.solved)
                yield Candidate(0, genotype, design.digest, costs, recipe, seed, ORIGIN, solved)
            missed = 0 if len(self.drawn) > place else missed + 1


def _drawn(candidate: Candidate, searched: TrialRecord | None) -> Drawn:
    """An architecture with the outcome that it had in the search; what was stopped or lost there begins with the same seed."""
    if searched is None:
        return Drawn(candidate)
    candidate = replace(candidate, seed=searched.seed)
    if searched.state == "running" or searched.state not in SETTLED:
        return Drawn(candidate)
    how = Outcome(searched.state, searched.metrics, searched.curve, searched.seconds, searched.message, searched.joules)
    return Drawn(candidate, how, searched.number)


def _key(digest: str, recipe: Mapping[str, Any]) -> str:
    return digest + json.dumps(recipe, sort_keys=True)
