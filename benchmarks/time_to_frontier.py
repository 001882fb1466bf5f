"""How long until a search has the confirmed frontier that a well-written Optuna script has after 60 trials? Two cores.

    python benchmarks/time_to_frontier.py --seeds 5            run what is missing, then the table and the figure
    python benchmarks/time_to_frontier.py --report             the table and the figure of what was run

The rivals are what a competent user writes without us (`time_to_frontier_rivals.py`): the same space by hand, a DataLoader
loop, two processes of one thread each; Optuna with multivariate TPE and with NSGA-II on two objectives, TPE with Hyperband on
accuracy, and Ray Tune with ASHA, which ends when the others have. Ours is the command that a user types, and a ladder to it:
what resident data, cohorts, stopping, the sampler and the second core each contribute. The steps of the ladder with one core run two at
a time. Wall-clock counts from the start of the process, imports and clusters included, so the machine must be idle.

At twelve fixed times, the frontier that each search had by then (by its own validation accuracy) is confirmed offline: every
member is retrained with two other seeds by one loop for all, and its mean accuracy on the sealed test part stands for it. The
target is the hypervolume confirmed at the end of the script with NSGA-II or TPE, whichever is better, of the same seed.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import moocore
import numpy as np
from time_to_frontier_report import Run, draw, load, table

from evaluators.evaluator import Evaluator
from evaluators.tasks.load import load_task
from nas.codegen import source
from nas.space import Space
from nas.space.loading import space_from_text
from nas.study.candidate import Job, Outcome

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "results" / "time-to-frontier"
RIVALS = ROOT / "benchmarks" / "time_to_frontier_rivals.py"
SPACE = """\
space: by-hand
inputs: {x: [features]}
outputs: [targets]
choose:
  depth: {int: [1, 4]}
  width: {int: [16, 256], log: true}
  act: [relu, gelu, silu]
  norm: [identity, batch_norm]
  rate: [0.0, 0.1, 0.3]
  lr: {float: [1.0e-3, 2.0e-2], log: true}
recipe: {lr: lr}
model: |
  z = x
  for i in range(depth):
      z = dropout(act(norm(linear(z, width))), rate)
  return linear(z, targets)
"""
TRIALS, EPOCHS, N_TIMES, CONFIRM_SEEDS = 60, 20, 12, (101, 102)
TASKS = {"mnist1d": (40, 10), "mnist5k": (784, 10)}
LEAST, MOST = 500, 400_000  # parameters at the ends of the box of which the hypervolume is a share
MULTI = ("tpe", "nsga2")  # the scripts that set the target
SCRIPTS = (*MULTI, "tpe-hyperband", "ray-asha")
STOPPING = {"rule": "pareto-halving", "rungs": [7], "eta": 3}
"""A third of the budget, as `stopping.py` recommends."""

ALONE, TOGETHER = {"name": "inline"}, {"name": "inline", "batch": "auto"}
LADDER: dict[str, dict[str, Any]] = {
    "one at a time": {"sampler": "random", "engine": ALONE},
    "+ cohorts": {"sampler": "random", "engine": TOGETHER},
    "+ stopping": {"sampler": "random", "engine": TOGETHER, "stopping": STOPPING},
    "+ sampler": {"sampler": "frontier", "engine": TOGETHER, "stopping": STOPPING},
    "+ two cores": {
        "sampler": "frontier",
        "engine": {"name": "processes", "workers": 2, "batch": "auto"},
        "stopping": STOPPING,
    },
}
OURS = "+ two cores"


@dataclass(frozen=True)
class Done:
    """A completed candidate of a search: seconds since its process was started, and what the search knows of it."""

    at: float
    settings: dict[str, Any]
    accuracy: float
    params: int


# ---------------------------------------------------------------------- searching


Found = tuple[list[Done], float]
"""What a search completed, and the seconds that it took."""


def scripted(arm: str, task: str, seed: int, longest: float, work: Path) -> Found:
    """A rival's search, in processes of its own; `longest` are the seconds after which Ray Tune ends."""
    data, log = work / f"{task}.npz", work / f"{task}-{arm}-{seed}.jsonl"
    if not data.exists():
        write_data(task, data)
    log.unlink(missing_ok=True)
    Path(f"{log}.journal").unlink(missing_ok=True)
    given = [
        "--data",
        str(data),
        "--log",
        str(log),
        "--trials",
        str(TRIALS),
        "--epochs",
        str(EPOCHS),
        "--seed",
        str(seed),
    ]
    if arm == "ray-asha":
        given += ["--seconds", str(longest)]
    begun = time.time()
    subprocess.run([sys.executable, str(RIVALS), arm, *given], check=True)
    seconds = time.time() - begun
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [Done(line["at"] - begun, line["settings"], line["accuracy"], line["params"]) for line in lines], seconds


