"""How long a proposal takes once much is known: each sampler after so many results, alone and in batches.

    python benchmarks/proposal_time.py [--space families] [--results 1000] [--samplers frontier,tpe,nsga2] [--json]

Processor time on one core. Quality is a law of the parameters and of luck, so nothing is trained. *Single* is a proposal after
each result, building the chosen design and checking that it is new included; *batch* is a proposal of 32 that are asked for
before any of them is told, divided by 32. Both are means over `--repeats`, after one that warms up.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from typing import Any

from nas.space import load_space
from nas.study.mirror import Mirror, Point
from nas.study.objectives import Goal
from nas.study.proposals import Proposals
from nas.study.samplers import make_sampler

BATCH = 32


class Search:
    """Proposals without a study: what is told is only remembered."""

    def __init__(self, space: str, sampler: str) -> None:
        self.goal = Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])
        bound = load_space(space)
        self.mirror = Mirror()
        self.proposals = Proposals(bound, self.goal, make_sampler("random", bound, self.goal), self.mirror, {}, 0)
        self._learnt = make_sampler(sampler, bound, self.goal)
        self.asked: list[tuple[int, str, int]] = []
        self._number = 0

    def begin_to_learn(self) -> None:
        self.proposals._sampler = self._learnt

    def ask(self) -> None:
        found = self.proposals.next(self._number)
        assert found is not None
        design = found.architecture
        self.proposals.remember(self._number, design.digest, self.proposals.recipe(design), found.origin)
        self.mirror.parameters.domains.update(found.domains)
        self.mirror.add(Point(found.values, dict(design.genotype), "pending", self._number))
        self.asked.append((self._number, design.digest, design.costs.params))
        self._number += 1

    def tell(self) -> None:
        for number, digest, params in self.asked:
            luck = int(digest[:8], 16) / 16**8
            accuracy = 1 - math.exp(-math.log10(params + 10) / 3) + 0.05 * luck
            self.mirror.tell(number, "told", self.goal.losses((accuracy, params)), (), 0.0)
        self.asked = []


def measure(space: str, sampler: str, results: int, repeats: int) -> dict[str, Any]:
    """Milliseconds of a single proposal and of one in a batch, after so many results."""
    search = Search(space, sampler)
    for _ in range(results):
        search.ask()
        search.tell()
    search.begin_to_learn()
    times: dict[int, list[float]] = {1: [], BATCH: []}
    for size, spent in times.items():
        for repeat in range(repeats + 1):
            begun = time.process_time()
            for _ in range(size):
                search.ask()
            if repeat:
                spent.append(1000 * (time.process_time() - begun) / size)
            search.tell()
    return {
        "space": space,
        "sampler": sampler,
        "results": results,
        "single_ms": statistics.fmean(times[1]),
        "batch_ms": statistics.fmean(times[BATCH]),
        "spread_ms": [statistics.stdev(spent) for spent in times.values()],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="families")
    parser.add_argument("--results", type=int, default=1000)
    parser.add_argument("--samplers", default="frontier,tpe,nsga2")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [measure(options.space, name, options.results, options.repeats) for name in options.samplers.split(",")]
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"milliseconds a proposal on `{options.space}` after {options.results} results")
    for row in rows:
        single, batch = row["spread_ms"]
        print(
            f"  {row['sampler']:12s} single {row['single_ms']:8.1f} ± {single:.1f}   in a batch of {BATCH} {row['batch_ms']:8.1f} ± {batch:.1f}"
        )


if __name__ == "__main__":
    main()
