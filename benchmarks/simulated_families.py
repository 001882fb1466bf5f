"""Samplers on `families` × MNIST-1D without training: a forest fitted to networks that were trained answers instead. Hundreds of seeds.

    python benchmarks/simulated_families.py --seeds 1 60        run what is missing of these seeds at this commit, then the table
    python benchmarks/simulated_families.py --report            the table of what was run, by commit
    python benchmarks/simulated_families.py --check             how far the forest is off for networks that it was not told of

Real searches (`samplers_at_equal_time.py`) take 90 seconds each, too long to tell whether a sampler loses one seed of ten or of fifty.
Here a search of 60 candidates takes some seconds. The forest (extremely randomised trees) knows what each of 1,235 networks reached after 30
epochs, and 2,441 after 10, with a learning rate of their own each; a candidate's answer is what it expects and normal noise,
0.02. Searches stop by rank after 10 epochs as there. The score counts, of the frontier that a search believes in, what
the forest expects without noise: its hypervolume against decades of parameters. Nothing said here is about networks, only about samplers.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import multiprocessing
import os
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from samplers_at_equal_time import SETTING
from stopping_at_equal_time import commit, share, with_rates

import nas
from evaluators.engines import Inline
from nas.study.candidate import Job, Outcome, Report
from nas.study.study import Study

FOLDER = Path(__file__).parent.parent / "results" / "simulated-families"
TRAINED = FOLDER / "trained.csv.gz"
RUNG, EPOCHS = 10, 30
NOISE = 0.02  # standard deviation of an accuracy
LOOKS = (30, 60)  # candidates after which the frontier is judged
LOST = 0.55  # hypervolume; what random search has


@dataclass(frozen=True)
class Run:
    """One search: its hypervolume after each of `LOOKS`, and how many candidates of each family it tried."""

    sampler: str
    seed: int
    commit: str
    volumes: list[float]
    families: dict[str, int]


class Forest:
    """Accuracy of a network of `families` as trained ones suggest."""

    def __init__(self) -> None:
        from sklearn.ensemble import ExtraTreesRegressor

        with gzip.open(TRAINED, "rt", newline="", encoding="utf-8") as file:
            rows = [
                (json.loads(row["genotype"]), {"params": int(row["params"]), "macs": int(row["macs"])}, row)
                for row in csv.DictReader(file)
            ]
        every = [(path, value) for genotype, _, _ in rows for path, value in genotype.items()]
        words = sorted({(path, value) for path, value in every if isinstance(value, str)})
        self._words = {one: i for i, one in enumerate(words)}
        self._numbers = sorted({path for path, value in every if not isinstance(value, str)})
        self._seen = [self._features(genotype, costs, int(row["epochs"])) for genotype, costs, row in rows]
        self._accuracies = [float(row["accuracy"]) for *_, row in rows]
        self._trees = ExtraTreesRegressor(100, min_samples_leaf=2, max_features=0.5, random_state=0)
        self._trees.fit(self._seen, self._accuracies)

    def accuracy(self, genotype: Mapping[str, Any], costs: Mapping[str, int], epochs: int) -> float:
        return float(self._trees.predict([self._features(genotype, costs, epochs)])[0])

    def check(self) -> str:
        """Five-fold cross-validation, each network in one fold whatever it was seen at."""
        from sklearn.model_selection import GroupKFold, cross_val_predict

        wide = np.array(self._seen)
        without_epochs = np.delete(wide, 2, axis=1)
        _, network = np.unique(without_epochs, axis=0, return_inverse=True)
        expected = cross_val_predict(self._trees, wide, self._accuracies, groups=network.ravel(), cv=GroupKFold(5))
        late, found = wide[:, 2] == EPOCHS, np.array(self._accuracies)
        error, spread = float(np.sqrt(np.mean((expected - found)[late] ** 2))), float(found[late].std())
        return f"after {EPOCHS} epochs: root mean square error {error:.4f}, standard deviation of the accuracies {spread:.4f}"

    def _features(self, genotype: Mapping[str, Any], costs: Mapping[str, int], epochs: int) -> list[float]:
        numbers = [math.log(genotype[path]) if path in genotype else -10.0 for path in self._numbers]
        words = [0.0] * len(self._words)
        for path, value in genotype.items():
            if (path, value) in self._words:
                words[self._words[path, value]] = 1.0
        return [math.log(costs["params"]), math.log(costs["macs"]), float(epochs), *numbers, *words]


@cache
def forest() -> Forest:
    return Forest()


@dataclass(frozen=True)
class Simulated:
    """Evaluates by the forest. `seed`: of the noise."""

    seed: int

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        rng = np.random.default_rng([self.seed, job.seed])
        early, late = (
            forest().accuracy(job.genotype, job.costs, epochs) + NOISE * rng.standard_normal()
            for epochs in (RUNG, EPOCHS)
        )
        if (yield Report(RUNG, {"accuracy": early})) is False:
            return Outcome("stopped", {"accuracy": early})
        return Outcome("complete", {"accuracy": late})


def run(sampler: str, seed: int) -> Run:
    """One search."""
    directory = Path(tempfile.mkdtemp(prefix="simulated-"))
    try:
        study = Study.create(
            directory / "search",
            with_rates(SETTING.space).bind([(40,)], [(10,)]),
            objectives=["maximize accuracy", "minimize params"],
            metrics=["accuracy"],
            task="simulated",
            constraints=list(SETTING.constraints),
            sampler=sampler,
            stopping={"rule": "pareto-halving", "rungs": [RUNG], "eta": 3},
            trials=LOOKS[-1],
            budget={"epochs": EPOCHS},
            seed=seed,
        )
        with study:
            Inline().run(study, Simulated(seed))
        trials = nas.open_search(directory / "search").record().trials
    finally:
        shutil.rmtree(directory)
    volumes = [volume([one for one in trials[:count] if one.state == "complete"]) for count in LOOKS]
    return Run(sampler, seed, commit(), volumes, dict(Counter(str(one.genotype["family"]) for one in trials)))


def volume(trials: Sequence[Any]) -> float:
    """What the frontier by measured accuracy is worth by expected accuracy."""
    front, best = [], -math.inf
    for one in sorted(trials, key=lambda one: (one.costs["params"], -one.metrics["accuracy"])):
        if one.metrics["accuracy"] > best:
            best = one.metrics["accuracy"]
            front.append((forest().accuracy(one.genotype, one.costs, EPOCHS), one.costs["params"]))
    return share(front, SETTING)


def run_missing(samplers: Sequence[str], seeds: Sequence[int], path: Path, processes: int) -> None:
    """Run what `path` lacks of this commit."""
    done = {(one.sampler, one.seed, one.commit) for one in load(path)}
    turns = [(name, seed) for seed in seeds for name in samplers if (name, seed, commit()) not in done]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        for one in pool.map(run, *zip(*turns, strict=True)) if turns else ():
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one)) + "\n")


def load(path: Path) -> list[Run]:
    """What was run, one JSON object a line; nothing where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Run(**data) for data in map(json.loads, lines)]


