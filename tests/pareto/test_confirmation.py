"""The record of a retrained frontier: kept exactly, and averaged right."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nas.errors import ParetoError
from nas.pareto.confirmation import (
    FILE,
    Confirmation,
    Confirmed,
    Retraining,
    Spread,
    read_confirmation,
    write_confirmation,
)
from nas.pareto.front import frontier
from nas.study.objectives import Objective
from nas.study.records import StudyRecord

GOALS = (Objective("maximize", "accuracy"), Objective("minimize", "params"))


def retrained(number: int, params: int, accuracies: list[float], drop: float = 0.0) -> Confirmed:
    runs = [Retraining(s, "complete", {"accuracy": a + drop}, {"accuracy": a}) for s, a in enumerate(accuracies)]
    return Confirmed(number, f"{number:032x}", {"params": params}, tuple(runs))


def of(*candidates: Confirmed) -> Confirmation:
    return Confirmation("made-up", "mnist1d", (0, 1, 2), candidates)


def test_what_is_written_is_read_back(
    tmp_path: Path, searched: StudyRecord, confirm: Callable[..., Confirmation]
) -> None:
    confirmation = confirm(searched, [trial.number for trial in frontier(searched).members])
    assert write_confirmation(confirmation, tmp_path) == tmp_path / FILE
    assert read_confirmation(tmp_path) == confirmation
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_infinite_metrics_survive_as_valid_json(tmp_path: Path) -> None:
    run = Retraining(0, "diverged", {"loss": math.inf}, {"loss": -math.inf}, message="loss is inf")
    write_confirmation(of(Confirmed(1, "d", {}, (run,))), tmp_path)
    json.loads((tmp_path / FILE).read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    back = read_confirmation(tmp_path)
    assert back is not None
    assert back.candidates[0].runs[0] == run


def test_a_study_not_confirmed_has_none(tmp_path: Path) -> None:
    assert read_confirmation(tmp_path) is None


def test_spread_is_mean_and_sample_deviation() -> None:
    values = [0.91, 0.93, 0.88, 0.9]
    spread = Spread.of(values)
    assert spread.mean == pytest.approx(statistics.mean(values))
    assert spread.std == pytest.approx(statistics.stdev(values))
    assert (Spread.of([2.0]).mean, Spread.of([2.0]).n) == (2.0, 1)
    assert math.isnan(Spread.of([2.0]).std)
    assert math.isnan(Spread.of([]).mean)


def test_failed_runs_are_kept_apart() -> None:
    one = retrained(0, 100, [0.5, 0.7])
    lost = Retraining(2, "lost", message="worker died")
    one = Confirmed(0, one.digest, one.costs, (*one.runs, lost))
    assert one.failures == (lost,)
    assert one.spread("accuracy", "test") == Spread.of([0.5, 0.7])
    assert one.spread("params", "test").mean == 100


def test_drop_is_positive_where_test_is_worse_whatever_the_direction() -> None:
    assert retrained(0, 1, [0.8, 0.9], drop=0.02).drop(GOALS[0]) == pytest.approx(0.02)
    run = Retraining(0, "complete", {"loss": 0.3}, {"loss": 0.5})
    assert Confirmed(0, "d", {}, (run,)).drop(Objective("minimize", "loss")) == pytest.approx(0.2)
    assert math.isnan(Confirmed(0, "d", {}, ()).drop(GOALS[0]))


def wrong(**changes: Any) -> str:
    return json.dumps({**of(retrained(0, 1, [0.5])).to_json(), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"confirm\.json: this is not JSON: .*; remove the file and run `nas confirm`"),
        ("[]", r"confirm\.json: this is not a confirmation: a mapping is expected, got list"),
        (wrong(version=9), r"confirm\.json: a confirmation of version 1 is expected, got version 9"),
        (wrong(candidates=[{}]), r"this is not a confirmation: KeyError: 'number'; run `nas confirm`"),
        (
            wrong(candidates=[{"number": 0, "digest": "d", "costs": {}, "runs": [{"seed": 0, "state": "fine"}]}]),
            r"a state is one of complete, .*, got 'fine'; run `nas confirm`",
        ),
    ],
)
def test_a_broken_file_says_so(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ParetoError, match=message):
        read_confirmation(tmp_path)


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ParetoError, match=r"cannot write .*confirm\.json: No such file or directory"):
        write_confirmation(of(), tmp_path / "nowhere")
