"""The study of "Rethinking the shape convention of an MLP" (arXiv:2510.01796) on 5,000 images of MNIST, in one command.

Three arms (hourglass, hourglass on a frozen lift, conventional) are searched on three tasks, each with several seeds and the same
effort; the frontiers of the first seed are then confirmed on the test split. An arm is a space of its own: in a common one the sampler would
spend on the winner what the loser needs for a fair frontier. Every search is one process without company, so that the same
seed gives the same search, and killing the command at any time loses nothing: run again, it goes on.

Run: `python benchmarks/hourglass_study.py [--scale 1] [--seeds 3] [--confirm-seeds 5] [--workers 2] [--report] [-o FOLDER]`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hourglass_study_report import ARMS, TASKS, searched, write

from nas.errors import ExperimentError
from nas.experiment import Experiment, confirm, load_experiment, resume, search
from nas.space import load_space
from nas.study.directory import read_settings

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "experiments" / "hourglass-mnist5k"


@dataclass(frozen=True)
class Part:
    """One search, and its confirmation.

    Args:
        confirm_seeds: 0: it is not confirmed.
    """

    task: str
    arm: str
    seed: int
    scale: float
    confirm_seeds: int
    out: Path

    def run(self) -> Part:
        """Search and confirm, or go on with that.

        Raises: ExperimentError: the folder holds this search at another scale.
        """
        directory = searched(self.out, self.task, self.arm, self.seed)
        experiment = load_experiment(EXPERIMENTS / f"{self.task}.yaml")
        settings = scaled(experiment, self.scale)
        if (directory / "study.json").exists():
            begun = read_settings(directory)
            if (begun.trials, begun.budget) != (settings["trials"], settings["budget"]):
                raise ExperimentError(f"{directory} was begun at another scale; give that, or another folder with -o")
            resume(directory)
        else:
            # A space that is given as such leaves no path of this machine in the record.
            search(
                load_space(str(EXPERIMENTS / f"{self.arm}.yaml")),
                experiment=experiment,
                seed=self.seed,
                directory=str(directory),
                **settings,
            )
        if self.confirm_seeds:
            confirm(directory, seeds=self.confirm_seeds)
        return self


def scaled(experiment: Experiment, scale: float) -> dict[str, Any]:
    """Trials and epochs times `scale`, so that the time grows with its square; rungs stay in proportion.

    >>> settings = scaled(load_experiment(EXPERIMENTS / "denoise.yaml"), 0.1)
    >>> settings["trials"], settings["budget"], settings["stopping"]["rungs"]
    (6, {'epochs': 3}, [1, 2])
    """
    epochs = max(2, round(scale * experiment.budget["epochs"]))
    rungs = sorted({max(1, round(scale * rung)) for rung in experiment.stopping["rungs"]})
    return {
        "trials": max(6, round(scale * experiment.trials)),
        "budget": {"epochs": epochs},
        "stopping": {**experiment.stopping, "rungs": [rung for rung in rungs if rung < epochs]},
    }


def parts(scale: float, seeds: int, confirm_seeds: int, out: Path) -> Iterator[Part]:
    """All that is to be done, the longest first: those of the first seed, which are confirmed."""
    for seed in range(seeds):
        for task in TASKS:
            for arm in ARMS:
                yield Part(task, arm, seed, scale, 0 if seed else confirm_seeds, out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of trials and epochs; time grows with its square")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each arm on each task")
    parser.add_argument("--confirm-seeds", type=int, default=5, help="trainings of each member of a frontier")
    parser.add_argument("--workers", type=int, default=2, help="searches at a time, each on one core")
    parser.add_argument("--report", action="store_true", help="only write the report again")
    parser.add_argument("-o", type=Path, default=ROOT / "results" / "hourglass-mnist5k", metavar="FOLDER")
    options = parser.parse_args()
    if not options.report:
        todo = list(parts(options.scale, options.seeds, options.confirm_seeds, options.o))
        started = time.monotonic()
        os.environ["OMP_NUM_THREADS"] = "1"  # several threads each make processes side by side many times slower
        with ProcessPoolExecutor(options.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            running = [pool.submit(part.run) for part in todo]
            for done, future in enumerate(as_completed(running), start=1):
                part = future.result()
                minutes = (time.monotonic() - started) / 60
                print(f"{done:>3} of {len(todo)}  {minutes:6.1f} min  {part.task} {part.arm} {part.seed}", flush=True)
    print(write(options.o))


if __name__ == "__main__":
    main()
