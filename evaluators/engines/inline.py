"""The engine of this process: one candidate after the other, for debugging and determinism."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from evaluators.engines.engine import AskTell, Evaluates, Message, Observer, Silent, Step, longest_s
from evaluators.failure import OutOfTime
from nas.study.candidate import Outcome, Report


@dataclass(frozen=True)
class Inline:
    """Evaluates in this process. An interrupt leaves the candidate in flight untold, for a resume to take up."""

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None:
        """Ask, evaluate and tell until the study has nothing left.

        Raises: NasError: of the study or the evaluator; candidates' failures are told, not raised.
        """
        watcher = observer or Silent()
        step, longest = Step(evaluator), longest_s(evaluator)
        try:
            while (candidate := study.ask()) is not None:
                watcher.started(candidate, 0)
                job = study.job(candidate)
                end = None if longest is None else time.monotonic() + longest
                got = _heard(partial(step.start, [job]), end)
                while isinstance(got, Report):
                    go_on = study.report(candidate, got)
                    watcher.reported(candidate, got, 0)
                    got = _heard(partial(step.advance, go_on), end)
                study.tell(candidate, got)
                watcher.finished(candidate, got, 0)
        finally:
            step.close()


def _heard(message: Callable[[], Message], end: float | None) -> Report | Outcome:
    """What `message` brings until `end` (of the monotonic clock)."""
    try:
        with _alarm(end):
            return message()[1]
    except OutOfTime as late:  # it rang when the evaluation had just returned
        return Outcome("timeout", message=str(late))


@contextmanager
def _alarm(end: float | None) -> Iterator[None]:
    """`OutOfTime` at `end` in the middle of whatever runs inside, every second until it heeds.

    In a batch that never ends nobody looks at the clock. Python code is interrupted at once, a call into C when it returns.
    Only the main thread hears alarms.
    """
    if end is None or not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise OutOfTime("no answer in its time; it was interrupted")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(end - time.monotonic(), 1e-3), 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
