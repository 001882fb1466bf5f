"""Candidates, jobs, reports and outcomes survive JSON and pickling, non-finite metrics included."""

from __future__ import annotations

import json
import math
import pickle
import subprocess
import sys

import pytest

from nas.study.candidate import STATES, Candidate, Job, Outcome, Report

CANDIDATE = Candidate(
    3, {"depth": 2, "op": "linear", "w": None, "f": True, "lr": 1e-3}, "ab" * 16, {"params": 5}, {"lr": 1e-3}, 77
)
JOB = Job(3, {"depth": 2}, "class Model: ...", {"lr": 1e-3}, 77, {"epochs": 30}, (10, 30), {"params": 5})
OUTCOME = Outcome("complete", {"accuracy": 0.5}, (Report(10, {"accuracy": 0.25}), Report(30, {"accuracy": 0.5})), 1.5)


@pytest.mark.parametrize("value", [CANDIDATE, JOB, OUTCOME, *OUTCOME.curve])
def test_json_and_pickle_give_the_value_back(value: Candidate | Job | Outcome | Report) -> None:
    text = json.dumps(value.to_json(), allow_nan=False)
    assert type(value).from_json(json.loads(text)) == value
    assert pickle.loads(pickle.dumps(value)) == value


def test_metrics_that_are_not_finite_survive_json() -> None:
    outcome = Outcome("diverged", {"loss": math.nan, "worst": math.inf}, message="the loss is nan after epoch 3")
    again = Outcome.from_json(json.loads(json.dumps(outcome.to_json(), allow_nan=False)))
    assert math.isnan(again.metrics["loss"]) and again.metrics["worst"] == math.inf


def test_the_architecture_stays_in_the_driver() -> None:
    candidate = Candidate(0, {}, "d", {}, {}, 0, architecture=lambda: None)
    assert pickle.loads(pickle.dumps(candidate)).architecture is None
    assert "architecture" not in candidate.to_json()


def test_unknown_state_is_refused() -> None:
    with pytest.raises(ValueError, match=f"one of {', '.join(STATES)}, got 'fine'"):
        Outcome("fine")  # type: ignore[arg-type]


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, nas.study.candidate; print([m for m in ('optuna', 'torch', 'numpy', 'ray') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
