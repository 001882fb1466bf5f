"""A study in memory and an evaluator without training, for the engines' tests. Workers of other processes import it too."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Mapping
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
    most: int = 0  # that were in flight together

    def ask(self) -> int | None:
        if self.asked == self.n:
            return None
        self.asked += 1
        return self.asked - 1

    def job(self, candidate: int) -> Job:
        self.most = max(self.most, self.asked - len(self.told))
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
    pause: float = 0.0

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        curve: list[Report] = []
        time.sleep(self.pause)
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


# Of each misfortune: the state in which a candidate ends, and how its message begins.
ENDS: dict[str, tuple[str, str]] = {
    "raise": ("crashed", "ValueError: of the user's own"),
    "exit": ("crashed", "RuntimeError: SystemExit: 3"),
    "nan": ("diverged", "not finite: accuracy = nan"),
    "memory": ("out_of_memory", "MemoryError"),
    "gpu memory": ("out_of_memory", "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"),
    "unserialisable": ("crashed", "TypeError: float() argument must be a string or a real number"),
    "nothing": ("crashed", "TypeError: evaluate(job) gave NoneType; expected Outcome"),
    "hang": ("timeout", "no answer in"),
    "die once": ("complete", ""),
    "die": ("crashed", "two workers died evaluating it; the second: "),
}

# They end the process in which they happen.
DEADLY = ("die", "die once")


@dataclass(frozen=True)
class Faulty:
    """Accuracy from the costs at three rungs; `fates`: candidate → what befalls it at its second."""

    fates: Mapping[int, str] = field(default_factory=dict)
    marks: Path | None = None
    timeout_s: float | None = None

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Any]:
        fate = self.fates.get(job.number, "")
        accuracy = 1.0
        for rung in job.rungs:
            if rung == job.rungs[1]:
                self.suffer(fate, job.number)
            accuracy = 1 - 1 / (job.costs["params"] + rung)
            if (yield Report(rung, {"accuracy": accuracy})) is False:
                return Outcome("stopped")
        if fate == "nothing":
            return None
        final: Any = {"unserialisable": threading.Lock(), "nan": float("nan")}.get(fate, accuracy)
        return Outcome("complete", {"accuracy": final})

    def suffer(self, fate: str, number: int) -> None:
        match fate:
            case "raise":
                raise ValueError("of the user's own")
            case "exit":
                sys.exit(3)
            case "memory":
                raise MemoryError
            case "gpu memory":
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
            case "hang":
                time.sleep(3600)
            case "die" | "die once":
                assert self.marks is not None
                mark = self.marks / str(number)
                if fate == "die" or not mark.exists():
                    mark.touch()
                    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class Greedy:
    """Candidate 1 takes four GiB."""

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        taken = bytearray(4 * 2**30 if job.number == 1 else 2**20)
        yield Report(1, {"value": float(len(taken))})
        return Outcome("complete", {"value": float(len(taken))})


@dataclass(frozen=True)
class Slow:
    """As `Faulty` without fates, `pause` seconds before each rung; notes in `log` what it begins."""

    pause: float
    log: Path | None = None

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Any]:
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{job.number}\n")
        running, answer = Faulty().evaluate(job), None
        while True:
            time.sleep(self.pause)
            try:
                answer = yield running.send(answer)
            except StopIteration as end:
                return end.value


@dataclass(frozen=True)
class Hungry:
    """Candidate 1 takes memory, and writes to it, up to `gib` GiB; the others take a while."""

    gib: int

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        taken = []
        for _ in range(16 * self.gib if job.number == 1 else 16):
            taken.append(bytearray(b"1" * (2**26 if job.number == 1 else 1)))
            time.sleep(0.05)
        if job.number == 1:
            time.sleep(30)  # until somebody notices
        yield Report(1, {"value": float(len(taken))})
        return Outcome("complete", {"value": float(len(taken))})
