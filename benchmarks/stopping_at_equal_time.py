"""Is the confirmed frontier better with stopping when every search may spend the same time? Three tasks, three arms, paired seeds.

    python benchmarks/stopping_at_equal_time.py             run what is missing (an hour of one core), then tables and figure
    python benchmarks/stopping_at_equal_time.py --report    tables and figure of what was run

A search may spend processor seconds of its own process: on an idle core that is wall-clock, on a shared one it is what
wall-clock would have been. The candidate in flight when they are over does not count. All arms draw the same candidates in
the same order (`random`, same seed), so they differ in nothing but which they stop and how far they get. Every frontier is
then retrained with three new seeds by `nas confirm`; a candidate on the frontiers of several arms has the same seeds in
each, so its retrainings are shared. The score is the hypervolume of mean test accuracy against decades of parameters, as
a share of the box between a fixed reference and (accuracy 1, `least` parameters).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scipy.stats import wilcoxon

import nas
from nas.pareto import geometry
from nas.pareto.confirmation import read_confirmation, write_confirmation
from nas.study.candidate import Candidate, Outcome, Report

FOLDER = Path(__file__).parent.parent / "results" / "stopping-at-equal-time"
RUNS, FIGURE = FOLDER / "runs.jsonl", FOLDER / "hypervolume.svg"
CONFIRM_SEEDS = 3
CHANCE = 0.1
EPOCHS = 30  # of one candidate
RECIPE = {"optimizer": "adamw", "lr": 5e-3, "schedule": "cosine"}


@dataclass(frozen=True)
class Setting:
    """A task with its space, and what a search may spend.

    Args:
        seconds: of processor time, of one search.
        least, most: parameters at the ends of the box that the hypervolume is a share of; `most` is the reference.
    """

    task: str
    space: str
    batch_size: int
    seconds: float
    least: int
    most: int
    constraints: tuple[str, ...] = ()


# What no rule of the space forbids, but would eat half a budget alone: networks of more than 50,000 MACs.
SETTINGS = (
    Setting("mnist1d", "families", 256, 40, 100, 100_000, ("macs <= 50_000",)),
    Setting("digits", "families", 128, 22, 100, 100_000, ("macs <= 50_000",)),
    Setting("mnist5k", "grammar", 256, 26, 1_000, 500_000),
)

# Fixed before the first search was run: the best of their kind in stopping_at_equal_epochs.py.
WITHOUT, PARETO, ASHA = "without", "pareto-halving", "ray:asha"
ARMS: dict[str, dict[str, Any]] = {
    WITHOUT: {"rule": "none"},
    PARETO: {"rule": "pareto-halving", "rungs": [5, 15], "eta": 4},
    ASHA: {"rule": "ray:asha", "rungs": [10], "grace_period": 10, "reduction_factor": 3},
}


# ---------------------------------------------------------------------- running


@dataclass(frozen=True)
class Trial:
    """One candidate: `epochs` is where it ended, `at` the processor seconds of its search by then."""

    number: int
    state: str
    params: int
    accuracy: float
    epochs: int
    at: float


@dataclass(frozen=True)
class Member:
    """One member of a frontier, retrained: accuracies of the runs that completed."""

    number: int
    params: int
    searched: float
    validation: list[float]
    test: list[float]


@dataclass(frozen=True)
class Run:
    """One search and its confirmed frontier. Seeds are the study's; `wall_s` is what the search took by the clock."""

    task: str
    arm: str
    seed: int
    commit: str
    wall_s: float
    trials: list[Trial]
    members: list[Member]


class TimeOver(Exception):
    """The search has spent its processor seconds."""


