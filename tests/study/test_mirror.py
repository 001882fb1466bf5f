"""What samplers see: the same in a study that goes on and in one that was read back, values at rungs included."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import toys
from driving import create

from nas.study.candidate import Candidate, Outcome, Report
from nas.study.mirror import Mirror
from nas.study.study import Study

STOPPED: dict[str, Any] = {"stopping": {"rule": "pareto-halving", "rungs": [1, 3], "eta": 2}, "budget": {"epochs": 9}}


def mirror_of(study: Study) -> Mirror:
    return study._knowledge.mirror


def asked(study: Study) -> Candidate:
    candidate = study.ask()
    assert candidate is not None
    return candidate


def test_values_at_rungs_are_seen_while_a_candidate_runs_and_after(tmp_path: Path) -> None:
    """Three candidates at once: one is stopped, one completes, one still runs when the study is read back."""
    directory = tmp_path / "run"
    with create(directory, toys.flat(), sampler="random", objectives=["maximize accuracy"], **STOPPED) as study:
        mirror = mirror_of(study)
        stopped, complete, running = (asked(study) for _ in range(3))
        assert study.report(complete, Report(1, {"accuracy": 0.5}))
        assert mirror.reached == {1: {1: (-0.5,)}}, "before there is an outcome"
        study.report(complete, Report(2, {"accuracy": 0.55}))  # no rung of the rule
        assert study.report(complete, Report(3, {"accuracy": 0.6}))
        study.tell(complete, Outcome("complete", {"accuracy": 0.9}))
        assert not study.report(stopped, Report(1, {"accuracy": 0.2}))
        study.tell(stopped, Outcome("stopped", {"accuracy": 0.2}))
        assert study.report(running, Report(1, {"accuracy": 0.7}))
        assert mirror.reached == {1: {0: (-0.2,), 1: (-0.5,), 2: (-0.7,)}, 3: {1: (-0.6,)}}
        assert [(point.state, point.stopped) for point in mirror.points] == [
            ("told", True),
            ("told", False),
            ("pending", False),
        ]
        assert mirror.budget == 9
    with Study.open(directory, toys.flat()) as again:
        back = mirror_of(again)
        assert back.points == mirror.points
        assert back.reached == {1: {0: (-0.2,), 1: (-0.5,)}, 3: {1: (-0.6,)}}, "what was running begins again"
        candidate = asked(again)
        assert candidate.number == 2
        again.report(candidate, Report(1, {"accuracy": 0.7}))
        assert (back.points, back.reached, back.results) == (mirror.points, mirror.reached, mirror.results)
        assert back.parameters.domains == mirror.parameters.domains


def test_without_a_stopping_rule_there_are_no_rungs(tmp_path: Path) -> None:
    with create(tmp_path / "run", toys.flat(), sampler="random") as study:
        candidate = asked(study)
        study.report(candidate, Report(1, {"accuracy": 0.5}))
        study.tell(candidate, Outcome("complete", {"accuracy": 0.5}))
        assert (mirror_of(study).reached, mirror_of(study).budget) == ({}, math.inf)


def test_a_design_met_again_shares_the_outcome(tmp_path: Path) -> None:
    """Two decisions of which only the sum counts: nine genotypes, five designs."""
    with create(tmp_path / "run", toys.tiny(3), sampler="tpe", **STOPPED) as study:
        while (candidate := study.ask()) is not None:
            accuracy = {"accuracy": 0.9 - 0.1 * candidate.number}
            study.report(candidate, Report(1, accuracy))
            study.tell(candidate, Outcome("stopped" if candidate.number % 2 else "complete", accuracy))
        points = mirror_of(study).points
        assert len(study.record().trials) == 5 < len(points)
        for number in range(5):
            outcomes = {(one.state, one.losses, one.stopped) for one in points if one.number == number}
            assert len(outcomes) == 1
            assert outcomes.pop()[2] == bool(number % 2)
