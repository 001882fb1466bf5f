"""Every stopping rule in a study: taken up at every step it is the same study; and pruners decide as in Optuna itself."""

from __future__ import annotations

import math
import random
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
import toys
from driving import create, facts, run

from nas.errors import ExperimentError
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.objectives import Objective
from nas.study.records import read_study
from nas.study.stopping import RULES, make_rungs, parse_stopping
from nas.study.stopping.pruners import make_pruner
from nas.study.study import Study

EAGER: dict[str, dict[str, Any]] = {
    "median": {"peers": 2},
    "learning-curve": {"points": 3, "margin": 0.0},
    "optuna:median": {"n_startup_trials": 2},
    "optuna:percentile": {"n_startup_trials": 2},
    "optuna:threshold": {"lower": 0.1},
    "optuna:patient": {"patience": 0},
    "optuna:wilcoxon": {"p_threshold": 0.5},
}


def bent(study: Study, candidate: Candidate) -> Outcome:
    """Reports at every fifth of the budget; curves cross, and some fall at their end."""
    rng = random.Random(candidate.digest)
    end, pace, tilt = toys.accuracy(candidate), rng.uniform(0.5, 1.5), rng.uniform(-0.1, 0.05)
    metrics = {}
    for rung in range(2, 11, 2):
        metrics = {"accuracy": end - pace / rung + tilt * rung}
        if not study.report(candidate, Report(rung, metrics)):
            return Outcome("stopped", metrics)
    return Outcome("complete", metrics)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "objectives", [["maximize accuracy"], ["maximize accuracy", "minimize params"]], ids=["one", "two"]
)
def test_a_study_taken_up_at_every_step_is_the_same_study(tmp_path: Path, rule: str, objectives: list[str]) -> None:
    settings: dict[str, Any] = {
        "objectives": objectives,
        "sampler": {"name": "nsga2", "population": 6},
        "stopping": {"rule": rule, "rungs": [2, 4, 6, 8], **EAGER.get(rule, {})},
        "budget": {"epochs": 10},
        "trials": 20,
    }
    with create(tmp_path / "whole", toys.conditional(), **settings) as study:
        while (candidate := study.ask()) is not None:
            study.tell(candidate, bent(study, candidate))
        whole = facts(study.record())
    assert {"complete", "stopped"} <= {fact[5] for fact in whole}
    directory = tmp_path / "parts"
    create(directory, toys.conditional(), **settings).close()
    for step in range(100):
        with Study.open(directory, toys.conditional()) as study:
            candidate = study.ask()
            if candidate is None:
                break
            if step % 3 == 0:
                study.report(candidate, Report(2, {"accuracy": 0.0}))  # and then the driver dies
            else:
                study.tell(candidate, bent(study, candidate))
    assert facts(read_study(directory)) == whole


def test_a_rule_that_cannot_judge_the_goal_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"metrics": ["accuracy", "energy"], "budget": {"epochs": 10}}
    with pytest.raises(ExperimentError, match=r"`optuna:median` judges one objective .* here are 2: accuracy, energy"):
        create(
            tmp_path / "run",
            toys.flat(),
            objectives=["maximize accuracy", "minimize energy"],
            stopping={"rule": "optuna:median", "rungs": [2]},
            **settings,
        )
    assert not (tmp_path / "run").exists()


def test_only_feasible_results_stop_a_curve(tmp_path: Path) -> None:
    for limit, feasible in (("accuracy <= 2", True), ("accuracy <= 0.5", False)):
        stopping = {"rule": "learning-curve", "rungs": [2, 4, 6], "points": 3, "margin": 0}
        study = create(
            tmp_path / str(feasible),
            toys.flat(),
            sampler="random",
            objectives=["maximize accuracy"],
            constraints=[limit],
            stopping=stopping,
            budget={"epochs": 10},
        )
        first, second = study.ask(), study.ask()
        assert first is not None and second is not None
        study.tell(first, Outcome("complete", {"accuracy": 0.9}))
        for rung in (2, 4):
            assert study.report(second, Report(rung, {"accuracy": 0.1}))
        assert study.report(second, Report(6, {"accuracy": 0.1})) != feasible
        study.close()


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("rule", [name for name in RULES if name.startswith("optuna:")])
def test_pruners_decide_as_in_optuna(rule: str, direction: Any) -> None:
    """The same curves through an Optuna study of its own, where `should_prune` is asked as users ask it."""
    steps = (1, 2, 3, 4, 6, 9)
    given = {"rule": rule, "rungs": list(steps), **EAGER.get(rule, {})}
    stopping = parse_stopping(given, {"epochs": 10})
    rungs = make_rungs(stopping, [Objective(direction, "value")])
    pruner = make_pruner(stopping)
    study = optuna.create_study(direction=direction, pruner=pruner, study_name="stopping")
    rng = random.Random(5)
    pruned = 0
    for number in range(60):
        trial = study.ask()
        end, pace = rng.random(), rng.random()
        for step in steps:
            value = end + math.copysign(pace / step, rng.random() - 0.4)
            trial.report(value, step)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = trial.should_prune()
            rungs.enter(step, number, (Objective(direction, "value").loss(value),))
            assert rungs.goes_on(step, number) != expected
            if expected:
                pruned += 1
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, end)
            rungs.finish(number, (Objective(direction, "value").loss(end),))
    assert 0 < pruned < 60


def test_existing_settings_stop_the_same_candidates(tmp_path: Path) -> None:
    """The numbers that the first version of halving by rank stopped, before there were other rules."""
    with create(
        tmp_path,
        toys.grammar(),
        objectives=["maximize accuracy", "minimize macs"],
        sampler="random",
        budget={"epochs": 30},
        stopping={"rule": "pareto-halving", "rungs": [10, 20], "eta": 3},
        trials=40,
        seed=3,
    ) as study:
        trials = run(study).record().trials
    stopped = [3, 4, 11, 12, 13, 15, 16, 18, 19, 20, 21, 24, 26, 27, 30, 33, 34, 37, 39]
    assert [one.number for one in trials if one.state == "stopped"] == stopped
