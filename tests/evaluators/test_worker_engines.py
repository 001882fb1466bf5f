"""Engines of several processes: workers that die, hang and are interrupted lose nothing and count nothing twice."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engine_cases import Greedy, MemoryStudy, Parabola

from evaluators.engines import Engine, Processes, RayEngine, Silent
from evaluators.engines import ray as ray_engine
from evaluators.engines.fleet import Fleet
from evaluators.engines.processes import LocalBackend
from evaluators.evaluator import Evaluator
from nas.errors import ExperimentError, TaskError, WorkFailed
from nas.study.candidate import Job, Outcome, Report

ROOT = Path(__file__).parents[2]

Engines = Callable[..., Engine]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One Ray for all tests here, as a user may have started it: the engine uses it and leaves it running."""
    with ray_engine._cluster(RayEngine(workers=2)) as ray:
        yield ray


@pytest.fixture(
    params=[pytest.param(Processes, id="processes"), pytest.param(RayEngine, id="ray", marks=pytest.mark.slow)]
)
def engines(request: pytest.FixtureRequest) -> Engines:
    if request.param is RayEngine:
        request.getfixturevalue("cluster")
    made: Engines = request.param
    return made


def test_two_workers_with_one_thread_each(engines: Engines) -> None:
    study = MemoryStudy(40, stop=frozenset({5}))
    engines(workers=2).run(study, Parabola(pause=0.2))
    assert sorted(study.told) == list(range(40))
    assert {number for number, outcome in study.told.items() if outcome.state == "stopped"} == {5}
    assert len(study.reports) == len(set(study.reports)) == 39 * 3 + 1
    processes = {outcome.metrics["process"] for outcome in study.told.values()}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert {outcome.metrics["threads"] for outcome in study.told.values()} == {1.0}
    assert study.told[6].metrics["value"] == 12.0


def test_a_dead_worker_costs_one_repetition_and_counts_nothing_twice(engines: Engines, tmp_path: Path) -> None:
    study = MemoryStudy(6)
    engines(workers=2).run(study, Parabola("die once", tmp_path))
    assert {outcome.state for outcome in study.told.values()} == {"complete"}
    assert len(study.reports) == len(set(study.reports)) == 18
    assert len(list(tmp_path.iterdir())) == 2


def test_what_kills_two_workers_has_crashed(engines: Engines, tmp_path: Path) -> None:
    study = MemoryStudy(6)
    engines(workers=2).run(study, Parabola("die", tmp_path))
    assert study.told[1].state == "crashed"
    assert study.told[1].message.startswith("two workers died evaluating it; the second: ")
    assert {outcome.state for number, outcome in study.told.items() if number != 1} == {"complete"}
    assert len(list(tmp_path.iterdir())) == 2


def test_a_worker_that_hangs_is_ended(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.engines.engine.GRACE_S", 1.0)
    study = MemoryStudy(4)
    engines(workers=2).run(study, Parabola("hang", timeout_s=3.0))
    assert study.told[1].state == "timeout"
    assert study.told[1].message == "no answer in 4 s; its worker was ended"
    assert sorted(study.told) == [0, 1, 2, 3]


def test_wrong_input_in_a_worker_is_raised_here(engines: Engines) -> None:
    with pytest.raises(TaskError, match=r"^the data cannot be used$"):
        engines(workers=1).run(MemoryStudy(3), Parabola("data"))


PROGRAM = """
import sys
import time
from engine_cases import MemoryStudy, Parabola
from evaluators.engines import make_engine

class Study(MemoryStudy):
    def tell(self, candidate, outcome):
        super().tell(candidate, outcome)
        print(candidate, flush=True)

study = Study(4)
try:
    make_engine({"name": sys.argv[1], "workers": 2}).run(study, Parabola("hang"))
except KeyboardInterrupt:
    print("interrupted", sorted(study.told), flush=True)
"""


@pytest.mark.parametrize("engine", ["processes", pytest.param("ray", marks=pytest.mark.slow)])
def test_an_interrupt_leaves_what_is_in_flight_untold(engine: str) -> None:
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    driver = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, engine],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    with driver:
        assert sorted(driver.stdout.readline() for _ in range(3)) == ["0\n", "2\n", "3\n"]
        os.killpg(driver.pid, signal.SIGINT)
        assert driver.stdout.read() == "interrupted [0, 2, 3]\n"
    assert driver.returncode == 0


@pytest.mark.slow
def test_lists_of_candidates_and_never_more_than_that_in_flight(engines: Engines, tmp_path: Path) -> None:
    study = MemoryStudy(20, stop=frozenset({5}))
    engines(workers=2, batch=3).run(study, Parabola("die once", tmp_path, pause=0.5))
    assert study.most == 6
    assert sorted(study.told) == list(range(20))
    assert {number for number, outcome in study.told.items() if outcome.state != "complete"} == {5}
    assert len(study.reports) == len(set(study.reports)) == 19 * 3 + 1
    assert len(list(tmp_path.iterdir())) == 2, "of a list that a worker died with, only one was begun"


