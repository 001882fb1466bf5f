"""Ray Tune's ASHA as a stopping rule."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import toys
from driving import create, facts, run

from nas.errors import ExperimentError
from nas.study.objectives import Goal
from nas.study.stopping import Rungs, make_rungs, parse_stopping
from nas.study.study import Study

RULE: dict[str, Any] = {"rule": "ray:asha", "rungs": [1, 3, 9], "reduction_factor": 3}
GOAL = Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])


def fresh(**changes: Any) -> Rungs:
    return make_rungs(parse_stopping({**RULE, **changes}, {"epochs": 27}), GOAL.objectives)


def test_one_in_three_passes_as_ray_says() -> None:
    """Ray's rule is a percentile of all that came before, at each milestone."""
    import numpy as np

    rungs, rng = fresh(), Random(0)
    seen: list[float] = []
    for number in range(60):
        loss = rng.random()
        rungs.enter(1, number, (loss, 3.0))
        expected = not seen or loss <= np.percentile(seen, 100 / 3)
        assert rungs.goes_on(1, number) == expected
        seen.append(loss)


def test_costs_play_no_part_and_patience_is_kept() -> None:
    rungs = fresh(grace=2)
    for number, (loss, params) in enumerate([(0.1, 9.0), (0.2, 9.0), (0.9, 1.0)]):
        rungs.enter(1, number, (loss, params))
    assert [rungs.goes_on(1, number) for number in range(3)] == [True, True, False]


def test_a_candidate_that_was_begun_again_replaces_its_reports() -> None:
    whole, again = fresh(), fresh()
    again.enter(1, 0, (5.0, 1.0))
    for rungs in (whole, again):
        for number, loss in enumerate([0.5, 0.4, 0.6]):
            rungs.enter(1, number, (loss, 1.0))
    assert [whole.goes_on(1, n) for n in range(3)] == [again.goes_on(1, n) for n in range(3)] == [True, True, False]


def test_a_study_that_is_resumed_decides_as_one_that_was_not(tmp_path: Path) -> None:
    stopping = {"rule": "ray:asha", "rungs": [10, 20], "reduction_factor": 2}
    settings: dict[str, Any] = {"stopping": stopping, "budget": {"epochs": 40}, "trials": 20, "sampler": "random"}
    with create(tmp_path / "whole", toys.flat(), **settings) as study:
        whole = facts(run(study).record())
    space = toys.flat()
    study = create(tmp_path / "parts", space, **settings)
    run(study, 9)
    study.close()
    with Study.open(tmp_path / "parts", space) as study:  # type: ignore[arg-type]
        assert facts(run(study).record()) == whole
    assert 0 < sum(fact[5] == "stopped" for fact in whole) < 20


def test_what_can_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    two = Goal.parse(["maximize accuracy", "minimize error"], [], ["accuracy", "error"])
    with pytest.raises(ExperimentError, match="`ray:asha` judges one objective that training decides, here are 2"):
        make_rungs(parse_stopping(RULE, {"epochs": 27}), two.objectives)
    with pytest.raises(ExperimentError, match="`grace_period` is at most the last rung, 9, here stands 12"):
        fresh(grace_period=12)
    with pytest.raises(ExperimentError, match="`reduction_factor` is a number greater than 1"):
        fresh(reduction_factor=1)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ExperimentError, match=r"`ray:asha` needs the package ray.tune: run `pip install 'ray\[tune\]'`"
    ):
        fresh()
