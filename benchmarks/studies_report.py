"""What the reports of studies share: the pages of their searches, the table of what was run, tables in Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from studies import compared

from nas.experiment import open_search
from nas.experiment.environment import read_environment
from nas.pareto.confirmation import Confirmation
from nas.pareto.curves import draw_attainment
from nas.pareto.report.compared import write_comparison
from nas.study.records import StudyRecord

IGNORED = "weights/\ncheckpoints/\nlock\n*.log.lock\n"


def write_pages(out: Path, task: str, records: Mapping[str, Sequence[StudyRecord]]) -> None:
    """What `nas compare` says of the searches on a task, as a page, a picture and numbers, and a report of each arm's first search."""
    (out / ".gitignore").write_text(IGNORED, encoding="utf-8")
    found = compared(records)
    write_comparison(found, out / f"{task}.html")
    draw_attainment(found, out / f"attainment-{task}.svg")
    for arm, own in records.items():
        open_search(own[0].directory).report(out / "reports" / f"{task}-{arm}.html")
    (out / f"{task}.json").write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")


def remarks(out: Path) -> str:
    """What people have written in `remarks.md`, which a report keeps."""
    path = out / "remarks.md"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def setting(records: Sequence[StudyRecord], confirmed: Sequence[Confirmation], *, data: str, searches: str) -> str:
    """What was run, with which, on what, for how long.

    Args:
        data: what was learnt from.
        searches: how their number comes about, such as `3 arms × 3 tasks`.
    """
    first, trials = records[0], [trial for record in records for trial in record.trials]
    ended = sum(trial.state == "complete" for trial in trials)
    runs = [run for one in confirmed for candidate in one.candidates for run in candidate.runs]
    hours = (sum(trial.seconds for trial in trials) + sum(run.seconds for run in runs)) / 3600
    told = read_environment(first.directory)
    versions = ", ".join(f"{name} {told[name]}" for name in ("python", "torch", "numpy", "optuna") if name in told)
    rows = [
        ("command", f"`{told.get('command', '')}`, commit `{told.get('commit', 'unknown')}`, {told.get('date', '')}"),
        ("machine", f"{told.get('system', '')}, no GPU, one core a search; {versions}"),
        ("data", data),
        ("searches", f"{len(records)}: {searches} × study seeds {listed({record.seed for record in records})}"),
        ("candidates", f"{len(trials):,} unique, {ended:,} trained for {first.experiment['budget']['epochs']} epochs, the others stopped earlier"),
        ("confirmation", f"{len(runs):,} trainings: the frontier of study seed 0, {max(len(one.seeds) for one in confirmed)} seeds each" if confirmed else "none"),
        ("core hours", f"{hours:.1f} of training"),
    ]  # fmt: skip
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def size(params: float) -> str:
    """A number of parameters in a few characters.

    >>> size(500), size(2000), size(2e6)
    ('500', '2 k', '2 M')
    """
    if params < 1000:
        return f"{params:g}"
    return f"{params / 1e6:g} M" if params >= 1e6 else f"{params / 1e3:g} k"


def listed(seeds: Iterable[int]) -> str:
    """`0, 1, 2`."""
    return ", ".join(map(str, sorted(seeds)))
