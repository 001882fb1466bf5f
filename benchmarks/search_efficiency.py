"""How many trials does a search need for the true frontier? Our samplers against other optimizers, on recorded tables.

    python benchmarks/search_efficiency.py                                   everything; many hours, resumes where it stopped
    python benchmarks/search_efficiency.py --samplers frontier tpe --rivals optuna/mtpe optuna/nsga2 --seeds 5 --trials 200
    python benchmarks/search_efficiency.py --samplers "{name: nsga2, population: 50}" --rivals        no rivals
    python benchmarks/search_efficiency.py --report                          tables and figure of what was run

Every method minimizes two losses, one trial at a time: the table's quality (error, or decimal logarithm of the mean squared
error) and decades of parameters. Ours search the shipped space; rivals search a flat space of the same decisions, where
numbers in rising order are integers and everything else is a category. With one seed, all methods see the same training of
a design. A design that is proposed again is answered from memory and counts once (`--count-repeats` counts it again). Two
cells of equal graphs are two designs: who does not see that they are one would train both. Rivals but Optuna run in
environments that are made beside the results at the first run, with versions that stand below.

A search is judged by the designs it has seen at their true quality, the mean of all recorded trainings of equal graphs: by
the hypervolume of (loss, decades of parameters), each scaled so that the true frontier spans 0 to 1, below the reference
(1.1, 1.1), as a share of the true frontier's. Regret is what is missing of 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml
from rivals.problem import Decision, Problem, Trace
from search_efficiency_measures import Run, commit, is_there, load
from search_efficiency_report import report

from evaluators.tables import TABLES, load_table
from nas.study.samplers import SAMPLERS

OUT = Path("runs/search-efficiency")
SCRIPTS = Path(__file__).parent / "rivals"
TIMEOUT_S = 6 * 3600  # for one run of a rival
SEEDS, TRIALS = 20, 500


@dataclass(frozen=True)
class Rival:
    """Another optimizer: where it runs (empty: here), what runs it, and how it is called there."""

    environment: str
    script: str
    algorithm: str


ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "neps": ("neural-pipeline-search==0.17.0",),
    "syne-tune": ("syne-tune==0.16.0",),
    "deephyper": ("deephyper==0.13.2",),
}
RIVALS: dict[str, Rival] = {
    **{f"optuna/{name}": Rival("", "optuna_search", name) for name in ("random", "tpe", "mtpe", "nsga2", "gp")},
    "neps/bo": Rival("neps", "neps_search", "bo"),
    "syne-tune/evolution": Rival("syne-tune", "syne_tune_search", "evolution"),
    "deephyper/cbo": Rival("deephyper", "deephyper_search", "cbo"),
}
# Those that take seconds for a proposal have fewer trials; the report says so.
MOST = {"nas/gp": 200, "optuna/gp": 200, "deephyper/cbo": 200, "neps/bo": 60}


@dataclass(frozen=True)
class Job:
    """One search that is to be run."""

    table: str
    method: str
    seed: int
    trials: int
    until_there: bool = False

    def enough(self, rows: Sequence[int]) -> bool:
        """Whether the search may end before its last trial."""
        return self.until_there and is_there(self.table, rows)


# ---------------------------------------------------------------------- one run


def run_one(job: Job, out: Path) -> Run:
    """In a process of its own, which has one thread."""
    began = time.perf_counter()
    ours = job.method.startswith("nas/")
    trace = search_ours(job) if ours else search_rival(job, out)
    seconds = round(time.perf_counter() - began, 3)
    asked = {"table": job.table, "method": job.method, "seed": job.seed, "trials": job.trials}
    return Run(**asked, version=version(job.method), total_s=seconds, **vars(trace))


def search_ours(job: Job) -> Trace:
    """A study of the shipped space, asked and told what the table says."""
    from nas.space import load_space
    from nas.study.candidate import Outcome
    from nas.study.study import Study

    problem, table, entry = problem_of(job.table), table_of(job.table), TABLES[job.table]
    space = load_space(table.space).bind(entry.inputs, entry.outputs)
    trace = Trace([], [], [])
    with (
        tempfile.TemporaryDirectory() as folder,
        Study.create(
            folder, space, objectives=[f"{table.direction} {table.metric}", "minimize params"], metrics=[table.metric],
            task=job.table, sampler=yaml.safe_load(job.method.removeprefix("nas/")), trials=job.trials, seed=job.seed,
        ) as study,
    ):  # fmt: skip
        while not job.enough(trace.rows):
            asking = time.perf_counter()
            candidate = study.ask()
            if candidate is None:
                return trace
            asked = time.perf_counter() - asking
            row = table.index(candidate.genotype)
            loss, _ = problem.observe(row, job.seed)
            telling = time.perf_counter()
            study.tell(candidate, Outcome("complete", {table.metric: quality_of(job.table, loss)}))
            trace.note(row, loss, asked + time.perf_counter() - telling)
    return trace


def search_rival(job: Job, out: Path) -> Trace:
    """Optuna here, others in their environment. Raises: RuntimeError: the rival failed; with the end of what it said."""
    rival = RIVALS[job.method]
    if not rival.environment:
        from rivals.optuna_search import search

        return search(problem_of(job.table), rival.algorithm, job.seed, job.trials, job.enough)
    with tempfile.TemporaryDirectory() as folder:
        problem, answer = Path(folder) / "problem.npz", Path(folder) / "trace.json"
        problem_of(job.table).write(problem)
        script = str((SCRIPTS / f"{rival.script}.py").resolve())
        command = [python_of(out, rival.environment), script, problem, rival.algorithm, job.seed, job.trials, answer]
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=TIMEOUT_S, cwd=folder, check=False
        )
        if done.returncode:
            raise RuntimeError("\n".join(done.stderr.strip().splitlines()[-3:]))
        return Trace(**json.loads(answer.read_text(encoding="utf-8")))


@cache
def table_of(name: str) -> Any:
    return load_table(name)


@cache
def problem_of(name: str) -> Problem:
    """The table as rivals see it: error instead of accuracy."""
    table = table_of(name)
    losses = 1 - table.quality if table.direction == "maximize" else table.quality
    decisions = tuple(Decision(path, values, path in table.ordered) for path, values in table.decisions.items())
    return Problem(name, decisions, losses, table.costs.params)


def quality_of(name: str, loss: float) -> float:
    return 1 - loss if table_of(name).direction == "maximize" else loss


def version(method: str) -> str:
    """What was run, for the record."""
    if method.startswith("nas/"):
        return commit()
    environment = RIVALS[method].environment
    return ", ".join(ENVIRONMENTS[environment]) if environment else f"optuna=={metadata.version('optuna')}"


# ---------------------------------------------------------------------- side environments


def python_of(out: Path, environment: str) -> Path:
    return (out / "environments" / environment / "bin" / "python").absolute()


def prepared(out: Path, environment: str) -> bool:
    """Whether the environment is there, made now where it was not; says so where it cannot be."""
    python = python_of(out, environment)
    ready = python.parent.parent / "ready"
    wanted = " ".join(ENVIRONMENTS[environment])
    if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
        return True
    print(f"making an environment with {wanted}", flush=True)
    venv.create(python.parent.parent, with_pip=True, clear=True)
    constraints = python.parent.parent / "constraints.txt"
    # the torch of this environment, so that a build without CUDA stays one
    constraints.write_text(f"torch=={metadata.version('torch')}\n", encoding="utf-8")
    command = [str(python), "-m", "pip", "install", "-q", "-c", str(constraints), *ENVIRONMENTS[environment]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{environment} cannot be installed here and is left out:\n{done.stderr.strip()[-500:]}", flush=True)
        return False
    ready.write_text(wanted, encoding="utf-8")
    return True


# ---------------------------------------------------------------------- all runs


def missing(options: argparse.Namespace, methods: Sequence[str], path: Path) -> Iterator[Job]:
    """What is not in the file yet, seeds outermost, so that every interruption leaves comparable runs."""
    done = {(run.table, run.method, run.seed): run.trials for run in load(path)}
    for seed in range(options.seeds):
        for table in options.tables:
            for method in methods:
                trials = min(options.trials, options.most.get(method, options.trials))
                if done.get((table, method, seed), 0) < trials:
                    yield Job(table, method, seed, trials, options.until_there)


def run_missing(options: argparse.Namespace, path: Path) -> None:
    """Run them, each written down as it ends; those that fail are told and left for the next time."""
    environments = {
        name: prepared(options.out, name) for name in {RIVALS[one].environment for one in options.rivals} - {""}
    }
    rivals = [name for name in options.rivals if environments.get(RIVALS[name].environment, True)]
    jobs = list(missing(options, [*(f"nas/{name}" for name in options.samplers), *rivals], path))
    for table in dict.fromkeys(job.table for job in jobs):
        problem_of(table)  # costs are on disk when the processes need them
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        flying = {pool.submit(run_one, job, options.out): job for job in jobs}
        for count, ended in enumerate(as_completed(flying), 1):
            job = flying[ended]
            said = f"{count} of {len(jobs)}: {job.table} {job.method} seed {job.seed}"
            if (problem := ended.exception()) is not None:
                print(f"{said} failed: {type(problem).__name__}: {problem}", flush=True)
                continue
            run = ended.result()
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(run)) + "\n")
            print(f"{said}: {len(set(run.rows))} designs, {run.total_s:.1f} s", flush=True)


def _cap(text: str) -> tuple[str, int]:
    method, _, trials = text.rpartition("=")
    return method, int(trials)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    samplers = [entry.name for entry in SAMPLERS.values() if not (entry.finite_only or entry.needs_rungs)]
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES), metavar="TABLE")
    parser.add_argument("--samplers", nargs="*", default=samplers, help="ours, as `nas samplers` lists them")
    parser.add_argument("--rivals", nargs="*", default=list(RIVALS), choices=list(RIVALS), metavar="RIVAL")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many")
    parser.add_argument("--trials", type=int, default=TRIALS, help="different designs a search may see")
    parser.add_argument("--cap", nargs="*", type=_cap, default=[], help=f"METHOD=TRIALS, over {MOST}")
    parser.add_argument(
        "--again", nargs="+", default=[], metavar="METHOD", help="forget their runs, as nas/frontier, first"
    )
    parser.add_argument(
        "--until-there", action="store_true", help="end searches of ours and of Optuna that need no more"
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--subject", help="the method that others are compared with; nas/frontier")
    parser.add_argument("--count-repeats", action="store_true", help="a design proposed again is a trial again")
    parser.add_argument(
        "--error-decades", action="store_true", help="measure errors of accuracies by their logarithm, too"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="runs.jsonl, tables, figure, environments")
    options = parser.parse_args()
    options.most = MOST | dict(options.cap)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "runs.jsonl"
    if options.again:
        if path.with_name(f"{path.name}.gz").exists():
            parser.error(
                f"--again forgets runs of {path}, and older ones lie packed beside it: unpack them with gunzip"
            )
        kept = [json.dumps(asdict(run)) + "\n" for run in load(path) if run.method not in options.again]
        path.write_text("".join(kept), encoding="utf-8")
    if not options.report:
        run_missing(options, path)
    chosen = {*(f"nas/{name}" for name in options.samplers), *options.rivals}
    runs = [
        run for run in load(path)
        if run.table in options.tables and run.seed < options.seeds and (run.method in chosen or options.report)
    ]  # fmt: skip
    if not runs:
        sys.exit(f"{path} has none of these runs")
    there = dict.fromkeys(run.method for run in runs)
    subject = options.subject or ("nas/frontier" if "nas/frontier" in there else next(iter(there)))
    print(report(runs, subject, options.trials, options.out, options.count_repeats, options.error_decades))


if __name__ == "__main__":
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"  # of the processes that are begun from here
    main()
