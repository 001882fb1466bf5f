"""What our engines cost per candidate, against Ray Tune on the same sleeping function in the same run.

    python benchmarks/engine_overhead.py [--candidates 200] [--seconds 1] [--workers 2] [--trials 5000]
        [--parts instant,sleeping,tune] [--json]

Sleeping: candidates that do nothing for some seconds, on all workers, on one, and by Ray Tune; the ideal is
candidates · seconds / workers. Ours count from when all workers are up; the start is reported apart. Ray Tune starts a
process for every trial and has no such moment: its time is that of `fit`. Instant: an evaluator that reports and returns at
once, so that what is left is the engine and the storage; the sampler's time and that of generating source are apart. Of
the second fifth and of the last one the driver's processor time is told, which a busy machine does not stretch: whatever
grows with the record shows there.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from evaluators.engines import Engine, Inline, Processes, RayEngine, Silent
from evaluators.engines import ray as ray_engine
from nas.space import load_space
from nas.study.candidate import Job, Outcome, Report
from nas.study.proposals import Proposals
from nas.study.study import Study


@dataclass(frozen=True)
class Sleeping:
    """Accuracy 0.5 after `seconds`."""

    seconds: float

    def evaluate(self, job: Job) -> Generator[Report, bool | None, Outcome]:
        time.sleep(self.seconds)
        yield Report(1, {"accuracy": 0.5})
        return Outcome("complete", {"accuracy": 0.5})


class Watched(Silent):
    """The moments that an engine tells of, and the time that a study spends on anything but its record."""

    def __init__(self, study: Study) -> None:
        self.began = time.perf_counter()
        self.first: dict[int, float] = {}
        self.starts: dict[int, float] = {}
        self.ends: dict[int, float] = {}
        self.spent = {"sampler": 0.0, "source": 0.0}
        self.spent_cpu = 0.0  # by this process, and on the same
        self.cpu: list[float] = []  # at the end of each candidate: seconds that this process has used, without those
        study.job = self._timed("source", study.job)  # type: ignore[method-assign]

    def started(self, candidate: Any, worker: int) -> None:
        self.starts[candidate.number] = time.perf_counter()
        self.first.setdefault(worker, self.starts[candidate.number])

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        self.ends[candidate.number] = time.perf_counter()
        self.cpu.append(time.process_time() - self.spent_cpu)

    @contextlib.contextmanager
    def sampling(self) -> Iterator[None]:
        """Inside, proposals are timed, of whatever study."""
        plain = Proposals.next
        Proposals.next = self._timed("sampler", plain)  # type: ignore[method-assign]
        try:
            yield
        finally:
            Proposals.next = plain  # type: ignore[method-assign]

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            began, used = time.perf_counter(), time.process_time()
            found = call(*arguments)
            self.spent[name] += time.perf_counter() - began
            self.spent_cpu += time.process_time() - used
            return found

        return timed


def search(engine: Engine, evaluator: Sleeping, trials: int) -> Watched:
    """A search of random candidates with a journal on disk."""
    with tempfile.TemporaryDirectory() as folder:
        study = Study.create(
            folder, load_space("mlp").bind([(64,)], [(10,)]), objectives=["maximize accuracy", "minimize params"],
            metrics=["accuracy"], task="none", sampler="random", budget={"epochs": 1}, trials=trials,
        )  # fmt: skip
        watched = Watched(study)
        with study, watched.sampling():
            engine.run(study, evaluator, watched)
    if len(watched.ends) != trials:
        raise RuntimeError(f"{len(watched.ends)} of {trials} candidates")
    return watched


def sleeping(engine: Processes | RayEngine, candidates: int, seconds: float) -> dict[str, float]:
    """From the moment at which every worker has begun; what was slept before it is not in the ideal."""
    workers, watched = engine.workers, search(engine, Sleeping(seconds), candidates)
    up = max(watched.first.values())
    left = [number for number, end in watched.ends.items() if end > up]
    to_sleep = sum(seconds - max(up - watched.starts[number], 0.0) for number in left)
    row = _against(max(watched.ends.values()) - up, to_sleep / workers)
    return {"start_s": round(up - watched.began, 2), "candidates": len(left), **row}


def _against(took: float, ideal: float) -> dict[str, float]:
    return {
        "took_s": round(took, 2),
        "ideal_s": round(ideal, 2),
        "overhead_percent": round(100 * (took / ideal - 1), 2),
    }


def tune(workers: int, candidates: int, seconds: float) -> dict[str, float]:
    """Plain Ray Tune: one trial a candidate, `workers` at a time."""
    from ray import tune as ray_tune

    def sleep(config: dict[str, Any]) -> dict[str, float]:
        time.sleep(seconds)
        return {"accuracy": 0.5}

    with tempfile.TemporaryDirectory() as folder:
        tuner = ray_tune.Tuner(
            ray_tune.with_resources(sleep, {"cpu": 1}),
            param_space={"x": ray_tune.uniform(0, 1)},
            tune_config=ray_tune.TuneConfig(num_samples=candidates, max_concurrent_trials=workers),
            run_config=ray_tune.RunConfig(storage_path=folder, verbose=0),
        )
        began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            found = tuner.fit()
        took = time.perf_counter() - began
    if len(found) != candidates:
        raise RuntimeError(f"{len(found)} of {candidates} trials")
    return _against(took, candidates * seconds / workers)


def instant(engine: Engine, trials: int) -> dict[str, float]:
    """Milliseconds a candidate from the first to the last; drawing candidates and writing their source apart."""
    watched = search(engine, Sleeping(0.0), trials)
    took = max(watched.ends.values()) - min(watched.starts.values())
    rest = took - sum(watched.spent.values())
    apart = {f"{name}_ms": round(1e3 * spent / trials, 2) for name, spent in watched.spent.items()}
    fifth = trials // 5
    fifths = [1e3 * (watched.cpu[end] - watched.cpu[end - fifth]) / fifth for end in (2 * fifth, trials - 1)]
    growth = {"second_fifth_cpu_ms": round(fifths[0], 2), "last_fifth_cpu_ms": round(fifths[1], 2)}
    return {"engine_and_storage_ms": round(1e3 * rest / trials, 2), **growth, **apart}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=5000)
    parser.add_argument("--parts", default="instant,sleeping,tune", help="some of instant, sleeping, tune")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    n, seconds, workers = arguments.candidates, arguments.seconds, arguments.workers
    parts = arguments.parts.split(",")
    rows: dict[str, dict[str, float]] = {}
    if "instant" in parts:
        rows["instant, inline"] = instant(Inline(), arguments.trials)
        rows[f"instant, processes, {workers} workers"] = instant(Processes(workers=workers), arguments.trials)
    if "sleeping" in parts:
        rows[f"sleeping, processes, {workers} workers"] = sleeping(Processes(workers=workers), n, seconds)
    with ray_engine._cluster(RayEngine(workers=workers)):
        if "instant" in parts:
            rows[f"instant, ray, {workers} workers"] = instant(RayEngine(workers=workers), arguments.trials)
            in_fours = RayEngine(workers=workers, batch=4)
            rows[f"instant, ray, {workers} workers, batch 4"] = instant(in_fours, arguments.trials)
        if "sleeping" in parts:
            many = sleeping(RayEngine(workers=workers), n, seconds)
            one = sleeping(RayEngine(workers=1), max(n // workers, 1), seconds)
            speedup = (many["ideal_s"] * workers / many["took_s"]) / (one["ideal_s"] / one["took_s"])
            rows |= {f"sleeping, ray, {workers} workers": many, "sleeping, ray, 1 worker": one}
            rows[f"{workers} workers against one"] = {"times_as_fast": round(speedup, 3)}
        if "tune" in parts:
            rows[f"sleeping, Ray Tune, {workers} at a time"] = tune(workers, n, seconds)
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "load": os.getloadavg()[0], **rows}, indent=2))
        return
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{n} candidates of {seconds:g} s; {arguments.trials} that return at once; {load}\n")
    for name, row in rows.items():
        print(f"{name:<36} " + "  ".join(f"{key} {value:g}" for key, value in row.items()))


if __name__ == "__main__":
    main()
