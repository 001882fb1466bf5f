"""What a run of `search_efficiency.py` is, and its measures: regret, trials until a goal, and comparisons in pairs."""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from evaluators.tables import load_table
from nas.pareto.geometry import nondominated

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
    """What was run, one JSON object a line; of equal runs the longest. A line that was being written is passed over.

    What is kept for good may lie beside `path` in a file with the same name and `.gz`.
    """
    kept = path.with_name(f"{path.name}.gz")
    lines = gzip.decompress(kept.read_bytes()).decode().splitlines() if kept.exists() else []
    lines += path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[tuple[str, str, int], Run] = {}
    for line in lines:
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


def is_there(name: str, rows: Sequence[int]) -> bool:
    """Whether a search with these proposals needs no more: regrets can be compared, and the higher goal is reached.

    Looked at now and then, as the hypervolume is computed anew each time.
    """
    seen = len(set(rows)) if len(rows) >= LOOK and len(rows) % 10 == 0 else 0
    return seen >= LOOK and bool(yardstick(name).shares(rows, seen)[-1] >= GOALS[-1])


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


Pair = tuple[Row, Row]


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
    """With every other method, on the tables and seeds that both have; last with what is best of the rivals on each table."""
    mine = {row.table: row for row in rows if row.method == subject}
    others: dict[str, list[Row]] = {}
    for row in rows:
        if row.method != subject and row.table in mine:
            others.setdefault(row.method, []).append(row)
    found = []
    for method, theirs in others.items():
        both = [(mine[row.table], row) for row in theirs]
        fair = all(_comparable(one, two) for one, two in both)
        look = min(LOOK, *(min(one.trials, two.trials) for one, two in both))
        found.append(_against(method, both if fair else [], both, look))
    if rivals := [row for method, theirs in others.items() if not method.startswith("nas/") for row in theirs]:
        look = min(LOOK, *(row.trials for row in mine.values()))
        soonest, closest = [], []
        for table, own in mine.items():
            here = [row for row in rivals if row.table == table]
            by_trials = [row for row in here if _comparable(own, row)]
            by_regret = [row for row in here if row.trials >= look]
            soonest += (
                [(own, min(by_trials, key=lambda row: statistics.mean(row.needed[GOALS[-1]])))] if by_trials else []
            )
            closest += [(own, min(by_regret, key=lambda row: statistics.mean(row.regret(look))))] if by_regret else []
        if closest:
            found.append(_against("the best rival of each table", soonest, closest, look))
    return found


def _comparable(mine: Row, theirs: Row) -> bool:
    """Whether the other method had as many trials, or needed no more than it had."""
    return theirs.trials >= mine.trials or theirs.reached[GOALS[-1]] == len(theirs.seeds)


def _against(other: str, by_trials: Sequence[Pair], by_regret: Sequence[Pair], look: int) -> Comparison:
    needs = [statistics.mean(one.needed[GOALS[-1]]) / statistics.mean(two.needed[GOALS[-1]]) for one, two in by_trials]
    ratios = [_ratio(one.regret(look), two.regret(look)) for one, two in by_regret]
    gains = [
        theirs - mine
        for one, two in by_regret
        for seed, mine in zip(one.seeds, one.regret(look), strict=True)
        for at, theirs in zip(two.seeds, two.regret(look), strict=True)
        if seed == at
    ]
    return Comparison(
        other,
        (statistics.geometric_mean(needs), max(needs)) if needs else None,
        look,
        statistics.geometric_mean(ratios),
        max(ratios),
        sum(gain > 0 for gain in gains),
        len(gains),
        float(wilcoxon(gains, alternative="greater").pvalue) if any(gains) else 1.0,
    )


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Of mean regrets; those below a millionth count as one, for logarithms."""
    return max(statistics.mean(mine), 1e-6) / max(statistics.mean(theirs), 1e-6)
