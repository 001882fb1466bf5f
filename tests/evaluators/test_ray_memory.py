"""What becomes of candidates when Ray ends workers because a machine is running out of memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
from engine_cases import Hungry, MemoryStudy

from evaluators.engines import RayEngine, Silent
from evaluators.engines.backend import WorkerStarved
from evaluators.engines.engine import Step
from evaluators.engines.fleet import Fleet
from nas.study.candidate import Job, Outcome, Report

GIB = 2**30


@pytest.mark.slow
@pytest.mark.alone
def test_who_takes_the_memory_of_a_machine_is_told_from_those_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's own watch, with a threshold 2 GiB above what the machine uses now. It ends innocent workers too."""
    from ray._private.utils import get_system_memory, get_used_memory

    if get_system_memory() - get_used_memory() < 8 * GIB:
        pytest.skip("needs 8 GiB of free memory")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "100")
    monkeypatch.setenv("RAY_memory_usage_threshold", str((get_used_memory() + 2 * GIB) / get_system_memory()))
    study = MemoryStudy(5)
    RayEngine(workers=2).run(study, Hungry(4))
    assert study.told[1].state == "out_of_memory"
    assert study.told[1].message == "alone on its machine it took so much memory that Ray ended it"
    assert {study.told[number].state for number in (0, 2, 3, 4)} == {"complete"}


class Died(BaseException):
    """The process of a pretended worker ends."""


class PretendedBackend:
    """Workers in this process, as on one machine which runs short of memory.

    Args:
        starts: how many workers die while they start.
        idle: how many die while they wait, when a candidate has brought a worker down.
    """

    name = "Ray"

    def __init__(self, starts: int = 0, idle: int = 0) -> None:
        self.starts, self.idle = starts, idle
        self.made = 0
        self.short = False
        self.evaluator: Any = None

    def place(self, evaluator: Any) -> None:
        self.evaluator = evaluator

    def hire(self) -> Step:
        self.made += 1
        return Step(self.evaluator)

    def dismiss(self, worker: Step) -> None:
        """Nothing."""

    def ready(self, worker: Step) -> Call:
        return Call(self._ready, ())

    def start(self, worker: Step, jobs: Sequence[Job]) -> Call:
        return Call(worker.start, (jobs,))

    def advance(self, worker: Step, go_on: bool, more: Sequence[Job] = ()) -> Call:
        return Call(worker.advance, (go_on, more))

    def _ready(self) -> str:
        if self.starts:
            self.starts -= 1
            raise Died
        if self.short and self.idle:
            self.idle -= 1
            raise Died
        return "machine"

    def wait(self, references: Sequence[Call], timeout_s: float) -> list[Call]:
        return list(references)

    def get(self, reference: Call, timeout_s: float | None = None) -> Any:
        try:
            return reference.of(*reference.given)
        except Died:
            self.short = self.short or reference.of != self._ready
            raise WorkerStarved("Memory on the node is above the threshold") from None

    def lives(self, node: str) -> bool:
        return True


class Call:
    """What a worker is asked to do, done when somebody wants to know."""

    def __init__(self, of: Callable[..., Any], given: tuple[Any, ...]) -> None:
        self.of, self.given = of, given


class Deadly:
    """Candidate n brings its worker down the first `deaths[n]` times. Notes which candidates were at work together."""

    def __init__(self, deaths: dict[int, int]) -> None:
        self.deaths = Counter(deaths)
        self.at_work: set[int] = set()
        self.company: list[set[int]] = []

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        self.at_work.add(job.number)
        try:
            for rung in job.rungs:
                yield Report(rung, {"value": 1.0})
                if rung == 2 and self.deaths[job.number] > 0:
                    self.deaths[job.number] -= 1
                    self.company.append(set(self.at_work))
                    raise Died
        finally:
            self.at_work.discard(job.number)
        return Outcome("complete", {"value": 1.0})


def flown(backend: PretendedBackend, evaluator: Deadly, workers: int, n: int = 8) -> MemoryStudy:
    study = MemoryStudy(n)
    Fleet(backend, workers, 1, study, Silent()).fly(evaluator)
    return study


def test_whose_worker_is_ended_is_repeated_alone_and_blamed_then() -> None:
    evaluator = Deadly({1: 2, 3: 1})
    study = flown(PretendedBackend(), evaluator, workers=3)
    assert {number: one.state for number, one in study.told.items() if one.state != "complete"} == {1: "out_of_memory"}
    assert sorted(study.told) == list(range(8))
    assert len(study.reports) == len(set(study.reports)) == 7 * 3 + 2
    assert evaluator.company == [{0, 1, 2}, {1}, {3, 4, 5}], "with whom each death met a candidate"


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_that_die_before_they_have_work_blame_nobody(workers: int) -> None:
    backend = PretendedBackend(starts=2, idle=2)
    study = flown(backend, Deadly({1: 1}), workers)
    assert {one.state for one in study.told.values()} == {"complete"}
    assert sorted(study.told) == list(range(8))
    assert backend.made == workers + 5
