"""The live view of a search in a terminal: a line per worker, the frontier so far, the time left."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TextIO

from nas.errors import ParetoError
from nas.pareto.front import frontier
from nas.pareto.terminal import sketch
from nas.study.candidate import Outcome, Report
from nas.study.records import StudyRecord

REFRESH_S = 0.5


@dataclass
class _Training:
    """A candidate that is being evaluated, and where."""

    number: int
    params: int
    worker: int
    since: float
    report: Report | None = None


@dataclass
class Live:
    """An observer of a search that draws where `stream` is a terminal, and writes a line now and then elsewhere."""

    stream: TextIO
    trainings: dict[int, _Training] = field(default_factory=dict)  # by candidate, who said something last at the end
    ended: Counter[str] = field(default_factory=Counter)
    total: int | None = None
    before: int = 0
    record: Callable[[], StudyRecord] | None = None

    def __enter__(self) -> Live:
        from rich.console import Console
        from rich.live import Live as Display

        self.console = Console(file=self.stream)
        self.drawn_at = 0.0
        self.started_at = time.monotonic()
        self.written_at = time.monotonic()
        self.display = (
            Display(console=self.console, auto_refresh=False, transient=True)
            if self.console.is_terminal and not self.console.is_dumb_terminal
            else None
        )
        if self.display is not None:
            self.display.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.display is not None:
            self.display.stop()

    # ------------------------------------------------------------------ what an engine tells

    def began(self, total: int | None, done: int, record: Callable[[], StudyRecord] | None) -> None:
        """How many evaluations there will be and were before, and where the frontier can be read."""
        self.total, self.before, self.record = total, done, record
        self.started_at = time.monotonic()
        self.ended.clear()

    def started(self, candidate: Any, worker: int) -> None:
        params = candidate.costs.get("params", 0)
        self.trainings[candidate.number] = _Training(candidate.number, params, worker, time.monotonic())
        self._draw()

    def reported(self, candidate: Any, report: Report, worker: int) -> None:
        training = self.trainings.pop(candidate.number, None)
        if training is not None:
            training.worker, training.report = worker, report
            self.trainings[candidate.number] = training
        self._draw()

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        self.trainings.pop(candidate.number, None)
        self.ended[outcome.state] += 1
        self._draw()

    # ------------------------------------------------------------------ drawing

    def _draw(self) -> None:
        now = time.monotonic()
        if self.display is None:
            if now - self.written_at >= 10:
                self.written_at = now
                self.console.print(self._progress(now), highlight=False)
            return
        if now - self.drawn_at < REFRESH_S:
            return
        self.drawn_at = now
        lines = [self._progress(now)]
        by_worker = self._by_worker()
        lines.extend(f"  worker {number}  {_doing(by_worker[number], now)}" for number in sorted(by_worker))
        lines.extend(self._sketch())
        from rich.text import Text

        # Lines are cut, not wrapped: a view that is higher than it thinks leaves its rest behind.
        height = max(self.console.size.height - 1, 1)
        text = Text("\n".join(lines[:height]), no_wrap=True, overflow="ellipsis")
        with _uninterrupted():
            self.display.update(text, refresh=True)

    def _by_worker(self) -> dict[int, list[_Training]]:
        found: dict[int, list[_Training]] = {}
        for training in self.trainings.values():
            found.setdefault(training.worker, []).append(training)
        return found

    def _progress(self, now: float) -> str:
        done, spent = sum(self.ended.values()), now - self.started_at
        of = f" of {self.total}" if self.total else ""
        left = ""
        if self.total and done:
            remaining = max(self.total - self.before - done, 0)
            left = f", about {_duration(remaining * spent / done)} left"
        failed = ", ".join(f"{count} {state}" for state, count in self.ended.items() if state != "complete")
        what = "trainings" if self.record is None else "candidates"  # several of one candidate, in a confirmation
        return f"{self.before + done}{of} {what} in {_duration(spent)}{left}" + (f"  ({failed})" if failed else "")

    def _sketch(self) -> list[str]:
        """The frontier so far, as large as the terminal allows."""
        if self.record is None or "complete" not in self.ended:
            return []
        try:
            front = frontier(self.record())
        except ParetoError:
            return []
        if len(front.record.objectives) < 2:
            return []
        width, height = self.console.size
        room = height - len(self._by_worker()) - 7
        if room < 6 or width < 40:
            return []
        return ["", *sketch(front, min(width - 2, 90), min(room, 16)).splitlines()]


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """An interrupt inside comes at its end: half a frame could not be taken away again, its height being unknown."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _doing(trainings: list[_Training], now: float) -> str:
    """What a worker does, with the last report of those that it trains together."""
    heard = next((one for one in reversed(trainings) if one.report is not None), None)
    several = len(trainings) > 1
    what = f"{len(trainings)} candidates" if several else f"candidate {trainings[0].number}"
    text = f"{what}  {sum(one.params for one in trainings):,} params  {now - min(one.since for one in trainings):.1f} s"
    if heard is None or heard.report is None:
        return text
    who = f"candidate {heard.number} " if several else ""
    return f"{text}  {who}at {heard.report.rung}: {_metrics(heard.report.metrics)}"


def _metrics(metrics: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in list(metrics.items())[:3])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
    return f"{seconds / 3600:.1f} h"
