"""`nas compare`: several searches side by side."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from nas.cli.options import add_json, print_json, write_text
from nas.errors import ExperimentError

if TYPE_CHECKING:
    from nas.pareto.paired import Contest
    from nas.pareto.several import Several


def add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="of the searches")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write .html, .json, .svg, .png or .pdf instead"
    )
    parser.add_argument(
        "--objective",
        dest="objectives",
        action="append",
        metavar="GOAL",
        help="compare by other objectives than the searches had, such as 'minimize macs'; once for each",
    )
    add_json(parser)
    parser.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> int:
    from nas.pareto.restated import restated
    from nas.pareto.several import several
    from nas.study.control import read_control
    from nas.study.records import read_study

    records = [read_study(directory) for directory in options.directories]
    if options.objectives:
        records = [restated(record, options.objectives) for record in records]
    controls = [read_control(record) for record in records]
    found = several(records, [str(directory) for directory in options.directories], controls)
    if options.output is not None:
        print(_written(found, options.output))
    elif options.json:
        print_json(found.to_json())
    else:
        print(_table(found))
    return 0


def _written(found: Several, target: Path) -> Path:
    import json

    from nas.pareto.curves import draw_attainment
    from nas.pareto.report.compared import write_comparison

    if target.suffix == ".json":
        write_text(target, json.dumps(found.to_json(), indent=2) + "\n")
    elif target.suffix in (".html", ".htm"):
        write_comparison(found, target)
    elif target.suffix in (".svg", ".png", ".pdf"):
        draw_attainment(found, target)
    else:
        raise ExperimentError(f"-o takes a .html, .json, .svg, .png or .pdf file, got `{target}`")
    return target


def _table(found: Several) -> str:
    from nas.pareto import numbers

    goals = ", ".join(map(str, found.objectives))
    blocks = [f"{found.fronts[0].record.task}: {goals}"]
    volumes = numbers.column(found.hypervolumes)
    rows = [["search", "seed", "complete", "on frontier", "hypervolume"]]
    for label, front, volume in zip(found.labels, found.fronts, volumes, strict=True):
        done = f"{len(front.candidates):,} of {len(front.record.trials):,}"
        rows.append([label, str(front.record.seed), done, f"{len(front.members):,}", volume])
    blocks.append(_aligned(rows, left=1))
    if len(found.arms) < len(found.fronts):
        rows = [["arm", "searches", "hypervolume"]]
        for arm in found.arms:
            one = found.spread(arm)
            spread = "" if math.isnan(one.std) else f" ± {one.std:.2g}"
            rows.append([arm.name, str(one.n), f"{one.mean:.4g}{spread}"])
        blocks.append(_aligned(rows, left=1))
    tests = found.contests()
    if tests:
        blocks.append("arms, paired by study seed:\n" + _contests(tests))
    for arm in found.arms:
        if own := found.family_contests(arm):
            blocks.append(f"families of {arm.name}, paired by search:\n" + _contests(own))
    for label, controls in found.controls().items():
        blocks += [f"{label}: {control}" for control in controls]
    reference = ", ".join(
        f"{one.name} {numbers.short(v)}" for one, v in zip(found.objectives, found.reference, strict=True)
    )
    note = f"hypervolume up to {reference}, counts in decades; all together reach {found.joint:.4g}"
    if len(found.arms) > 1 and not tests:
        note += "\nno two arms have two study seeds in common, so no difference is tested"
    return "\n\n".join([*blocks, note])


def _contests(tests: tuple[Contest, ...]) -> str:
    rows = [["difference in hypervolume", "pairs", "mean", "95 % interval", "p", "least p"]]
    for one in tests:
        test = one.test
        interval = f"{test.low:.3g} … {test.high:.3g}"
        rows.append(
            [
                f"{one.first} − {one.second}",
                str(test.n),
                f"{test.mean:+.3g}",
                interval,
                f"{test.p:.3g}",
                f"{test.least_p:.3g}",
            ]
        )
    return _aligned(rows, left=1)


def _aligned(rows: list[list[str]], left: int) -> str:
    """Columns under each other, the first `left` of them to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
