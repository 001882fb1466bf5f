"""Checkpoints of cohorts: who was lost goes on, in a cohort or alone, as if nothing had happened."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from cohort_cases import EPOCHS, Mishap, digits, given, make_jobs, narrow

from evaluators.cohorts.cohort import Cohort
from evaluators.cohorts.crew import Crew, Message
from evaluators.engines import Inline
from evaluators.evaluator import Evaluator
from evaluators.tasks import Task
from evaluators.training import train
from nas.study.candidate import Job, Outcome, Report

STEPS = 8  # of an epoch of `digits`

TIED = """\
space: tied
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [4, 32]}
model: |
  z = relu(linear(x, width))
  z = z + tanh(linear(z, width, tied="mix"))
  z = z + tanh(linear(z, width, tied="mix"))
  return linear(z, targets)
"""


@pytest.fixture(scope="module")
def task() -> Task:
    return digits()


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many members took each step of a cohort."""
    taken: list[int] = []
    step = Cohort.step

    def counted(self: Cohort, *given: Any) -> None:
        taken.append(len(self.members))
        step(self, *given)

    monkeypatch.setattr(Cohort, "step", counted)
    return taken


def crew_of(task: Task, jobs: Sequence[Job], folder: Path, **options: Any) -> Crew:
    crew = Crew(task, checkpoints=folder, **options)
    assert crew.join([(job.number, job) for job in jobs]) == []
    return crew


def to_the_end(crew: Crew) -> list[Message]:
    heard: list[Message] = []
    while len(crew):
        heard += crew.advance()
    return heard


def by_candidate(heard: Sequence[Message]) -> dict[int, list[Report | Outcome]]:
    """Without the time it took."""
    found: dict[int, list[Report | Outcome]] = {}
    for place, said in heard:
        plain = replace(said, seconds=0.0, joules={}) if isinstance(said, Outcome) else said
        found.setdefault(place, []).append(plain)
    return found


def lost_after(task: Task, jobs: Sequence[Job], folder: Path, marks: int) -> None:
    crew = crew_of(task, jobs, folder)
    for _ in range(marks):
        crew.advance()


def drained(run: Generator[Report, bool | None, Outcome], reports: int | None = None) -> list[Report | Outcome]:
    """All that it says; or so many reports, and it is closed."""
    said: list[Report | Outcome] = []
    while reports is None or len(said) < reports:
        try:
            said.append(next(run))
        except StopIteration as end:
            return [*said, end.value]
    run.close()
    return said


def same(ours: Sequence[Report | Outcome], theirs: Sequence[Report | Outcome]) -> None:
    """In float32, in which a sample at the border of two classes may fall on either side."""
    assert [type(one) for one in ours] == [type(one) for one in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.metrics["train_loss"] == pytest.approx(other.metrics["train_loss"], rel=2e-3)
        assert mine.metrics["accuracy"] == pytest.approx(other.metrics["accuracy"], abs=0.02)


def same_weights(one: Path, other: Path) -> bool:
    mine, theirs = (torch.load(path, weights_only=True) for path in (one, other))
    return mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)


def with_torchs_own_noise(inputs: tuple[torch.Tensor, ...], generator: torch.Generator) -> tuple[torch.Tensor, ...]:
    """What a user may write who does not care for the generator."""
    return tuple(x + 0.1 * torch.randn_like(x) for x in inputs)


@pytest.mark.parametrize("augment", [None, with_torchs_own_noise])
@pytest.mark.parametrize("marks", [1, 2])
def test_with_the_same_members_it_is_the_same_bit_for_bit(
    task: Task, tmp_path: Path, marks: int, augment: Any, steps: list[int]
) -> None:
    task, jobs, folder = replace(task, augment=augment), make_jobs(4), tmp_path / "checkpoints"
    whole = to_the_end(crew_of(task, jobs, tmp_path / "none", weights=tmp_path / "whole"))
    lost_after(task, jobs, folder, marks)
    assert sorted(path.name for path in folder.iterdir()) == ["0.pt", "1.pt", "2.pt", "3.pt"]
    steps.clear()
    torch.manual_seed(marks)  # of no concern
    parts = to_the_end(crew_of(task, jobs, folder, weights=tmp_path / "parts"))
    assert steps == [4] * (EPOCHS - marks) * STEPS, "only what was missing is trained"
    assert by_candidate(parts) == by_candidate(whole)
    assert all(same_weights(tmp_path / "parts" / f"{i}.pt", tmp_path / "whole" / f"{i}.pt") for i in range(4))
    assert list(folder.iterdir()) == [], "removed when the candidates end"


RECIPES = {
    "adamw": {},
    "adam": {"optimizer": "adam", "schedule": "one-cycle", "clip": 1.0},
    "sgd": {"optimizer": "sgd", "lr": 0.03},
    "sgd without momentum": {"optimizer": "sgd", "lr": 0.1, "momentum": 0.0, "nesterov": False},
}


