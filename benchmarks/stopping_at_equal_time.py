"""Is the confirmed frontier better with stopping when every search has the same time? Three tasks, four arms, paired seeds.

    python benchmarks/stopping_at_equal_time.py             run what is missing (an hour of one core), then tables and figure
    python benchmarks/stopping_at_equal_time.py --report    tables and figure of what was run

Without stopping, a search trains so many candidates; the other arms have the time that these took. All arms draw the same
candidates in the same order (`random`, same seed), so they differ in nothing but which they stop and how far they get.
Training is deterministic, so what one arm has trained is not trained again for another: it is shown the same reports, and
is charged the processor seconds that were measured once, as if it had trained by itself. So an arm gains or loses nothing
by what else the machine does. The candidate in flight when the time is over does not count.

Every frontier is then retrained with three new seeds by `nas confirm`, again once for all arms that have the candidate. The
score is the hypervolume of mean test accuracy against decades of parameters, as a share of the box between a fixed
reference and (accuracy 1, `least` parameters).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import shutil
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from metered import Metered, TimeOver, Trainings, Trial
from scipy.stats import wilcoxon

import nas
from evaluators.engines import Inline
from nas.experiment.prepare import Prepared, prepare
from nas.experiment.settings import Experiment
from nas.experiment.snapshot import snapshot
from nas.pareto import geometry
from nas.pareto.confirmation import read_confirmation, write_confirmation
from nas.space import Space, space_from_text
from nas.study.study import Study

FOLDER = Path(__file__).parent.parent / "results" / "stopping-at-equal-time"
RUNS, FIGURE = FOLDER / "runs.jsonl", FOLDER / "hypervolume.svg"
SEEDS = (1, 2, 3, 4, 5)
CONFIRM_SEEDS = 3
CHANCE = 0.1
EPOCHS = 30  # of one candidate
RECIPE = {"optimizer": "adamw", "schedule": "cosine"}
FIXED_RATE = 5e-3
RATE = "  lr: {float: [3.0e-4, 1.0e-1], log: true}"  # as a decision of the space


@dataclass(frozen=True)
class Setting:
    """A task with its space, and how much a search may spend.

    Args:
        trials: of a search without stopping; the others have its time.
        least, most: parameters at the ends of the box that the hypervolume is a share of; `most` is the reference.
    """

    task: str
    space: str
    batch_size: int
    trials: int
    least: int
    most: int
    constraints: tuple[str, ...] = ()


# The few networks with more MACs would eat half a budget alone.
SETTINGS = (
    Setting("mnist1d", "families", 128, 45, 100, 100_000, ("macs <= 20_000",)),
    Setting("digits", "grammar", 64, 60, 100, 100_000),
    Setting("mnist5k", "grammar", 256, 54, 1_000, 500_000),
)

# EARLY and ASHA are the best of their kind in stopping_at_equal_epochs.py; LATE is what `stopping.py` recommends: it begins
# at a third of the budget. All were fixed before the runs of record.
WITHOUT, EARLY, LATE, ASHA = "without", "pareto, 5 and 15", "pareto, 10", "asha, 10"
ARMS: dict[str, dict[str, Any]] = {
    WITHOUT: {"rule": "none"},
    EARLY: {"rule": "pareto-halving", "rungs": [5, 15], "eta": 4},
    LATE: {"rule": "pareto-halving", "rungs": [10], "eta": 3},
    ASHA: {"rule": "ray:asha", "rungs": [10], "grace_period": 10, "reduction_factor": 3},
}
LOOKS = (5, 10, 15)  # epochs at which any arm looks


# ---------------------------------------------------------------------- running


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
    """One search and its confirmed frontier. The seed is the study's; `seconds` is what the search had."""

    task: str
    arm: str
    seed: int
    commit: str
    seconds: float
    trials: list[Trial]
    members: list[Member]


def run_missing(seeds: Sequence[int], work: Path, path: Path, fixed: bool = False) -> None:
    """Run every task and seed that is not in `path` yet, seeds outermost; `fixed`: all candidates at one learning rate."""
    done = {(run.task, run.seed) for run in load(path)}
    for seed in seeds:
        for setting in SETTINGS:
            if (setting.task, seed) not in done:
                runs = run_arms(setting, seed, work / setting.task / str(seed), fixed)
                with path.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(asdict(run)) + "\n" for run in runs)
                scores = ", ".join(f"{run.arm} {volume(run, setting):.4f} of {len(run.trials)}" for run in runs)
                print(f"{setting.task} seed {seed}, {runs[0].seconds:.0f} s: {scores}", flush=True)


