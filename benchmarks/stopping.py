"""What each stopping rule saves, and what it costs, on recorded learning curves.

    python benchmarks/stopping.py                 replay the recorded table (a minute)
    python benchmarks/stopping.py --record 240    train that many random designs of `families` on MNIST-1D first (minutes)

The table holds the validation accuracy after each of 30 epochs of random designs, and their parameters. A replay sends
them in a random order through the rule, one after the other, and compares the frontier of those that were not stopped
with the frontier of all: its hypervolume (accuracy x decades of parameters) as a share of the whole one, and the epochs
spent. The rivals judge by accuracy alone, which knows nothing of the parameters: halving (ASHA), and Optuna's pruners.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import moocore
import numpy as np

from nas.study.objectives import Objective
from nas.study.stopping import Rungs, make_rungs, parse_stopping

FOLDER = Path(__file__).parent.parent / "results" / "learning-curves"
TABLE = FOLDER / "mnist1d-families.csv"
NUMBERS = FOLDER / "stopping.json"
N_EPOCHS = 30
N_ORDERS = 30
ACCURACY, PARAMS = Objective("maximize", "accuracy"), Objective("minimize", "params")
EARLY, OFTEN = [3, 10], [3, 6, 9, 12, 15, 18, 21, 24, 27]
BOTH: tuple[dict[str, Any], ...] = (
    *({"rule": "pareto-halving", "rungs": EARLY, "eta": eta} for eta in (2, 3, 4)),
    {"rule": "pareto-halving", "rungs": EARLY, "eta": 3, "tie": "epsilon-net"},
    {"rule": "pareto-halving", "rungs": EARLY, "eta": 3, "warmup": 10},
    {"rule": "hyperband", "rungs": EARLY, "eta": 3},
    {"rule": "median", "rungs": EARLY},
    {"rule": "median", "rungs": OFTEN},
    {"rule": "learning-curve", "rungs": OFTEN},
    {"rule": "learning-curve", "rungs": OFTEN, "margin": 0.2},
)
ALONE: tuple[dict[str, Any], ...] = (
    {"rule": "pareto-halving", "rungs": EARLY, "eta": 3},
    {"rule": "optuna:successive-halving", "rungs": EARLY, "reduction_factor": 3},
    {"rule": "optuna:hyperband", "rungs": EARLY},
    {"rule": "optuna:median", "rungs": EARLY},
    {"rule": "optuna:percentile", "rungs": EARLY},
    {"rule": "optuna:patient", "rungs": OFTEN, "patience": 2},
    {"rule": "optuna:threshold", "rungs": EARLY, "lower": 0.3},
    {"rule": "optuna:wilcoxon", "rungs": OFTEN},
)
REFERENCE = (-0.1, 6.5)  # of (-accuracy, log10 parameters): chance, and more parameters than any design has


@dataclass(frozen=True)
class Curve:
    """One design: its parameters and its validation accuracy after each epoch."""

    params: int
    accuracy: tuple[float, ...]


@dataclass(frozen=True)
class Result:
    """Of one rule: means over the orders; `worst_volume` is the smallest."""

    rule: str
    epochs_saved: float
    volume: float
    worst_volume: float
    front_kept: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=int, metavar="N", help="train N random designs and replace the table")
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.record)
    curves = read(TABLE)
    results = [replay(curves, {"rule": "none"}, both=True)]
    results += [replay(curves, rule, both=True) for rule in BOTH]
    results += [replay(curves, rule, both=False) for rule in ALONE]
    print(f"{len(curves)} designs, {N_EPOCHS} epochs each, {N_ORDERS} orders\n")
    print("| rule | epochs saved | hypervolume | worst | front kept |\n|---|---|---|---|---|")
    for one in results:
        print(
            f"| {one.rule} | {one.epochs_saved:.1%} | {one.volume:.2%} | {one.worst_volume:.2%} | {one.front_kept:.1%} |"
        )
    NUMBERS.write_text(json.dumps([asdict(one) for one in results], indent=2) + "\n")


def replay(curves: list[Curve], rule: Mapping[str, Any], both: bool) -> Result:
    """Send the designs through the rule in `N_ORDERS` orders; `both`: it sees accuracy and parameters."""
    points = np.array([[-one.accuracy[-1], math.log10(one.params)] for one in curves])
    whole = moocore.hypervolume(points, ref=REFERENCE)
    front = set(np.flatnonzero(moocore.is_nondominated(points)))
    objectives = (ACCURACY, PARAMS) if both else (ACCURACY,)
    stopping = parse_stopping(rule, {"epochs": N_EPOCHS})
    saved, volumes, kept = [], [], []
    for seed in range(N_ORDERS):
        order = list(range(len(curves)))
        random.Random(seed).shuffle(order)
        rungs = make_rungs(stopping, objectives)
        ends = [send(rungs, number, curves[design], objectives) for number, design in enumerate(order)]
        alive = [design for design, end in zip(order, ends, strict=True) if end == N_EPOCHS]
        saved.append(1 - sum(ends) / (N_EPOCHS * len(curves)))
        volumes.append(moocore.hypervolume(points[alive], ref=REFERENCE) / whole)
        kept.append(len(front & set(alive)) / len(front))
    return Result(named(rule, both), *map(statistics.mean, (saved, volumes)), min(volumes), statistics.mean(kept))


def named(rule: Mapping[str, Any], both: bool) -> str:
    """The settings in a few words."""
    parts = [str(rule["rule"])]
    for key, value in rule.items():
        if key != "rule":
            parts.append(f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}")
    return ", ".join(parts if both else [*parts, "accuracy alone"])


def send(rungs: Rungs, number: int, curve: Curve, objectives: tuple[Objective, ...]) -> int:
    """The epochs after which a design ends."""

    def losses(epoch: int) -> tuple[float, ...]:
        known = {"accuracy": curve.accuracy[epoch - 1], "params": float(curve.params)}
        return tuple(one.loss(known[one.name]) for one in objectives)

    for rung in rungs.stopping.rungs:
        rungs.enter(rung, number, losses(rung))
        if not rungs.goes_on(rung, number):
            return rung
    rungs.finish(number, losses(N_EPOCHS))
    return N_EPOCHS


def read(path: Path) -> list[Curve]:
    """The table: one line per design, its parameters and then its accuracies."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [Curve(int(row[0]), tuple(map(float, row[1:]))) for row in rows]


def record(n: int) -> None:
    """Train `n` random designs of `families` on MNIST-1D on one core and write the table."""
    import torch

    from evaluators.tasks import load_task
    from evaluators.training import train
    from nas.codegen import source
    from nas.space import load_space
    from nas.study.candidate import Job

    torch.set_num_threads(1)
    task = load_task("mnist1d")
    space = load_space("families").bind(task.inputs, task.outputs)
    rows = []
    number = 0
    while len(rows) < n:
        design = space.sample(random.Random(number))
        job = Job(
            number, dict(design.genotype), source(design.graph), {"lr": 2e-3, **design.recipe}, number,
            {"epochs": N_EPOCHS}, tuple(range(1, N_EPOCHS)),
        )  # fmt: skip
        reports = list(train(job, task))
        number += 1
        if len(reports) == N_EPOCHS:
            rows.append([design.costs.params, *(round(report.metrics["accuracy"], 4) for report in reports)])
            print(number, rows[-1][0], rows[-1][-1], flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["params", *(f"epoch {epoch}" for epoch in range(1, N_EPOCHS + 1))])
        writer.writerows(rows)


if __name__ == "__main__":
    main()
