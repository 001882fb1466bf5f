"""The table and the figure of `time_to_frontier.py`."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Run:
    """One search. `volumes` are confirmed, at `times`."""

    task: str
    arm: str
    seed: int
    commit: str
    seconds: float
    n_done: int
    times: list[float]
    volumes: list[float]


def load(path: Path) -> list[Run]:
    return [Run(**json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def reached(run: Run, target: float) -> float:
    """The first of the fixed times at which the confirmed hypervolume is at least `target`; infinite where it never is."""
    return next((at for at, found in zip(run.times, run.volumes, strict=True) if found >= target), math.inf)


def table(runs: Sequence[Run], targets_of: Sequence[str], scripts: Iterable[str], ladder: Iterable[str]) -> str:
    """One row an arm and task: seconds to the target, the ratio to ours, and what it had in the end.

    Who never gets there, ours too, counts with all the time that it had: *≥* where only the other never did, *≤* where only
    ours, *about* where both.

    Args:
        targets_of: the scripts of which the better one sets the target. ladder: its last step is ours.
    """
    arms = [*scripts, *ladder]
    ours = arms[-1]
    lines = [
        "| task | search | candidates | seconds to the target, by seed | ours is faster by | hypervolume in the end |",
        "|---|---|---|---|---|---|",
    ]
    for task in dict.fromkeys(run.task for run in runs):
        ofs = {(run.arm, run.seed): run for run in runs if run.task == task}
        seeds = sorted({seed for _, seed in ofs})
        targets = {seed: max(ofs[arm, seed].volumes[-1] for arm in targets_of) for seed in seeds}
        mine = {seed: reached(ofs[ours, seed], targets[seed]) for seed in seeds}
        for arm in arms:
            took = {seed: reached(ofs[arm, seed], targets[seed]) for seed in seeds}
            shown = ", ".join("never" if math.isinf(one) else f"{one:.0f}" for one in took.values())
            pairs = [
                math.log(min(took[seed], ofs[arm, seed].times[-1]))
                - math.log(min(mine[seed], ofs[ours, seed].times[-1]))
                for seed in seeds
            ]
            missed = any(map(math.isinf, took.values())), any(map(math.isinf, mine.values()))
            sign = {(True, False): "≥ ", (False, True): "≤ ", (True, True): "about "}.get(missed, "")
            ratio = f"{sign}{math.exp(statistics.fmean(pairs)):.1f}" if arm != ours else "–"
            final = [ofs[arm, seed].volumes[-1] for seed in seeds]
            spread = f" ± {statistics.stdev(final):.4f}" if len(final) > 1 else ""
            count = statistics.fmean(ofs[arm, seed].n_done for seed in seeds)
            lines.append(
                f"| {task} | {arm} | {count:.0f} | {shown} | {ratio} | {statistics.fmean(final):.4f}{spread} |"
            )
    return "\n".join(lines)


def draw(runs: Sequence[Run], scripts: Iterable[str], ladder: Iterable[str], path: Path) -> None:
    """Confirmed hypervolume over wall-clock, one panel a task; lines are means over seeds."""
    import matplotlib.pyplot as plt

    arms, steps = [*scripts, *ladder], list(ladder)
    ours = arms[-1]
    tasks = list(dict.fromkeys(run.task for run in runs))
    figure, axes = plt.subplots(1, len(tasks), figsize=(6.4 * len(tasks), 4.2), squeeze=False, layout="constrained")
    for panel, task in zip(axes[0], tasks, strict=True):
        for arm in arms:
            some = [run for run in runs if run.task == task and run.arm == arm]
            at = np.mean([run.times for run in some], 0)
            style = "-" if arm in steps else "--"
            label = {"tpe": "Optuna, TPE", "nsga2": "Optuna, NSGA-II", "tpe-hyperband": "Optuna, TPE and Hyperband",
                     "ray-asha": "Ray Tune, ASHA"}.get(arm, arm)  # fmt: skip
            panel.plot(
                at, np.mean([run.volumes for run in some], 0), style, label=label, lw=2.5 if arm == ours else 1.3
            )
        panel.set(xscale="log", xlabel="seconds (the ladder's first steps have one core, the others two)", title=task)
        panel.set_xticks([2, 5, 10, 20, 50, 100], labels=["2", "5", "10", "20", "50", "100"])
        panel.minorticks_off()
        panel.set(
            xlim=(2, 1.1 * max(at)), ylim=(0.65 * max(max(run.volumes) for run in runs if run.task == task), None)
        )
    axes[0][0].set_ylabel("confirmed hypervolume, share of the box")
    axes[0][-1].legend(fontsize=8, loc="lower right")
    figure.savefig(path)
    plt.close(figure)
