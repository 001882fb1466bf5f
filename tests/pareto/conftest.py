"""Studies made up for the tests: small ones from a list of points, and a large one that looks like a real search."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
from nas.study.candidate import Report
from nas.study.objectives import Objective


@dataclass(frozen=True)
class TrialRecord:
    number: int
    state: str
    genotype: dict[str, Any]
    digest: str
    costs: dict[str, int]
    recipe: dict[str, Any]
    metrics: dict[str, float]
    values: tuple[float, ...] | None
    curve: tuple[Report, ...] = ()
    seconds: float = 1.0
    seed: int = 0
    message: str = ""
    origin: str = "sampler"


@dataclass(frozen=True)
class StudyRecord:
    name: str
    space_text: str
    experiment: dict[str, Any]
    objectives: tuple[Objective, ...]
    trials: tuple[TrialRecord, ...] = field(default=())


FAMILIES = {  # asymptote of the accuracy, decades at which half of it is reached, share of failures
    "gmlp": (0.93, 3.15, 0.02),
    "kan": (0.80, 2.70, 0.10),
    "mixer": (0.95, 3.45, 0.03),
    "mlp": (0.70, 2.55, 0.00),
    "residual-mlp": (0.76, 2.85, 0.02),
}


def points_study(points: Sequence[Sequence[float]], objectives: Sequence[str], **experiment: Any) -> StudyRecord:
    """A study whose complete trials have these objective values."""
    goals = tuple(Objective(*text.split()) for text in objectives)  # type: ignore[arg-type]
    trials = []
    for number, point in enumerate(points):
        named = dict(zip((goal.name for goal in goals), point, strict=True))
        costs = {name: int(value) for name, value in named.items() if Objective("minimize", name).is_cost}
        metrics = {name: float(value) for name, value in named.items() if name not in costs}
        trials.append(TrialRecord(number, "complete", {"width": number}, f"{number:032x}", costs, {}, metrics, tuple(point)))
    return StudyRecord("points", "space: points\n", {"objectives": list(objectives), **experiment}, goals, tuple(trials))


def families_study(n: int = 300, seed: int = 0) -> StudyRecord:
    """A made-up search over five families for accuracy against parameters, failures included."""
    rng = random.Random(seed)
    trials = [_trial(number, rng) for number in range(n)]
    goals = (Objective("maximize", "accuracy"), Objective("minimize", "params"))
    experiment = {
        "experiment": "mnist1d-families",
        "space": "families",
        "task": "mnist1d",
        "objectives": ["maximize accuracy", "minimize params"],
        "sampler": "nsga2",
        "budget": {"epochs": 30},
        "trials": n,
        "seed": seed,
    }
    text = "space: families\ndoc: Which family of small networks earns its parameters?\n\ninputs:  {x: [features]}\n"
    return StudyRecord("mnist1d-families", text, experiment, goals, tuple(trials))


def _trial(number: int, rng: random.Random) -> TrialRecord:
    family = rng.choice(sorted(FAMILIES))
    top, half, failing = FAMILIES[family]
    size = rng.gauss(3.3, 0.55)
    params = max(52, int(10**size))
    genotype: dict[str, Any] = {"family": family, "act": rng.choice(["relu", "gelu", "silu"]), "depth": rng.randint(1, 8)}
    for layer in range(genotype["depth"]):
        genotype[f"stage[{layer}].hidden"] = rng.randrange(8, 257, 8)
        if family == "kan":
            genotype[f"stage[{layer}].op"] = rng.choice(["kan(grid=5)", "kan(grid=3)", "chebyshev(degree=4)"])
        if family in ("mixer", "gmlp"):
            genotype[f"stage[{layer}].tokens"] = rng.choice([4, 8, 16])
    genotype["dropout"] = round(rng.uniform(0, 0.3), 3)
    costs = {"params": params, "trainable_params": params, "macs": int(params * rng.uniform(0.9, 6)), "activation_bytes": 4 * (40 + params // 9)}
    recipe = {"optimizer": "adamw", "lr": float(f"{10 ** rng.uniform(-3.3, -1.7):.3g}"), "batch_size": 128, "schedule": "cosine"}
    chance = rng.random()
    state, message = "complete", ""
    if chance < failing:
        state, message = rng.choice([("diverged", "loss is nan at epoch 3"), ("crashed", "RuntimeError: </script><b>kan</b> grid is empty")])
    elif chance < failing + 0.22:
        state = "stopped"
    elif chance > 0.995:
        state, message = "timeout", "took longer than 60 s"
    reached = 0.1 + (top - 0.1) / (1 + math.exp(-3.2 * (size - half))) - abs(rng.gauss(0, 0.035)) - 0.1 * abs(math.log10(recipe["lr"]) + 2.3) ** 2
    reached = round(min(max(reached, 0.1), 1.0), 4)
    last = {"complete": 30, "stopped": 10, "timeout": 20}.get(state, 2)
    speed = rng.uniform(3, 9)
    curve = tuple(
        Report(rung, {"accuracy": round((reached - 0.1) * (1 - math.exp(-rung / speed)) / (1 - math.exp(-30 / speed)) + 0.1, 4), "loss": round(2.3 * math.exp(-rung / speed) + 0.2, 4)})
        for rung in range(2, last + 1, 2)
    )
    metrics = dict(curve[-1].metrics)
    values = (metrics["accuracy"], params) if state == "complete" else None
    digest = hashlib.md5(repr(sorted(genotype.items())).encode()).hexdigest()
    origin = f"mutation of {rng.randrange(number)}" if number > 40 and rng.random() < 0.6 else "sampler"
    return TrialRecord(number, state, genotype, digest, costs, recipe, metrics, values, curve, rng.uniform(1, 9), rng.randrange(2**31), message, origin)


def confirmed(record: StudyRecord, numbers: Sequence[int], seeds: int = 5, seed: int = 0, sigma: float = 0.008) -> Confirmation:
    """These trials retrained: validation near the search's value, test a little below, one seed of the first one lost."""
    rng = random.Random(seed)
    by_number = {trial.number: trial for trial in record.trials}
    candidates = []
    for i, number in enumerate(numbers):
        trial = by_number[number]
        runs = []
        for s in range(seeds):
            if i == 0 and s == seeds - 1:
                runs.append(Retraining(s, "diverged", seconds=2.0, message="loss is nan at epoch 4"))
                continue
            value = trial.metrics["accuracy"] + rng.gauss(-0.006, sigma)
            runs.append(Retraining(s, "complete", {"accuracy": value}, {"accuracy": value - abs(rng.gauss(0.01, 0.006))}, 3.0))
        candidates.append(Confirmed(number, trial.digest, trial.costs, tuple(runs)))
    return Confirmation(record.name, "mnist1d", tuple(range(seeds)), tuple(candidates), {"epochs": 30}, {"torch": "2.13"})


@pytest.fixture(scope="session")
def study_of() -> Callable[..., StudyRecord]:
    """`points_study`."""
    return points_study


@pytest.fixture(scope="session")
def families_of() -> Callable[..., StudyRecord]:
    """`families_study`."""
    return families_study


@pytest.fixture(scope="session")
def confirm() -> Callable[..., Confirmation]:
    """`confirmed`."""
    return confirmed
