"""Which sampler finds the better frontier in the same time, when networks are really trained? Paired seeds, MNIST-1D.

    python benchmarks/samplers_at_equal_time.py             run what is missing (20 minutes of two idle cores), then the tables
    python benchmarks/samplers_at_equal_time.py --report    the tables of what was run

Every sampler searches `families`, each candidate with a learning rate of its own, for the same wall-clock seconds: training, stopping by rank,
and its own thinking count. Searches are single processes, two at a time, the arms of a seed one after another in an
order that turns from seed to seed. Then each frontier is retrained with three new seeds by `nas confirm`, and
the score is the hypervolume of mean test accuracy against decades of parameters, as in `stopping_at_equal_time.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from stopping_at_equal_time import RECIPE, Setting, commit, compared, share, with_rates

import nas

FOLDER = Path(__file__).parent.parent / "results" / "samplers-at-equal-time"
ARMS = ("frontier", "tpe", "random")
SEEDS = (1, 2, 3, 4, 5)
CONFIRM_SEEDS = 3
SETTING = Setting("mnist1d", "families", 128, 10_000, 100, 100_000, ("macs <= 20_000",))


@dataclass(frozen=True)
class Run:
    """One search and its confirmed frontier.

    Args:
        seconds: of wall-clock that the search had. tried: candidates; complete: those trained to the end.
        members: parameters and mean test accuracy of each member of the frontier.
    """

    sampler: str
    seed: int
    commit: str
    seconds: float
    tried: int
    complete: int
    members: list[tuple[int, float]]

    @property
    def volume(self) -> float:
        """The confirmed hypervolume, as a share of the box."""
        return share([(accuracy, params) for params, accuracy in self.members], SETTING)


def run(sampler: str, seed: int, seconds: float, work: Path) -> Run:
    """Search for so long, then confirm."""
    directory = work / f"{sampler}-{seed}"
    shutil.rmtree(directory, ignore_errors=True)
    found = nas.search(
        with_rates(SETTING.space),
        task=SETTING.task,
        objectives=["maximize accuracy", "minimize params"],
        constraints=list(SETTING.constraints),
        sampler=sampler,
        stopping={"rule": "pareto-halving", "rungs": [10], "eta": 3},
        trials=SETTING.trials,
        hours=seconds / 3600,
        budget={"epochs": 30},
        recipe={**RECIPE, "batch_size": SETTING.batch_size},
        device="cpu",
        seed=seed,
        directory=str(directory),
    )
    confirmation = nas.confirm(directory, seeds=CONFIRM_SEEDS)
    states = [trial.state for trial in found.record().trials]
    members = []
    for trial in found.front().members:
        one = confirmation.candidate(trial.number)
        values = [] if one is None else one.values("accuracy", "test")
        if values:
            members.append((trial.costs["params"], round(statistics.mean(values), 5)))
    return Run(sampler, seed, commit(), seconds, len(states), states.count("complete"), members)


def run_missing(arms: Sequence[str], seeds: Sequence[int], seconds: float, path: Path, work: Path) -> None:
    """Run what `path` lacks, two searches at a time."""
    done = {(run.sampler, run.seed) for run in load(path)}
    turns = [(arms[(place + seed) % len(arms)], seed) for seed in seeds for place in range(len(arms))]
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(run, *turn, seconds, work) for turn in turns if turn not in done]):
            one = future.result()
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(one)) + "\n")
            print(
                f"{one.sampler} {one.seed}: {one.volume:.4f}, {one.complete} of {one.tried} trained to the end",
                flush=True,
            )


def load(path: Path) -> list[Run]:
    """What was run, one JSON object a line; nothing where there is no file."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Run(**{**data, "members": [tuple(one) for one in data["members"]]}) for data in map(json.loads, lines)]


def tables(runs: Sequence[Run]) -> str:
    """Markdown: each sampler by itself, and `frontier` against the others, paired by seed."""
    lines = ["| sampler | tried | trained to the end | members | confirmed hypervolume |", "|---|---:|---:|---:|---:|"]
    scores = {(run.sampler, run.seed): run.volume for run in runs}
    arms = [arm for arm in ARMS if any(run.sampler == arm for run in runs)]
    for arm in arms:
        own = [run for run in runs if run.sampler == arm]
        counts = (
            statistics.mean(counts)
            for counts in zip(*((r.tried, r.complete, len(r.members)) for r in own), strict=True)
        )
        shown = " | ".join(f"{count:.0f}" for count in counts)
        values = [run.volume for run in own]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        lines.append(f"| {arm} | {shown} | {statistics.mean(values):.4f} ± {spread:.4f} |")
    lines += ["", "| sampler | against | difference | wins | p |", "|---|---|---:|---:|---:|"]
    for other in arms[1:] if ARMS[0] in arms else ():
        seeds = [run.seed for run in runs if run.sampler == other and (ARMS[0], run.seed) in scores]
        ours, theirs = ([scores[arm, seed] for seed in seeds] for arm in (ARMS[0], other))
        mean, spread, wins, p = compared(ours, theirs)
        lines.append(f"| {ARMS[0]} | {other} | {mean:+.4f} ± {spread:.4f} | {wins} of {len(seeds)} | {p:.3f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--arms", nargs="+", default=ARMS, choices=ARMS)
    parser.add_argument("--seeds", type=int, nargs="+", help="1 to 5; with --report, all that were run")
    parser.add_argument("--seconds", type=float, default=90.0, help="of each search")
    parser.add_argument("--runs", type=Path, default=FOLDER / "runs.jsonl", help="the file with a line a run")
    parser.add_argument("--work", type=Path, default=Path("runs/samplers-at-equal-time"), help="for the searches")
    options = parser.parse_args()
    if not options.report:
        options.runs.parent.mkdir(parents=True, exist_ok=True)
        run_missing(options.arms, options.seeds or SEEDS, options.seconds, options.runs, options.work)
    print(tables([one for one in load(options.runs) if one.seed in (options.seeds or [one.seed])]))


if __name__ == "__main__":
    main()
