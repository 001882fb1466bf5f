"""Options that several commands share, and what they mean."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError, NasError, TaskError

if TYPE_CHECKING:
    from nas.experiment import Search
    from nas.experiment.watching import Watcher
    from nas.pareto.front import Front


_OPTIONS = {"processes": ("workers", "memory_gb"), "ray": ("workers", "memory_gb", "cpus", "gpus", "address")}


def add_json(parser: argparse.ArgumentParser, what: str = "machine-readable output") -> None:
    parser.add_argument("--json", action="store_true", help=what)


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Where candidates are trained, and whether somebody watches."""
    parser.add_argument(
        "--engine", metavar="NAME", help="where candidates are trained: inline, processes (of this machine), or ray"
    )
    parser.add_argument(
        "--batch",
        type=number_or_auto,
        metavar="N",
        help="candidates that a process trains together, as one program (default 1); auto: more, the more results there are",
    )
    several = parser.add_argument_group(
        "several processes", "any of the first two chooses processes, of the others ray"
    )
    several.add_argument("--workers", type=int, metavar="N", help="how many (default 2)")
    several.add_argument("--memory-gb", type=float, metavar="GB", help="main memory of each")
    several.add_argument("--cpus", type=float, metavar="N", help="cores of each (default 1)")
    several.add_argument("--gpus", type=float, metavar="N", help="GPUs of each; a fraction shares one and its memory")
    several.add_argument("--address", metavar="WHERE", help="local, auto (a running cluster) or ray://HOST:10001")
    parser.add_argument("--quiet", action="store_true", help="no live view")


def number_or_auto(text: str) -> int | str:
    """Raises: ValueError: neither a number nor `auto`."""
    return text if text == "auto" else int(text)


def engine_of(options: argparse.Namespace) -> Any:
    """The engine setting that the options ask for; None: as the experiment says."""
    given = {name: value for name in _OPTIONS["ray"] if (value := getattr(options, name)) is not None}
    together = {} if options.batch is None else {"batch": options.batch}
    if not given:
        return {"name": options.engine or "inline", **together} if together else options.engine
    chosen = options.engine or next(name for name, known in _OPTIONS.items() if given.keys() <= set(known))
    for name in given:
        if name not in _OPTIONS.get(chosen, ()):
            flag = name.replace("_", "-")
            others = " or ".join(f"--engine {engine}" for engine, known in _OPTIONS.items() if name in known)
            raise ExperimentError(f"the engine `{chosen}` has no {name}; use {others} with --{flag}")
    return {"name": chosen, **given, **together}


def watcher(options: argparse.Namespace) -> AbstractContextManager[Watcher | None]:
    """The live view, unless it is not wanted. It goes to the standard error output, so that results can be piped."""
    from nas.cli.live import Live

    return nullcontext(None) if options.quiet else Live(sys.stderr)


def columns() -> int:
    """Of the terminal; where there is none, of a page."""
    return shutil.get_terminal_size((100, 24)).columns


def picture(front: Front) -> str:
    """The frontier as characters, with colours where somebody sees and wants them; empty for one objective."""
    from nas.pareto.terminal import sketch

    if len(front.record.objectives) < 2:
        return ""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return sketch(front, max(min(columns() - 2, 90), 30), colour=colour) + "\n\n"


def against_chance(found: Search, front: Front) -> str:
    """The search held against its random candidates, a line for each objective that has enough of them."""
    from nas.pareto.control import ITSELF, is_chance, random_control

    held = random_control(front, found.confirmation(), found.control())
    enough = [one for one in held if one.is_enough]
    told = [ITSELF] if enough and is_chance(front) else enough
    return "\n".join(f"against chance: {one}" for one in told)


@contextmanager
def options_told(task: str | None) -> Iterator[None]:
    """Inside, data that want an option of the task say where it is written, `--task` having no place for it."""
    try:
        yield
    except TaskError as problem:
        wanted = re.search(r"`([a-z_]+: [^`]+)`", str(problem))
        if task is None or wanted is None or ".py:" in task:  # those of a function are what it takes and returns
            raise
        *others, last = problem.faults
        said = f"in an experiment file: `task: {{name: {json.dumps(task)}, {wanted[1]}}}`"
        apart = "; " if last.place is None else "\n"
        raise TaskError(*others, replace(last, message=f"{last.message}{apart}{said}")) from None


def write_text(path: Path, text: str) -> None:
    """Write a file the user named. Raises: NasError: it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        raise NasError(f"{path} cannot be written: {problem.strerror}; give another path") from None


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