def ours(arm: str, task: str, seed: int, seconds: float, work: Path) -> Found:
    """A search of ours for so many seconds, by the command line; when each candidate was done is in its record."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    directory = work / f"{task}-{arm.replace(' ', '')}-{seed}"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "by-hand.yaml").write_text(SPACE)
    experiment = {
        "space": str(directory / "by-hand.yaml"),
        "task": task,
        "objectives": ["maximize accuracy", "minimize params"],
        "trials": 100_000,
        "hours": seconds / 3600,
        "budget": {"epochs": EPOCHS},
        "recipe": {"optimizer": "adamw", "weight_decay": 0.01, "batch_size": 128, "schedule": "cosine"},
        "seed": seed,
        **LADDER[arm],
    }
    file = work / f"{directory.name}.yaml"
    file.write_text(json.dumps(experiment))
    begun = time.time()
    command = [sys.executable, "-m", "nas.cli", "search", str(file), "-d", str(directory), "--quiet", "--fresh"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    spent = time.time() - begun
    journal = JournalStorage(JournalFileBackend(str(directory / "journal.log")))
    (study,) = optuna.get_all_study_summaries(journal)
    ended = {
        trial.number: trial.datetime_complete.timestamp()
        for trial in optuna.load_study(study_name=study.study_name, storage=journal).trials
        if trial.datetime_complete is not None
    }
    from nas.study.records import read_study

    found = [
        Done(ended[trial.number] - begun, dict(trial.genotype), trial.metrics["accuracy"], trial.costs["params"])
        for trial in read_study(directory).completed()
    ]
    return found, spent


def write_data(task: str, path: Path) -> None:
    """The parts that a search may see, as arrays, in the shapes and on the scales in which ours trains."""
    data = load_task(task).reshaped([(TASKS[task][0],)], [(TASKS[task][1],)]).resident()
    parts = {"train": data.train, "validation": data.validation}
    np.savez(
        path,
        **{f"x_{name}": part.inputs[0].numpy() for name, part in parts.items()},
        **{f"y_{name}": part.targets.numpy() for name, part in parts.items()},
    )


# ---------------------------------------------------------------------- confirming


class Confirmer:
    """Mean test accuracy of settings, retrained; each only once."""

    def __init__(self, task: str, path: Path) -> None:
        self._task, self._path = task, path
        self._known: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def prepare(self, wanted: Sequence[Done]) -> None:
        """Retrain what is not known yet, in two processes."""
        missing = {name: one.settings for one in wanted if (name := _name(one.settings)) not in self._known}
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"), initializer=_one_thread) as pool:
            found = pool.map(retrained, [self._task] * len(missing), missing.values())
            self._known.update(zip(missing, found, strict=True))
        self._path.write_text(json.dumps(self._known))

    def accuracy(self, settings: dict[str, Any]) -> float:
        return self._known[_name(settings)]


def _name(settings: dict[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def retrained(task: str, settings: dict[str, Any]) -> float:
    """Mean test accuracy over `CONFIRM_SEEDS`, by one loop for all."""
    return statistics.fmean(_trained(task, settings, seed) for seed in CONFIRM_SEEDS)


def _trained(task: str, settings: dict[str, Any], seed: int) -> float:
    design = space_of(task).replay(settings)
    recipe = {"optimizer": "adamw", "weight_decay": 0.01, "batch_size": 128, "schedule": "cosine", **design.recipe}
    job = Job(
        0, dict(design.genotype), source(design.graph), recipe, seed, {"epochs": EPOCHS}, costs=design.costs.as_dict(),
        order=seed, graph=design.graph,
    )  # fmt: skip
    run = evaluator_of(task).evaluate(job)
    while True:
        try:
            next(run)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome.metrics["test_accuracy"] if outcome.state == "complete" else 0.1


@cache
def space_of(task: str) -> Space:
    return space_from_text(SPACE, "by-hand.yaml").bind([[TASKS[task][0]]], [[TASKS[task][1]]])


@cache
def evaluator_of(task: str) -> Evaluator:
    features, classes = TASKS[task]
    return Evaluator(
        task, inputs=((features,),), outputs=((classes,),), test_reason="confirming a benchmark's frontiers"
    )


def volume(members: Sequence[tuple[float, int]]) -> float:
    """Hypervolume of (test accuracy, parameters), parameters in decades, as a share of the box."""
    high, low = math.log10(MOST), math.log10(LEAST)
    points = np.array([(1 - accuracy, (math.log10(params) - low) / (high - low)) for accuracy, params in members])
    points = points.reshape(-1, 2)
    points = points[(points < [0.9, 1]).all(1)]
    return float(moocore.hypervolume(points, ref=[0.9, 1])) / 0.9 if len(points) else 0.0


def frontiers(done: Sequence[Done], times: Sequence[float]) -> list[list[Done]]:
    """The frontier that was known at each time, by validation accuracy."""
    found = []
    for at in times:
        known = [one for one in done if one.at <= at]
        losses = np.array([(-one.accuracy, one.params) for one in known]).reshape(-1, 2)
        found.append([known[i] for i in np.flatnonzero(moocore.is_nondominated(losses))] if known else [])
    return found


# ---------------------------------------------------------------------- all of it


def run_missing(tasks: Sequence[str], seeds: Sequence[int], work: Path, path: Path) -> None:
    """Search with every arm, seeds outermost, then confirm; what is in `path` is not run again."""
    work.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    have = {(run.task, run.arm, run.seed) for run in load(path)}
    for seed in seeds:
        for task in tasks:
            if all((task, arm, seed) in have for arm in (*SCRIPTS, *LADDER)):
                continue
            searches = dict(_searches(task, seed, work))
            whole = max(seconds for arm, (_, seconds) in searches.items() if arm in MULTI)
            times = [whole * 10 ** (-2 * (1 - (i + 1) / N_TIMES)) for i in range(N_TIMES)]
            confirmer = Confirmer(task, work / f"{task}-confirmed.json")
            known = {arm: frontiers(done, times) for arm, (done, _) in searches.items()}
            confirmer.prepare([one for fronts in known.values() for members in fronts for one in members])
            with path.open("a") as file:
                for arm, (done, seconds) in searches.items():
                    volumes = [
                        volume([(confirmer.accuracy(one.settings), one.params) for one in members])
                        for members in known[arm]
                    ]
                    run = Run(task, arm, seed, commit(), seconds, len(done), times, volumes)
                    file.write(json.dumps(asdict(run)) + "\n")
                    print(
                        f"{task} seed {seed} {arm:14s} {len(done):5d} done in {seconds:6.1f} s, {volumes[-1]:.4f}",
                        flush=True,
                    )


def _searches(task: str, seed: int, work: Path) -> Iterator[tuple[str, Found]]:
    """Scripts, then ours with the time that the slower of the scripts with two objectives took; ours in an order by chance."""
    longest = 0.0
    for arm in SCRIPTS:
        found = scripted(arm, task, seed, longest, work)
        longest = max(longest, found[1] if arm in MULTI else 0.0)
        yield arm, found
    arms = [arm for arm in LADDER if arm != OURS]
    random.Random(seed).shuffle(arms)
    with ThreadPoolExecutor(2) as two:
        for side_by_side in ([OURS], arms[:2], arms[2:]):
            yield from zip(
                side_by_side, two.map(lambda arm: ours(arm, task, seed, longest, work), side_by_side), strict=True
            )


def commit() -> str:
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
    return said.stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="mnist1d", help="of " + ", ".join(TASKS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=FOLDER / "runs.jsonl")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "runs" / "time-to-frontier", help="searches and retrainings"
    )
    parser.add_argument("--report", action="store_true", help="only of what was run")
    options = parser.parse_args()
    if not options.report:
        run_missing(options.tasks.split(","), range(1, options.seeds + 1), options.work, options.runs)
    runs = load(options.runs)
    print(table(runs, MULTI, SCRIPTS, LADDER))
    draw(runs, SCRIPTS, LADDER, options.runs.parent / "hypervolume.svg")


if __name__ == "__main__":
    main()