def table(runs: Sequence[Run]) -> str:
    """Markdown, a line for each sampler and commit."""
    heads = " | ".join(f"after {look}" for look in LOOKS)
    lines = [f"| sampler | commit | seeds | {heads} | lost |", "|---|---|---:|" + "---:|" * len(LOOKS) + "---:|"]
    for sampler, made_by in dict.fromkeys((one.sampler, one.commit) for one in runs):
        own = [one for one in runs if (one.sampler, one.commit) == (sampler, made_by)]
        spreads = [
            f"{statistics.mean(values):.4f} ± {statistics.stdev(values) if len(values) > 1 else 0.0:.4f}"
            for values in zip(*(one.volumes for one in own), strict=True)
        ]
        lost = sum(one.volumes[-1] < LOST for one in own)
        lines.append(f"| {sampler} | `{made_by}` | {len(own)} | {' | '.join(spreads)} | {lost} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--check", action="store_true", help="judge the forest and run nothing")
    parser.add_argument("--samplers", nargs="+", default=["frontier", "tpe", "random"])
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 60), metavar=("FIRST", "LAST"))
    parser.add_argument("--runs", type=Path, default=FOLDER / "runs.jsonl", help="the file with a line a run")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.check:
        print(forest().check())
        return
    if not options.report:
        first, last = options.seeds
        run_missing(options.samplers, range(first, last + 1), options.runs, options.processes)
    print(table(load(options.runs)))


if __name__ == "__main__":
    main()
