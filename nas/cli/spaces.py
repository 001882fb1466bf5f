"""`nas check | show | sample | schema`: looking at spaces without training anything."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from random import Random
from typing import Any

from nas.cli.options import add_json, options_told, print_json, write_text
from nas.errors import ExperimentError, NasError, SpaceError, nearest
from nas.space import Architecture, Space, load_space
from nas.space.space import NothingAccepted


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("space", help="a shipped name (see `nas spaces`) or a YAML file")
    parser.add_argument("--task", help="bind the axes to a task's shapes (see `nas tasks`)")
    parser.add_argument("--sizes", metavar="A=N,…", help="bind axes by name: features=784,targets=10")
    add_json(parser)


def _draws(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="of the random draws (default 0)")


def _space(options: argparse.Namespace) -> Space:
    space = load_space(options.space)
    if options.task:
        from nas.experiment import bind_to_task

        with options_told(options.task):
            space = bind_to_task(space, options.task)
    if options.sizes:
        space = space.with_sizes(_assignments(options.sizes.split(","), "--sizes"))
    return space


def _assignments(texts: list[str], option: str) -> dict[str, Any]:
    """`name=value` pairs, values by the rules of YAML."""
    from nas.space.yaml_tree import read_yaml

    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ExperimentError(f"{option} takes name=value, got `{text}`")
        found[name.strip()] = read_yaml(value, option, ExperimentError).plain() if value.strip() else None
    return found


def add_check(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    _draws(parser)
    parser.add_argument("--draws", type=int, default=500, help="random draws (default 500)")
    parser.set_defaults(run=run_check)


def run_check(options: argparse.Namespace) -> int:
    from nas.space.check import TRIES, check

    if options.draws < 1:
        raise ExperimentError(f"--draws is a positive number, got {options.draws}")
    space = _space(options)
    found = check(space, options.draws, options.seed)
    size = space.count()
    if options.json:
        print_json(
            {
                "space": space.name,
                "sizes": dict(space.sizes),
                "assumed": list(space.assumed),
                "count": str(size),
                "draws": found.draws,
                "acceptance": found.acceptance,
                "rejections": dict(found.reasons.most_common()),
                "branches": found.branches,
                "unreached": [
                    {"decision": path, "value": value, "rule": rule} for path, value, rule in found.unreached
                ],
                "flat": space.is_flat,
            }
        )
        return 0
    print(f"{space.file}: {space.name}" + (f" — {space.doc}" if space.doc else ""))
    print(f"  axes        {_sizes(space)}")
    print(f"  genotypes   {size}")
    print(f"  decisions   {'the same for all (flat)' if space.is_flat else 'depend on one another (conditional)'}")
    print(f"  branches    {found.branches} built, {len(found.unreached)} not found")
    print(f"  acceptance  {found.acceptance:.1%} of {found.draws} draws")
    for rule, count in found.reasons.most_common():
        print(f"              {count / found.draws:6.1%} rejected by  {_first_line(rule)}")
    if found.capped:
        share = found.capped / found.accepted
        print(
            f"  solved      stops at the largest value of its range in {share:.0%} of accepted draws; they spend less than allowed"
        )
    for place, value, rule in found.unreached:
        why = f" (mostly rejected by {_first_line(rule)})" if rule else ""
        print(f"  not found   {place} = {value} in {TRIES} tries{why}")
    return 0


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if len(lines) == 1 else f"{lines[0]}  {lines[-1]}" if lines else ""


def _sizes(space: Space) -> str:
    return ", ".join(
        f"{axis}={size}" + (" (assumed)" if axis in space.assumed else "") for axis, size in space.sizes.items()
    )


def add_show(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    parser.add_argument(
        "--seed",
        default="0",
        metavar="NAME|NUMBER",
        help="a known design of the space's `seeds`, at the sizes it was published with unless others are given; "
        "or the seed of the random draw (default 0)",
    )
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="fix a decision, repeatable")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write the drawing as SVG")
    parser.add_argument("--code", action="store_true", help="print the PyTorch source instead of the drawing")
    parser.set_defaults(run=run_show)


def run_show(options: argparse.Namespace) -> int:
    from nas.graph.draw import svg, text

    space = _space(options)
    wanted: dict[str, Any] = {}
    number = 0
    if options.seed not in space.seeds and not options.seed.isdecimal():
        known = f"its seeds are {', '.join(space.seeds)}" if space.seeds else "it has no seeds of its own"
        hint = nearest(options.seed, space.seeds) or f"; {known}, and a whole number from 0 seeds a random draw"
        raise NasError(f"--seed: {space.file} has no seed `{options.seed}`{hint}")
    if options.seed in space.seeds:
        published = space.seed_space(options.seed)
        space = space if options.task or options.sizes else published
        wanted.update(space.seeds[options.seed])
    else:
        number = int(options.seed)
    wanted.update(_assignments(options.set, "--set"))
    shown = _replayed(space, wanted, options.seed if options.seed in space.seeds else "", number)
    if options.svg:
        write_text(options.svg, svg(shown.graph))
    if options.json:
        print_json(_described(shown))
    elif options.code:
        from nas.codegen import source

        print(source(shown.graph))
    else:
        print(text(shown.graph))
        print(_costs(shown))
        print("\n".join(f"  {path} = {value}" for path, value in shown.genotype.items()))
        for path, value in shown.solved.items():
            print(f"  {path} = {value} (solved for{', the largest of its range' * shown.capped})")
        if options.svg:
            print(f"drawing: {options.svg}")
    return 0


def _replayed(space: Space, wanted: dict[str, Any], design: str, number: int) -> Architecture:
    """The architecture of what is wanted, the rest drawn. Raises: NasError: a known design does not fit these sizes."""
    try:
        return space.replay(wanted, Random(number))
    except SpaceError as problem:
        if not design:
            raise
        rules = problem.reasons.most_common(1) if isinstance(problem, NothingAccepted) else []
        why = rules[0][0] if rules else str(problem)
        raise NasError(f"the design `{design}` does not fit {_sizes(space)}: {_first_line(why)}") from None


def _costs(shown: Architecture) -> str:
    costs = shown.costs
    parts = (
        f"{costs.trainable_params:,} trainable parameters", f"{costs.frozen_params:,} frozen",
        f"{shown.unused_params:,} allocated but unused", f"{costs.buffers:,} in buffers",
    )  # fmt: skip
    active = (f"{costs.active_params:,} parameters active",) if costs.active_params < costs.params else ()
    rest = (
        *active,
        f"{costs.macs:,} MACs",
        f"{costs.activation_bytes:,} activation bytes",
        f"digest {shown.digest[:12]}",
    )
    return f"\n{', '.join(parts)}\n{', '.join(rest)}"


def _described(shown: Architecture) -> dict[str, Any]:
    return {
        "genotype": dict(shown.genotype),
        "solved": dict(shown.solved),
        "costs": shown.costs.as_dict(),
        "unused_params": shown.unused_params,
        "digest": shown.digest,
        "recipe": dict(shown.recipe),
    }


def add_sample(parser: argparse.ArgumentParser) -> None:
    _common(parser)
    _draws(parser)
    parser.add_argument("-n", type=int, default=5, help="how many (default 5)")
    parser.set_defaults(run=run_sample)


def run_sample(options: argparse.Namespace) -> int:
    if options.n < 1:
        raise ExperimentError(f"-n is a positive number, got {options.n}")
    space, rng = _space(options), Random(options.seed)
    for number in range(options.n):
        drawn = space.sample(rng)
        if options.json:
            print(json.dumps(_described(drawn)))
            continue
        decisions = " ".join(f"{path}={value}" for path, value in {**drawn.genotype, **drawn.solved}.items())
        print(
            f"{number:>3}  {drawn.costs.params:>12,} params  {drawn.costs.macs:>14,} MACs  {drawn.digest[:8]}  {decisions}"
        )
    return 0


def add_schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("space", "experiment"), default="space")
    parser.set_defaults(run=run_schema)


def run_schema(options: argparse.Namespace) -> int:
    if options.what == "experiment":
        from nas.experiment.schema import experiment_schema as schema
    else:
        from nas.space.schema import space_schema as schema
    print_json(schema())
    return 0
