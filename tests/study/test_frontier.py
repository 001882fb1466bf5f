"""The `frontier` sampler in a search: batches, failures, rungs, any number of objectives, and better than chance."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import toys
from driving import create, facts, run

from nas.space.domains import Categorical, Integer
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.mirror import Mirror, Point
from nas.study.objectives import Goal
from nas.study.samplers import make_sampler
from nas.study.study import Study

STARTUP = {"name": "frontier", "startup": 5, "pool": 8}


def law(candidate: Candidate) -> float:
    """Of `toys.flat`: one activation is best, two layers of middling width are best."""
    genotype: Any = candidate.genotype
    act = {"relu": 0.0, "gelu": 0.1, "silu": -0.1}[genotype["act"]]
    return float(0.7 + act - 0.05 * abs(genotype["depth"] - 2) - abs(genotype["rate"] - 0.2) * 0.2)


def search(study: Study, most: int = 10**9, quality: Any = law) -> Study:
    for _ in range(most):
        candidate = study.ask()
        if candidate is None:
            break
        study.tell(candidate, Outcome("complete", {"accuracy": quality(candidate)}))
    return study


def best(study: Study) -> float:
    return max(trial.metrics["accuracy"] for trial in study.record().trials)


def test_it_finds_what_matters(tmp_path: Path) -> None:
    found = {}
    for name in ("random", "frontier"):
        with create(
            tmp_path / name, toys.flat(), objectives=["maximize accuracy"], sampler={"name": name}, trials=35
        ) as study:
            found[name] = best(search(study))
    assert found["frontier"] > 0.79 > found["random"], "0.8 is the best there is"


def test_a_batch_holds_different_ideas(tmp_path: Path) -> None:
    """Eight candidates asked for before one of them is told: all different, not all of one activation and size."""
    with create(tmp_path, toys.flat(), sampler=STARTUP, trials=40) as study:
        search(study, 12)
        asked = [study.ask() for _ in range(8)]
        batch = [candidate for candidate in asked if candidate is not None]
        assert len({candidate.digest for candidate in batch}) == 8
        sizes = [candidate.costs["params"] for candidate in batch]
        assert max(sizes) > 4 * min(sizes)


@pytest.mark.parametrize("space", ["flat", "conditional", "grammar"])
def test_a_search_goes_on_as_if_never_interrupted(tmp_path: Path, space: str) -> None:
    settings = {"sampler": STARTUP, "trials": 24, "seed": 3}
    with create(tmp_path / "whole", toys.SPACES[space](), **settings) as study:
        whole = facts(run(study).record())
    with create(tmp_path / "broken", toys.SPACES[space](), **settings) as study:
        run(study, 13)
    with Study.open(tmp_path / "broken", toys.SPACES[space]()) as study:
        assert facts(run(study).record()) == whole
    assert any(origin.startswith(("model", "mutation", "crossover")) for *_, origin, _, _, _ in whole)


def test_it_learns_what_fails(tmp_path: Path) -> None:
    """Everything deep diverges, and the deeper the better it would be."""

    def program(decide: toys.Decide) -> tuple[int, Any]:
        depth, width = decide("depth", Integer(1, 20)), decide("width", Integer(1, 200))
        return depth * width, [depth, width]

    def failing(study: Study) -> int:
        n_failed = 0
        while (candidate := study.ask()) is not None:
            depth: Any = candidate.genotype["depth"]
            n_failed += depth > 10
            fails = Outcome("diverged", message="the loss is nan")
            study.tell(candidate, fails if depth > 10 else Outcome("complete", {"accuracy": depth / 20}))
        return n_failed

    found = {}
    for name in ("random", "frontier"):
        with create(tmp_path / name, toys.ToySpace(program, flat=True), sampler={"name": name}, trials=60) as study:
            found[name] = failing(study)
    assert found["frontier"] < 0.8 * found["random"]


def test_it_keeps_to_constraints_on_metrics_once_it_knows_them(tmp_path: Path) -> None:
    def program(decide: toys.Decide) -> tuple[int, Any]:
        act, width = decide("act", Categorical(("a", "b", "c", "d"))), decide("width", Integer(1, 500))
        return width, [act, width]

    kept = []
    with create(
        tmp_path,
        toys.ToySpace(program, flat=True),
        metrics=["accuracy", "loss"],
        constraints=["loss <= 0.5"],
        sampler=STARTUP,
        trials=50,
    ) as study:
        while (candidate := study.ask()) is not None:
            slow = candidate.genotype["act"] in ("a", "b", "c")
            kept.append(not slow)
            metrics = {"accuracy": candidate.costs["params"] / 1000 + 0.2 * slow, "loss": 0.8 if slow else 0.2}
            study.tell(candidate, Outcome("complete", metrics))
    assert sum(kept[25:]) > 2 * 25 / 4, "a quarter of the space keeps the constraint"


@pytest.mark.parametrize(
    "objectives",
    [
        ["maximize accuracy"],
        ["minimize params"],
        ["maximize accuracy", "minimize loss"],
        ["maximize accuracy", "minimize params", "minimize macs"],
        ["maximize accuracy", "minimize params", "minimize macs", "minimize activation_bytes"],
    ],
)
def test_any_objectives(tmp_path: Path, objectives: list[str]) -> None:
    with create(
        tmp_path, toys.flat(), objectives=objectives, metrics=["accuracy", "loss"], sampler=STARTUP, trials=16
    ) as study:
        while (candidate := study.ask()) is not None:
            metrics = {"accuracy": law(candidate), "loss": candidate.costs["params"] ** -0.1}
            study.tell(candidate, Outcome("complete", metrics))
        assert len({trial.digest for trial in study.record().trials}) == 16


def test_rungs_are_observations(tmp_path: Path) -> None:
    """Candidates still in training have told what they reached, and what was stopped is not taken for what it would be."""
    with create(
        tmp_path,
        toys.flat(),
        objectives=["maximize accuracy"],
        sampler=STARTUP,
        stopping={"rule": "pareto-halving", "rungs": [10], "eta": 2},
        budget={"epochs": 30},
        trials=60,
    ) as study:
        for _ in range(40):
            candidate = study.ask()
            assert candidate is not None
            if study.report(candidate, Report(10, {"accuracy": law(candidate) - 0.3})):
                study.tell(candidate, Outcome("complete", {"accuracy": law(candidate)}))
            else:
                study.tell(candidate, Outcome("stopped", {"accuracy": law(candidate) - 0.3}))
        states = [trial.state for trial in study.record().trials]
        assert states.count("stopped") > 5
        assert best(study) > 0.77
        running = study.ask()
        assert running is not None
        study.report(running, Report(10, {"accuracy": law(running) - 0.3}))
        another = study.ask()
        assert another is not None
        assert another.digest != running.digest


def test_a_stopped_candidate_whose_rung_nobody_knows_counts_as_it_is() -> None:
    """As of an earlier version of the search, of which only the last values were carried over."""
    space: Any = toys.flat()
    goal = Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])
    mirror = Mirror()
    for number in range(8):
        design = space.sample(Random(number))
        values = mirror.parameters.named(design.genotype, design.domains)
        mirror.add(Point(values, dict(design.genotype), "pending", number))
        losses = goal.losses((0.5 + 0.01 * number, design.costs.params))
        mirror.tell(number, "told", losses, (), 0.0, number == 3)
    proposed = make_sampler(STARTUP, space, goal).propose(mirror, 0)
    assert proposed.architecture.digest
