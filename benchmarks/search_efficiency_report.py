"""What `search_efficiency.py` says of its runs: measures, tables in Markdown and JSON, and a figure."""

from __future__ import annotations

import json
import math
import statistics
import subprocess
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from evaluators.tables import load_table
from nas.pareto.geometry import nondominated
from nas.pareto.palette import LIGHT, OTHER_LIGHT

MARGIN = 0.1  # of the reference beyond the true frontier's ends
GOALS = (0.99, 0.995)
LOOK = 200  # trials after which regrets are compared

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """One search: the rows it proposed, in order, with the losses it saw and the seconds it took for each."""

    table: str
    method: str
    seed: int
    trials: int
    version: str
    total_s: float
    rows: list[int]
    losses: list[float]
    seconds: list[float]


def load(path: Path) -> list[Run]:
    """What was run, one JSON object a line; of equal runs the longest. A line that was being written is passed over."""
    found: dict[tuple[str, str, int], Run] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            run = Run(**json.loads(line))
        except json.JSONDecodeError:
            continue
        key = (run.table, run.method, run.seed)
        if key not in found or found[key].trials < run.trials:
            found[key] = run
    return list(found.values())


def commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


# ---------------------------------------------------------------------- measures


@dataclass(frozen=True)
class Yardstick:
    """The truth about a table: `points`, `(n, 2)`, scaled so that the true frontier spans 0 to 1 in both."""

    points: Floats

    @cached_property
    def whole(self) -> float:
        """The true frontier's hypervolume below the reference."""
        return float(self._volumes(np.flatnonzero(nondominated(self.points)))[-1])

    def shares(self, rows: Sequence[int], trials: int, count_repeats: bool = False) -> Floats:
        """`(trials,)`: the share of the true hypervolume after each trial; a search that ended early stays where it was."""
        known = list(rows) if count_repeats else list(dict.fromkeys(rows))
        volumes = self._volumes(known[:trials]) / self.whole
        return np.concatenate([volumes, np.full(trials - len(volumes), volumes[-1])])

    def _volumes(self, rows: Sequence[int] | NDArray[np.int64]) -> Floats:
        """The hypervolume after each row; the front is kept as steps, by rising first and falling second loss."""
        bound = 1 + MARGIN
        front: list[tuple[float, float]] = []
        volumes, volume = np.zeros(len(rows)), 0.0
        for place, row in enumerate(rows):
            x, y = map(float, self.points[row])
            at = bisect_left(front, (x, y))
            known = at and front[at - 1][1] <= y
            if x < bound and y < bound and not known:
                end = at
                while end < len(front) and front[end][1] >= y:
                    end += 1
                front[at:end] = [(x, y)]
                widths = np.diff([*(step[0] for step in front), bound])
                volume = float(widths @ (bound - np.array([step[1] for step in front])))
            volumes[place] = volume
        return volumes


@cache
def yardstick(name: str, error_decades: bool = False) -> Yardstick:
    """Of a table by name. Its loss is decades of mean squared error, or error from 0 to 1, also in decades if wanted."""
    table = load_table(name)
    loss = 1 - table.truth if table.direction == "maximize" else table.truth
    if error_decades and table.direction == "maximize":
        loss = np.log10(loss)
    points = np.column_stack([loss, np.log10(1 + table.costs.params)])
    front = points[nondominated(points)]
    return Yardstick((points - front.min(axis=0)) / np.ptp(front, axis=0))


def first_at(shares: Floats, goal: float) -> int | None:
    """The trial, counted from 1, at which a share is reached."""
    reached = np.flatnonzero(shares >= goal)
    return int(reached[0]) + 1 if len(reached) else None


@dataclass(frozen=True)
class Row:
    """A method on a table, over its seeds.

    Args:
        trials: that it was given.
        curves: `(seeds, trials)` regrets. seeds: in their order.
        needed: goal → trials of each seed; the number of trials given where it was never reached.
        reached: goal → seeds that did.
        repeated: share of its proposals that it had made before.
        proposal_s, late_s: median seconds of a proposal, of all and of the last 50.
    """

    table: str
    method: str
    trials: int
    seeds: list[int]
    curves: Floats
    needed: dict[float, list[int]]
    reached: dict[float, int]
    repeated: float
    proposal_s: float
    late_s: float

    def regret(self, after: int) -> list[float]:
        return [float(regret) for regret in self.curves[:, min(after, self.trials) - 1]]


