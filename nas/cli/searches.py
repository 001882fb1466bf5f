"""`nas search | resume`: running a search, with a live view of it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.cli.options import add_engine, add_json, against_chance, columns, engine_of, options_told, picture, watcher
from nas.errors import ExperimentError, NasError, ParetoError

if TYPE_CHECKING:
    from nas.experiment import Search
    from nas.study.records import StudyRecord


CONTROL = "random architectures to hold the search against, trained to the end"


def add_search(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", help="an experiment file, or a space together with --task")
    parser.add_argument(
        "--task",
        help="a shipped task, data.csv:TARGET_COLUMN, data.parquet:TARGET_COLUMN, data.npz, a folder of images, hf:NAME, torchvision:NAME or my_task.py:make",
    )
    parser.add_argument("--objective", action="append", default=[], metavar="TEXT", help="such as 'minimize params'")
    parser.add_argument("--constraint", action="append", default=[], metavar="TEXT", help="such as 'macs <= 5e6'")
    parser.add_argument("--sampler", metavar="NAME", help="see `nas samplers`")
    parser.add_argument("--trials", type=int, metavar="N", help="unique candidates")
    parser.add_argument("--control", type=int, metavar="N", help=CONTROL)
    add_limits(parser)
    parser.add_argument("--timeout-s", type=float, metavar="S", help="for one candidate; then it counts as timed out")
    parser.add_argument("--epochs", type=int, metavar="N", help="budget of one candidate")
    parser.add_argument("--seed", type=int, metavar="N", help="of everything that is drawn")
    parser.add_argument("--device", help="auto, cpu, cuda or cuda:1")
    parser.add_argument("-d", "--directory", help="where results go (default runs/NAME)")
    parser.add_argument("--tensorboard", metavar="DIR", help="write every candidate's curves there for TensorBoard")
    parser.add_argument("--storage", metavar="URL", help="of a database for the record, such as sqlite:///study.db")
    parser.add_argument(
        "--from", dest="lineage", metavar="DIR", help="carry over what an earlier search found, where it still holds"
    )
    parser.add_argument("--fresh", action="store_true", help="throw away a search that stands there already")
    add_engine(parser)
    add_json(parser, "print the frontier as JSON at the end")
    parser.set_defaults(run=run_search)


def run_search(options: argparse.Namespace) -> int:
    from nas.experiment import load_experiment, search
    from nas.space import load_space

    given: dict[str, Any] = {
        "objectives": options.objective or None,
        "constraints": options.constraint or None,
        "sampler": options.sampler,
        "trials": options.trials,
        "control": options.control,
        **limits_of(options),
        "timeout_s": options.timeout_s,
        "budget": None if options.epochs is None else {"epochs": options.epochs},
        "seed": options.seed,
        "device": options.device,
        "directory": options.directory,
        "storage": options.storage,
        "engine": engine_of(options),
    }
    if (Path(options.what) / "study.json").exists():
        raise ExperimentError(f"{options.what} holds a search; go on with it: nas resume {options.what}")
    a_space = _is_space(options.what, options.task is not None or options.lineage is not None)
    if a_space and options.task is None and options.lineage is None:
        load_space(options.what)  # the likelier mistake first: that there is no such space
        raise ExperimentError(
            f"`{options.what}` is a space; say on which task: nas search {options.what} --task mnist1d (see `nas tasks`)"
        )
    experiment = None if a_space else load_experiment(options.what)
    if options.tensorboard is not None:
        given["log"] = {**(experiment.log if experiment else {}), "tensorboard": options.tensorboard}
    with watcher(options) as observer, options_told(options.task):
        found = search(
            options.what if a_space else None,
            task=options.task,
            experiment=experiment,
            observer=observer,
            fresh=options.fresh,
            lineage=options.lineage,
            **given,
        )
    return _summary(found, options)


def add_resume(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, help="of the search")
    parser.add_argument("--trials", type=int, metavar="N", help="a new total of unique candidates")
    parser.add_argument("--control", type=int, metavar="N", help=CONTROL)
    add_limits(parser)
    add_engine(parser)
    add_json(parser, "print the frontier as JSON at the end")
    parser.set_defaults(run=run_resume)


def run_resume(options: argparse.Namespace) -> int:
    from nas.experiment import resume

    with watcher(options) as observer:
        found = resume(
            options.directory,
            trials=options.trials,
            control=options.control,
            engine=engine_of(options),
            observer=observer,
            **limits_of(options),
        )
    return _summary(found, options)


def add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=float, metavar="H", help="after which no candidate is started")
    parser.add_argument("--gpu-hours", type=float, metavar="H", help="of all candidates together, likewise")
    parser.add_argument("--target-hypervolume", type=float, metavar="V", help="at which the search ends")
    parser.add_argument(
        "--reference", action="append", default=[], metavar="NAME=VALUE", help="of the hypervolume, one per objective"
    )


def limits_of(options: argparse.Namespace) -> dict[str, Any]:
    """The limits that were asked for, as settings; None where none was."""
    reference: dict[str, float] = {}
    for text in options.reference:
        name, _, value = text.partition("=")
        try:
            reference[name.strip()] = float(value)
        except ValueError:
            raise ExperimentError(f"--reference takes NAME=VALUE, such as accuracy=0.5, got `{text}`") from None
    if reference and options.target_hypervolume is None:
        raise ExperimentError("--reference belongs to --target-hypervolume, which is not given")
    target = {"volume": options.target_hypervolume, "reference": reference} if reference else options.target_hypervolume
    return {"hours": options.hours, "gpu_hours": options.gpu_hours, "target_hypervolume": target}


def _is_space(what: str, has_task: bool) -> bool:
    """Whether this names a space, and not an experiment: a shipped one, or a file with the equations of a model."""
    from nas.space import shipped_spaces
    from nas.space.yaml_tree import read_yaml

    file = Path(what)
    if what in shipped_spaces():
        return True
    if not file.is_file():
        return has_task or not file.suffix
    try:
        return "model" in read_yaml(file.read_text(encoding="utf-8"), what, ExperimentError).keys
    except (NasError, OSError, UnicodeDecodeError):
        return has_task  # whoever reads it in earnest says what is wrong


def _summary(found: Search, options: argparse.Namespace) -> int:
    """What came of it; exit status 1 where nothing did."""
    from nas.study.lineage import read_lineage

    record = found.record()
    try:
        front = found.front()
    except ParetoError as problem:
        print(f"nas {options.command}: {problem}{_first_failure(record)}", file=sys.stderr)
        return 1
    if options.json:
        print(front.to_json(), end="")
        return 0
    ended = Counter(trial.state.replace("_", " ") for trial in record.trials)
    print(f"{record.name}: {len(record.trials)} candidates ({', '.join(f'{n} {state}' for state, n in ended.items())})")
    carried = read_lineage(found.directory)
    if carried is not None:
        print(carried.summary())
    if found.ended:
        print(found.ended)
    print("\n".join(filter(None, (f"\n{picture(front)}{front.table(columns())}", against_chance(found, front)))))
    at = found.directory
    print(f"\nnext: nas report {at}   nas confirm {at}   nas export {at} --knee -o model.py")
    return 0


def _first_failure(record: StudyRecord) -> str:
    failed = [trial for trial in record.trials if trial.message and trial.state != "stopped"]
    return f"\nfirst failure, trial {failed[0].number}: {failed[0].message}" if failed else ""
