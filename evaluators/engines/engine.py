"""What an engine drives and whom it tells: the least it needs to know of a study, an evaluator and an observer."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

from nas.study.candidate import Job, Outcome, Report


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
    """An evaluator, as an engine sees it. For engines with several processes it can be pickled."""

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


class Step:
    """One evaluation, advanced from report to report. The engines differ only in which process holds it."""

    def __init__(self, evaluator: Evaluates) -> None:
        self.evaluator = evaluator
        self.running: Generator[Report, bool | None, Outcome] | None = None

    def ready(self) -> bool:
        """True, as soon as the process that holds this can say so."""
        return True

    def start(self, job: Job) -> Report | Outcome:
        """Begin with `job`; its first report, or its outcome when it has none."""
        self.running = self.evaluator.evaluate(job)
        return self._next(None)

    def advance(self, go_on: bool) -> Report | Outcome:
        """The next report, or the outcome; `go_on` answers the report before."""
        return self._next(go_on)

    def close(self) -> None:
        """Drop what is running."""
        if self.running is not None:
            self.running.close()
            self.running = None

    def _next(self, answer: bool | None) -> Report | Outcome:
        if self.running is None:
            raise RuntimeError("start() comes before advance()")
        try:
            return self.running.send(answer)
        except StopIteration as end:
            self.running = None
            outcome: Outcome = end.value
            return outcome
