"""The Ray engine: processes that die, hang and are interrupted lose nothing and count nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_cases import Greedy, MemoryStudy, Parabola

from evaluators.engines import RayEngine
from evaluators.engines import ray as ray_engine
from evaluators.engines.worker import Worker
from evaluators.evaluator import Evaluator
from nas.errors import ExperimentError, TaskError, WorkFailed
from nas.study.candidate import Job

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One Ray for all tests here, as a user may have started it: the engine uses it and leaves it running."""
    engine = RayEngine(workers=2)
    with ray_engine._cluster(engine) as ray:
        yield ray


@pytest.mark.slow
def test_two_workers_with_one_thread_each(cluster: Any) -> None:
    study = MemoryStudy(40, stop=frozenset({5}))
    RayEngine(workers=2).run(study, Parabola(pause=0.2))
    assert cluster.is_initialized()
    assert sorted(study.told) == list(range(40))
    assert {number for number, outcome in study.told.items() if outcome.state == "stopped"} == {5}
    assert len(study.reports) == len(set(study.reports)) == 39 * 3 + 1
    processes = {outcome.metrics["process"] for outcome in study.told.values()}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert {outcome.metrics["threads"] for outcome in study.told.values()} == {1.0}
    assert study.told[6].metrics["value"] == 12.0


@pytest.mark.slow
def test_a_dead_worker_costs_one_repetition_and_counts_nothing_twice(cluster: Any, tmp_path: Path) -> None:
    study = MemoryStudy(6)
    RayEngine(workers=2).run(study, Parabola("die once", tmp_path))
    assert {outcome.state for outcome in study.told.values()} == {"complete"}
    assert len(study.reports) == len(set(study.reports)) == 18
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_what_kills_two_workers_has_crashed(cluster: Any, tmp_path: Path) -> None:
    study = MemoryStudy(6)
    RayEngine(workers=2).run(study, Parabola("die", tmp_path))
    assert study.told[1].state == "crashed"
    assert study.told[1].message.startswith("two workers died evaluating it; the second: The actor")
    assert {outcome.state for number, outcome in study.told.items() if number != 1} == {"complete"}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.engines.engine.GRACE_S", 1.0)
    study = MemoryStudy(4)
    RayEngine(workers=2).run(study, Parabola("hang", timeout_s=3.0))
    assert study.told[1].state == "timeout"
    assert study.told[1].message == "no answer in 4 s; its worker was ended"
    assert sorted(study.told) == [0, 1, 2, 3]


@pytest.mark.slow
def test_wrong_input_in_a_worker_is_raised_here(cluster: Any) -> None:
    with pytest.raises(TaskError, match=r"^the data cannot be used$"):
        RayEngine(workers=1).run(MemoryStudy(3), Parabola("data"))


class Untransportable:
    """Pickled here, and refused there."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


@pytest.mark.slow
def test_workers_that_cannot_start_are_no_candidates_fault(cluster: Any) -> None:
    study = MemoryStudy(3)
    evaluator: Any = Untransportable()
    with pytest.raises(WorkFailed, match=r"the workers of Ray cannot start: .*invalid literal for int"):
        RayEngine(workers=1).run(study, evaluator)
    assert study.asked == 0


@pytest.mark.slow
def test_more_than_the_machine_has(cluster: Any) -> None:
    with pytest.raises(ExperimentError, match="1 workers with 64 GPU each need 64, and there are 0"):
        RayEngine(workers=1, gpus=64).run(MemoryStudy(1), Parabola())


PROGRAM = """
from engine_cases import MemoryStudy, Parabola
from evaluators.engines import RayEngine

class Study(MemoryStudy):
    def tell(self, candidate, outcome):
        super().tell(candidate, outcome)
        print(candidate, flush=True)

study = Study(4)
try:
    RayEngine(workers=2).run(study, Parabola("hang"))
except KeyboardInterrupt:
    print("interrupted", sorted(study.told), flush=True)
