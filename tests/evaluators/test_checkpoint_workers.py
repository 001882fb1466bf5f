"""Workers that die with a candidate, and those of an evaluator of one's own: what they kept is taken up, and removed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from engine_cases import MemoryStudy
from test_checkpoint import NET, STEPS, drain, make_job, make_task

from evaluators.engines import Inline, RayEngine, Step
from evaluators.engines import ray as ray_engine
from evaluators.evaluator import Evaluator
from nas.study.candidate import Job, Report


def test_what_died_with_its_worker_is_removed_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("1.pt", "12.pt", "1.abc.tmp", "2.pt"):
        (folder / name).touch()
    (folder / "3").mkdir()
    (folder / "3" / "state").touch()
    evaluator = Evaluator("digits", checkpoints=folder)
    evaluator.forget([1, 3, 5])
    assert sorted(path.name for path in folder.iterdir()) == ["12.pt", "2.pt"]
    evaluator.forget([2, 12])
    assert not folder.exists()
    evaluator.forget([2])
    Evaluator("digits").forget([2])


@dataclass
class Trained(MemoryStudy):
    """Candidates that are trained; the first of them is `deadly`."""

    source: str = NET
    curves: dict[int, list[Report]] = field(default_factory=dict)

    def job(self, candidate: int) -> Job:
        return dataclasses.replace(make_job(self.source, seed=candidate), number=candidate)

    def report(self, candidate: int, report: Report) -> bool:
        self.curves.setdefault(candidate, []).append(report)
        return super().report(candidate, report)


def deadly(marks: Path, at: int) -> str:
    """`NET` that notes every training step in `marks`, and once kills its process before step `at`."""
    program = f"""\
        if self.training:
            import os, signal
            from pathlib import Path
            steps = Path({str(marks)!r}) / "steps"
            with steps.open("a") as file:
                file.write("step\\n")
            if len(steps.read_text().split()) == {at}:
                os.kill(os.getpid(), signal.SIGKILL)
        h ="""
    return NET.replace("        h =", program)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_engine._cluster(RayEngine(workers=1)) as ray:
        yield ray


@pytest.mark.slow
def test_a_dead_workers_candidate_goes_on(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    (tmp_path / "killed").mkdir()
    evaluator = Evaluator(make_task(), device="cpu", checkpoints=tmp_path / "checkpoints", checkpoint_s=0)
    whole = Trained(1, source=deadly(tmp_path / "whole", at=10**6))
    Inline().run(whole, evaluator)
    killed = Trained(1, source=deadly(tmp_path / "killed", at=23))
    RayEngine(workers=1).run(killed, evaluator)
    assert (tmp_path / "whole" / "steps").read_text().split() == ["step"] * STEPS
    # It died in step 23, and 20 were kept: three are begun again.
    assert (tmp_path / "killed" / "steps").read_text().split() == ["step"] * (STEPS + 3)
    assert killed.curves == whole.curves, "and no report came twice"
    assert killed.told[0].state == "complete"
    assert (killed.told[0].metrics, killed.told[0].curve) == (whole.told[0].metrics, whole.told[0].curve)
    assert list((tmp_path / "checkpoints").iterdir()) == []


# ---------------------------------------------------------------------- evaluators of one's own

OWN = """
from pathlib import Path

from nas.study.candidate import Report


class Mine:
    inputs, outputs, metrics = ((4,),), ((3,),), {"value": "minimize"}

    def evaluate(self, job):
        folder = Path(job.checkpoint)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / "rung"
        begun = int(kept.read_text()) if kept.exists() else 0
        for rung in range(1, 5):
            if rung > begun:
                kept.write_text(str(rung))
            yield Report(rung, {"value": float(begun)})


def make():
    return Mine()
"""


def test_an_evaluator_of_ones_own_has_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    evaluator = Evaluator("mine.py:make", folder=tmp_path, checkpoints=tmp_path / "checkpoints")
    job = Job(7, {}, "", {}, 0, {"epochs": 4})
    assert drain(evaluator.evaluate(job), reports=3) is None
    assert (tmp_path / "checkpoints" / "7" / "rung").read_text() == "3"
    step = Step(evaluator)
    _, got = step.start([job])
    while isinstance(got, Report):
        _, got = step.advance(True)
    assert (got.state, got.metrics) == ("complete", {"value": 3.0})
    assert not (tmp_path / "checkpoints" / "7").exists()
    assert Job.from_json({**job.to_json(), "checkpoint": "there"}).checkpoint == "there"
