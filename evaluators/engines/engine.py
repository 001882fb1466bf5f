"""What an engine drives and whom it tells: the least it needs to know of a study, an evaluator and an observer."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from evaluators.energy import Meter
from evaluators.failure import classify
from nas.errors import NasError
from nas.study.candidate import Job, Outcome, Report

# A candidate that does not even say that it is out of time, this long after it should have, is ended by force.
GRACE_S = 30.0

# Which of the jobs that were started together, from 0, and what it says.
Message = tuple[int, Report | Outcome]


class AskTell(Protocol):
    """A study, as an engine sees it. `candidate` is whatever the study's `ask` gives; engines only hand it back."""

    def ask(self) -> Any | None:
        """The next candidate; None: nothing to do for now, and for good when nothing is in flight."""
        ...

    def job(self, candidate: Any) -> Job:
        """What an evaluator needs of it."""
        ...

    def report(self, candidate: Any, report: Report) -> bool:
        """Take note of a rung; whether the candidate should go on."""
        ...

    def tell(self, candidate: Any, outcome: Outcome) -> None:
        """Take note of how it ended."""
        ...


class Evaluates(Protocol):
    """An evaluator, as an engine sees it. For engines with several processes it can be pickled.

    It may have `timeout_s`, the seconds of one candidate, and `placed()`, the same evaluator with its data in it.
    """

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]: ...


class Observer(Protocol):
    """Somebody who watches a search, such as a live display. `worker` counts from 0."""

    def started(self, candidate: Any, worker: int) -> None: ...

    def reported(self, candidate: Any, report: Report, worker: int) -> None: ...

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None: ...


class Silent:
    """An observer that does nothing."""

    def started(self, candidate: Any, worker: int) -> None:
        """Nothing."""

    def reported(self, candidate: Any, report: Report, worker: int) -> None:
        """Nothing."""

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        """Nothing."""


class Engine(Protocol):
    """Runs a study until it has nothing left to ask for."""

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None: ...


def longest_s(evaluator: Evaluates) -> float | None:
    """Seconds after which a candidate is ended by force; None: never."""
    timeout_s: float | None = getattr(evaluator, "timeout_s", None)
    return None if timeout_s is None else timeout_s + GRACE_S


class Step:
    """A list of jobs, advanced from message to message. The engines differ only in which process holds it.

    Whatever goes wrong in the evaluation of one is its outcome, and the next one follows.

    Args:
        meter: of the energy that each evaluation draws; what its evaluator says itself goes before.
    """

    def __init__(self, evaluator: Evaluates, meter: Meter | None = None) -> None:
        self.evaluator = evaluator
        self.meter = meter or Meter.of_machine()
        self.running: Generator[Message, bool, None] | None = None

    def start(self, jobs: Sequence[Job]) -> Message:
        """Begin with `jobs`; the first message.

        Raises: NasError: the evaluator cannot be used at all.
        """
        self.running = self._through(jobs)
        return next(self.running)

    def advance(self, go_on: bool) -> Message:
        """The next message; `go_on` answers the report before, and says nothing after an outcome.

        Raises: NasError: the evaluator cannot be used at all; RuntimeError: every job has had its outcome.
        """
        if self.running is None:
            raise RuntimeError("start() comes before advance()")
        try:
            return self.running.send(go_on)
        except StopIteration:
            self.running = None
            raise RuntimeError("start() comes before advance()") from None

    def close(self) -> None:
        """Drop what is running."""
        if self.running is not None:
            self.running.close()
            self.running = None

    def _through(self, jobs: Sequence[Job]) -> Generator[Message, bool, None]:
        for place, job in enumerate(jobs):
            curve: list[Report] = []
            started, answer = time.perf_counter(), None
            running: Any = None
            with self.meter.start() as energy:
                try:
                    running = self.evaluator.evaluate(job)
                    while True:
                        curve.append(_sound(running.send(answer), Report))
                        answer = yield place, curve[-1]
                except StopIteration as end:
                    outcome = _judged(end.value, curve, started)
                except NasError:
                    raise
                except (Exception, SystemExit) as error:  # a failure is data
                    outcome = _failed(error, curve, started)
                finally:
                    if hasattr(running, "close"):
                        running.close()
                outcome = replace(outcome, joules=outcome.joules or energy.joules())
            yield place, outcome


Sent = TypeVar("Sent", Report, Outcome)


def _sound(sent: Any, kind: type[Sent]) -> Sent:
    """`sent` with plain numbers for metrics, as processes and records can hold them.

    Raises: TypeError: it is of another kind; ValueError or TypeError: a metric is no number.
    """
    if not isinstance(sent, kind):
        raise TypeError(f"evaluate(job) gave {type(sent).__name__}; expected {kind.__name__}")
    return replace(sent, metrics={str(name): float(value) for name, value in sent.metrics.items()})


def _judged(sent: Any, curve: list[Report], started: float) -> Outcome:
    try:
        outcome = _sound(sent, Outcome)
        joules = {str(name): float(value) for name, value in outcome.joules.items()}
        return replace(outcome, curve=tuple(_sound(report, Report) for report in outcome.curve), joules=joules)
    except (TypeError, ValueError) as error:
        return _failed(error, curve, started)


def _failed(error: Exception | SystemExit, curve: list[Report], started: float) -> Outcome:
    state, message = classify(error if isinstance(error, Exception) else RuntimeError(f"SystemExit: {error}"))
    known = dict(curve[-1].metrics) if curve else {}
    return Outcome(state, known, tuple(curve), time.perf_counter() - started, message)
