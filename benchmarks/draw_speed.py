"""How fast candidates are drawn: draw, shape check, exact costs and digest, on one core.

    python benchmarks/draw_speed.py [--space residual-mlp] [--seconds 3] [--repeats 3] [--json]

The rival is Optuna's `study.ask()` with a random sampler in memory, which suggests the decisions of the same designs one by
one. It builds no graph, checks no shape, knows no cost and sees no rule, so all of its draws count: it is the price of
writing the decisions down. Both sides run in turns in one process; the numbers are processor time, the best turn of each.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import optuna
from optuna.samplers import RandomSampler

from nas.space import Architecture, Categorical, Integer, Space, load_space


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="residual-mlp")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each turn")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(load_space(arguments.space), arguments.seconds, arguments.repeats)
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{arguments.space}: accepted candidates a second on one core")
    print(f"  draw, shapes, costs, digest  {found['drawn']:8,.0f}")
    print(f"  … without the digest         {found['drawn_without_digest']:8,.0f}")
    print(f"  optuna, ask and suggest      {found['optuna']:8,.0f}   (no graph, no rules)")
    print(f"  ratio                        {found['ratio']:8.1f}")


def measure(space: Space, seconds: float, repeats: int) -> dict[str, Any]:
    """Accepted candidates a second, each the best of `repeats` turns of so many seconds."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    best = {"drawn": 0.0, "drawn_without_digest": 0.0, "optuna": 0.0}
    for turn in range(repeats):
        best["drawn"] = max(best["drawn"], rate(drawn(space, turn, digest=True), seconds))
        best["drawn_without_digest"] = max(
            best["drawn_without_digest"], rate(drawn(space, turn, digest=False), seconds)
        )
        best["optuna"] = max(best["optuna"], rate(asked(space, turn), seconds))
    rounded = {name: round(value, 1) for name, value in best.items()}
    return {
        "space": space.name,
        "seconds": seconds,
        "repeats": repeats,
        **rounded,
        "ratio": best["drawn"] / best["optuna"],
    }


def rate(work: Callable[[], object], seconds: float) -> float:
    """Calls a second of processor time, after a short warm-up."""
    for _ in range(20):
        work()
    calls, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        work()
        calls += 1
    return calls / spent


def drawn(space: Space, seed: int, digest: bool) -> Callable[[], object]:
    rng = random.Random(seed)

    def draw() -> object:
        candidate = space.sample(rng)
        return candidate.costs, candidate.digest if digest else ""

    return draw


def asked(space: Space, seed: int) -> Callable[[], object]:
    rng = random.Random(seed)
    designs: Iterator[Architecture] = cycle([space.sample(rng) for _ in range(200)])
    study = optuna.create_study(sampler=RandomSampler(seed))

    def ask() -> object:
        trial = study.ask()
        for path, domain in next(designs).domains.items():
            if isinstance(domain, Categorical):
                trial.suggest_categorical(path, domain.options)
            elif isinstance(domain, Integer):
                step = 1 if domain.log else domain.step  # Optuna has no steps on a log scale
                trial.suggest_int(path, domain.low, domain.high, step=step, log=domain.log)
            else:
                step = None if domain.log else domain.step
                trial.suggest_float(path, domain.low, domain.high, step=step, log=domain.log)
        return trial

    return ask


if __name__ == "__main__":
    main()
