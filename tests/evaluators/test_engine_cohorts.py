"""Engines that train their candidates as cohorts owe a study what they owe it one by one, whatever befalls a member."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cohort_cases import Given, Mishap, digits, given, make_jobs, narrow

import nas
from evaluators.cohorts.crew import Crew
from evaluators.cohorts.eligibility import why_alone
from evaluators.engines import Engine, Inline, Processes, RayEngine
from evaluators.engines import ray as ray_engine
from evaluators.evaluator import Evaluator
from evaluators.tasks import Task
from evaluators.training import measure as metrics
from nas.graph.operators import table
from nas.space import load_space
from nas.study.candidate import Job, Outcome, Report
from nas.study.records import TrialRecord
from nas.study.study import Study

BATCH = 4
ENGINES = [
    pytest.param(Inline(batch=BATCH), id="inline"),
    pytest.param(Processes(workers=2, batch=BATCH), id="processes-2"),
    pytest.param(RayEngine(workers=1, batch=BATCH), id="ray-1", marks=pytest.mark.slow),
    pytest.param(RayEngine(workers=2, batch=BATCH), id="ray-2", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_engine._cluster(RayEngine(workers=2)) as ray:
        yield ray


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Four candidates at a time in each process."""
    if isinstance(request.param, RayEngine):
        request.getfixturevalue("cluster")
    chosen: Engine = request.param
    return chosen


@pytest.fixture(scope="module")
def task() -> Task:
    return digits()


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Of each time that candidates join a crew of this process: their numbers."""
    found: list[list[int]] = []
    join = Crew.join

    def noted(self: Crew, jobs: Any) -> Any:
        found.append([job.number for _, job in jobs])
        return join(self, jobs)

    monkeypatch.setattr(Crew, "join", noted)
    return found


def one_by_one(jobs: list[Job], task: Task, stop: tuple[int, ...] = ()) -> Given:
    study = given(jobs, stop)
    Inline().run(study, Evaluator(task, device="cpu"))
    return study


def same_metrics(ours: Mapping[str, float], theirs: Mapping[str, float]) -> None:
    """In float32 a sample at the border of two classes may fall on either side."""
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        counted = name in ("accuracy", "balanced_accuracy", "error")
        assert value == pytest.approx(theirs[name], abs=0.02 if counted else 0.0, rel=0.0 if counted else 5e-3), name


def same_outcomes(ours: Mapping[int, Outcome], theirs: Mapping[int, Outcome]) -> None:
    assert ours.keys() == theirs.keys(), "somebody was lost"
    for number, expected in theirs.items():
        found = ours[number]
        assert found.state == expected.state
        assert [report.rung for report in found.curve] == [report.rung for report in expected.curve]
        for mine, other in zip(found.curve, expected.curve, strict=True):
            same_metrics(mine.metrics, other.metrics)
        if expected.state == "complete":
            same_metrics(found.metrics, expected.metrics)


# ---------------------------------------------------------------------- searches


def searched(directory: Path, engine: Engine, task: Task, trials: int, stopping: Any = None) -> list[TrialRecord]:
    study = Study.create(
        directory,
        narrow(),
        objectives=["maximize accuracy", "minimize params"],
        metrics=["accuracy"],
        task="none",
        sampler="random",
        stopping=stopping,
        budget={"epochs": 3},
        recipe={"lr": 3e-3},
        trials=trials,
        seed=5,
    )
    with study:
        engine.run(study, Evaluator(task, device="cpu"))
        return list(study.record().trials)


def test_the_same_candidates_reach_the_same(tmp_path: Path, engine: Engine, task: Task) -> None:
    ours = searched(tmp_path / "ours", engine, task, 9)
    theirs = searched(tmp_path / "theirs", Inline(), task, 9)
    assert [one.number for one in ours] == list(range(9))
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.genotype, mine.digest, mine.seed) == (other.genotype, other.digest, other.seed)
        assert (mine.state, mine.message) == ("complete", "")
        assert [report.rung for report in mine.curve] == [report.rung for report in other.curve]
        same_metrics(mine.metrics, other.metrics)


def test_places_of_the_stopped_are_taken(tmp_path: Path, engine: Engine, task: Task, joined: list[list[int]]) -> None:
    trials = searched(tmp_path / "study", engine, task, 14, {"rule": "pareto-halving", "rungs": [1, 2], "eta": 2})
    assert [one.number for one in trials] == list(range(14))
    assert {one.state for one in trials} == {"complete", "stopped"}
    for one in trials:
        rungs = [report.rung for report in one.curve]
        assert rungs in ([1], [1, 2]) if one.state == "stopped" else rungs == [1, 2, 3]
    if isinstance(engine, Inline):
        assert joined[0] == [0, 1, 2, 3]
        assert sorted(number for numbers in joined for number in numbers) == list(range(14)), "all in a cohort, once"
        assert any(0 < len(numbers) < BATCH for numbers in joined), "beside those who had stayed"


# ---------------------------------------------------------------------- members that fail

HARM: dict[int, dict[str, Any]] = {
    1: {"recipe": {"lr": 1e30, "optimizer": "sgd"}},
    2: {"source": "raise RuntimeError('no such layer')"},
    5: {"budget": {"epochs": 2}, "rungs": (1,)},
}


def test_a_members_failure_is_its_own(engine: Engine, task: Task) -> None:
    jobs = make_jobs(7, HARM)
    study = given(jobs, stop=(3,))
    engine.run(study, Evaluator(task, device="cpu"))
    assert [study.told[number].state for number in range(7)] == [
        "complete", "diverged", "crashed", "stopped", "complete", "complete", "complete"
    ]  # fmt: skip
    assert "no such layer" in study.told[2].message
    same_outcomes(study.told, one_by_one(jobs, task, stop=(3,)).told)


def test_an_error_of_all_dissolves_the_crew(engine: Engine, task: Task, tmp_path: Path) -> None:
    """It happens in the second epoch, when everybody has reported once."""
    jobs = make_jobs(4)
    study = given(jobs, stop=(2,))
    mishap = Mishap(tmp_path / "log", 2, "raise")
    engine.run(study, Evaluator(replace(task, augment=mishap), device="cpu"))
    assert [study.told[number].state for number in range(4)] == ["complete", "complete", "stopped", "complete"]
    same_outcomes(study.told, one_by_one(jobs, task, stop=(2,)).told)


# Fails in the eleventh step: an epoch of `digits` has eight.
FRAGILE = '''
from torch import Tensor, nn

import nas


@nas.operator("y = x")
class Fragile(nn.Module):
    """Does not last."""

    def __init__(self, channels: int, fate: str = "") -> None:
        super().__init__()
        self.calls = 0
        self.fate = fate

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        if self.calls == 11 and self.fate == "raise":
            raise ValueError("worn out")
        return x
'''
WITH_FRAGILE = """\
space: fragile
inputs: {x: [features]}
outputs: [targets]
operators: [fragile_ops.py]
choose:
  width: {int: [4, 32]}
  worn: [false, true]