def run_arms(setting: Setting, seed: int, work: Path, fixed: bool) -> list[Run]:
    """All arms of one task and seed: first the one that says how long the others have, then the others; then the confirmations."""
    shutil.rmtree(work, ignore_errors=True)
    trainings = Trainings(prepared(setting, WITHOUT, seed, fixed).evaluator, LOOKS)
    metered: dict[str, Metered] = {}
    for arm in ARMS:
        seconds = metered[WITHOUT].spent if metered else math.inf
        metered[arm] = Metered(trainings, seconds)
        search(prepared(setting, arm, seed, fixed), work / arm, metered[arm])
    seconds, made_by = round(metered[WITHOUT].spent, 3), commit()
    return [
        Run(setting.task, arm, seed, made_by, seconds, metered[arm].trials, confirmed(work / arm, work)) for arm in ARMS
    ]


def with_rates(space: str) -> Space:
    """A shipped space whose candidates each have a learning rate of their own."""
    text = nas.load_space(space).text
    return space_from_text(text.replace("\nchoose:\n", f"\nchoose:\n{RATE}\n", 1) + "\nrecipe:\n  lr: lr\n", space)


def prepared(setting: Setting, arm: str, seed: int, fixed: bool) -> Prepared:
    """The settings of one search; other arms than the one without stopping may try ten times as many in their time."""
    return prepare(
        Experiment(
            experiment=f"{setting.task} {arm}",
            space=setting.space,
            task=setting.task,
            objectives=("maximize accuracy", "minimize params"),
            constraints=setting.constraints,
            sampler="random",
            stopping=ARMS[arm],
            trials=setting.trials if arm == WITHOUT else 10 * setting.trials,
            budget={"epochs": EPOCHS},
            recipe={**RECIPE, "batch_size": setting.batch_size, **({"lr": FIXED_RATE} if fixed else {})},
            device="cpu",
            confirm={"seeds": CONFIRM_SEEDS},
            seed=seed,
        ),
        None if fixed else with_rates(setting.space),
    )


def search(made: Prepared, directory: Path, metered: Metered) -> None:
    """One search in this process, until its trials or its time are over."""
    settings = made.experiment
    study = Study.create(
        directory,
        made.space,
        objectives=settings.objectives,
        metrics=made.metrics,
        task=settings.task_name,
        constraints=settings.constraints,
        sampler=settings.sampler,
        stopping=settings.stopping,
        trials=settings.trials,
        budget=settings.budget,
        recipe=settings.recipe,
        seed=settings.seed,
        experiment=snapshot(settings),
    )
    with study, contextlib.suppress(TimeOver):
        Inline().run(study, metered, metered)


def confirmed(directory: Path, arms: Path) -> list[Member]:
    """The frontier retrained; what another of `arms` found of the same candidate, with the same seeds, is taken over."""
    front = {trial.number: trial for trial in nas.open_search(directory).front().members}
    earlier = [one for one in map(read_confirmation, sorted(arms.iterdir())) if one is not None]
    known = {one.number: one for each in earlier for one in each.candidates}
    shared = [
        known[number] for number, trial in front.items() if number in known and known[number].digest == trial.digest
    ]
    if shared:
        write_confirmation(replace(earlier[0], candidates=tuple(shared)), directory)
    confirmation = nas.confirm(directory)
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
    return (
        statistics.mean(gains),
        statistics.stdev(gains) if len(gains) > 1 else 0.0,
        sum(gain > 0 for gain in gains),
        p,
    )


