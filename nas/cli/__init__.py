"""The command `nas`. Thin: parse, call, print.

Exit status 0: done; 1: the work failed; 2: the input was wrong. A user's mistake is one message, never a traceback.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from nas.errors import NasError, nearest

# command: (module, what it does); a module is imported only when its command runs
COMMANDS = {
    "check": ("spaces", "check a space: every branch is built, acceptance and rejecting rules are reported"),
    "show": ("spaces", "draw one architecture of a space and count its costs"),
    "sample": ("spaces", "draw architectures at random"),
    "schema": ("spaces", "print the JSON Schema of space or experiment files, for editors"),
    "search": ("searches", "search a space: an experiment file, or a space with --task"),
    "resume": ("searches", "go on with a search that was interrupted, with more trials if asked"),
    "front": ("results", "the Pareto frontier of a search: table, csv, json, svg, png or pdf"),
    "confirm": ("results", "retrain the frontier with several seeds and open the test split"),
    "report": ("results", "write one offline HTML file about a search"),
    "compare": ("compare", "several searches side by side: attainment, hypervolume, paired tests over seeds"),
    "scores": ("scores", "how well scores at initialisation rank a search's candidates, and how well costs do"),
    "dashboard": ("dashboard", "watch a search in Optuna's dashboard, also while it runs"),
    "export": ("results", "write a candidate as plain PyTorch with its weights, verified"),
    "ops": ("operators", "the operators of the language"),
    "spaces": ("listings", "the spaces that come with the package"),
    "tasks": ("listings", "the tasks that come with the package"),
    "samplers": ("listings", "the samplers and what they accept"),
    "stopping": ("listings", "the rules that stop candidates early, and their settings"),
}

# They build no space of the user's, so that they need no permission to run the Python files it names.
WITHOUT_CODE = ("schema", "compare", "dashboard", "ops", "spaces", "tasks", "samplers", "stopping")

_WIDTH = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    command = given[0] if given else None
    try:
        parser, chosen = _parser(command)
        options, unknown = parser.parse_known_args(given)
        if unknown:
            chosen.error(f"`{unknown[0]}` is not understood{nearest(unknown[0], chosen.options())}")
        if not hasattr(options, "run"):
            parser.print_help()
            return 0
        if not getattr(options, "allow_code", False):
            return int(options.run(options) or 0)
        return _with_code(options)
    except NasError as problem:
        who = f"nas {command}" if command in COMMANDS else "nas"
        print(str(problem) if "\n" in str(problem) else f"{who}: {problem}", file=sys.stderr)
        return problem.exit_status
    except KeyboardInterrupt as stop:
        print(f"nas: {stop}" if str(stop) else "nas: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone: `nas ops | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _with_code(options: argparse.Namespace) -> int:
    """Run a command that may run the Python files that a space names."""
    from nas.space import allow_code

    allow_code()
    try:
        return int(options.run(options) or 0)
    finally:
        allow_code(False)


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one message, like all others."""

    def error(self, message: str) -> NoReturn:
        message = re.sub(r"^argument (\S+): invalid int value: (.*)", r"\1 takes a whole number, got \2", message)
        message = re.sub(r"^argument (\S+): invalid float value: (.*)", r"\1 takes a number, got \2", message)
        raise NasError(f"{message} (`{self.prog} --help` says more)")

    def options(self) -> list[str]:
        return list(self._option_string_actions)


def _parser(command: str | None) -> tuple[_Parser, _Parser]:
    """The parser of all commands, and the one of `command`, which alone has its arguments."""

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, max_help_position=26, width=_WIDTH)

    listed = "\n".join(f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items())
    parser = _Parser(
        prog="nas",
        description="Neural architecture search for attention-free networks.",
        epilog=f"commands:\n{listed}\n\n`nas COMMAND --help` says more.",
        formatter_class=formatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    if command is not None and not command.startswith("-") and command not in COMMANDS:
        parser.error(f"there is no command `{command}`{nearest(command, COMMANDS)}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", prog="nas")
    chosen = parser
    for name, (module, what) in COMMANDS.items():
        sub = commands.add_parser(name, description=what, formatter_class=formatter)
        if name == command:
            chosen = sub
            getattr(import_module(f"nas.cli.{module}"), f"add_{name}")(sub)
            if name not in WITHOUT_CODE:
                sub.add_argument("--allow-code", action="store_true", help="let a space run the Python files it names")
    return parser, chosen


def _version() -> str:
    import nas

    return f"hourglass-nas {nas.__version__}"