def measured(runs: Sequence[Run], trials: int, count_repeats: bool, error_decades: bool) -> list[Row]:
    """One row for each method on each table, tables outermost."""
    rows = []
    for table in dict.fromkeys(run.table for run in runs):
        for method in dict.fromkeys(run.method for run in runs):
            own = sorted((run for run in runs if (run.table, run.method) == (table, method)), key=lambda run: run.seed)
            if not own:
                continue
            given = min(trials, *(run.trials for run in own))
            shares = [yardstick(table, error_decades).shares(run.rows, given, count_repeats) for run in own]
            firsts = {goal: [first_at(one, goal) for one in shares] for goal in GOALS}
            rows.append(
                Row(
                    table=table,
                    method=method,
                    trials=given,
                    seeds=[run.seed for run in own],
                    curves=1 - np.array(shares),
                    needed={goal: [first or given for first in found] for goal, found in firsts.items()},
                    reached={goal: sum(first is not None for first in found) for goal, found in firsts.items()},
                    repeated=1 - sum(len(set(run.rows)) for run in own) / sum(len(run.rows) for run in own),
                    proposal_s=statistics.median(second for run in own for second in run.seconds),
                    late_s=statistics.median(second for run in own for second in run.seconds[-50:]),
                )
            )
    return rows


@dataclass(frozen=True)
class Comparison:
    """The subject against another method, paired by table and seed.

    Args:
        trials: ratio of trials to the higher goal, geometric mean over tables, and on the worst table; None where the other
            had fewer trials than the subject and did not get there with every seed.
        look: trials after which regrets are compared. regret: their ratio, geometric mean over tables; worst: on a table.
        wins, pairs, p: seeds in which the subject has less regret then, and Wilcoxon's signed-rank test, one-sided.
    """

    other: str
    trials: tuple[float, float] | None
    look: int
    regret: float
    worst: float
    wins: int
    pairs: int
    p: float


