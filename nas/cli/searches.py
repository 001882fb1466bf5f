"""`nas search | resume`: running a search, with a live view of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError, ParetoError

if TYPE_CHECKING:
    from nas.experiment import Search


def _engine_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", choices=("inline", "ray"), help="where candidates are trained")
    parser.add_argument("--workers", type=int, help="processes of the ray engine")
    parser.add_argument("--quiet", action="store_true", help="no live view")
    parser.add_argument("--json", action="store_true", help="print the frontier as JSON at the end")


def _engine(options: argparse.Namespace) -> Any:
    """The engine setting that the options ask for; None: as the experiment says."""
    if options.workers is not None and options.engine == "inline":
        raise ExperimentError("the inline engine has one worker; use --engine ray with --workers")
    if options.workers is not None:
        return {"name": "ray", "workers": options.workers}
    return options.engine


def add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", help="an experiment file, or a space together with --task")
    parser.add_argument("--task", help="a shipped task, data.npz, data.csv or my_task.py:make")
    parser.add_argument("--objective", action="append", default=[], metavar="TEXT", help="such as 'minimize params'")
    parser.add_argument("--constraint", action="append", default=[], metavar="TEXT", help="such as 'macs <= 5e6'")
    parser.add_argument("--sampler", help="see `nas samplers`")
    parser.add_argument("--trials", type=int, help="unique candidates")
    parser.add_argument("--epochs", type=int, help="budget of one candidate")
    parser.add_argument("--seed", type=int)
    parser.add_argument("-d", "--directory", help="where results go (default runs/NAME)")
    parser.add_argument("--fresh", action="store_true", help="throw away a search that stands there already")
    _engine_options(parser)
    parser.set_defaults(run=run_search)


def run_search(options: argparse.Namespace) -> int:
    from nas.experiment import load_experiment, search
    from nas.space import shipped_spaces

    settings: dict[str, Any] = {}
    for key, value in (
        ("objectives", options.objective),
        ("constraints", options.constraint),
        ("sampler", options.sampler),
        ("trials", options.trials),
        ("seed", options.seed),
        ("directory", options.directory),
        ("engine", _engine(options)),
        ("budget", {"epochs": options.epochs} if options.epochs is not None else None),
    ):
        if value not in (None, []):
            settings[key] = value
    what = options.what
    experiment = None
    if options.task is None:
        if what in shipped_spaces():
            raise ExperimentError(f"`{what}` is a space; say on which task: nas search {what} --task mnist1d")
        experiment = load_experiment(what)
    with _view(options) as observer:
        found = search(
            what if experiment is None else None,
            task=options.task,
            experiment=experiment,
            observer=observer,
            fresh=options.fresh,
            **settings,
        )
    return _summary(found, options)


def add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path)
    parser.add_argument("--trials", type=int, help="a new total of unique candidates")
    _engine_options(parser)
    parser.set_defaults(run=run_resume)


def run_resume(options: argparse.Namespace) -> int:
    from nas.experiment import resume

    with _view(options) as observer:
        found = resume(options.directory, trials=options.trials, engine=_engine(options), observer=observer)
    return _summary(found, options)


def _view(options: argparse.Namespace) -> Any:
    from contextlib import nullcontext

    from nas.cli.live import Live

    quiet = options.quiet or options.json
    return nullcontext(None) if quiet else Live(sys.stderr)


def _summary(found: Search, options: argparse.Namespace) -> int:
    """What came of it; exit status 1 where nothing did."""
    from nas.pareto.terminal import sketch

    record = found.record()
    try:
        front = found.front()
    except ParetoError as problem:
        print(f"nas {options.command}: {problem}", file=sys.stderr)
        return 1
    if options.json:
        print(front.to_json())
        return 0
    ended = {}
    for trial in record.trials:
        ended[trial.state] = ended.get(trial.state, 0) + 1
    counted = ", ".join(f"{count} {state}" for state, count in ended.items())
    print(f"{record.name}: {len(record.trials)} candidates ({counted})\n")
    if len(record.objectives) > 1:
        print(sketch(front, colour=sys.stdout.isatty()))
    print()
    print(front.table(100))
    print(
        f"\nnas report {found.directory}   nas confirm {found.directory}   nas export {found.directory} --knee -o model.py"
    )
    return 0