class Clock:
    """An observer that ends a search when its processor seconds are over; what is in flight then stays untold."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.trials: list[Trial] = []

    def began(self, total: int | None, done: int, record: Callable[[], Any] | None) -> None:
        self.start, self.wall = time.process_time(), time.perf_counter()

    def spent(self) -> float:
        """Raises: TimeOver."""
        spent = time.process_time() - self.start
        if spent > self.seconds:
            raise TimeOver
        return spent

    def started(self, candidate: Candidate, worker: int) -> None:
        self.spent()

    def reported(self, candidate: Candidate, report: Report, worker: int) -> None:
        self.spent()

    def finished(self, candidate: Candidate, outcome: Outcome, worker: int) -> None:
        # The study has it by now, so it counts; the seconds were looked at when it reported its last epoch.
        spent = time.process_time() - self.start
        epochs = outcome.curve[-1].rung if outcome.curve else 0
        accuracy = outcome.metrics.get("accuracy", math.nan)
        params = candidate.costs["params"]
        self.trials.append(Trial(candidate.number, outcome.state, params, accuracy, epochs, round(spent, 3)))


def run_missing(seeds: int, work: Path, seconds: float | None, path: Path) -> None:
    """Run every arm of every task and seed that is not in `path` yet; seeds outermost, the order of arms turning."""
    done = {(run.task, run.arm, run.seed) for run in load(path)}
    arms = list(ARMS)
    # The first search in a process would pay for what is imported on first use.
    timed(replace(SETTINGS[0], seconds=0.1), WITHOUT, 0, work / "warming")
    for seed in range(seeds):
        for place, setting in enumerate(SETTINGS):
            setting = replace(setting, seconds=seconds or setting.seconds)
            turn = (seed + place) % len(arms)
            for arm in arms[turn:] + arms[:turn]:
                if (setting.task, arm, seed) in done:
                    continue
                run = search(setting, arm, seed, work)
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(run)) + "\n")
                tried, score = len(run.trials), volume(run, setting)
                print(
                    f"{run.task} {arm} seed {seed}: {tried} tried, {len(run.members)} members, {score:.4f}", flush=True
                )


def search(setting: Setting, arm: str, seed: int, work: Path) -> Run:
    """One search by the clock, and its frontier confirmed."""
    directory = work / setting.task / arm / str(seed)
    clock = timed(setting, arm, seed, directory)
    wall = time.perf_counter() - clock.wall
    return Run(
        setting.task, arm, seed, commit(), round(wall, 1), clock.trials, confirmed(directory, setting, seed, work)
    )


def timed(setting: Setting, arm: str, seed: int, directory: Path) -> Clock:
    """One search, ended by its clock."""
    clock = Clock(setting.seconds)
    with contextlib.suppress(TimeOver):
        nas.search(
            setting.space,
            task=setting.task,
            objectives=["maximize accuracy", "minimize params"],
            constraints=list(setting.constraints),
            sampler="random",
            stopping=ARMS[arm],
            budget={"epochs": EPOCHS},
            recipe={**RECIPE, "batch_size": setting.batch_size},
            trials=1_000_000,
            device="cpu",
            seed=seed,
            directory=str(directory),
            observer=clock,
            fresh=True,
        )
    return clock


def confirmed(directory: Path, setting: Setting, seed: int, work: Path) -> list[Member]:
    """The frontier retrained; what another arm's retraining of the same candidate with the same seeds found is taken."""
    front = {trial.number: trial for trial in nas.open_search(directory).front().members}
    asked = [read_confirmation(work / setting.task / arm / str(seed)) for arm in ARMS]
    earlier = [one for one in asked if one is not None and one.budget == {"epochs": EPOCHS}]
    known = {one.number: one for each in earlier for one in each.candidates}
    shared = [
        known[number] for number, trial in front.items() if number in known and known[number].digest == trial.digest
    ]
    if shared:
        write_confirmation(replace(earlier[0], candidates=tuple(shared)), directory)
    confirmation = nas.confirm(directory, seeds=CONFIRM_SEEDS)
    members = []
    for number, trial in front.items():
        one = confirmation.candidate(number)
        assert one is not None
        validation, test = (
            [round(value, 5) for value in one.values("accuracy", split)] for split in ("validation", "test")
        )
        searched = round(trial.metrics["accuracy"], 5)
        members.append(Member(number, trial.costs["params"], searched, validation, test))
    return members


def commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


# ---------------------------------------------------------------------- what it says


def load(path: Path) -> list[Run]:
    """What was run, one JSON object a line; nothing where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found = []
    for data in map(json.loads, lines):
        trials, members = [Trial(**one) for one in data["trials"]], [Member(**one) for one in data["members"]]
        found.append(Run(**{**data, "trials": trials, "members": members}))
    return found


def share(points: Sequence[tuple[float, float]], setting: Setting) -> float:
    """Of the box of `setting`: what `points` (accuracy, parameters) dominate."""
    losses = [(-accuracy, math.log10(params)) for accuracy, params in points]
    whole = (1 - CHANCE) * math.log10(setting.most / setting.least)
    return geometry.hypervolume(losses, reference=(-CHANCE, math.log10(setting.most))) / whole if losses else 0.0


def volume(run: Run, setting: Setting) -> float:
    """The confirmed hypervolume: of mean test accuracies; a member of which no retraining completed adds nothing."""
    return share([(statistics.mean(one.test), one.params) for one in run.members if one.test], setting)


def history(run: Run, setting: Setting, times: Sequence[float]) -> list[float]:
    """The hypervolume of validation accuracies that the search had found by each of `times`, which is too good to be true."""
    complete = [one for one in run.trials if one.state == "complete"]
    return [share([(one.accuracy, one.params) for one in complete if one.at <= at], setting) for at in times]


def compared(ours: Sequence[float], others: Sequence[float]) -> tuple[float, float, int, float]:
    """Paired: mean difference, its standard deviation, wins, and p of Wilcoxon's signed-rank test that ours are higher."""
    gains = [our - other for our, other in zip(ours, others, strict=True)]
    p = float(wilcoxon(gains, alternative="greater").pvalue) if any(gains) else 1.0
    return statistics.mean(gains), statistics.stdev(gains), sum(gain > 0 for gain in gains), p


