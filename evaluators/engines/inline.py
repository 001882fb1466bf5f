"""The engine of this process: one candidate after the other, for debugging and determinism."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from evaluators.engines.engine import (
    AskTell,
    Evaluates,
    Message,
    Observer,
    Silent,
    Step,
    longest_s,
    require_batch,
    room,
)
from evaluators.engines.notices import Notices
from evaluators.failure import OutOfTime
from nas.study.candidate import Outcome, Report


@dataclass(frozen=True)
class Inline:
    """Evaluates in this process. An interrupt leaves candidates in flight untold, for a resume to take up.

    Args:
        batch: candidates that are asked for at a time and train together where they can; `auto`: from 1 to 16, with the
            results. Above 1 the sampler knows fewer results, and which candidates are together moves the last digits of
            what they reach.
    """

    batch: int | Literal["auto"] = 1

    def __post_init__(self) -> None:
        require_batch(self.batch)

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None:
        """Ask, evaluate and tell until the study has nothing left.

        Raises: NasError: of the study or the evaluator; candidates' failures are told, not raised.
        """
        watcher = observer or Silent()
        step, longest = Step(evaluator), longest_s(evaluator)
        notices = Notices(getattr(evaluator, "together", None))
        told = 0
        try:
            while asked := self._asked(study, room(self.batch, told, 1)):
                flying = dict(enumerate(asked))
                taken = len(flying)
                for candidate in asked:
                    watcher.started(candidate, 0)
                jobs = [study.job(candidate) for candidate in asked]
                notices.of(jobs)
                message = partial(step.start, jobs)
                while flying:
                    limit = None if longest is None else longest * len(flying)
                    place, got = _heard(message, step, limit, min(flying))
                    candidate = flying[place]
                    if isinstance(got, Report):
                        go_on = study.report(candidate, got)
                        watcher.reported(candidate, got, 0)
                        message = partial(step.advance, go_on)
                        continue
                    study.tell(candidate, got)
                    told += 1
                    del flying[place]
                    watcher.finished(candidate, got, 0)
                    more = self._more(study, len(flying), room(self.batch, told, 1))
                    for candidate in more:
                        watcher.started(candidate, 0)
                    flying.update(enumerate(more, start=taken))
                    taken += len(more)
                    jobs = [study.job(candidate) for candidate in more]
                    notices.of(jobs)
                    message = partial(step.advance, True, jobs)
        finally:
            step.close()

    def _more(self, study: AskTell, flying: int, most: int) -> list[Any]:
        """Those that take the places of half a batch that ended."""
        free = most - flying
        return self._asked(study, free) if flying and free >= most / 2 > 0.5 else []

    @staticmethod
    def _asked(study: AskTell, count: int) -> list[Any]:
        asked: list[Any] = []
        while len(asked) < count and (candidate := study.ask()) is not None:
            asked.append(candidate)
        return asked


def _heard(message: Callable[[], Message], step: Step, limit_s: float | None, waited_for: int) -> Message:
    """What `message` brings, where `step` works no longer than `limit_s` on it."""
    step.since = time.monotonic()
    try:
        with _alarm(step, limit_s):
            return message()
    except OutOfTime as late:  # it rang when the evaluation had just returned
        return waited_for, Outcome("timeout", message=str(late))


@contextmanager
def _alarm(step: Step, limit_s: float | None) -> Iterator[None]:
    """`OutOfTime` in the middle of whatever runs inside once it takes longer than `limit_s`, every second until it heeds.

    In a batch that never ends nobody looks at the clock. Python code is interrupted at once, a call into C when it returns.
    Only the main thread hears alarms.
    """
    if limit_s is None or not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        if time.monotonic() - step.since >= limit_s:
            raise OutOfTime("no answer in its time; it was interrupted")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(limit_s, 1e-3), 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
