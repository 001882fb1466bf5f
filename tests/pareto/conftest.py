"""Studies made up for the tests: small ones from a list of points, and a large one that looks like a real search."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
from nas.pareto.published import PublishedPoint
from nas.study.candidate import Report
from nas.study.objectives import Goal
from nas.study.records import StudyRecord, TrialRecord

FAMILIES = {  # the accuracy that it tends to, decades of parameters where half of it is reached, share of failures
    "gmlp": (0.93, 3.15, 0.02),
    "kan": (0.80, 2.70, 0.10),
    "mixer": (0.95, 3.45, 0.03),
    "mlp": (0.70, 2.55, 0.00),
    "residual-mlp": (0.76, 2.85, 0.02),
}

FAULTS = [("diverged", "loss is nan at epoch 3"), ("crashed", "RuntimeError: </script><b>kan</b> grid is empty")]

PUBLISHED = [
    PublishedPoint(
        label, {"accuracy": accuracy, "params": params}, "Greydanus & Kobak 2020, table 1", "test split, one seed"
    )
    for label, accuracy, params in (
        ("logistic", 0.32, 410),
        ("MLP", 0.68, 15210),
        ("CNN", 0.94, 5210),
        ("GRU", 0.91, 5134),
    )
]


def trial_of(number: int, **facts: Any) -> TrialRecord:
    """A trial with defaults for all that a test does not care about."""
    defaults: dict[str, Any] = {
        "number": number,
        "state": "complete",
        "genotype": {"width": number},
        "digest": f"{number:032x}",
        "costs": {},
        "recipe": {},
        "metrics": {},
        "values": None,
        "feasible": False,
        "curve": (),
        "seconds": 1.0,
        "seed": number,
        "message": "",
        "origin": "sampler",
    }
    return TrialRecord(**{**defaults, **facts})


def study_with(trials: Sequence[TrialRecord], goal: Goal, **facts: Any) -> StudyRecord:
    """A study of these trials."""
    defaults: dict[str, Any] = {
        "directory": Path("studies/made-up"),
        "name": "made-up",
        "task": "mnist1d",
        "space_name": "families",
        "space_text": "space: families\n",
        "experiment": {"objectives": list(map(str, goal.objectives)), "constraints": list(map(str, goal.constraints))},
        "experiment_text": "",
        "objectives": goal.objectives,
        "constraints": goal.constraints,
        "seed": 0,
        "trials": tuple(trials),
        "counts": {},
    }
    return StudyRecord(**{**defaults, **facts})


def points_study(
    points: Sequence[Sequence[float]], objectives: Sequence[str], constraints: Sequence[str] = ()
) -> StudyRecord:
    """A study whose complete trials have these objective values; what is no cost is a metric."""
    goal = Goal.parse(objectives, constraints, ["accuracy", "loss", "a", "b", "c", "d"])
    trials = []
    for number, point in enumerate(points):
        costs = {one.name: int(value) for one, value in zip(goal.objectives, point, strict=True) if one.is_cost}
        metrics = {one.name: float(value) for one, value in zip(goal.objectives, point, strict=True) if not one.is_cost}
        values = goal.values(costs, metrics)
        feasible = values is not None and all(slack <= 0 for slack in goal.slacks(costs, metrics))
        trials.append(trial_of(number, costs=costs, metrics=metrics, values=values, feasible=feasible))
    return study_with(trials, goal)


def families_study(n: int = 300, seed: int = 0) -> StudyRecord:
    """A made-up search over five families for accuracy against parameters, failures included."""
    rng = random.Random(seed)
    goal = Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy", "loss"])
    experiment = {
        "experiment": "mnist1d-families",
        "sampler": {"name": "nsga2", "population": 40},
        "stopping": {"rule": "pareto-halving", "rungs": [10, 20]},
        "budget": {"epochs": 30},
        "trials": n,
        "seed": seed,
    }
    text = "space: families\ndoc: Which family of small networks earns its parameters?\n\ninputs:  {x: [features]}\n"
    facts: dict[str, Any] = {"name": "mnist1d-families", "experiment": experiment, "space_text": text}
    return study_with(
        [_searched(number, rng) for number in range(n)], goal, **facts, counts={"rejected": 41, "duplicate": 7}
    )


def _searched(number: int, rng: random.Random) -> TrialRecord:
    family = rng.choice(sorted(FAMILIES))
    top, half, failing = FAMILIES[family]
    size = rng.gauss(3.3, 0.55)
    params = max(52, int(10**size))
    genotype: dict[str, Any] = {
        "family": family,
        "act": rng.choice(["relu", "gelu", "silu"]),
        "depth": rng.randint(1, 8),
    }
    for layer in range(genotype["depth"]):
        genotype[f"stage[{layer}].hidden"] = rng.randrange(8, 257, 8)
        if family == "kan":
            genotype[f"stage[{layer}].op"] = rng.choice(["kan(grid=5)", "kan(grid=3)", "chebyshev(degree=4)"])
        if family in ("mixer", "gmlp"):
            genotype[f"stage[{layer}].tokens"] = rng.choice([4, 8, 16])
    genotype["dropout"] = round(rng.uniform(0, 0.3), 3)
    costs = {
        "params": params,
        "active_params": params,
        "trainable_params": params,
        "macs": int(params * rng.uniform(0.9, 6)),
    }
    costs["activation_bytes"] = 4 * (40 + params // 9)
    rate = float(f"{10 ** rng.uniform(-3.3, -1.7):.3g}")
    chance, state, message = rng.random(), "complete", ""
    if chance < failing:
        state, message = rng.choice(FAULTS)
    elif chance < failing + 0.22:
        state = "stopped"
    elif chance > 0.995:
        state, message = "timeout", "took longer than 60 s"
    reached = 0.1 + (top - 0.1) / (1 + math.exp(-3.2 * (size - half)))
    reached -= abs(rng.gauss(0, 0.035)) + 0.1 * (math.log10(rate) + 2.3) ** 2
    curve = _curve(min(max(reached, 0.1), 1.0), {"complete": 30, "stopped": 10, "timeout": 20}.get(state, 2), rng)
    metrics = dict(curve[-1].metrics)
    return trial_of(
        number,
        state=state,
        genotype=genotype,
        digest=hashlib.md5(repr(sorted(genotype.items())).encode()).hexdigest(),
        costs=costs,
        recipe={"optimizer": "adamw", "lr": rate, "batch_size": 128, "schedule": "cosine"},
        metrics=metrics,
        values=(metrics["accuracy"], params) if state == "complete" else None,
        feasible=state == "complete",
        curve=curve,
        seconds=rng.uniform(1, 9),
        seed=rng.randrange(2**31),
        message=message,
        origin=f"mutation of {rng.randrange(number)}" if number > 40 and rng.random() < 0.6 else "sampler",
    )


def _curve(reached: float, last: int, rng: random.Random) -> tuple[Report, ...]:
    speed = rng.uniform(3, 9)
    whole = 1 - math.exp(-30 / speed)
    reports = []
    for rung in range(2, last + 1, 2):
        accuracy = 0.1 + (reached - 0.1) * (1 - math.exp(-rung / speed)) / whole
        reports.append(
            Report(rung, {"accuracy": round(accuracy, 4), "loss": round(2.3 * math.exp(-rung / speed) + 0.2, 4)})
        )
    return tuple(reports)


def confirmed(record: StudyRecord, numbers: Sequence[int], seeds: int = 5, sigma: float = 0.008) -> Confirmation:
    """These trials retrained: validation near the search's value, test a little below, one seed of the first one lost."""
    rng = random.Random(0)
    trials = {trial.number: trial for trial in record.trials}
    candidates = []
    for i, number in enumerate(numbers):
        runs = []
        for seed in range(seeds):
            value = trials[number].metrics["accuracy"] + rng.gauss(-0.006, sigma)
            test = value - abs(rng.gauss(0.01, 0.006))
            runs.append(Retraining(seed, "complete", {"accuracy": value}, {"accuracy": test}, 3.0))
        if i == 0:
            runs[-1] = Retraining(seeds - 1, "diverged", seconds=2.0, message="loss is nan at epoch 4")
        candidates.append(Confirmed(number, trials[number].digest, trials[number].costs, tuple(runs)))
    return Confirmation(
        record.name, "mnist1d", tuple(range(seeds)), tuple(candidates), {"epochs": 30}, {"torch": "2.13"}
    )


@pytest.fixture(scope="session")
def new_trial() -> Callable[..., TrialRecord]:
    """`trial_of`."""
    return trial_of


@pytest.fixture(scope="session")
def new_study() -> Callable[..., StudyRecord]:
    """`study_with`."""
    return study_with


@pytest.fixture(scope="session")
def study_of() -> Callable[..., StudyRecord]:
    """`points_study`."""
    return points_study


@pytest.fixture(scope="session")
def families_of() -> Callable[..., StudyRecord]:
    """`families_study`."""
    return families_study


@pytest.fixture(scope="session")
def searched() -> StudyRecord:
    """`families_study` of 300 candidates."""
    return families_study()


@pytest.fixture(scope="session")
def confirm() -> Callable[..., Confirmation]:
    """`confirmed`."""
    return confirmed


@pytest.fixture(scope="session")
def published() -> list[PublishedPoint]:
    """`PUBLISHED`."""
    return PUBLISHED
