"""What an engine drives and whom it tells: the least it needs to know of a study, an evaluator and an observer."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from evaluators.energy import Meter
from evaluators.failure import classify
from nas.errors import ExperimentError, NasError
from nas.study.candidate import Job, Outcome, Report

log = logging.getLogger(__name__)

# A candidate that does not even say that it is out of time, this long after it should have, is ended by force.
GRACE_S = 30.0

# What `batch: auto` grows to. On a core more candidates than these hardly train faster together.
MOST_TOGETHER = 16

# In training at a time under `batch: auto`, as a share of the results that their sampler knows.
IN_FLIGHT = 1 / 4

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

    It may have `timeout_s`, the seconds of one candidate; `placed()`, the same evaluator with its data in it; and `together`,
    which trains several at once, as `evaluators.evaluator.Together`.
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


def require_count(name: str, value: Any) -> None:
    """Raises: ExperimentError: an engine's option is no whole number from 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ExperimentError(f"engine: `{name}` is a whole number from 1, got {value!r}")


def require_batch(value: Any) -> None:
    """Raises: ExperimentError: `batch` is neither a whole number from 1 nor `auto`."""
    if value != "auto" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ExperimentError(f"engine: `batch` is a whole number from 1, or auto; got {value!r}")


def room(batch: int | str, told: int, workers: int) -> int:
    """How many candidates one of `workers` processes may have at a time.

    `auto` grows with the results: the first candidates train one at a time, so that something is known soon, and later ones
    in cohorts, as a sampler that knows much loses little by not knowing the last of it.

    >>> [room("auto", told, workers=2) for told in (0, 8, 40, 1000)]
    [1, 2, 6, 16]
    """
    return min(MOST_TOGETHER, 1 + int(IN_FLIGHT * told / workers)) if isinstance(batch, str) else batch


def require_amount(name: str, value: Any, least: str) -> None:
    """Raises: ExperimentError: an engine's option is no number `above 0`, or `from 0`."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (least == "above 0" and value == 0):
        raise ExperimentError(f"engine: `{name}` is a number {least}, got {value!r}")


def longest_s(evaluator: Evaluates) -> float | None:
    """Seconds after which a candidate is ended by force; None: never."""
    timeout_s: float | None = getattr(evaluator, "timeout_s", None)
    return None if timeout_s is None else timeout_s + GRACE_S


class Step:
    """A list of jobs, advanced from message to message. The engines differ only in which process holds it.

    Whatever goes wrong in the evaluation of one is its outcome. They train as a cohort, be it of one, where their evaluator
    knows how and they are such as can; the others follow one after the other.

    Args:
        meter: of the energy that each evaluation draws; what its evaluator says itself goes before.

    Attributes:
        since: when the work on what comes next began, on the monotonic clock: anew where a cohort was given up.
    """

    def __init__(self, evaluator: Evaluates, meter: Meter | None = None) -> None:
        self.evaluator = evaluator
        self.meter = meter or Meter.of_machine()
        self.running: Generator[Message, bool, None] | None = None
        self.since = time.monotonic()
        self._jobs: deque[tuple[int, Job]] = deque()
        self._taken = 0
        self._answers: dict[tuple[int, int], bool] = {}  # who went on at which rung, for those that must begin again
        self._crews: dict[int, Any] = {}  # by batch size
        self._alone_now: set[int] = set()  # who cannot be in a cohort, or whose cohort failed

    def start(self, jobs: Sequence[Job]) -> Message:
        """Begin with `jobs`; the first message.

        Raises: NasError: the evaluator cannot be used at all.
        """
        self.close()
        self.since = time.monotonic()
        self._take(jobs)
        self.running = self._through()
        return next(self.running)

    def advance(self, go_on: bool, more: Sequence[Job] = ()) -> Message:
        """The next message; `go_on` answers the report before, and says nothing after an outcome.

        Args:
            more: jobs that join, numbered on from those before.
        Raises: NasError: the evaluator cannot be used at all; RuntimeError: every job has had its outcome.
        """
        self.since = time.monotonic()
        self._take(more)
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
        self._jobs.clear()
        self._crews.clear()
        self._answers.clear()
        self._alone_now.clear()
        self._taken = 0

    def _take(self, jobs: Sequence[Job]) -> None:
        self._jobs.extend(enumerate(jobs, start=self._taken))
        self._taken += len(jobs)

    def _through(self) -> Generator[Message, bool, None]:
        while True:
            yield from self._enlist()
            crew = next((one for one in self._crews.values() if len(one)), None)
            if crew is not None:
                yield from self._together(crew)
            elif self._jobs:
                yield from self._alone(*self._jobs.popleft())
            else:
                return

    def _asked(self, place: int, report: Report) -> Generator[Message, bool, bool]:
        """Whether a candidate goes on; one that begins again is not asked about again."""
        key = place, report.rung
        if key not in self._answers:
            self._answers[key] = yield place, report
        return self._answers[key]

    # ------------------------------------------------------------------ as a cohort

    def _enlist(self) -> Generator[Message, bool, None]:
        """Put those waiting that can train as a cohort into one. A cohort of one is faster than a loop around a module, too."""
        together = getattr(self.evaluator, "together", None)
        if together is None:
            return
        by_size: dict[int, list[tuple[int, Job]]] = {}
        waiting, self._jobs = self._jobs, deque()
        for place, job in waiting:
            if place not in self._alone_now and together.why_alone(job):
                self._alone_now.add(place)
            if place in self._alone_now:
                self._jobs.append((place, job))
            else:
                by_size.setdefault(together.size(job), []).append((place, job))
        for size, jobs in by_size.items():
            if size not in self._crews:
                self._crews[size] = together.crew(self.meter)
            for place, outcome in self._crews[size].join(jobs):
                yield place, outcome

    def _together(self, crew: Any) -> Generator[Message, bool, None]:
        """Train a cohort to its next mark."""
        try:
            messages = crew.advance()
        except NasError:
            raise
        except Exception as error:  # of one of them, or of all together: each shows by itself
            log.warning("a cohort of %d failed (%s); its candidates train alone", len(crew), error)
            for place, job in crew.dissolve():
                self._alone_now.add(place)
                self._jobs.append((place, job))
            self.since = time.monotonic()
            return
        for place, said in messages:
            if isinstance(said, Outcome):
                yield place, said
            elif not (yield from self._asked(place, said)) and crew.holds(place):
                yield crew.stop(place)

    # ------------------------------------------------------------------ one after the other

    def _alone(self, place: int, job: Job) -> Generator[Message, bool, None]:
        curve: list[Report] = []
        started, answer = time.perf_counter(), None
        running: Any = None
        with self.meter.start() as energy:
            try:
                running = self.evaluator.evaluate(job)
                while True:
                    curve.append(_sound(running.send(answer), Report))
                    answer = yield from self._asked(place, curve[-1])
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


def evaluated(evaluator: Evaluates, job: Job, tell: Callable[[Report], object] = lambda report: None) -> Outcome:
    """The outcome of one job, as every engine comes to it; `tell` gets its reports.

    Raises: NasError: the evaluator cannot be used at all.
    """
    step = Step(evaluator)
    try:
        _, said = step.start([job])
        while isinstance(said, Report):
            tell(said)
            _, said = step.advance(go_on=True)
        return said
    finally:
        step.close()


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
