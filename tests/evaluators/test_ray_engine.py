"""What is Ray's own: clusters, room, and workers that cannot start. For the rest see `test_worker_engines.py`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from engine_cases import MemoryStudy, Parabola

from evaluators.engines import RayEngine
from evaluators.engines import ray as ray_engine
from evaluators.engines.worker import Worker
from evaluators.evaluator import Evaluator
from nas.errors import ExperimentError, WorkFailed
from nas.study.candidate import Job


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One Ray for all tests here, as a user may have started it: the engine uses it and leaves it running."""
    engine = RayEngine(workers=2)
    with ray_engine._cluster(engine) as ray:
        yield ray


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


def test_a_candidate_has_all_gpus_of_its_worker() -> None:
    evaluator = Evaluator("digits")
    assert [Worker(evaluator, gpus, None).step.evaluator.gpus for gpus in (0.0, 1.0, 2.0)] == [1, 1, 2]  # type: ignore[attr-defined]
    assert Worker(evaluator, 2.0, None).step.evaluator.together.why_alone(Job(0, {}, "", {}, 0, {})) == (  # type: ignore[attr-defined]
        "its batches are split over several GPUs"
    )