def test_a_budget_of_memory(engines: Engines) -> None:
    study = MemoryStudy(4)
    engines(workers=1, memory_gb=1).run(study, Greedy())
    assert study.told[1].state == "out_of_memory"
    assert study.told[1].message == "MemoryError"
    assert {study.told[number].state for number in (0, 2, 3)} == {"complete"}


def test_an_interrupt_in_a_worker_alone_is_no_end_of_the_search(engines: Engines) -> None:
    study = MemoryStudy(4)
    engines(workers=1).run(study, Parabola("interrupt"))
    assert study.told[1].state == "crashed"
    assert {study.told[number].state for number in (0, 2, 3)} == {"complete"}


TASK = """
import os
from pathlib import Path
import numpy as np

def make(log, n=400):
    with Path(log).open("a") as file:
        file.write(f"{os.getpid()}\\n")
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 50000)).astype("float32"), rng.integers(0, 2, n)
"""
LINEAR = (
    "import torch\nclass Model(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.a = torch.nn.Linear(50000, 2)\n    def forward(self, x):\n        return self.a(x)\n"
)


class Trained(MemoryStudy):
    def job(self, candidate: int) -> Job:
        return Job(candidate, {}, LINEAR, {"batch_size": 128}, 0, {"epochs": 1}, (1,))


def test_workers_share_the_data_and_load_nothing(engines: Engines, tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "data.py").write_text(TASK)
    evaluator = Evaluator(f"{tmp_path / 'data.py'}:make", {"log": str(log)}, device="cpu")
    study = Trained(6)
    engines(workers=2).run(study, evaluator)
    assert {outcome.state for outcome in study.told.values()} == {"complete"}, study.told
    assert log.read_text().split() == [str(os.getpid())], "loaded once, here"


# ---------------------------------------------------------------------- processes of this machine


KILLED = """
import multiprocessing
from engine_cases import MemoryStudy, Parabola
from evaluators.engines import Processes

class Study(MemoryStudy):
    def report(self, candidate, report):
        if candidate == 1:
            print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
        return super().report(candidate, report)

Processes(workers=2).run(Study(2), Parabola("hang"))
"""


def test_workers_end_with_a_driver_that_is_killed() -> None:
    """One of them is in the middle of a training, the other waits or has yet to begin."""
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen([sys.executable, "-c", KILLED], env=environment, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        workers = list(map(int, driver.stdout.readline().split()))
        assert len(workers) == 2
        driver.kill()
    end = time.monotonic() + 20
    while any(map(lives, workers)):
        assert time.monotonic() < end, "they work on for nobody"
        time.sleep(0.05)


def lives(process: int) -> bool:
    """Whether it runs, and is no zombie that waits for its parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_without_forks_workers_are_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows."""
    monkeypatch.setattr(sys, "platform", "darwin")
    backend = LocalBackend(None)
    monkeypatch.undo()
    study = MemoryStudy(8, stop=frozenset({5}))
    Fleet(backend, 2, 1, study, Silent()).fly(Parabola(pause=0.2))
    assert {number: outcome.state for number, outcome in study.told.items() if number == 5} == {5: "stopped"}
    assert len({outcome.metrics["process"] for outcome in study.told.values()} - {os.getpid()}) == 2


@dataclass(frozen=True)
class WithHelpers:
    """An evaluator that starts processes of its own, as a loader of data does."""

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(0.01,))
        helper.start()
        helper.join()
        yield Report(1, {"value": float(helper.exitcode or 0)})
        return Outcome("complete", {"value": 0.0})


def test_workers_may_start_processes_of_their_own() -> None:
    study = MemoryStudy(3)
    Processes(workers=2).run(study, WithHelpers())
    assert {outcome.state for outcome in study.told.values()} == {"complete"}, study.told


class Unbuildable:
    """Pickled here, and refused there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


def test_workers_that_cannot_start_are_no_candidates_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    backend = LocalBackend(None)
    monkeypatch.undo()
    study = MemoryStudy(3)
    evaluator: Any = Unbuildable()
    with pytest.raises(WorkFailed, match=r"workers of this machine cannot start: ValueError: invalid literal for int"):
        Fleet(backend, 1, 1, study, Silent()).fly(evaluator)
    assert study.asked == 0


def test_processes_have_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    with pytest.raises(ExperimentError, match=r"trains on cores, and the device here is `cuda`; take .* `device: cpu`"):
        Processes().run(MemoryStudy(1), Evaluator("digits"))
