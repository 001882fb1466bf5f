"""What a study costs per trial, against plain Optuna on the same journal with parameters written one by one.

    python benchmarks/study_overhead.py [--trials 200] [--space families] [--json]

No training: every candidate is told at once. Both sides write an append-only journal with a sync after each write. The
rival suggests as many parameters as the space's designs have on average, with the same kind of sampler.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from nas.space import load_space
from nas.study.candidate import Outcome, Report
from nas.study.study import Study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--space", default="families")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    rows = {}
    n_parameters = 0
    for sampler in ("random", "tpe", "nsga2"):
        with tempfile.TemporaryDirectory() as folder:
            rows[f"study, {sampler}"], n_parameters = ours(Path(folder), arguments.space, sampler, arguments.trials)
    for sampler in ("random", "tpe"):
        with tempfile.TemporaryDirectory() as folder:
            rows[f"plain optuna, {sampler}"] = plain(Path(folder), n_parameters, sampler, arguments.trials)
    if arguments.json:
        facts = {"space": arguments.space, "trials": arguments.trials, "parameters": n_parameters, "per trial": rows}
        print(json.dumps(facts, indent=2))
        return
    print(f"{arguments.space}: {arguments.trials} trials of {n_parameters} parameters; milliseconds per trial\n")
    print(f"{'':<24} {'ask':>8} {'report':>8} {'tell':>8} {'kB written':>11}")
    for name, row in rows.items():
        print(
            f"{name:<24} {row['ask_ms']:>8.2f} {row['report_ms']:>8.2f} {row['tell_ms']:>8.2f} {row['kilobytes']:>11.1f}"
        )


def ours(folder: Path, space: str, sampler: str, trials: int) -> tuple[dict[str, float], int]:
    """Times of a study with one rung, and the mean number of decisions."""
    study = Study.create(
        folder, load_space(space), objectives=["maximize accuracy", "minimize params"], metrics=["accuracy"], task="none",
        sampler=sampler, stopping={"rule": "pareto-halving", "rungs": [10], "eta": 3}, budget={"epochs": 30}, trials=trials,
    )  # fmt: skip
    clock = _Clock()
    with study:
        while (candidate := clock.time("ask", study.ask)) is not None:
            accuracy = int(candidate.digest[:8], 16) / 16**8
            report = Report(10, {"accuracy": accuracy})
            clock.time("report", lambda candidate=candidate, report=report: study.report(candidate, report))
            outcome = Outcome("complete", {"accuracy": accuracy})
            clock.time("tell", lambda candidate=candidate, outcome=outcome: study.tell(candidate, outcome))
        decisions = [len(trial.genotype) for trial in study.record().trials]
    return clock.row(folder, trials), round(statistics.mean(decisions))


def plain(folder: Path, n_parameters: int, sampler: str, trials: int) -> dict[str, float]:
    """Optuna's own ask and tell, one suggestion after the other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samplers = optuna.samplers
        made = samplers.RandomSampler(seed=0) if sampler == "random" else samplers.TPESampler(seed=0, multivariate=True)
    storage = JournalStorage(JournalFileBackend(str(folder / "journal.log")))
    study = optuna.create_study(storage=storage, sampler=made, directions=["maximize", "minimize"])
    clock = _Clock()

    def ask() -> optuna.Trial:
        trial = study.ask()
        for number in range(n_parameters):
            if number % 2:
                trial.suggest_int(f"p{number}", 8, 1024, log=True)
            else:
                trial.suggest_categorical(f"p{number}", ["relu", "gelu", "silu"])
        return trial

    for number in range(trials):
        trial = clock.time("ask", ask)
        clock.time("report", lambda trial=trial: trial.set_user_attr("curve", [0.5]))
        clock.time("tell", lambda trial=trial, number=number: study.tell(trial, [number % 7, number % 11]))
    return clock.row(folder, trials)


class _Clock:
    def __init__(self) -> None:
        self.spent = {"ask": 0.0, "report": 0.0, "tell": 0.0}

    def time(self, name, call):  # type: ignore[no-untyped-def]
        start = time.perf_counter()
        result = call()
        self.spent[name] += time.perf_counter() - start
        return result

    def row(self, folder: Path, trials: int) -> dict[str, float]:
        times = {f"{name}_ms": round(1e3 * spent / trials, 3) for name, spent in self.spent.items()}
        return {**times, "kilobytes": round((folder / "journal.log").stat().st_size / 1e3 / trials, 2)}


if __name__ == "__main__":
    main()
