"""What `search_efficiency.py` says of its runs: tables in Markdown and JSON, and a figure."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from search_efficiency_measures import GOALS, LOOK, Comparison, Row, Run, compared, measured

from nas.pareto.palette import LIGHT, OTHER_LIGHT


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
        [labelled[name] for name in order],
        order,
        loc="outside right center",
        frameon=False,
        fontsize=8,
        title=title,
        title_fontsize=8,
    )
    figure.savefig(path)
    plt.close(figure)