model: |
  z = relu(linear(x, width))
  for i in range(9):
      z = z + silu(z)
  z = fragile(z, fate="FATE") if worn else z
  return linear(z, targets)
"""


@pytest.fixture
def allowed() -> Iterator[None]:
    """Operators of one's own may be used, and leave no trace."""
    operators, own = dict(table.TABLE), dict(table._OWN)
    nas.allow_code()
    yield
    nas.allow_code(False)
    table.TABLE.clear()
    table.TABLE.update(operators)
    table._OWN.clear()
    table._OWN.update(own)
    for module in [name for name in sys.modules if name.startswith("nas_operators_")]:
        del sys.modules[module]


def fragile_jobs(folder: Path, fate: str) -> tuple[list[Job], int]:
    """Four candidates, and which of them will not last."""
    (folder / "fragile_ops.py").write_text(FRAGILE)
    (folder / "fragile.yaml").write_text(WITH_FRAGILE.replace("FATE", fate))
    jobs = make_jobs(8, space=load_space(folder / "fragile.yaml").bind([(64,)], [(10,)]))
    table.TABLE["fragile"] = replace(table.TABLE["fragile"], random=False)  # as only those are trusted that we ship
    worn = [job for job in jobs if job.genotype["worn"]][:1]
    sound = [job for job in jobs if not job.genotype["worn"]][:3]
    chosen = sorted([*worn, *sound], key=lambda job: job.number)
    return [replace(job, number=number) for number, job in enumerate(chosen)], chosen.index(worn[0])


@pytest.mark.usefixtures("allowed")
def test_who_raises_in_the_middle_of_a_step_fails_alone(task: Task, tmp_path: Path, joined: list[list[int]]) -> None:
    jobs, worn = fragile_jobs(tmp_path, "raise")
    study = given(jobs)
    Inline(batch=BATCH).run(study, Evaluator(task, device="cpu"))
    assert joined == [[0, 1, 2, 3]]
    for number in range(4):
        assert study.told[number].state == ("crashed" if number == worn else "complete")
    assert "worn out" in study.told[worn].message
    same_outcomes(study.told, one_by_one(jobs, task).told)