def tables(runs: Sequence[Run]) -> str:
    """Markdown: each arm by itself, and each multi-objective one against the others, paired by seed."""
    scores = {(run.task, run.arm, run.seed): volume(run, by_task(run.task)) for run in runs}
    seeds = sorted({run.seed for run in runs})
    lines = [
        "| task | arm | tried | trained to the end | members | confirmed hypervolume |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for setting in SETTINGS:
        of_arm = {arm: [run for run in runs if (run.task, run.arm) == (setting.task, arm)] for arm in ARMS}
        for arm, own in of_arm.items():
            counts = [
                statistics.mean(values)
                for values in zip(*((len(run.trials), n_complete(run), len(run.members)) for run in own), strict=True)
            ]
            found = [scores[setting.task, arm, run.seed] for run in own]
            shown = " | ".join(f"{count:.0f}" for count in counts)
            score = f"{statistics.mean(found):.4f} ± {statistics.stdev(found) if len(found) > 1 else 0:.4f}"
            lines.append(f"| {setting.task} | {arm} | {shown} | {score} |")
    lines += ["", "| task | arm | against | difference | wins | p |", "|---|---|---|---:|---:|---:|"]
    groups = {**{setting.task: (setting.task,) for setting in SETTINGS}, "all": tuple(one.task for one in SETTINGS)}
    for (name, tasks), arm, other in product(groups.items(), (EARLY, LATE), (WITHOUT, ASHA)):
        pairs = [(scores[task, arm, seed], scores[task, other, seed]) for task in tasks for seed in seeds]
        mean, spread, wins, p = compared(*zip(*pairs, strict=True))
        lines.append(f"| {name} | {arm} | {other} | {mean:+.4f} ± {spread:.4f} | {wins} of {len(pairs)} | {p:.3f} |")
    return "\n".join(lines)


def n_complete(run: Run) -> int:
    return sum(one.state == "complete" for one in run.trials)


def by_task(task: str) -> Setting:
    return next(one for one in SETTINGS if one.task == task)


def draw(runs: Sequence[Run], path: Path) -> None:
    """Above, what searches had found by which share of their time; below, their confirmed hypervolumes, lines joining equal seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from nas.pareto.palette import shades

    colors = shades(list(ARMS))
    figure, axes = plt.subplots(2, len(SETTINGS), figsize=(10, 5.6), layout="constrained")
    for column, setting in enumerate(SETTINGS):
        above, below = axes[0][column], axes[1][column]
        shares = [step / 100 for step in range(101)]
        own = {arm: [run for run in runs if (run.task, run.arm) == (setting.task, arm)] for arm in ARMS}
        # The first seconds, from nothing to something, would flatten the rest.
        lowest = min(history(run, setting, [run.seconds / 4])[0] for each in own.values() for run in each)
        for arm, color in colors.items():
            found = [history(run, setting, [run.seconds * one for one in shares]) for run in own[arm]]
            above.plot(shares, [statistics.mean(at) for at in zip(*found, strict=True)], color=color, label=arm)
        for seed in sorted({run.seed for run in runs}):
            line = [volume(run, setting) for arm in ARMS for run in own[arm] if run.seed == seed]
            below.plot(range(len(line)), line, color="#9aa0a8", lw=0.8, zorder=1)
            below.scatter(range(len(line)), line, c=list(colors.values()), s=22, zorder=2)
        above.set(title=f"{setting.task} ({setting.space})", xlabel="share of the time", ylim=(lowest, None))
        below.set(
            xticks=range(len(ARMS)), xticklabels=[arm.replace(", ", "\n") for arm in ARMS], xlim=(-0.4, len(ARMS) - 0.6)
        )
    axes[0][0].set_ylabel("hypervolume, validation\n(mean over seeds)")
    axes[1][0].set_ylabel("hypervolume, confirmed on test\n(a line for each seed)")
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(ARMS), frameon=False)
    figure.savefig(path)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument(
        "--fixed-rate", action="store_true", help="all candidates at one learning rate; give other --runs, too"
    )
    parser.add_argument("--runs", type=Path, default=RUNS, help="the file with a line a run")
    parser.add_argument("--work", type=Path, default=Path("runs/stopping-at-equal-time"), help="for the searches")
    options = parser.parse_args()
    if not options.report:
        options.runs.parent.mkdir(parents=True, exist_ok=True)
        run_missing(options.seeds, options.work, options.runs, options.fixed_rate)
    runs = load(options.runs)
    print(tables(runs))
    draw(runs, options.runs.with_name(FIGURE.name))


if __name__ == "__main__":
    main()
