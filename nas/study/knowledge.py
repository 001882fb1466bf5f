"""What a study knows beyond its record, rebuilt from it: what samplers learn from, what was tried, who stood where at rungs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nas.study.candidate import Candidate, Report
from nas.study.directory import Settings
from nas.study.entry import Entry
from nas.study.mirror import Mirror, Point
from nas.study.objectives import Goal
from nas.study.proposals import Proposals
from nas.study.samplers import make_sampler
from nas.study.stopping import make_rungs, parse_stopping

if TYPE_CHECKING:
    from nas.space import Space


class Knowledge:
    """Empty at first; entries are added in the order of their numbers."""

    def __init__(self, settings: Settings, space: Space, goal: Goal) -> None:
        self.goal = goal
        self.rungs = make_rungs(parse_stopping(settings.stopping, settings.budget), goal.objectives)
        self.mirror = Mirror(reached=self.rungs.reached, budget=next(iter(settings.budget.values()), math.inf))
        sampler = make_sampler(settings.sampler, space, goal, self.rungs.stopping.rungs)
        self.proposals = Proposals(space, goal, sampler, self.mirror, settings.recipe, settings.seed)

    def read_back(self, entry: Entry) -> None:
        """Add an entry from the record, with what was passed over to find it."""
        self.mirror.parameters.domains.update(entry.domains)
        for passed in entry.passed_over:
            self.proposals.pass_over(passed)
        self.enter(entry)

    def enter(self, entry: Entry) -> None:
        """Add an entry that was found here, and its outcome where it has one."""
        candidate = entry.candidate
        self.proposals.remember(candidate.number, candidate.digest, candidate.recipe, candidate.origin)
        self.mirror.add(Point(entry.values, candidate.genotype, "pending", candidate.number))
        if entry.outcome is not None:
            self.settle(entry)

    def report(self, candidate: Candidate, report: Report) -> bool:
        """Tell the rungs what a candidate reported on the way; False: its objectives have no values."""
        values = self.goal.values(candidate.costs, report.metrics)
        if values is not None:
            self.rungs.enter(report.rung, candidate.number, self.goal.losses(values))
        return values is not None

    def settle(self, entry: Entry) -> None:
        """Tell the mirror an outcome, and the rungs what it reported on the way."""
        outcome, candidate = entry.outcome, entry.candidate
        assert outcome is not None
        for report in outcome.curve:
            self.report(candidate, report)
        values = self.goal.values(candidate.costs, outcome.metrics)
        slacks = self.goal.slacks(candidate.costs, outcome.metrics)
        if outcome.state in ("complete", "stopped") and values is not None:
            # A stopped candidate's last values stand in for those it would have reached: worse, as it is.
            stopped = outcome.state == "stopped"
            self.mirror.tell(candidate.number, "told", self.goal.losses(values), slacks, 0.0, stopped)
            if outcome.state == "complete":
                self.rungs.finish(candidate.number, self.goal.losses(values), all(slack <= 0 for slack in slacks))
        elif outcome.state in ("lost", "stopped"):
            self.mirror.tell(candidate.number, "unknown", None, slacks, 0.0)
        else:
            self.mirror.tell(candidate.number, "refused", None, self.goal.slacks(candidate.costs), 1.0)