def test_who_fails_in_the_last_measurement_takes_nobody_along(
    task: Task, joined: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cohort is given up, and its candidates train alone: their time is lost, and no result."""
    jobs, measured = make_jobs(3), []
    expected = one_by_one(jobs, task)
    joined.clear()

    def measure(*given: Any) -> Any:
        measured.append(len(measured))
        if len(measured) == 2:
            raise RuntimeError("no measurement")
        return metrics(*given)

    monkeypatch.setattr("evaluators.cohorts.crew.measure", measure)
    study = given(jobs)
    Inline(batch=3).run(study, Evaluator(task, device="cpu"))
    assert joined == [[0, 1, 2]]
    assert measured == [0, 1]
    assert len(study.reports) == len(set(study.reports)), "a report of the cohort was made again"
    same_outcomes(study.told, expected.told)


@dataclass(frozen=True)
class Stuck:
    """Of a crew that hangs. Alone each takes longer than what is left until the next alarm, and shorter than its limit."""

    timeout_s: float = 1.5

    @property
    def together(self) -> Stuck:
        return self

    def why_alone(self, job: Job) -> str:
        return ""

    def own_layers(self, job: Job) -> list[str]:
        return []

    def size(self, job: Job) -> int:
        return 128

    def crew(self, meter: Any) -> StuckCrew:
        return StuckCrew()

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        time.sleep(1.2)
        yield Report(1, {"value": 1.0})
        return Outcome("complete", {"value": 1.0})


@dataclass
class StuckCrew:
    jobs: list[tuple[int, Job]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.jobs)

    def join(self, jobs: list[tuple[int, Job]]) -> list[Any]:
        self.jobs += jobs
        return []

    def advance(self) -> list[Any]:
        time.sleep(3600)
        return []

    def dissolve(self) -> list[tuple[int, Job]]:
        left, self.jobs = self.jobs, []
        return left


@pytest.mark.slow
def test_the_time_that_a_crew_hung_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.engines.engine.GRACE_S", 0.0)
    study = given(make_jobs(2))
    Inline(batch=2).run(study, Stuck())
    assert [one.state for one in study.told.values()] == ["complete", "complete"]


# ---------------------------------------------------------------------- who trains alone


@pytest.mark.usefixtures("allowed")
def test_why_candidates_train_alone_is_said_once(
    task: Task, tmp_path: Path, joined: list[list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    """Of operators of one's own nobody knows whether they draw random numbers; workers of Ray do not even have them."""
    jobs, worn = fragile_jobs(tmp_path, "")
    table.TABLE["fragile"] = replace(table.TABLE["fragile"], random=True)
    own = [replace(jobs[worn], number=number, budget={"epochs": 1}, rungs=()) for number in range(2)]
    bare = [replace(job, number=2 + number, graph=None) for number, job in enumerate(make_jobs(2))]
    study = given([*own, *bare])
    with caplog.at_level(logging.INFO, "evaluators.engines.notices"):
        Inline(batch=BATCH).run(study, Evaluator(task, device="cpu"))
    assert caplog.messages == [
        "candidate 0 trains alone, and so do others like it: `fragile` may draw numbers of its own",
        "candidate 2 trains alone, and so do others like it: its graph did not come with it",
    ]
    assert joined == []
    assert {one.state for one in study.told.values()} == {"complete"}
    del table.TABLE["fragile"]
    assert why_alone(own[0], task, "cpu") == "this process does not know its operator `fragile`"


# ---------------------------------------------------------------------- a worker that dies


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("checkpoints", ["", "checkpoints"])
def test_a_worker_killed_in_mid_cohort(task: Task, tmp_path: Path, checkpoints: str) -> None:
    """It dies as the three that were not stopped begin their last epoch. Each of them is then evaluated by itself."""
    jobs = make_jobs(6)
    study = given(jobs, stop=(1,))
    mishap = Mishap(tmp_path / "log", 3, "die")
    kept = tmp_path / checkpoints if checkpoints else None
    evaluator = Evaluator(replace(task, augment=mishap), device="cpu", checkpoints=kept, checkpoint_s=0)
    RayEngine(workers=1, batch=BATCH).run(study, evaluator)
    same_outcomes(study.told, one_by_one(jobs, task, stop=(1,)).told)
    # From a checkpoint the epoch before is drawn again, and the last one trained. The other two are a cohort.
    assert mishap.epochs == 3 + 3 * (2 if checkpoints else 3) + 3
    if kept is not None:
        assert list(kept.iterdir()) == []
