"""`nas scores`: what scores at initialisation would have known about a search's candidates."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.options import add_json, print_json

if TYPE_CHECKING:
    from nas.experiment.scoring import Agreement
    from nas.study.records import StudyRecord

DASH = "—"


def add_scores(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="of the search")
    parser.add_argument(
        "--score", dest="names", action="append", metavar="NAME", help="only this one; once for each (default: all)"
    )
    add_json(parser)
    parser.set_defaults(run=run_scores)


def run_scores(options: argparse.Namespace) -> int:
    from nas.experiment import open_search
    from nas.experiment.scoring import agreements
    from nas.study.scores import SCORES

    search = open_search(options.directory)
    names, control = options.names or SCORES, search.control()
    records = {"candidates": search.record(), **({"random candidates of the control": control} if control else {})}
    found = {what: agreements(search, names, record) for what, record in records.items()}
    if options.json:
        print_json({what: [asdict(one) for one in several] for what, several in found.items()})
        return 0
    for what, several in found.items():
        for objective, rows in groupby(several, key=lambda one: one.objective):
            print(f"Spearman's rho with `{objective}`, {what} trained to the end; costs are what a score has to beat\n")
            print(_table(list(rows)) + "\n")
    print(_selected(records["candidates"]))
    return 0


def _table(rows: Sequence[Agreement]) -> str:
    cells = [["", "rho", "95 % interval", "at equal params", "n", "not finite"]]
    for one in rows:
        interval = DASH if one.low is None else f"{one.low:+.2f} … {one.high:+.2f}"
        cells.append(
            [
                one.name,
                _signed(one.rho),
                interval,
                _signed(one.at_equal_params),
                str(one.n),
                str(one.n_not_finite or DASH),
            ]
        )
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    )


def _signed(rho: float | None) -> str:
    return DASH if rho is None else f"{rho:+.2f}"


def _selected(record: StudyRecord) -> str:
    """What these candidates are no sample of."""
    stopped = sum(trial.state == "stopped" for trial in record.trials)
    early = f", and {stopped:,} were stopped early, the worse ones" if stopped else ""
    return f"These candidates are what the search chose{early}: of all designs of the space, rho may be another."
