"""The engine of several processes on this machine: long-lived Ray actors, one torch thread each, driven from here.

The study stays in this process. A worker holds one evaluation and hands over a report at a time, so that a decision to
stop reaches it at the rung where it was taken.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import math
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from evaluators.engines.engine import AskTell, Evaluates, Observer, Silent, Step
from nas.errors import ExperimentError, NasError, WorkFailed
from nas.study.candidate import Job, Outcome, Report

# The driver looks up this often for interrupts and for workers that hang.
POLL_S = 1.0

# A worker that does not even say that it is out of time, this long after it should have, is killed.
GRACE_S = 30.0

OBJECT_STORE_BYTES = 256 * 2**20

# With torch's defaults two processes on two cores slow each other down many times over.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass
class Flight:
    """A candidate that is being evaluated, or waits to be evaluated again.

    Args:
        answers: rung → what the study said, so that a second run of a lost candidate reports nothing twice.
        losses: workers that died with it.
    """

    candidate: Any
    job: Job
    answers: dict[int, bool] = field(default_factory=dict)
    losses: int = 0
    started: float = 0.0


@dataclass(frozen=True)
class RayLocal:
    """Evaluates in `workers` processes of this machine, or of the cluster that Ray was connected to before.

    Args:
        workers: how many.
        cpus: cores of each.
        gpus: GPUs of each; a fraction shares one.
    """

    workers: int = 2
    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 1:
            raise ExperimentError(f"engine: `workers` is a whole number from 1, got {self.workers!r}")
        for name, value, least in (("cpus", self.cpus, "above 0"), ("gpus", self.gpus, "from 0")):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value < 0 or (name == "cpus" and value == 0):
                raise ExperimentError(f"engine: `{name}` is a number {least}, got {value!r}")

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None:
        """Ask, evaluate and tell until the study has nothing left and nothing is in flight.

        A candidate whose worker died is evaluated once more; dies the second too, it has `crashed`. An interrupt leaves
        the candidates in flight untold, for a resume to take up.

        Raises:
            ExperimentError: Ray is not installed, or the machine has too little.
            WorkFailed: the workers cannot start.
            NasError: of the study or the evaluator; candidates' failures are told, not raised.
        """
        if importlib.util.find_spec("ray") is None:
            raise ExperimentError("engine `ray` needs the package ray: pip install ray, or use `engine: inline`")
        with _cluster(self) as ray:
            _Fleet(self, ray, study, evaluator, observer or Silent()).fly()


@contextlib.contextmanager
def _cluster(engine: RayLocal) -> Iterator[Any]:
    """Ray, started here and ended with the block, unless the user had started it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray = importlib.import_module("ray")
    theirs = ray.is_initialized()
    if not theirs:
        ray.init(
            address="local",
            num_cpus=math.ceil(engine.workers * engine.cpus),
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=OBJECT_STORE_BYTES,
        )
        # Ray prints the death of a worker to the standard output, into a table or a JSON that somebody reads; here it is
        # an outcome. There is no public switch for it.
        with contextlib.suppress(AttributeError):
            ray._private.worker._worker_logs_enabled = False
    try:
        have = ray.cluster_resources()
        for kind, each in (("CPU", engine.cpus), ("GPU", engine.gpus)):
            if engine.workers * each > have.get(kind, 0) + 1e-9:
                raise ExperimentError(
                    f"engine: {engine.workers} workers with {each:g} {kind} each need {engine.workers * each:g}, "
                    f"and there are {have.get(kind, 0):g}"
                )
        yield ray
    finally:
        if not theirs:
            ray.shutdown()


def _own_paths() -> str:
    """Where this process finds modules, without Python's own: workers import what the driver can."""
    places = (os.path.abspath(path) for path in sys.path)
    own = (path for path in places if not path.startswith((sys.prefix, sys.base_prefix)))
    return os.pathsep.join(dict.fromkeys(own))


def _reason(error: Exception) -> str:
    """The last line of what Ray says about a dead actor, without its advice."""
    return (str(error).strip().splitlines() or [""])[-1].partition(" Some common causes")[0]


