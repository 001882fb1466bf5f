"""The evaluator: light to send, loads once, and holds users' own evaluators to the same contract."""

from __future__ import annotations

import pickle
import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from evaluators.engines import Step
from evaluators.evaluator import Evaluator, chosen_device
from nas.errors import ExperimentError, TaskError
from nas.study.candidate import Job, Outcome, Report

LINEAR = (
    "import torch\nclass Model(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    "        self.a = torch.nn.Linear(64, 10)\n    def forward(self, x):\n        return self.a(x)\n"
)
JOB = Job(12, {}, LINEAR, {"lr": 1e-2}, 0, {"epochs": 2}, (1, 2))


def drive(evaluator: Evaluator, job: Job = JOB, go_on: bool = True) -> tuple[list[Report], Outcome]:
    step, reports = Step(evaluator), []
    _, got = step.start([job])
    while isinstance(got, Report):
        reports.append(got)
        _, got = step.advance(go_on)
    return reports, got


def test_it_views_saves_and_travels(tmp_path: Path) -> None:
    evaluator = Evaluator("digits", device="cpu", inputs=((64,),), outputs=((10,),), weights=tmp_path / "weights")
    evaluator.prepare()
    assert next(iter(evaluator.metrics)) == "accuracy"
    reports, outcome = drive(evaluator)
    assert outcome.state == "complete"
    assert [report.rung for report in reports] == [1, 2]
    assert set(torch.load(tmp_path / "weights" / "12.pt", weights_only=True)) == {"a.weight", "a.bias"}
    sent = pickle.dumps(evaluator)
    assert len(sent) < 2000, "the data stay where they are"
    assert drive(pickle.loads(sent))[1].curve == outcome.curve


def test_a_mistake_shows_before_any_search(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no task is called `digit`; did you mean `digits`"):
        Evaluator("digit").prepare()
    with pytest.raises(TaskError, match="cannot be viewed as"):
        Evaluator("digits", inputs=((63,),)).prepare()


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert chosen_device("auto") == chosen_device("cpu") == "cpu"
    with pytest.raises(ExperimentError, match="device `cuda:3` is not on this machine: torch sees 0 GPUs; try `cpu`"):
        chosen_device("cuda:3")
    with pytest.raises(ExperimentError, match="no device is called `gpu`; expected auto, cpu, cuda or cuda:NUMBER"):
        chosen_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert chosen_device("auto") == "cuda"
    assert chosen_device("cuda:0") == "cuda:0"


def own(tmp_path: Path, body: str) -> Evaluator:
    """An evaluator whose `evaluate` has `body`."""
    lines = "\n".join(f"        {line}" for line in body.splitlines())
    (tmp_path / "mine.py").write_text(
        "from nas.study.candidate import Outcome, Report\nfrom nas.errors import TaskError\n"
        "class Mine:\n    inputs, outputs, metrics = ((64,),), ((10,),), {'value': 'minimize'}\n"
        f"    def evaluate(self, job):\n{lines}\ndef make():\n    return Mine()\n"
    )
    return Evaluator("mine.py:make", folder=tmp_path)


@pytest.mark.parametrize(
    ("body", "metrics"),
    [
        ("yield Report(1, {'value': 3.0})\nyield Report(2, {'value': 2.0})", {"value": 2.0}),
        ("yield Report(1, {'value': 3.0})\nreturn {'value': 1}", {"value": 1.0}),
        ("return {'value': 1.5}", {"value": 1.5}),
        ("return Outcome('complete', {'value': 0.5})", {"value": 0.5}),
        ("return iter([Report(1, {'value': 4.0})])", {"value": 4.0}),
    ],
)
def test_own_evaluators(tmp_path: Path, body: str, metrics: dict[str, float]) -> None:
    evaluator = own(tmp_path, body)
    evaluator.prepare()
    assert dict(evaluator.metrics) == {"value": "minimize"}
    _, outcome = drive(evaluator)
    assert (outcome.state, outcome.metrics) == ("complete", metrics)


def test_an_own_evaluator_is_closed_to_stop_it(tmp_path: Path) -> None:
    body = "try:\n    yield Report(1, {'value': 3.0})\n    yield Report(2, {'value': 3.0})\nfinally:\n    __import__('pathlib').Path(job.source).touch()"
    mark = tmp_path / "closed"
    reports, outcome = drive(own(tmp_path, body), Job(0, {}, str(mark), {}, 0, {}, ()), go_on=False)
    assert len(reports) == 1
    assert (outcome.state, outcome.metrics) == ("stopped", {"value": 3.0})
    assert mark.exists()


@pytest.mark.parametrize(
    ("body", "state", "message"),
    [
        ("yield Report(1, {'value': 3.0})\n1 / 0", "crashed", "ZeroDivisionError: division by zero"),
        ("1 / 0", "crashed", "ZeroDivisionError"),
        ("yield 3", "crashed", r"TypeError: evaluate\(job\) yielded int; expected Report\(rung, metrics\)"),
        (
            "return 3",
            "crashed",
            r"TypeError: evaluate\(job\) gave 3; expected Reports, an Outcome or a mapping of metrics",
        ),
        ("return iter([])", "crashed", r"TypeError: evaluate\(job\) gave None"),
        ("yield Report(1, {'value': float('nan')})", "diverged", "value is nan"),
        ("return {'value': float('inf')}", "diverged", "value is inf"),
        ("raise MemoryError", "out_of_memory", "MemoryError"),
    ],
)
def test_failures_of_own_evaluators_are_outcomes(tmp_path: Path, body: str, state: str, message: str) -> None:
    _, outcome = drive(own(tmp_path, body))
    assert outcome.state == state
    assert re.match(message, outcome.message)


def test_wrong_input_passes_through(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="the table is empty"):
        drive(own(tmp_path, "raise TaskError('the table is empty')"))


def test_a_generator_is_what_comes_back() -> None:
    run: Any = Evaluator("digits", inputs=((64,),), device="cpu").evaluate(JOB)
    assert isinstance(run, Generator)
    run.close()
