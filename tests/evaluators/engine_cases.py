"""A study in memory and an evaluator without training, for the engines' tests. Workers of other processes import it too."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.errors import TaskError
from nas.study.candidate import Job, Outcome, Report


@dataclass
class MemoryStudy:
    """Asks for `n` candidates, the numbers from 0; stops those in `stop` at their first rung."""

    n: int
    stop: frozenset[int] = frozenset()
    asked: int = 0
    told: dict[int, Outcome] = field(default_factory=dict)
    reports: list[tuple[int, int]] = field(default_factory=list)

    def ask(self) -> int | None:
        if self.asked == self.n:
            return None
        self.asked += 1
        return self.asked - 1

    def job(self, candidate: int) -> Job:
        return Job(candidate, {"x": float(candidate)}, "", {}, candidate, {"epochs": 3}, (1, 2, 3))

    def report(self, candidate: int, report: Report) -> bool:
        self.reports.append((candidate, report.rung))
        return candidate not in self.stop

    def tell(self, candidate: int, outcome: Outcome) -> None:
        assert candidate not in self.told, "told twice"
        self.told[candidate] = outcome


@dataclass(frozen=True)
class Parabola:
    """Value x² / rung. `misfortune`: what befalls candidate 1 at its second rung; `marks`: where it notes that it happened."""

    misfortune: str = ""
    marks: Path | None = None
    timeout_s: float | None = None

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        curve: list[Report] = []
        for rung in job.rungs:
            if job.number == 1 and rung == 2:
                self.suffer()
            x: Any = job.genotype["x"]
            process = {"process": float(os.getpid()), "threads": float(os.environ.get("OMP_NUM_THREADS", 0))}
            curve.append(Report(rung, {"value": x * x / rung, **process}))
            if (yield curve[-1]) is False:
                return Outcome("stopped", curve[-1].metrics, tuple(curve))
        return Outcome("complete", curve[-1].metrics, tuple(curve))

    def suffer(self) -> None:
        if self.marks is not None:
            times = len(list(self.marks.iterdir()))
            (self.marks / str(times)).touch()
            if self.misfortune == "die once" and times:
                return
        match self.misfortune:
            case "die" | "die once":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3600)
            case "data":
                raise TaskError("the data cannot be used")
            case "interrupt":
                raise KeyboardInterrupt