class _Fleet:
    """The workers and what each of them is doing."""

    def __init__(self, engine: RayLocal, ray: Any, study: AskTell, evaluator: Evaluates, observer: Observer) -> None:
        self.ray, self.study, self.observer = ray, study, observer
        environment = {
            **ONE_THREAD,
            "PYTHONPATH": _own_paths(),
            **({} if engine.gpus else {"CUDA_VISIBLE_DEVICES": ""}),
        }
        self.actor = ray.remote(
            num_cpus=engine.cpus, num_gpus=engine.gpus, max_restarts=0, runtime_env={"env_vars": environment}
        )(Step)
        self.evaluator = ray.put(evaluator)
        self.timeout_s: float | None = getattr(evaluator, "timeout_s", None)
        self.workers = [self.actor.remote(self.evaluator) for _ in range(engine.workers)]
        self.idle = deque(range(engine.workers))
        self.again: deque[Flight] = deque()
        self.flying: dict[Any, tuple[int, Flight]] = {}

    def fly(self) -> None:
        try:
            self._wait_until_ready()
            while self._launch() or self.flying:
                done, _ = self.ray.wait(list(self.flying), num_returns=1, timeout=POLL_S)
                for reference in done:
                    self._land(reference)
                self._give_up()
        finally:
            for worker in self.workers:
                self.ray.kill(worker)

    def _wait_until_ready(self) -> None:
        """A worker that cannot even start would otherwise look like a candidate that kills workers, again and again."""
        errors = self.ray.exceptions
        try:
            self.ray.get([worker.ready.remote() for worker in self.workers])
        except (errors.RayActorError, errors.RuntimeEnvSetupError) as error:
            raise WorkFailed(f"engine: the workers of Ray cannot start: {_reason(error)}") from None

    def _launch(self) -> bool:
        """Give every idle worker something to do; whether any got something."""
        launched = False
        while self.idle:
            if self.again:
                flight = self.again.popleft()
            else:
                candidate = self.study.ask()
                if candidate is None:
                    break
                flight = Flight(candidate, self.study.job(candidate))
            worker = self.idle.popleft()
            flight.started = time.monotonic()
            self.flying[self.workers[worker].start.remote(flight.job)] = (worker, flight)
            if not flight.losses:
                self.observer.started(flight.candidate, worker)
            launched = True
        return launched

    def _land(self, reference: Any) -> None:
        """Take what a worker sent: a report is answered, an outcome told, a death made good once."""
        worker, flight = self.flying.pop(reference)
        got = self._received(reference, worker, flight)
        if isinstance(got, Report):
            self.flying[self.workers[worker].advance.remote(self._answer(flight, got, worker))] = (worker, flight)
        elif got is None:
            self.again.append(flight)
            self.idle.append(worker)
        else:
            self._tell(worker, flight, got)

    def _answer(self, flight: Flight, report: Report, worker: int) -> bool:
        if report.rung not in flight.answers:
            flight.answers[report.rung] = self.study.report(flight.candidate, report)
            self.observer.reported(flight.candidate, report, worker)
        return flight.answers[report.rung]

    def _tell(self, worker: int, flight: Flight, outcome: Outcome) -> None:
        self.idle.append(worker)
        self.study.tell(flight.candidate, outcome)
        self.observer.finished(flight.candidate, outcome, worker)

    def _received(self, reference: Any, worker: int, flight: Flight) -> Report | Outcome | None:
        """What the worker sent; None: it died, for the first time with this candidate."""
        errors = self.ray.exceptions
        try:
            got: Report | Outcome = self.ray.get(reference)
            return got
        except errors.RayTaskError as error:
            if isinstance(error.cause, NasError):
                raise error.cause from None
            return self._ended(flight, "crashed", f"the worker failed: {error}")
        except errors.OutOfMemoryError:
            self._replace(worker)
            return self._ended(flight, "out_of_memory", "Ray ended the worker: the machine was running out of memory")
        except errors.RayActorError as error:
            self._replace(worker)
            flight.losses += 1
            if flight.losses == 1:
                return None
            return self._ended(flight, "crashed", f"two workers died evaluating it; the second: {_reason(error)}")

    def _ended(self, flight: Flight, state: Any, message: str) -> Outcome:
        return Outcome(state, seconds=time.monotonic() - flight.started, message=message)

    def _replace(self, worker: int) -> None:
        self.workers[worker] = self.actor.remote(self.evaluator)

    def _give_up(self) -> None:
        """Kill workers that are stuck past their time: in a batch that never ends nobody looks at the clock."""
        if self.timeout_s is None:
            return
        late = time.monotonic() - self.timeout_s - GRACE_S
        for reference, (worker, flight) in list(self.flying.items()):
            if flight.started < late:
                del self.flying[reference]
                self.ray.kill(self.workers[worker])
                self._replace(worker)
                self._tell(
                    worker,
                    flight,
                    self._ended(flight, "timeout", f"no answer in {self.timeout_s:g} s; its worker was ended"),
                )
