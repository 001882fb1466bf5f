"""`nas front | confirm | report | export`: what a search found."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from nas.errors import ExperimentError, StudyError


def add_front(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write .csv, .json, .svg, .png or .pdf instead"
    )
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--csv", action="store_true", help="comma-separated output")
    parser.set_defaults(run=run_front)


def run_front(options: argparse.Namespace) -> int:
    from nas.cli.spaces import write_text
    from nas.experiment import open_search

    found = open_search(options.directory)
    front = found.front()
    target: Path | None = options.output
    if target is not None:
        writers = {".csv": front.to_csv, ".json": front.to_json, ".txt": front.table}
        if target.suffix in writers:
            write_text(target, writers[target.suffix]())
        elif target.suffix in (".svg", ".png", ".pdf"):
            from nas.pareto.figures import draw_frontier

            draw_frontier(front, target, published=found.published(), confirmation=found.confirmation())
        else:
            raise ExperimentError(f"-o takes a .csv, .json, .txt, .svg, .png or .pdf file, got `{target}`")
        print(target)
        return 0
    if options.json:
        print(front.to_json())
    elif options.csv:
        print(front.to_csv(), end="")
    else:
        from nas.pareto.terminal import sketch

        if len(front.record.objectives) > 1:
            print(sketch(front, colour=sys.stdout.isatty()) + "\n")
        print(front.table(100))
    return 0


def add_confirm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seeds", type=int, help="how many (default: as the experiment says)")
    parser.add_argument("--engine", choices=("inline", "ray"), help="where candidates are trained")
    parser.add_argument("--workers", type=int, help="processes of the ray engine")
    parser.add_argument("--quiet", action="store_true", help="no live view")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run_confirm)


def run_confirm(options: argparse.Namespace) -> int:
    from nas.cli.searches import _engine, _view
    from nas.experiment import confirm, open_search
    from nas.pareto.confirmation import stability

    with _view(options) as observer:
        found = confirm(options.directory, seeds=options.seeds, engine=_engine(options), observer=observer)
    if options.json:
        print(json.dumps(found.to_json(), indent=1))
        return 0
    record = open_search(options.directory).record()
    objectives = record.objectives
    shares = stability(found, objectives)
    learned = [objective for objective in objectives if not objective.is_cost]
    known = [objective for objective in objectives if objective.is_cost]
    header = [f"{'trial':>6}", *(f"{o.name:>12}" for o in known)]
    for objective in learned:
        header += [f"{objective.name + ' (validation)':>26}", f"{objective.name + ' (test)':>26}"]
    print("  ".join([*header, "on the frontier"]))
    for one in found.candidates:
        row = [f"{one.number:>6}", *(f"{one.costs[o.name]:>12,}" for o in known)]
        for objective in learned:
            for split in ("validation", "test"):
                spread = one.spread(objective.name, split)  # type: ignore[arg-type]
                row.append(f"{f'{spread.mean:.4f} ± {spread.std:.4f}':>26}")
        failures = f"   {len(one.failures)} failed" if one.failures else ""
        print("  ".join([*row, f"{shares[one.number]:>14.0%}{failures}"]))
    print(f"\n{len(found.seeds)} seeds each; mean ± standard deviation. The test split was opened for this.")
    return 0


def add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: report.html in the directory")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> int:
    from nas.experiment import open_search

    path = open_search(options.directory).report(options.output)
    print(json.dumps({"report": str(path)}) if options.json else path)
    return 0


def add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--trial", type=int, help="its number")
    which.add_argument("--knee", action="store_true", help="the knee of the frontier")
    which.add_argument("--best", metavar="OBJECTIVE", help="the frontier's best by one objective, such as accuracy")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="MODEL.py")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.set_defaults(run=run_export)


def run_export(options: argparse.Namespace) -> int:
    from nas.experiment import open_search

    found = open_search(options.directory)
    if options.trial is not None:
        number = options.trial
    elif options.knee:
        number = found.front().knee().number
    else:
        front = found.front()
        names = [objective.name for objective in front.record.objectives]
        if options.best not in names:
            raise StudyError(f"`{options.best}` is no objective of this search; it has {', '.join(names)}")
        at = names.index(options.best)
        objective = front.record.objectives[at]
        number = min(front.members, key=lambda trial: objective.loss((trial.values or ())[at])).number
    written = found.export(number, options.output)
    if options.json:
        shown = {"source": str(written.source_path), "weights": str(written.weights_path), "params": written.params}
        print(json.dumps({**shown, "trial": number, "verified": written.verified}))
    else:
        print(
            f"{written.source_path} and {written.weights_path}: trial {number}, {written.params:,} parameters; "
            "a fresh interpreter with torch alone repeated its outputs bit for bit"
        )
    return 0