def tables(runs: Sequence[Run]) -> str:
    """Markdown: each arm by itself, and multi-objective stopping against the others, paired by seed."""
    scores = {(run.task, run.arm, run.seed): volume(run, by_task(run.task)) for run in runs}
    seeds = sorted({run.seed for run in runs})
    lines = [
        "| task | arm | tried | trained to the end | members | confirmed hypervolume |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for setting in SETTINGS:
        for arm in ARMS:
            own = [run for run in runs if (run.task, run.arm) == (setting.task, arm)]
            counts = [
                statistics.mean(values)
                for values in zip(*((len(run.trials), n_complete(run), len(run.members)) for run in own), strict=True)
            ]
            found = [scores[setting.task, arm, run.seed] for run in own]
            shown = " | ".join(f"{count:.0f}" for count in counts)
            score = f"{statistics.mean(found):.4f} ± {statistics.stdev(found):.4f}"
            lines.append(f"| {setting.task} | {arm} | {shown} | {score} |")
    lines += ["", f"| task | {PARETO} against | difference | wins | p |", "|---|---|---:|---:|---:|"]
    groups = {**{setting.task: (setting.task,) for setting in SETTINGS}, "all": tuple(one.task for one in SETTINGS)}
    for name, tasks in groups.items():
        for other in (WITHOUT, ASHA):
            pairs = [(scores[task, PARETO, seed], scores[task, other, seed]) for task in tasks for seed in seeds]
            mean, spread, wins, p = compared(*zip(*pairs, strict=True))
            lines.append(f"| {name} | {other} | {mean:+.4f} ± {spread:.4f} | {wins} of {len(pairs)} | {p:.3f} |")
    return "\n".join(lines)


def n_complete(run: Run) -> int:
    return sum(one.state == "complete" for one in run.trials)


def by_task(task: str) -> Setting:
    return next(one for one in SETTINGS if one.task == task)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Above, what searches found by which second; below, their confirmed hypervolumes, lines joining equal seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from nas.pareto.palette import shades

    colors = shades(list(ARMS))
    figure, axes = plt.subplots(2, len(SETTINGS), figsize=(9, 5.4), layout="constrained")
    for column, setting in enumerate(SETTINGS):
        above, below = axes[0][column], axes[1][column]
        times = [setting.seconds * step / 100 for step in range(101)]
        own = {arm: [run for run in runs if (run.task, run.arm) == (setting.task, arm)] for arm in ARMS}
        for arm, color in colors.items():
            found = [history(run, setting, times) for run in own[arm]]
            mean, least, most = ([pick(at) for at in zip(*found, strict=True)] for pick in (statistics.mean, min, max))
            above.plot(times, mean, color=color, label=arm)
            above.fill_between(times, least, most, color=color, alpha=0.12, lw=0)
        for seed in sorted({run.seed for run in runs}):
            line = [volume(run, setting) for arm in ARMS for run in own[arm] if run.seed == seed]
            below.plot(range(len(line)), line, color="#9aa0a8", lw=0.8, zorder=1)
            below.scatter(range(len(line)), line, c=list(colors.values()), s=22, zorder=2)
        above.set(
            title=f"{setting.task} ({setting.space})", xlabel="processor seconds", ylim=(floor(own, setting), None)
        )
        below.set(xticks=range(len(ARMS)), xticklabels=list(ARMS), xlim=(-0.4, len(ARMS) - 0.6))
    axes[0][0].set_ylabel("hypervolume, validation\n(mean and range of seeds)")
    axes[1][0].set_ylabel("hypervolume, confirmed on test\n(a line for each seed)")
    axes[0][-1].legend(frameon=False, loc="lower right", fontsize=8)
    figure.savefig(path)
    plt.close(figure)


def floor(own: dict[str, list[Run]], setting: Setting) -> float:
    """Where the axis begins: the first seconds, from nothing to something, would flatten the rest."""
    return min(history(run, setting, [setting.seconds / 6])[0] for runs in own.values() for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, help="of each search, to try it out with other --runs")
    parser.add_argument("--runs", type=Path, default=RUNS, help="the file with a line a run")
    parser.add_argument("--work", type=Path, default=Path("runs/stopping-at-equal-time"), help="for the searches")
    options = parser.parse_args()
    if not options.report:
        options.runs.parent.mkdir(parents=True, exist_ok=True)
        run_missing(options.seeds, options.work, options.seconds, options.runs)
    runs = load(options.runs)
    print(tables(runs))
    draw(runs, options.runs.with_name(FIGURE.name))


if __name__ == "__main__":
    main()
