"""Latency: what is timed and how often, that training does not notice, and that a candidate is timed once."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest
import torch

import evaluators.latency
from evaluators.cohorts.crew import Crew
from evaluators.evaluator import Evaluator
from evaluators.latency import measured_ms
from evaluators.tasks import Task, load_task
from evaluators.training import train
from nas.codegen import source
from nas.errors import ExperimentError
from nas.space import load_space
from nas.study.candidate import Job, Outcome, Report
from nas.study.latency import LATENCY, Protocol, protocol_of

SHORT = Protocol(repeats=3, warmup=1)
STRICT = """
import torch
from torch import nn

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)

    def forward(self, x, y):
        assert x.tolist() == [[0.0] * 4, [1.0] * 4, [0.0] * 4, [1.0] * 4, [0.0] * 4] and len(y) == 5
        assert not self.training and torch.is_inference_mode_enabled() and torch.get_num_threads() == 2
        return self.last(x)
"""


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("digits").reshaped([(64,)], [(10,)])


def jobs(count: int = 1) -> list[Job]:
    space, rng = load_space("mlp").bind([[64]], [[10]]), Random(0)
    made = []
    for number in range(count):
        design = space.sample(rng)
        made.append(
            Job(
                number,
                dict(design.genotype),
                source(design.graph),
                {"lr": 3e-3},
                seed=number,
                budget={"epochs": 3},
                rungs=(1, 2),
                costs=design.costs.as_dict(),
                graph=design.graph,
            )
        )
    return made


def drain(run: Generator[Report, bool | None, Outcome]) -> Outcome:
    while True:
        try:
            next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def untimed(outcome: Outcome) -> list[dict[str, float]]:
    return [{name: value for name, value in one.metrics.items() if name != LATENCY} for one in outcome.curve]


def ticks(milliseconds: list[float]) -> Iterator[float]:
    """A clock that is read before and after passes of these lengths."""
    now = 100.0
    for length in milliseconds:
        yield now
        now += length / 1e3
        yield now
        now += 7.0


def test_the_median_of_the_passes_after_those_for_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = jobs()
    clock = ticks([50, 40, 3, 1, 90, 2])
    monkeypatch.setattr(evaluators.latency, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    protocol = Protocol(warmup=2, repeats=4)
    assert measured_ms(job.source, [torch.zeros(3, 64)], protocol) == pytest.approx(2.5)
    assert next(clock, None) is None, "as many passes as the protocol says"


def test_a_pass_is_one_of_the_finished_model_and_leaves_no_trace() -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    samples = [torch.tensor([[0.0] * 4, [1.0] * 4]), torch.zeros(2, 1)]
    assert measured_ms(STRICT, samples, replace(SHORT, batch=5, threads=2)) > 0
    assert torch.equal(torch.rand(2), expected)
    assert torch.get_num_threads() == threads


def test_training_does_not_notice_and_times_once(task: Task) -> None:
    (job,) = jobs()
    timed, plain = drain(train(job, task, protocol=SHORT)), drain(train(job, task))
    assert untimed(timed) == untimed(plain) == [one.metrics for one in plain.curve]
    (found,) = {one.metrics[LATENCY] for one in timed.curve}
    assert timed.metrics[LATENCY] == found > 0


def test_a_stopped_candidate_has_it_too(task: Task) -> None:
    (job,) = jobs()
    run = train(job, task, protocol=SHORT)
    first = next(run)
    with pytest.raises(StopIteration) as end:
        run.send(False)
    assert end.value.value.state == "stopped"
    assert end.value.value.metrics[LATENCY] == first.metrics[LATENCY] > 0


def test_who_goes_on_from_a_checkpoint_is_not_timed_again(task: Task, tmp_path: Path) -> None:
    (job,) = jobs()
    run = train(job, task, protocol=SHORT, checkpoint=tmp_path / "0.pt")
    first = next(run)
    run.close()
    outcome = drain(train(job, task, protocol=SHORT, checkpoint=tmp_path / "0.pt"))
    assert {one.metrics[LATENCY] for one in outcome.curve} == {first.metrics[LATENCY]}


def test_members_of_a_crew_are_each_timed_once(task: Task) -> None:
    made = jobs(3)
    crew = Crew(task, protocol=SHORT)
    crew.join(list(enumerate(made)))
    heard = []
    while len(crew):
        heard += crew.advance()
    found = {place: said for place, said in heard if isinstance(said, Outcome)}
    assert len(found) == 3
    for outcome in found.values():
        assert outcome.state == "complete"
        assert len({one.metrics[LATENCY] for one in outcome.curve}) == 1
    assert len({outcome.metrics[LATENCY] for outcome in found.values()}) > 1, "by itself"


def test_an_evaluator_names_it_among_its_metrics(task: Task) -> None:
    plain = Evaluator(task, device="cpu")
    timed = replace(plain, latency=SHORT)
    assert dict(timed.metrics) == {**plain.metrics, LATENCY: "minimize"}
    timed.prepare()
    with pytest.raises(ExperimentError, match=r"device `cuda:99` is not on this machine"):
        replace(plain, latency=replace(SHORT, device="cuda:99")).prepare()


def test_a_protocol_says_all_that_a_number_depends_on() -> None:
    assert str(Protocol(batch=8, threads=2)) == (
        "median of 30 forward passes after 10 for warm-up, batch 8, float32, cpu, 2 threads"
    )
    assert str(Protocol(device="cuda")).endswith("batch 1, float32, cuda")
    assert protocol_of({"latency": {"repeats": 5}}).startswith("median of 5 forward passes")
    assert protocol_of({}) == ""
