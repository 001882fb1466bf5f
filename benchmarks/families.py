"""One small design of every family on MNIST-1D: the same recipe for all, several seeds, features in order and shuffled.

The design is the family's seed `mnist1d` or `small`, about 20,000 parameters; nothing is selected, so the test split is opened once for
each training. Families that take no single signal are trained on a task of their own (see TASKS) and stand apart.

Run: `python benchmarks/families.py [--seeds 3] [--epochs 30] [--families a,b] [-o results/families-mnist1d]`.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import subprocess
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from evaluators.evaluator import Evaluator
from nas.codegen import source
from nas.space import load_space, shipped_spaces
from nas.space.loading import is_family
from nas.study.candidate import Job

DESIGNS = ("mnist1d", "small")  # the first that a family has
RECIPE = {"optimizer": "adamw", "lr": 2e-3, "schedule": "cosine", "batch_size": 128}
TASKS = {
    "dgmlp": ("mnist1d/graph", "mnist1d/graph/shuffled"),
    "final-mlp": ("clicks",),
    "maxim": ("mnist5k/denoise",),
}
EPOCHS = {"maxim": 2}  # images to images, the one family that takes minutes
USUAL = ("mnist1d", "mnist1d/shuffled")


class Training(NamedTuple):
    """One training: its place in the table and what came of it."""

    family: str
    task: str
    seed: int
    params: int
    active_params: int
    macs: int
    state: str
    metric: str
    value: float
    seconds: float


def families() -> list[str]:
    """All of them, by name."""
    return sorted(name for name, path in shipped_spaces().items() if is_family(path))


def trained(family: str, task: str, seed: int, epochs: int) -> Training:
    """Train the small design of `family` and measure it on the test split."""
    evaluator = Evaluator(task, device="cpu", test_reason="one fixed design a family, nothing is selected")
    subject = evaluator.subject
    space = load_space(family).bind(subject.inputs, subject.outputs)
    design = space.replay(space.seeds[next(name for name in DESIGNS if name in space.seeds)], Random(0))
    evaluator = replace(evaluator, inputs=space.input_shapes, outputs=(space.output_shape,))
    costs = design.costs.as_dict()
    budget = {"epochs": EPOCHS.get(family, epochs)}
    job = Job(0, dict(design.genotype), source(design.graph), RECIPE, seed, budget, members=design.members)
    running = evaluator.evaluate(job)
    while True:
        try:
            next(running)
        except StopIteration as end:
            outcome = end.value
            break
    metric = next(iter(evaluator.metrics))
    value = outcome.metrics.get(f"test_{metric}", float("nan"))
    facts = (costs["params"], costs["active_params"], costs["macs"])
    return Training(family, task, seed, *facts, outcome.state, metric, value, outcome.seconds)


def table(trainings: list[Training]) -> str:
    """Markdown: a line a family, mean ± standard deviation over seeds, best first."""
    usual = [one for one in trainings if one.metric == "accuracy"]
    names = sorted({one.family for one in usual}, key=lambda name: -_mean(usual, name, 0))
    lines = ["| family | parameters | MACs | in order | shuffled |", "|---|---|---|---|---|"]
    for name in names:
        own = [one for one in usual if one.family == name]
        first = own[0]
        active = "" if first.active_params == first.params else f" ({first.active_params:,} active)"
        cells = [_spread(own, index) for index in (0, 1)]
        lines.append(f"| {name} | {first.params:,}{active} | {first.macs:,} | {cells[0]} | {cells[1]} |")
    for name in sorted({one.family for one in trainings} - set(names)):
        own = [one for one in trainings if one.family == name]
        first = own[0]
        epochs = f" after {EPOCHS[name]} epochs" if name in EPOCHS else ""
        lines.append(
            f"\n{name}, on `{first.task}`: {first.metric} {_spread(own, 0)}{epochs}, {first.params:,} parameters."
        )
    return "\n".join(lines)


def _values(own: list[Training], index: int) -> list[float]:
    task = TASKS.get(own[0].family, USUAL)[index : index + 1]
    return [one.value for one in own if (one.task,) == task]


def _mean(trainings: list[Training], name: str, index: int) -> float:
    return statistics.mean(_values([one for one in trainings if one.family == name], index))


def _spread(own: list[Training], index: int) -> str:
    values = _values(own, index)
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--families", help="a,b: these alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("-o", type=Path, help="folder for trainings.csv and table.md")
    options = parser.parse_args()
    chosen = options.families.split(",") if options.families else families()
    work = [(name, task, seed) for seed in range(options.seeds) for name in chosen for task in TASKS.get(name, USUAL)]
    done: list[Training] = []
    with ProcessPoolExecutor(options.workers) as pool:
        for one in pool.map(_one, [(*each, options.epochs) for each in work]):
            done.append(one)
            print(
                f"{one.family:<24} {one.task:<24} {one.seed} {one.state} {one.value:.3f} {one.seconds:.1f} s",
                flush=True,
            )
    written = table(done)
    print(written)
    if options.o is not None:
        options.o.mkdir(parents=True, exist_ok=True)
        with (options.o / "trainings.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(Training._fields)
            writer.writerows(sorted(done))
        settings: Mapping[str, Any] = {**RECIPE, "epochs": options.epochs, "seeds": options.seeds, "commit": _commit()}
        head = ", ".join(f"{key} {value}" for key, value in settings.items())
        (options.o / "table.md").write_text(f"{head}\n\n{written}\n", encoding="utf-8")


def _one(given: tuple[str, str, int, int]) -> Training:
    return trained(*given)


if __name__ == "__main__":
    main()
