"""`nas front | confirm | report | export`: what a search found."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.options import (
    add_engine,
    add_json,
    against_chance,
    columns,
    engine_of,
    picture,
    print_json,
    watcher,
    write_text,
)
from nas.errors import ExperimentError, StudyError

if TYPE_CHECKING:
    from nas.codegen import Exported
    from nas.experiment import Search
    from nas.experiment.pruning import Pruned
    from nas.pareto.confirmation import Confirmation, Confirmed, Split
    from nas.study.records import StudyRecord, TrialRecord

DASH = "—"


def add_front(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="of the search")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write .csv, .json, .tex, .svg, .png or .pdf instead"
    )
    parser.add_argument(
        "--objective",
        dest="objectives",
        action="append",
        metavar="GOAL",
        help="the frontier of other objectives than the search had, such as 'minimize macs'; once for each",
    )
    add_json(parser)
    parser.add_argument("--csv", action="store_true", help="comma-separated output")
    parser.set_defaults(run=run_front)


def run_front(options: argparse.Namespace) -> int:
    from nas.experiment import open_search
    from nas.pareto.front import frontier
    from nas.pareto.latex import latex_table
    from nas.pareto.near import retrained_note
    from nas.pareto.restated import restated
    from nas.pareto.spent import energy_spent, time_spent
    from nas.pareto.terminal import rungs_note
    from nas.study.latency import protocol_of

    found = open_search(options.directory)
    front = frontier(restated(found.record(), options.objectives)) if options.objectives else found.front()
    target: Path | None = options.output
    if target is not None:
        writers = {".csv": front.to_csv, ".json": front.to_json, ".txt": front.table}
        writers[".tex"] = lambda: latex_table(front, found.confirmation())
        if target.suffix in writers:
            write_text(target, writers[target.suffix]())
        elif target.suffix in (".svg", ".png", ".pdf"):
            found.draw(target, front)
        else:
            raise ExperimentError(f"-o takes a .csv, .json, .txt, .tex, .svg, .png or .pdf file, got `{target}`")
        print(target)
        return 0
    if options.json:
        print(front.to_json(), end="")
    elif options.csv:
        print(front.to_csv(), end="")
    else:
        record = found.record()
        time = time_spent(record)
        cost = time and f"time spent: {time}\n{energy_spent(record)}"
        timed = protocol_of(record.experiment)
        latency = timed and f"latency in ms: {timed}"
        again = "" if options.objectives else retrained_note(front, found.confirmation())
        chance = "" if options.objectives else against_chance(found, front)
        said = (picture(front) + front.table(columns()), again, chance, cost, latency, rungs_note(record))
        print("\n".join(filter(None, said)))
    return 0


def add_confirm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="of the search")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many (default: as the experiment says)")
    parser.add_argument("--near", type=int, metavar="N", help="also retrain the N that missed the frontier by least")
    add_engine(parser)
    add_json(parser)
    parser.set_defaults(run=run_confirm)


def run_confirm(options: argparse.Namespace) -> int:
    from nas.experiment import confirm, open_search

    with watcher(options) as observer:
        found = confirm(
            options.directory, seeds=options.seeds, near=options.near, engine=engine_of(options), observer=observer
        )
    if options.json:
        print_json(found.to_json())
    else:
        _print_confirmation(found, open_search(options.directory).record())
    return 0 if any(one.runs != one.failures for one in found.candidates) else 1


def _print_confirmation(found: Confirmation, record: StudyRecord) -> None:
    """One line for each candidate: costs, then mean ± standard deviation of what was learned, on both splits."""
    from nas.pareto.front import frontier
    from nas.pareto.near import retrained_note
    from nas.pareto.sealed import sealed
    from nas.pareto.uncertainty import stability
    from nas.study.latency import LATENCY

    objectives = record.objectives
    learned = [one for one in objectives if not one.is_cost]
    tested = any(one.values(goal.name, "test") for one in found.candidates for goal in learned if goal.is_learned)
    splits: tuple[Split, ...] = ("validation", "test") if tested else ("validation",)
    columns = [(goal.name, split) for goal in learned for split in (splits if goal.is_learned else splits[-1:])]
    shares = stability(found, objectives, splits[-1])
    front = frontier(record)
    before = {trial.number for trial in front.members}
    header = ["trial", *(one.name for one in objectives if one.is_cost)]
    header += [name if name == LATENCY else f"{name} ({split})" for name, split in columns]
    rows = [[*header, "on the frontier", "failed"]]
    for one in found.candidates:
        row = [
            ("" if one.number in before else "~") + str(one.number),
            *(f"{one.costs[known.name]:,}" for known in objectives if known.is_cost),
        ]
        row += [_spread(one, name, split) for name, split in columns]
        rows.append(
            [*row, f"{shares[one.number]:.0%}" if len(found.seeds) > 1 else DASH, str(len(one.failures) or DASH)]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    said = "The test split was opened for this." if tested else "This task has no test split; these are its metrics."
    how = f"{len(found.seeds)} seeds each; mean ± standard deviation" if len(found.seeds) > 1 else "one seed each"
    print(f"\n{how}. {said}")
    beside = "" if all(one.number in before for one in found.candidates) else "; ~ was not on the search's frontier"
    if note := retrained_note(front, found):
        print(f"{note}{beside}")
    for opened in sealed(record, found):
        order = "" if math.isnan(opened.tau) else f"; Kendall's tau of the two orders is {opened.tau:.2f}"
        how = "worse" if opened.drop.mean >= 0 else "better"
        print(
            f"{opened.objective.name}: {how} on test than on validation by {abs(opened.drop.mean):.3g} on average{order}"
        )


def _spread(one: Confirmed, name: str, split: Split) -> str:
    spread = one.spread(name, split)
    if not spread.n:
        return DASH
    return f"{spread.mean:.4g}" + (f" ± {spread.std:.2g}" if spread.n > 1 else "")


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="of the search")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: report.html in the directory")
    parser.add_argument(
        "--figures",
        type=Path,
        metavar="FOLDER",
        help="write pictures and a table for a paper there too: .svg, .pdf, .png, .tex",
    )
    add_json(parser)
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> int:
    from nas.experiment import open_search

    target: Path | None = options.output
    if target is not None and target.suffix not in (".html", ".htm"):
        raise ExperimentError(f"-o takes an .html file, got `{target}`")
    found = open_search(options.directory)
    written = [found.report(target)]
    if options.figures is not None:
        from nas.pareto.plates import draw_all

        written += draw_all(found.front(), options.figures, found.confirmation(), found.published())
    if options.json:
        print_json({"report": str(written[0]), "figures": [str(path) for path in written[1:]]})
    else:
        print(*written, sep="\n")
    return 0


def add_export(parser: argparse.ArgumentParser) -> None:
    from nas.codegen.formats import FORMATS

    parser.add_argument("directory", type=Path, help="of the search")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--trial", type=int, metavar="N", help="its number")
    which.add_argument("--knee", action="store_true", help="the knee of the frontier")
    which.add_argument("--best", metavar="OBJECTIVE", help="the frontier's best by one objective, such as accuracy")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.py")
    parser.add_argument(
        "--prune",
        type=float,
        metavar="SHARE",
        help="first drop the inputs of learned mixtures whose shares stay below SHARE, such as 0.05; says what it costs",
    )
    for name, ending in FORMATS.items():
        what = f"write MODEL{ending} too, checked against MODEL.py; without its `prepare` and `restore`"
        parser.add_argument(f"--{name}", dest="formats", action="append_const", const=name, default=[], help=what)
    add_json(parser)
    parser.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> int:
    from nas.codegen.exported import FormatsRefused
    from nas.experiment import open_search

    if options.output.suffix != ".py":
        raise ExperimentError(f"-o takes a .py file; its weights go beside it as .pt. Got `{options.output}`")
    found = open_search(options.directory)
    trial = _chosen(found, options)
    pruned = None if options.prune is None else found.pruned(trial, options.prune)
    try:
        written = found.export(trial, options.output, options.formats, pruned)
    except FormatsRefused as refused:
        _print_export(found, trial, refused.exported, pruned, options.json)
        raise
    _print_export(found, trial, written, pruned, options.json)
    return 0


def _print_export(found: Search, trial: TrialRecord, written: Exported, pruned: Pruned | None, json: bool) -> None:
    if json:
        shown = {"source": str(written.source_path), "weights": str(written.weights_path), "params": written.params}
        shown |= {"trial": trial.number, "trained": found.trains, "verified": written.verified}
        if pruned is not None:
            shown["pruned"] = {
                "threshold": pruned.threshold,
                "operators": pruned.operators,
                "params": pruned.params,
                "metrics": pruned.metrics,
            }
        print_json({**shown, "formats": [{**asdict(one), "path": str(one.path)} for one in written.formats]})
        return
    weights = "" if found.trains else "; the weights are drawn, for this search trained none"
    print(
        f"{written.source_path} and {written.weights_path}: trial {trial.number}, {written.params:,} parameters{weights}; "
        "a fresh interpreter with torch alone repeated its outputs bit for bit"
    )
    if pruned is not None:
        print(pruned)
    for one in written.formats:
        if one.difference:
            print(
                f"{one.path}: its outputs differ by {one.difference:.2g} of the largest; {one.tolerance:g} is accepted"
            )
        else:
            print(f"{one.path}: its outputs are the same bit for bit")


def _chosen(found: Search, options: argparse.Namespace) -> TrialRecord:
    """The trial that the options mean. Raises: StudyError: there is no such trial or objective."""
    if options.trial is not None:
        return found.trial(options.trial)
    front = found.front()
    if options.knee:
        return front.knee()
    names = [objective.name for objective in front.record.objectives]
    if options.best not in names:
        raise StudyError(f"`{options.best}` is no objective of this search; it has {', '.join(names)}")
    at = names.index(options.best)
    objective = front.record.objectives[at]
    return min(front.members, key=lambda trial: objective.loss((trial.values or ())[at]))
