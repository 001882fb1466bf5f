"""The study of "Rethinking the shape convention of an MLP" (arXiv:2510.01796) on 5,000 images of MNIST, in one command.

Three arms (hourglass, hourglass on a frozen lift, conventional) are searched on three tasks, each with several seeds and the same
effort; the frontiers of the first seed are then confirmed on the test split. An arm is a space of its own: in a common one the sampler would
spend on the winner what the loser needs for a fair frontier. Every search is one process without company, so that the same
seed gives the same search, and killing the command at any time loses nothing: run again, it goes on.

Run: `python benchmarks/hourglass_study.py [--scale 1] [--seeds 3] [--confirm-seeds 5] [--workers 2] [--task NAME]
[--report] [-o FOLDER]`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hourglass_study_data import ARMS, TASKS, searched
from hourglass_study_report import write

from nas.errors import ExperimentError, NasError
from nas.experiment import Experiment, Interrupted, confirm, load_experiment, resume, search
from nas.experiment.interruption import resumable
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

    @property
    def directory(self) -> Path:
        return searched(self.out, self.task, self.arm, self.seed)

    @property
    def experiment(self) -> Experiment:
        return load_experiment(EXPERIMENTS / f"{self.task}.yaml")

    @property
    def is_begun(self) -> bool:
        """Whether there is something to go on with. Raises: ExperimentError: it was begun at another scale."""
        if not (self.directory / "study.json").exists():
            return False
        begun, settings = read_settings(self.directory), scaled(self.experiment, self.scale)
        if (begun.trials, begun.budget) != (settings["trials"], settings["budget"]):
            raise ExperimentError(f"{self.directory} was begun at another scale; give that, or another folder with -o")
        return True

    def run(self) -> Part:
        """Search and confirm, or go on with that."""
        if self.is_begun:
            resume(self.directory)
        else:
            # A space that is given as such leaves no path of this machine in the record.
            search(
                load_space(str(EXPERIMENTS / f"{self.arm}.yaml")),
                experiment=self.experiment,
                seed=self.seed,
                directory=str(self.directory),
                **scaled(self.experiment, self.scale),
            )
        if self.confirm_seeds:
            confirm(self.directory, seeds=self.confirm_seeds)
        return self


def scaled(experiment: Experiment, scale: float) -> dict[str, Any]:
    """Trials and epochs times `scale`, so that the time grows with its square; rungs stay in proportion.

    >>> settings = scaled(load_experiment(EXPERIMENTS / "denoise.yaml"), 0.1)
    >>> settings["trials"], settings["budget"], settings["stopping"]["rungs"]
    (4, {'epochs': 3}, [1, 2])
    """
    epochs = max(2, round(scale * experiment.budget["epochs"]))
    rungs = sorted({max(1, round(scale * rung)) for rung in experiment.stopping["rungs"]})
    return {
        "trials": max(3, round(scale * experiment.trials)),
        "budget": {"epochs": epochs},
        "stopping": {**experiment.stopping, "rungs": [rung for rung in rungs if rung < epochs]},
    }


def parts(options: argparse.Namespace) -> Iterator[Part]:
    """All that is to be done, the longest first: those of the first seed, which are confirmed."""
    for seed in range(options.seeds):
        for task in options.task or TASKS:
            for arm in ARMS:
                yield Part(task, arm, seed, options.scale, 0 if seed else options.confirm_seeds, options.o)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of trials and epochs; time grows with its square")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each arm on each task")
    parser.add_argument("--confirm-seeds", type=int, default=5, help="trainings of each member of a frontier")
    parser.add_argument("--workers", type=int, default=2, help="searches at a time, each on one core")
    parser.add_argument("--task", action="append", choices=tuple(TASKS), help="this one alone; once for each")
    parser.add_argument("--report", action="store_true", help="only write the report again")
    parser.add_argument("-o", type=Path, default=ROOT / "results" / "hourglass-mnist5k", metavar="FOLDER")
    options = parser.parse_args()
    try:
        if not options.report:
            run_all(list(parts(options)), options.workers)
        print(write(options.o))
    except (NasError, Interrupted) as problem:
        raise SystemExit(str(problem)) from None
    except BrokenProcessPool:
        raise SystemExit("a process was killed, perhaps for memory; the same command goes on") from None


def run_all(todo: Sequence[Part], workers: int) -> None:
    """Run the parts, `workers` of them at a time.

    Raises: NasError: one cannot be run; Interrupted: by Ctrl-C or SIGTERM; BrokenProcessPool: a process died. Then no process is left.
    """
    begun = sum(part.is_begun for part in todo)  # all are looked at before anything is trained
    print(f"{len(todo)} searches, {begun} of them begun earlier", flush=True)
    started = time.monotonic()
    os.environ["OMP_NUM_THREADS"] = "1"  # several threads each make processes side by side many times slower
    with (
        resumable("the same command"),
        ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        try:
            for done, future in enumerate(as_completed([pool.submit(_run, part) for part in todo]), start=1):
                part, minutes = future.result(), (time.monotonic() - started) / 60
                print(f"{done:>3} of {len(todo)}  {minutes:6.1f} min  {part.task} {part.arm} {part.seed}", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()
            raise


def _run(part: Part) -> Part:
    """The part, in a process that an interrupt ends: the pool would give it the next one otherwise."""
    try:
        return part.run()
    except KeyboardInterrupt:
        os._exit(130)


if __name__ == "__main__":
    main()
