"""A crew trains candidates as one, and each of them gets the outcome that training alone gives it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from evaluators.cohorts.crew import Crew, Message
from evaluators.tasks import Task, load_task
from evaluators.training import train, validate
from nas.codegen import build, source
from nas.space import load_space
from nas.study.candidate import Job, Outcome, Report


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("digits").reshaped([(64,)], [(10,)])


def jobs(count: int, seed: int = 0, **changes: object) -> list[Job]:
    """Candidates of the shipped families with few parameters."""
    space = load_space("families").bind([[64]], [[10]])
    rng = random.Random(seed)
    made: list[Job] = []
    while len(made) < count:
        design = space.sample(rng)
        if design.costs.params < 20_000:
            given = {"recipe": {"lr": 3e-3}, "seed": len(made), "budget": {"epochs": 3}, "rungs": (1,), "order": 5}
            made.append(
                Job(
                    number=len(made),
                    genotype=dict(design.genotype),
                    source=source(design.graph),
                    costs=design.costs.as_dict(),
                    graph=design.graph,
                    **{**given, **changes},  # type: ignore[arg-type]
                )
            )
    return made


def to_the_end(crew: Crew, stopped: tuple[int, ...] = ()) -> list[Message]:
    """All messages; those in `stopped` are stopped at their first report."""
    heard: list[Message] = []
    while len(crew):
        for place, said in crew.advance():
            heard.append((place, said))
            if isinstance(said, Report) and place in stopped:
                heard.append(crew.stop(place))
    return heard


def alone(job: Job, task: Task) -> Outcome:
    run = train(job, task)
    while True:
        try:
            next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def outcomes(heard: list[Message]) -> dict[int, Outcome]:
    return {place: said for place, said in heard if isinstance(said, Outcome)}


def test_outcomes_are_those_of_training_alone(task: Task) -> None:
    made = jobs(6)
    crew = Crew(task)
    assert crew.join(list(enumerate(made))) == []
    heard = to_the_end(crew)
    for place, job in enumerate(made):
        mine = [said for at, said in heard if at == place]
        assert [type(said) for said in mine] == [Report, Report, Outcome]
        expected, found = alone(job, task), outcomes(heard)[place]
        assert found.state == expected.state == "complete"
        assert [report.rung for report in found.curve] == [report.rung for report in expected.curve]
        for ours, theirs in zip(found.curve, expected.curve, strict=True):
            # float32: a sample at the border of two classes may fall on either side
            assert ours.metrics["train_loss"] == pytest.approx(theirs.metrics["train_loss"], rel=2e-3)
            assert ours.metrics["accuracy"] == pytest.approx(theirs.metrics["accuracy"], abs=0.02)


def test_who_is_stopped_leaves_and_the_others_go_on_as_before(task: Task) -> None:
    made = jobs(5)
    whole, thinned = Crew(task), Crew(task)
    whole.join(list(enumerate(made)))
    thinned.join(list(enumerate(made)))
    all_, some = outcomes(to_the_end(whole)), outcomes(to_the_end(thinned, stopped=(1, 3)))
    for place in (1, 3):
        assert some[place].state == "stopped"
        assert [report.rung for report in some[place].curve] == [1]
        assert some[place].message == "stopped at 1 epochs"
    for place in (0, 2, 4):
        last, expected = some[place].curve[-1].metrics, all_[place].curve[-1].metrics
        assert last["train_loss"] == pytest.approx(expected["train_loss"], rel=2e-3)


def test_late_comers_train_beside_the_first(task: Task) -> None:
    made = jobs(4)
    crew = Crew(task)
    crew.join([(0, made[0]), (1, made[1])])
    heard = crew.advance()
    crew.join([(2, made[2]), (3, made[3])])
    heard += to_the_end(crew)
    for place, job in enumerate(made):
        expected = alone(job, task)
        assert outcomes(heard)[place].metrics["train_loss"] == pytest.approx(expected.metrics["train_loss"], rel=2e-3)


def test_losses_are_of_all_steps_since_the_mark_whoever_leaves_between(task: Task) -> None:
    budget = {"steps": 20}
    first, second = jobs(1, budget=budget, rungs=(5,))[0], jobs(2, budget=budget, rungs=(11,))[1]
    crew = Crew(task)
    crew.join([(0, first), (1, second)])
    found = outcomes(to_the_end(crew, stopped=(0,)))
    assert [report.rung for report in found[1].curve][:2] == [8, 11]
    for ours, theirs in zip(found[1].curve, alone(second, task).curve, strict=True):
        assert ours.metrics["train_loss"] == pytest.approx(theirs.metrics["train_loss"], rel=2e-3)


def test_one_that_diverges_leaves_the_others_untouched(task: Task) -> None:
    made = jobs(4)
    bad = jobs(1, 7, recipe={"lr": 1e30, "optimizer": "sgd"})[0]
    crew = Crew(task)
    crew.join([*enumerate(made), (4, bad)])
    found = outcomes(to_the_end(crew))
    assert found[4].state == "diverged"
    assert "the training loss is" in found[4].message or "at step" in found[4].message
    for place, job in enumerate(made):
        expected = alone(job, task)
        assert found[place].state == "complete"
        assert found[place].metrics["train_loss"] == pytest.approx(expected.metrics["train_loss"], rel=2e-3)


def test_weights_from_a_cohort_give_the_recorded_metrics_in_the_candidates_own_module(
    task: Task, tmp_path: Path
) -> None:
    made = jobs(4)
    crew = Crew(task, weights=tmp_path)
    crew.join(list(enumerate(made)))
    found = outcomes(to_the_end(crew))
    for place, job in enumerate(made):
        module = build(job.source)
        module.load_state_dict(torch.load(tmp_path / f"{job.number}.pt", weights_only=True))
        measured = validate(module, task)
        assert measured["accuracy"] == pytest.approx(found[place].metrics["accuracy"], abs=2e-3)
        assert measured["loss"] == pytest.approx(found[place].metrics["loss"], rel=1e-4)


def test_the_source_that_cannot_be_built_is_an_outcome(task: Task) -> None:
    made = jobs(2)
    broken = Job(**{**vars(made[1]), "source": "raise RuntimeError('no such layer')"})
    crew = Crew(task)
    [(place, said)] = crew.join([(0, made[0]), (1, broken)])
    assert place == 1
    assert isinstance(said, Outcome)
    assert (said.state, "no such layer" in said.message) == ("crashed", True)
    assert outcomes(to_the_end(crew))[0].state == "complete"