def compared(rows: Sequence[Row], subject: str) -> list[Comparison]:
    """With every other method, on the tables and seeds that both have."""
    by = {(row.table, row.method): row for row in rows}
    found = []
    for other in dict.fromkeys(row.method for row in rows if row.method != subject):
        both = [
            (by[table, subject], by[table, other]) for table, method in by if method == other and (table, subject) in by
        ]
        if not both:
            continue
        goal, look = GOALS[-1], min(LOOK, *(min(one.trials, two.trials) for one, two in both))
        fair = all(two.trials >= one.trials or two.reached[goal] == len(two.seeds) for one, two in both)
        needs = [statistics.mean(one.needed[goal]) / statistics.mean(two.needed[goal]) for one, two in both]
        ratios = [_ratio(one.regret(look), two.regret(look)) for one, two in both]
        pairs = [
            (mine, theirs)
            for one, two in both
            for seed, mine in zip(one.seeds, one.regret(look), strict=True)
            for at, theirs in zip(two.seeds, two.regret(look), strict=True)
            if seed == at
        ]
        gains = [theirs - mine for mine, theirs in pairs]
        found.append(
            Comparison(
                other,
                (statistics.geometric_mean(needs), max(needs)) if fair else None,
                look,
                statistics.geometric_mean(ratios),
                max(ratios),
                sum(gain > 0 for gain in gains),
                len(gains),
                float(wilcoxon(gains, alternative="greater").pvalue) if any(gains) else 1.0,
            )
        )
    return found


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Of mean regrets; those below a millionth count as one, for logarithms."""
    return max(statistics.mean(mine), 1e-6) / max(statistics.mean(theirs), 1e-6)


# ---------------------------------------------------------------------- what is written


def report(
    runs: Sequence[Run], subject: str, trials: int, out: Path, count_repeats: bool = False, error_decades: bool = False
) -> str:
    """Markdown, which is also written to `efficiency.md`, with `efficiency.json` and `efficiency.svg` beside it.

    Args:
        subject: the method that the others are compared with.
        trials: that are looked at.
        count_repeats: whether a design that is proposed again is a trial again.
        error_decades: whether the hypervolume of a table of accuracies takes errors by their logarithm.
    """
    rows = measured(runs, trials, count_repeats, error_decades)
    repeats = measured(runs, trials, True, error_decades)
    counted = {(row.table, row.method): row for row in repeats}
    comparisons = compared(rows, subject)
    text = markdown(rows, counted, comparisons, subject)
    how = [
        f"repeats {'count as trials' if count_repeats else 'are free'}",
        "params in decades, mean squared errors too",
    ]
    how.append(f"other errors {'too' if error_decades else 'as they are'}")
    text = f"Hypervolume below (1.1, 1.1) of the true frontier's box; {'; '.join(how)}.\n\n{text}"
    (out / "efficiency.md").write_text(text + "\n", encoding="utf-8")
    facts = {
        "subject": subject,
        "rows": [_plain(row, counted[row.table, row.method]) for row in rows],
        "compared": [vars(one) for one in comparisons],
        "versions": {run.method: run.version for run in runs},
    }
    (out / "efficiency.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    draw(rows, subject, out / "efficiency.svg")
    return text


def _plain(row: Row, counted: Row) -> dict[str, Any]:
    return {
        "table": row.table, "method": row.method, "trials": row.trials, "seeds": row.seeds,
        f"regret_{LOOK}": row.regret(LOOK), "regret": row.regret(row.trials),
        "needed": row.needed, "reached": row.reached, "needed_counting_repeats": counted.needed,
        "repeated": row.repeated, "proposal_s": row.proposal_s, "late_proposal_s": row.late_s,
        "mean_regrets": [round(float(regret), 6) for regret in row.curves.mean(axis=0)],
    }  # fmt: skip


def markdown(
    rows: Sequence[Row],
    counted: dict[tuple[str, str], Row],
    comparisons: Sequence[Comparison],
    subject: str,
) -> str:
    """Each method on each table; then the subject against the others."""
    first, last = (f"{goal:.1%}".replace(".0", "") for goal in GOALS)
    lines = [
        "Means over seeds. In brackets how many seeds got there; "
        "those that did not count with the trials they had, and the mean is then a lower bound (≥).",
        "",
        f"| table | method | trials | seeds | regret at {LOOK} | regret at the end | trials to {first} | to {last} | "
        f"to {last}, repeats counted | repeated | ms a proposal | late |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        looked = f"{statistics.mean(row.regret(LOOK)):.4f}" if row.trials >= LOOK else "–"
        other = counted[row.table, row.method]
        lines.append(
            f"| {row.table} | {row.method} | {row.trials} | {len(row.seeds)} | {looked} | "
            f"{statistics.mean(row.regret(row.trials)):.4f} | {_needed(row, GOALS[0])} | {_needed(row, GOALS[1])} | "
            f"{_needed(other, GOALS[1])} | {row.repeated:.1%} | {1e3 * row.proposal_s:.1f} | {1e3 * row.late_s:.1f} |"
        )
    lines += [
        "",
        f"{subject} against the others, as a share of their trials and of their regret; geometric means over tables.",
        "",
        f"| against | trials to {last} | worst table | regret | after | worst table | less regret in | p |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in comparisons:
        needs = [f"{share:.2f}" for share in one.trials] if one.trials else ["too few trials", "–"]
        lines.append(
            f"| {one.other} | {' | '.join(needs)} | {one.regret:.2f} | {one.look} | {one.worst:.2f} | "
            f"{one.wins} of {one.pairs} | {one.p:.2g} |"
        )
    return "\n".join(lines)


def _needed(row: Row, goal: float) -> str:
    bound = "" if row.reached[goal] == len(row.seeds) else "≥ "
    return f"{bound}{statistics.mean(row.needed[goal]):.0f} ({row.reached[goal]})"


def draw(rows: Sequence[Row], subject: str, path: Path) -> None:
    """Mean regret after each trial, one panel a table; the methods with least regret in colors, the others in grey."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    tables = list(dict.fromkeys(row.table for row in rows))
    look = min([LOOK, *(row.trials for row in rows if row.trials >= 100)])
    standing: dict[str, list[float]] = {}
    for row in rows:
        standing.setdefault(row.method, []).append(math.log(max(statistics.mean(row.regret(look)), 1e-6)))
    ranked = sorted(standing, key=lambda method: (method != subject, statistics.mean(standing[method])))
    colors = dict(zip(ranked, LIGHT, strict=False))
    columns = min(4, len(tables))
    figure, axes = plt.subplots(
        math.ceil(len(tables) / columns), columns, figsize=(3.2 * columns + 0.6, 2.7 * math.ceil(len(tables) / columns) + 0.8),
        layout="constrained", squeeze=False, sharex=True,
    )  # fmt: skip
    for axis, table in zip(axes.flat, tables, strict=False):
        for row in sorted((row for row in rows if row.table == table), key=lambda row: -ranked.index(row.method)):
            mean, shown = np.maximum(row.curves.mean(axis=0), 1e-4), np.arange(1, row.trials + 1)
            known = row.method in colors
            axis.plot(
                shown, mean, color=colors.get(row.method, OTHER_LIGHT), lw=2.0 if row.method == subject else 1.2 if known else 0.7,
                label=row.method if known else None, zorder=3 if row.method == subject else 2 if known else 1,
            )  # fmt: skip
        for goal in GOALS:
            axis.axhline(1 - goal, color="#c9cdd3", lw=0.7, ls=":", zorder=0)
        axis.set(title=table, xscale="log", yscale="log")
        axis.xaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.tick_params(labelsize=8)
        axis.title.set_fontsize(9)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.flat[len(tables) :]:
        axis.set_visible(False)
    figure.supxlabel("trials", fontsize=9)
    figure.supylabel("regret (mean over seeds)", fontsize=9)
    labelled = {text: line for axis in axes.flat for line, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    order = [name for name in ranked if name in labelled]
    title = None if len(ranked) <= len(colors) else "grey: the others"
    figure.legend(
        [labelled[name] for name in order], order, loc="outside right center", frameon=False, fontsize=8, title=title
    )
    figure.savefig(path)
    plt.close(figure)
