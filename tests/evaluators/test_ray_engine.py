"""The Ray engine: processes that die, hang and are interrupted lose nothing and count nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_cases import MemoryStudy, Parabola

from evaluators.engines import RayEngine
from evaluators.engines import ray as ray_engine
from nas.errors import ExperimentError, TaskError, WorkFailed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One Ray for all tests here, as a user may have started it: the engine uses it and leaves it running."""
    engine = RayEngine(workers=2)
    with ray_engine._cluster(engine) as ray:
        yield ray


def test_two_workers_with_one_thread_each(cluster: Any) -> None:
    study = MemoryStudy(40, stop=frozenset({5}))
    RayEngine(workers=2).run(study, Parabola())
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
