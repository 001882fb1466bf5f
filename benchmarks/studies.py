"""What studies of several searches share: every search in a process of its own, killed and gone on with as one likes, and read again.

A search and its confirmation is a part. Every part is one process without company, so that the same seed gives the same search,
and killing the command at any time loses nothing: run again, it goes on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.errors import ExperimentError, NasError
from nas.experiment import Experiment, Interrupted, confirm, load_experiment, open_search, resume, search
from nas.experiment.interruption import resumable
from nas.pareto.confirmation import Confirmation
from nas.pareto.restated import restated
from nas.pareto.several import Several, several
from nas.space import load_space
from nas.study.directory import read_settings
from nas.study.records import StudyRecord, read_study

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Part:
    """One search, and its confirmation.

    Args:
        task: name of the experiment file in `experiments`, such as `denoise`.
        arm: name of the space file there.
        confirm_seeds: 0: it is not confirmed.
        experiments: folder of the study's files.
        out: folder of its results.
    """

    task: str
    arm: str
    seed: int
    scale: float
    confirm_seeds: int
    experiments: Path
    out: Path

    @property
    def directory(self) -> Path:
        return searched(self.out, self.task, self.arm, self.seed)

    @property
    def experiment(self) -> Experiment:
        return load_experiment(self.experiments / f"{self.task}.yaml")

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
                load_space(str(self.experiments / f"{self.arm}.yaml")),
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

    >>> settings = scaled(load_experiment(ROOT / "experiments" / "hourglass-mnist5k" / "denoise.yaml"), 0.1)
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


def options_of(doc: str | None, out: Path) -> argparse.ArgumentParser:
    """The options that every study has; results go to `out` unless told otherwise."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="of trials and epochs; time grows with its square")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each arm on each task")
    parser.add_argument("--confirm-seeds", type=int, default=5, help="trainings of each member of a frontier")
    parser.add_argument("--workers", type=int, default=2, help="searches at a time, each on one core")
    parser.add_argument("--report", action="store_true", help="only write the report again")
    parser.add_argument("-o", type=Path, default=out, metavar="FOLDER")
    return parser


def conduct(options: argparse.Namespace, parts: Iterable[Part], write: Callable[[Path], Path]) -> None:
    """Run the parts and `write` the report into the folder of results. Raises: SystemExit: with a message, where that fails."""
    try:
        if not options.report:
            run_all(list(parts), options.workers)
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


def searched(out: Path, task: str, arm: str, seed: int) -> Path:
    """Where a search is."""
    return out / "searches" / task / arm / str(seed)


def read_searches(out: Path, tasks: Iterable[str], arms: Sequence[str]) -> dict[str, dict[str, list[StudyRecord]]]:
    """Task → arm → its searches, the one of the first seed first; of the tasks that have been begun.

    Raises: ExperimentError: an arm is missing on a task, or everything is.
    """
    found = {}
    for task in tasks:
        records = {arm: [read_study(one) for one in _folders(out, task, arm)] for arm in arms}
        missing = [arm for arm in arms if not records[arm]]
        if missing and len(missing) < len(arms):
            raise ExperimentError(f"{out} has no search of {missing[0]} on {task}; run without --report first")
        if not missing:
            found[task] = records
    if not found:
        raise ExperimentError(f"{out} has no searches; run without --report first")
    return found


def _folders(out: Path, task: str, arm: str) -> list[Path]:
    begun = searched(out, task, arm, 0).parent.glob("*/study.json")
    return [path.parent for path in sorted(begun, key=lambda path: int(path.parent.name))]


def compared(records: Mapping[str, Sequence[StudyRecord]], objectives: Sequence[str] = ()) -> Several:
    """The searches of all arms on a task, as `nas compare` does, perhaps by other objectives than they had."""
    together = [restated(record, objectives) if objectives else record for own in records.values() for record in own]
    return several(together, [f"{arm} {record.seed}" for arm, own in records.items() for record in own])


def confirmations(records: Mapping[str, Sequence[StudyRecord]]) -> dict[str, Confirmation]:
    """Of each arm's first search, where there is one."""
    found = {arm: open_search(own[0].directory).confirmation() for arm, own in records.items()}
    return {arm: one for arm, one in found.items() if one is not None}
