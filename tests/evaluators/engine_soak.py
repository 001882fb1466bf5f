"""A long search of tiny candidates with random misfortunes, and what it does to memory.

    python tests/evaluators/engine_soak.py [N] [--workers 2]

Says how many candidates ended in which way, and how much the driver and its longest-lived worker grew over the second half
of what they saw, in KiB a candidate. What ends a worker befalls candidates of the first third only, so that one lives on.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from engine_cases import Faulty

from evaluators.engines import RayEngine, Silent
from evaluators.engines import engine as engines
from nas.codegen import source
from nas.space import Space, space_from_text
from nas.space.deciders import Random as Draw
from nas.study.candidate import Job, Outcome, Report
from nas.study.study import Study

SPACE = """\
space: wide
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [2, 100000]}
model: return linear(relu(linear(x, width)), targets)
"""

# Misfortune → how many of a thousand candidates it befalls; those that end a worker befall the first third alone.
RATES = {"raise": 20, "exit": 10, "memory": 20, "gpu memory": 10, "unserialisable": 20, "nothing": 10, "nan": 20}
ENDING = {"hang": 10, "die": 10, "die once": 20}

EVERY = 10  # the driver's memory is looked at after so many candidates


@dataclass(frozen=True)
class Soaked:
    """`Faulty` with random fates among `n`, and with the worker's memory among the metrics."""

    n: int
    marks: Path
    timeout_s: float = 10.0  # on a busy machine the process of a candidate may not get a core for seconds

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Any]:
        faulty = Faulty({job.number: fate_of(job.number, self.n)}, self.marks)
        running, answer = faulty.evaluate(job), None
        while True:
            try:
                report = running.send(answer)
            except StopIteration as end:
                return end.value
            seen = {"rss_kib": float(resident_kib()), "process": float(os.getpid())}
            answer = yield Report(report.rung, {**report.metrics, **seen})


class Scale(Silent):
    """The driver's memory after every ten candidates, and the workers' after each as they told it."""

    def __init__(self) -> None:
        self.n_finished = 0
        self.driver: list[int] = []
        self.workers: dict[float, list[float]] = defaultdict(list)

    def reported(self, candidate: Any, report: Report, worker: int) -> None:
        if report.rung == 1:
            self.workers[report.metrics["process"]].append(report.metrics["rss_kib"])

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        self.n_finished += 1
        if self.n_finished % EVERY == 0:
            gc.collect()  # what only waits to be collected is no growth
            self.driver.append(resident_kib())


def fate_of(number: int, n: int) -> str:
    """What befalls candidate `number` of `n`; mostly nothing."""
    rates = {**RATES, **(ENDING if number < n // 3 else {})}
    return Random(f"fate of {number}").choices([*rates, ""], [*rates.values(), 1000 - sum(rates.values())])[0]


def resident_kib() -> int:
    """Private memory of this process: without what it shares with others, such as libraries and the object store."""
    _, resident, shared, *_ = (Path("/proc/self/statm").read_text()).split()
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") // 1024


def growth_kib(sizes: Sequence[float]) -> float:
    """KiB from one size to the next over the second half, by the medians of its first and of its last third."""
    half = sizes[len(sizes) // 2 :]
    third = len(half) // 3
    return (statistics.median(half[-third:]) - statistics.median(half[:third])) / (len(half) - third)


def steps_kib(sizes: Sequence[float]) -> dict[int, int]:
    """Which candidates of a process, counted from 0, it grew by a quarter of a MiB or more, and by how much."""
    steps = (round(after - before) for before, after in pairwise(sizes))
    return {place: step for place, step in enumerate(steps, start=1) if step >= 256}


def fill_tables(space: Space) -> None:
    """Draw until all that is remembered of operators and templates is full, which a search would take a thousand for."""
    for seed in range(1000):
        design = space.build(Draw(Random(seed)))
        assert design.costs.params
        source(design.graph)


def soak(n: int, workers: int, folder: Path) -> dict[str, Any]:
    """Search `n` candidates; what came of them and of the memory."""
    engines.GRACE_S = 1.0
    (folder / "marks").mkdir(parents=True)
    space = space_from_text(SPACE, "wide.yaml").bind([(8,)], [(3,)])
    fill_tables(space)
    scale = Scale()
    with Study.create(
        folder / "run", space, objectives=["maximize accuracy", "minimize params"], metrics=["accuracy"], task="none",
        sampler="random", stopping={"rule": "pareto-halving", "rungs": [1, 2, 3], "eta": 1000}, budget={"epochs": 4},
        trials=n,
    ) as study:  # fmt: skip
        RayEngine(workers=workers).run(study, Soaked(n, folder / "marks"), scale)
        trials = study.record().trials
    longest = max(scale.workers.values(), key=len)
    return {
        "trials": [(one.number, one.state) for one in trials],
        "ended": dict(Counter(one.state for one in trials)),
        "processes": len(scale.workers),
        "driver_mib": round(scale.driver[-1] / 1024),
        "driver_growth_kib": round(growth_kib(scale.driver) / EVERY, 2),
        "worker_mib": round(longest[-1] / 1024),
        "worker_candidates": len(longest),
        "worker_growth_kib": round(growth_kib(longest), 2),
        "worker_steps_kib": steps_kib(longest),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, nargs="?", default=2000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        found = soak(arguments.n, arguments.workers, Path(place))
    found.pop("trials")
    print(json.dumps(found, indent=2))
