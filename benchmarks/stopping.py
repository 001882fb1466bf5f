"""What stopping by non-dominated rank saves, and what it costs, on recorded learning curves.

    python benchmarks/stopping.py                 replay the recorded table (seconds)
    python benchmarks/stopping.py --record 240    train that many random designs of `families` on MNIST-1D first (minutes)

The table holds the validation accuracy after each of 30 epochs of random designs, and their parameters. A replay sends
them in a random order through the rule, one after the other, and compares the frontier of those that were not stopped
with the frontier of all: its hypervolume (accuracy x decades of parameters) as a share of the whole one, and the epochs
spent. The rival is halving by accuracy alone (ASHA), which knows nothing of the parameters.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

import moocore
import numpy as np

from nas.study.stopping import Rungs, Stopping

FOLDER = Path(__file__).parent.parent / "results" / "learning-curves"
TABLE = FOLDER / "mnist1d-families.csv"
NUMBERS = FOLDER / "stopping.json"
N_EPOCHS = 30
N_ORDERS = 30
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
    rules: dict[str, tuple[Stopping, bool]] = {"none": (Stopping(), True)}
    for eta in (2, 3, 4):
        rules[f"pareto-halving, rungs 3 10, eta {eta}"] = (Stopping((3, 10), eta), True)
    rules["pareto-halving, rungs 10, eta 3"] = (Stopping((10,), 3), True)
    rules["accuracy alone, rungs 3 10, eta 3"] = (Stopping((3, 10), 3), False)
    results = [replay(name, curves, rule, both) for name, (rule, both) in rules.items()]
    print(f"{len(curves)} designs, {N_EPOCHS} epochs each, {N_ORDERS} orders\n")
    print(f"{'rule':<38} {'epochs saved':>12} {'hypervolume':>12} {'worst':>8} {'front kept':>11}")
    for one in results:
        print(
            f"{one.rule:<38} {one.epochs_saved:>12.1%} {one.volume:>12.2%} {one.worst_volume:>8.2%} {one.front_kept:>11.1%}"
        )
    NUMBERS.write_text(json.dumps([asdict(one) for one in results], indent=2) + "\n")


def replay(name: str, curves: list[Curve], rule: Stopping, both: bool) -> Result:
    """Send the designs through the rule in `N_ORDERS` orders; `both`: it sees accuracy and parameters."""
    points = np.array([[-one.accuracy[-1], math.log10(one.params)] for one in curves])
    whole = moocore.hypervolume(points, ref=REFERENCE)
    front = set(np.flatnonzero(moocore.is_nondominated(points)))
    saved, volumes, kept = [], [], []
    for seed in range(N_ORDERS):
        order = list(range(len(curves)))
        random.Random(seed).shuffle(order)
        rungs = Rungs(rule)
        alive: list[int] = []
        spent = 0
        for number in order:
            ended = send(rungs, number, curves[number], both)
            spent += ended
            if ended == N_EPOCHS:
                alive.append(number)
        saved.append(1 - spent / (N_EPOCHS * len(curves)))
        volumes.append(moocore.hypervolume(points[alive], ref=REFERENCE) / whole)
        kept.append(len(front & set(alive)) / len(front))
    return Result(name, *map(statistics.mean, (saved, volumes)), min(volumes), statistics.mean(kept))


def send(rungs: Rungs, number: int, curve: Curve, both: bool) -> int:
    """The epochs after which a design ends."""
    for rung in rungs.rule.rungs:
        loss = -curve.accuracy[rung - 1]
        rungs.enter(rung, number, (loss, float(curve.params)) if both else (loss,))
        if not rungs.goes_on(rung, number):
            return rung
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
