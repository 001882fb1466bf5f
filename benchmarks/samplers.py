"""How well the samplers search shipped spaces, against chance, on a closed-form objective; and what rules refuse.

    python benchmarks/samplers.py [--spaces families grammar residual-mlp] [--trials 400] [--seeds 10] [--samplers tpe nsga2] [--json]

The objective stands in for accuracy: diminishing returns in the parameters, times a quality to which every decision of a
design adds its share (a number does best at a value of its own, a word has a value of its own). It rewards what real
searches reward, costs nothing, and is the same everywhere. The score is the hypervolume of accuracy against decades of
parameters; the test is Wilcoxon's, paired by seed, one-sided against `random`. Samplers that learn from rungs search with Hyperband,
and so does the `random` that they are compared with: curves rise to the same values as without.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
import tempfile
from collections.abc import Sequence
from typing import Any

import moocore
import numpy as np
from scipy.stats import wilcoxon

from nas.space import load_space
from nas.study.candidate import Candidate, Outcome, Report, Value
from nas.study.samplers import SAMPLERS as SHIPPED
from nas.study.study import Study

REFERENCE = (0.0, 6.5)  # of (-accuracy, log10 parameters)
SAMPLERS = ("random", "tpe", "nsga2", "nsga3", "evolution", "local-search", "tabu", "bohb")
HYPERBAND: dict[str, Any] = {"rule": "hyperband", "rungs": [1, 3, 9]}
EPOCHS = 27


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spaces", nargs="+", default=["families", "grammar", "residual-mlp"])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), help="`random` is among them in any case")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    samplers = tuple(dict.fromkeys(["random", *arguments.samplers]))
    rows = [row for space in arguments.spaces for row in compare(space, arguments.trials, arguments.seeds, samplers)]
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{arguments.trials} trials, {arguments.seeds} seeds\n")
    print(f"{'space':<14} {'sampler':<18} {'hypervolume':>18} {'wins':>6} {'p':>8} {'refused':>9} {'duplicates':>11}")
    for row in rows:
        volume = f"{row['hypervolume']:.4f} ± {row['spread']:.4f}"
        print(
            f"{row['space']:<14} {row['sampler']:<18} {volume:>18} {row['wins']:>6} {row['p']:>8.4f} "
            f"{row['refused']:>9.1%} {row['duplicates']:>11.1%}"
        )


def compare(space: str, trials: int, seeds: int, samplers: Sequence[str] = SAMPLERS) -> list[dict[str, Any]]:
    """One row for each sampler, `random` among them; shares are of all proposals."""
    found = {
        (sampler, stopped): [search(space, sampler, seed, trials, stopped) for seed in range(seeds)]
        for sampler, stopped in _compared(samplers)
    }
    rows = []
    for (sampler, stopped), runs in found.items():
        volumes = [volume for volume, _ in runs]
        chance = [volume for volume, _ in found["random", stopped]]
        counts = {kind: sum(counts.get(kind, 0) for _, counts in runs) for kind in ("rejected", "duplicate")}
        proposals = trials * seeds + sum(counts.values())
        rows.append(
            {
                "space": space,
                "sampler": f"{sampler} + hyperband" if stopped else sampler,
                "hypervolume": statistics.mean(volumes),
                "spread": statistics.stdev(volumes),
                "wins": sum(ours > other for ours, other in zip(volumes, chance, strict=True)),
                "p": 1.0 if sampler == "random" else float(wilcoxon(volumes, chance, alternative="greater").pvalue),
                "refused": counts["rejected"] / proposals,
                "duplicates": counts["duplicate"] / proposals,
            }
        )
    return rows


def _compared(samplers: Sequence[str]) -> list[tuple[str, bool]]:
    """The samplers, each with whether candidates are stopped on the way; `random` both ways where both occur."""
    pairs = [(sampler, SHIPPED[sampler].needs_rungs) for sampler in samplers]
    return sorted(
        {("random", stopped) for _, stopped in pairs} | set(pairs), key=lambda pair: (pair[1], pair[0] != "random")
    )


def search(space: str, sampler: str, seed: int, trials: int, stopped: bool = False) -> tuple[float, dict[str, int]]:
    """The hypervolume that one search reaches, and what was passed over on the way."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Study.create(
            folder, load_space(space), objectives=["maximize accuracy", "minimize params"], metrics=["accuracy"],
            task="closed form", sampler=sampler, trials=trials, seed=seed,
            budget={"epochs": EPOCHS}, stopping=HYPERBAND if stopped else "none",
        ) as study,
    ):  # fmt: skip
        while (candidate := study.ask()) is not None:
            study.tell(candidate, trained(study, candidate))
        record = study.record()
    values = [trial.values for trial in record.completed() if trial.values is not None]
    points = np.array([(-value, math.log10(params)) for value, params in values])
    return float(moocore.hypervolume(points, ref=REFERENCE)), record.counts


def trained(study: Study, candidate: Candidate) -> Outcome:
    """Accuracy rises to its end as a power of the epochs, at a pace of the design's own."""
    end = accuracy(candidate)
    pace = 0.5 + luck(candidate.digest)
    for rung in HYPERBAND["rungs"]:
        if not study.report(candidate, Report(rung, {"accuracy": end * (1 - 0.5 * rung**-pace)})):
            return Outcome("stopped")
    return Outcome("complete", {"accuracy": end})


def accuracy(candidate: Candidate) -> float:
    """Between 0 and 1; see the module."""
    shares = [share(path, value) for path, value in candidate.genotype.items()]
    quality = 1 / (1 + math.exp(-3 * sum(shares) / math.sqrt(len(shares))))
    return (1 - math.exp(-math.log10(candidate.costs["params"] + 10) / 3)) * (0.6 + 0.4 * quality)


def share(path: str, value: Value) -> float:
    """What one decision adds to the quality, from -1 to 0.5."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return -abs(math.log2(abs(value) + 1) / 10 - luck(path))
    return luck(f"{path}={value}") - 0.5


def luck(text: str) -> float:
    """A number from 0 to 1 that only the text decides."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 16**8


if __name__ == "__main__":
    main()
