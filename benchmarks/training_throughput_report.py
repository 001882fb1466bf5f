"""The tables of what `training_throughput.py --out` wrote.

python benchmarks/training_throughput_report.py results/training-throughput/*.json
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# Geometric means over the widths that the project set out for, on one core.
GOALS = {
    ("mlp", "mnist1d"): 12,
    ("mlp", "mnist5k"): 4.5,
    ("hourglass", "mnist1d"): 7,
    ("kan", "mnist1d"): 8,
    ("mixer", "mnist1d"): 2,
}
RIVALS = ("dataloader", "resident", "single", "scikit-learn", "lightning")


def summary(rows: Sequence[Row]) -> str:
    """One line for each family and task: means over its widths."""
    lines = [
        "| family | task | times a DataLoader loop | by cost | limit | times our resident loop | least of a width | goal |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for (family, task), group in groupby(rows, lambda row: (row["family"], row["task"])):
        some = list(group)
        whole = sum(row["seconds"]["dataloader"] for row in some) / sum(row["seconds"]["cohort"] for row in some)
        mean, resident, limit = (
            statistics.geometric_mean(found)
            for found in (_ratios(some, "dataloader"), _ratios(some, "resident"), [row["limit"] for row in some])
        )
        goal = GOALS.get((family, task), "–")
        lines.append(
            f"| {family} | {task} | {mean:.1f} | {whole:.1f} | {limit:.0f} | {resident:.1f} | {min(_ratios(some, 'resident')):.2f} | {goal} |"
        )
    return "\n".join(lines)


def by_width(rows: Sequence[Row]) -> str:
    """One line for each width: medians over the repeats, with the least and the most."""
    there = [who for who in RIVALS if any(who in row["ratios"] for row in rows)]
    lines = [
        f"| family | task | width | {' | '.join(there)} | share of the matrix product's peak |",
        f"|---|---|{'---:|' * (len(there) + 2)}",
    ]
    for row in rows:
        ratios = " | ".join(_spread(row, who) for who in there)
        lines.append(f"| {row['family']} | {row['task']} | {row['width']} | {ratios} | {row['peak']:.0%} |")
    return "\n".join(lines)


def _ratios(rows: Sequence[Row], who: str) -> list[float]:
    return [row["ratios"][who] for row in rows]


def _spread(row: Row, who: str) -> str:
    if who not in row["ratios"]:
        return "–"
    least, most = row["spread"][who]
    return f"{row['ratios'][who]:.1f} ({least:.1f}–{most:.1f})"


def main() -> None:
    rows = [row for path in sys.argv[1:] for row in json.loads(Path(path).read_text())]
    print(summary(rows), by_width(rows), sep="\n\n")


if __name__ == "__main__":
    main()