"""


@pytest.mark.slow
def test_an_interrupt_leaves_what_is_in_flight_untold() -> None:
    paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
    driver = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
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
def test_lists_of_candidates_and_never_more_than_that_in_flight(cluster: Any, tmp_path: Path) -> None:
    study = MemoryStudy(20, stop=frozenset({5}))
    RayEngine(workers=2, batch=3).run(study, Parabola("die once", tmp_path, pause=0.5))
    assert study.most == 6
    assert sorted(study.told) == list(range(20))
    assert {number for number, outcome in study.told.items() if outcome.state != "complete"} == {5}
    assert len(study.reports) == len(set(study.reports)) == 19 * 3 + 1
    assert len(list(tmp_path.iterdir())) == 2, "of a list that a worker died with, only one was begun"


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


@pytest.mark.slow
def test_workers_share_the_data_and_load_nothing(cluster: Any, tmp_path: Path) -> None:
    log = tmp_path / "log"
    (tmp_path / "data.py").write_text(TASK)
    evaluator = Evaluator(f"{tmp_path / 'data.py'}:make", {"log": str(log)}, device="cpu")
    study = Trained(6)
    RayEngine(workers=2).run(study, evaluator)
    assert {outcome.state for outcome in study.told.values()} == {"complete"}, study.told
    assert log.read_text().split() == [str(os.getpid())], "loaded once, here"


@pytest.mark.slow
def test_a_budget_of_memory(cluster: Any) -> None:
    study = MemoryStudy(4)
    RayEngine(workers=1, memory_gb=1).run(study, Greedy())
    assert study.told[1].state == "out_of_memory"
    assert study.told[1].message == "MemoryError"
    assert {study.told[number].state for number in (0, 2, 3)} == {"complete"}


@pytest.mark.slow
def test_more_memory_than_the_machine_has(cluster: Any) -> None:
    message = r"1 workers with 1e\+06 GiB of memory each need 1e\+06, and there are [0-9.]+"
    with pytest.raises(ExperimentError, match=message):
        RayEngine(workers=1, memory_gb=1e6).run(MemoryStudy(1), Parabola())


def test_a_share_of_a_gpu_is_a_share_of_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[float] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", shares.append)
    with warnings.catch_warnings():
        for gpus in (0.0, 0.25, 1.0, 2.0):
            Worker(Parabola(), gpus, None)
    assert shares == [0.25]


def test_no_cluster_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(**options: Any) -> None:
        raise ConnectionError(f"nothing at {options['address']}\nlong advice")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    message = r"no cluster of Ray answers at `auto`: nothing at auto; begin one with `ray start --head`"
    with pytest.raises(ExperimentError, match=message):
        RayEngine(address="auto").run(MemoryStudy(1), Parabola())


@pytest.mark.parametrize("n_failures", [2, 3])
def test_a_cluster_whose_process_for_a_driver_died_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, n_failures: int
) -> None:
    import ray

    asked: list[str] = []

    def init(address: str, **options: Any) -> None:
        asked.append(address)
        if len(asked) <= n_failures:
            raise ConnectionAbortedError(
                "Initialization failure from server:\nTraceback:\n  a line\nError: the reason\n"
            )
        raise ValueError("connected")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    last = "connected" if n_failures < 3 else "Error: the reason"
    with pytest.raises(ExperimentError, match=rf"no cluster of Ray answers at `ray://there:1`: {last}; begin one"):
        RayEngine(address="ray://there:1").run(MemoryStudy(1), Parabola())
    assert len(asked) == 3


@pytest.mark.slow
def test_a_cluster_without_room(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster may grow, so that nobody refuses at once."""
    monkeypatch.setattr("evaluators.engines.fleet.PLACE_S", 1.5)
    study = MemoryStudy(3)
    with pytest.raises(WorkFailed, match=r"Ray found no place for a worker in 1.5 s; resume with smaller ones"):
        RayEngine(workers=1, cpus=64, address="auto").run(study, Parabola())
    assert study.asked == 0


@pytest.mark.slow
def test_an_interrupt_in_a_worker_alone_is_no_end_of_the_search(cluster: Any) -> None:
    study = MemoryStudy(4)
    RayEngine(workers=1).run(study, Parabola("interrupt"))
    assert study.told[1].state == "crashed"
    assert {study.told[number].state for number in (0, 2, 3)} == {"complete"}
