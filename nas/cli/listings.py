"""`nas spaces | tasks | samplers | stopping`: what there is."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from nas.cli.options import add_json, print_json

if TYPE_CHECKING:
    from nas.study.samplers import SamplerEntry


def add_spaces(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.add_argument("--markdown", action="store_true", help="the page docs/families.md")
    parser.set_defaults(run=run_spaces)


def run_spaces(options: argparse.Namespace) -> int:
    from nas.space import load_space, shipped_spaces
    from nas.space.loading import is_family

    if options.markdown:
        from nas.cli.families import families_page

        print(families_page(), end="")
        return 0
    found: dict[bool, dict[str, tuple[str, ...]]] = {False: {}, True: {}}
    for name, path in shipped_spaces().items():
        space = load_space(name)
        found[is_family(path)][name] = (space.doc, space.source)
    names = ("doc", "source")
    if options.json or not found[True]:
        _print({**found[False], **found[True]}, options.json, names)
        return 0
    _print(found[False], False, names)
    print("\nPublished families, each with its configurations as seeds:\n")
    _print(found[True], False, names)
    return 0


def add_tasks(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.set_defaults(run=run_tasks)


def run_tasks(options: argparse.Namespace) -> int:
    from evaluators.tables import TABLES
    from evaluators.tasks import TASKS

    docs = {name: task.doc for name, task in TASKS.items()} | {name: table.doc for name, table in TABLES.items()}
    _print({name: (doc,) for name, doc in docs.items()}, options.json, ("doc",))
    if not options.json:
        print(
            "\nYour own: data.csv:TARGET_COLUMN or data.parquet:TARGET_COLUMN, data.npz, a folder of images or of .npy files, hf:NAME,\n"
            "torchvision:NAME, or my_task.py:make; with options, in an experiment file:\n"
            "  task: {name: data.csv, target: price, categorical: [colour], missing: mean}"
        )
    return 0


def add_samplers(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.set_defaults(run=run_samplers)


def run_samplers(options: argparse.Namespace) -> int:
    from nas.study.samplers import SAMPLERS
    from nas.study.samplers.foreign import foreign_sampler, optuna_names
    from nas.study.samplers.ray_tune import PREFIX, SEARCHERS, needs, ray_sampler

    rows: dict[str, tuple[str, ...]] = {name: (entry.summary, *_accepts(entry), "") for name, entry in SAMPLERS.items()}
    theirs: dict[str, tuple[str, ...]] = {}
    for searcher in SEARCHERS.values():
        entry = ray_sampler(PREFIX + searcher.name)
        missing = needs(searcher)
        lacks = f"needs {missing[0]}, which is not installed: pip install {missing[1]}" if missing else ""
        theirs[entry.name] = (
            searcher.summary,
            *_accepts(entry, "" if searcher.several else "for one objective"),
            lacks,
        )
    optunas: dict[str, tuple[str, ...]] = {}
    for name in optuna_names():
        entry = foreign_sampler(name)
        optunas[name] = (entry.summary, *_accepts(entry), "")
    names = ("doc", "settings", "accepts", "needs")
    if options.json:
        _print({**rows, **optunas, **theirs}, True, names)
        return 0
    _print(rows, False, names)
    print("\nSamplers of Optuna:\n")
    _print(optunas, False, names)
    print("\nSearchers of Ray Tune:\n")
    _print(theirs, False, names)
    print(
        "\nYour own, or OptunaHub's, with --allow-code: my_sampler.py:MySampler or my_package:MySampler, a class derived from optuna.samplers.BaseSampler"
    )
    print("\nWith settings, in an experiment file:\n  sampler: {name: nsga2, population: 50}")
    return 0


def _accepts(entry: SamplerEntry, objectives: str = "") -> tuple[str, str]:
    """The settings of a sampler with their defaults, and what it takes, where that is not everything."""
    settings = ", ".join(f"{name}: {_shown(setting.default)}" for name, setting in entry.settings.items())
    flat = "where every design has the same decisions" if entry.flat_only else ""
    finite = "where the designs can be counted" if entry.finite_only else ""
    objectives = objectives or (f"for {entry.n_objectives} objectives and more" if entry.n_objectives > 1 else "")
    rungs = "with a stopping rule" if entry.needs_rungs else ""
    limits = ", ".join(filter(None, (flat, finite, objectives, rungs)))
    return settings, f"only {limits}" if limits else ""


def _shown(value: object) -> str:
    """A setting's value as a file has it."""
    return str(value) if isinstance(value, str) else json.dumps(value)


def add_stopping(parser: argparse.ArgumentParser) -> None:
    add_json(parser)
    parser.set_defaults(run=run_stopping)


def run_stopping(options: argparse.Namespace) -> int:
    from nas.study.stopping import RULES

    rows: dict[str, tuple[str, ...]] = {}
    for name, entry in RULES.items():
        shown = (f"{key}: {one.default}" for key, one in entry.settings.items() if one.default is not None)
        front = "the front is never stopped" if entry.keeps_front else ""
        one = "for one objective that training decides" if entry.one_objective else ""
        rows[name] = (entry.summary, ", ".join(shown), front, one)
    _print(rows, options.json, ("doc", "settings", "front", "objectives"))
    if not options.json:
        print("\nEach takes the rungs too:\n  stopping: {rule: pareto-halving, rungs: [3, 10], eta: 3}")
    return 0


def _print(rows: dict[str, tuple[str, ...]], as_json: bool, names: tuple[str, ...]) -> None:
    if as_json:
        print_json({key: dict(zip(names, row, strict=True)) for key, row in rows.items()})
        return
    width = max(map(len, rows), default=0) + 2
    for key, row in rows.items():
        print(f"{key:<{width}}{row[0]}")
        for extra in row[1:]:
            if extra:
                print(f"{'':<{width}}{extra}")
