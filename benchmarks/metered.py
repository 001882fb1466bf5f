"""Searches that share trainings: what one has trained is shown to the next, which is charged for it as if it had trained itself.

For comparing searches by time on a machine that has other work: training is deterministic, so a training done twice would say
the same and only take another time. The searches draw the same candidates (one seed, a sampler that does not learn).
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from itertools import count

from evaluators.engines.engine import Evaluates
from nas.study.candidate import Candidate, Job, Outcome, Report

Said = Report | Outcome


@dataclass(frozen=True)
class Trial:
    """One candidate: `epochs` is where it ended, `at` the processor seconds charged to its search by then."""

    number: int
    state: str
    params: int
    accuracy: float
    epochs: int
    at: float


class Trainings:
    """What each candidate of one study's seed reports, each trained once and only as far as an arm lets it go."""

    def __init__(self, evaluator: Evaluates, rungs: tuple[int, ...]) -> None:
        """`rungs`: all at which any search looks."""
        self._evaluator, self._rungs = evaluator, rungs
        self._running: dict[int, tuple[str, Generator[Report, bool | None, Outcome]]] = {}
        self._said: dict[int, list[tuple[Said, float]]] = {}

    def said(self, job: Job, place: int) -> tuple[Said, float]:
        """What the candidate says after so many reports, and the processor seconds that this took."""
        known = self._said.setdefault(job.number, [])
        if job.number not in self._running:
            self._running[job.number] = job.source, self._evaluator.evaluate(replace(job, rungs=self._rungs))
        source, running = self._running[job.number]
        assert source == job.source, "all arms draw the same candidates"
        while len(known) <= place:
            began = time.process_time()
            try:
                said: Said = next(running)
            except StopIteration as end:
                said = end.value
            known.append((said, time.process_time() - began))
        return known[place]


class TimeOver(Exception):
    """The search has spent its seconds."""


class Metered:
    """An evaluator that charges an arm for what it trains, and watches its search, which it ends when the time is over."""

    def __init__(self, trainings: Trainings, seconds: float) -> None:
        self.trainings, self.seconds = trainings, seconds
        self.spent = 0.0
        self.trials: list[Trial] = []

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        for place in count():
            said, cost = self.trainings.said(job, place)
            self.spent += cost
            if isinstance(said, Outcome):
                return said
            if said.rung in (*job.rungs, *job.budget.values()) and (yield said) is False:
                return Outcome("stopped", said.metrics, message=f"stopped at {said.rung}")
        raise AssertionError("a training ends with an outcome")

    def started(self, candidate: Candidate, worker: int) -> None:
        self.epochs = 0

    def reported(self, candidate: Candidate, report: Report, worker: int) -> None:
        """Raises: TimeOver: what was just reported came too late; the candidate stays untold."""
        self.epochs = report.rung
        if self.spent > self.seconds:
            raise TimeOver

    def finished(self, candidate: Candidate, outcome: Outcome, worker: int) -> None:
        accuracy, params = outcome.metrics.get("accuracy", math.nan), candidate.costs["params"]
        self.trials.append(
            Trial(candidate.number, outcome.state, params, round(accuracy, 5), self.epochs, round(self.spent, 3))
        )