@pytest.mark.parametrize("space", ["narrow", "tied"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_begun_in_a_cohort_and_ended_alone_and_the_other_way_round(
    task: Task, tmp_path: Path, recipe: str, space: str, steps: list[int]
) -> None:
    settings = {"recipe": {"lr": 3e-3, **RECIPES[recipe]}}
    jobs = make_jobs(3, dict.fromkeys(range(3), settings), narrow(TIED) if space == "tied" else None)
    expected = {job.number: drained(train(job, task)) for job in jobs}

    lost_after(task, jobs, tmp_path, 2)
    for job in jobs:
        path = tmp_path / f"{job.number}.pt"
        same(drained(train(job, task, checkpoint=path)), expected[job.number])
        assert not path.exists()

    for job in jobs[:2]:
        drained(train(job, task, checkpoint=tmp_path / f"{job.number}.pt"), reports=2)
    drained(train(jobs[2], task, checkpoint=tmp_path / "2.pt"), reports=1)
    steps.clear()
    found = by_candidate(to_the_end(crew_of(task, jobs, tmp_path)))
    assert sum(steps) == (1 + 1 + 2) * STEPS
    for job in jobs:
        same(found[job.number], expected[job.number])


def test_late_comers_and_the_lost_train_together(task: Task, tmp_path: Path) -> None:
    jobs = make_jobs(5)
    lost_after(task, jobs[:2], tmp_path, 2)
    lost_after(task, jobs[2:3], tmp_path, 1)
    crew = crew_of(task, jobs, tmp_path)
    assert sorted(stream.step for stream in crew.streams.values()) == [0, STEPS, 2 * STEPS]
    assert len({one.member.stream for one in crew.trainees[:2]}) == 1, "those at the same step see the same batches"
    assert [(place, said.rung) for place, said in crew.advance() if isinstance(said, Report)] == [
        (0, 1),
        (1, 1),
        (2, 1),
    ]
    assert [(place, said.rung) for place, said in crew.advance() if isinstance(said, Report)] == [(0, 2), (1, 2)]
    found = by_candidate(to_the_end(crew))
    for job in jobs:
        expected = drained(train(job, task))
        same(found[job.number], expected[-len(found[job.number]) :])


def test_stopped_at_a_report_that_was_made_before(task: Task, tmp_path: Path, steps: list[int]) -> None:
    jobs = make_jobs(2)
    lost_after(task, jobs, tmp_path, 2)
    steps.clear()
    crew = crew_of(task, jobs, tmp_path)
    assert [place for place, _ in crew.advance()] == [0, 1]
    _, outcome = crew.stop(0)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, [report.rung for report in outcome.curve]) == ("stopped", [1])
    assert outcome.seconds > 0, "the time before the loss counts"
    assert [path.name for path in tmp_path.iterdir()] == ["1.pt"]
    to_the_end(crew)
    assert steps == [1] * STEPS


def test_a_file_holds_its_own_member_alone(task: Task, tmp_path: Path) -> None:
    """Weights and moments of all lie in one memory."""
    jobs = make_jobs(6)
    lost_after(task, jobs, tmp_path, 1)
    for job in jobs:
        assert (tmp_path / f"{job.number}.pt").stat().st_size < 3 * 4 * job.costs["params"] + 50_000


def test_not_more_often_than_wanted(task: Task, tmp_path: Path) -> None:
    crew = crew_of(task, make_jobs(2), tmp_path / "checkpoints", checkpoint_s=3600)
    crew.advance()
    assert not (tmp_path / "checkpoints").exists()


def test_who_cannot_begin_leaves_nothing_behind(task: Task, tmp_path: Path) -> None:
    jobs = make_jobs(2, {1: {"source": "raise RuntimeError('no such layer')"}})
    (tmp_path / "1.pt").write_bytes(b"of an earlier search")
    crew = Crew(task, checkpoints=tmp_path)
    assert [place for place, _ in crew.join([(job.number, job) for job in jobs])] == [1]
    assert list(tmp_path.iterdir()) == []


def test_a_crew_that_dissolves_goes_on_alone_from_there(task: Task, tmp_path: Path) -> None:
    """It fails in its last epoch: of each member the epoch before is drawn again, and the last one trained."""
    jobs, mishap = make_jobs(3), Mishap(tmp_path / "log", EPOCHS, "raise")
    study = given(jobs)
    evaluator = Evaluator(
        replace(task, augment=mishap), device="cpu", checkpoints=tmp_path / "checkpoints", checkpoint_s=0
    )
    Inline(batch=3).run(study, evaluator)
    assert mishap.epochs == EPOCHS + 3 * 2
    for job in jobs:
        expected = drained(train(job, task))
        same([*study.curves[job.number], study.told[job.number]], expected)
    assert list((tmp_path / "checkpoints").iterdir()) == []
