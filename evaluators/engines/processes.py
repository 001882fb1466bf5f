"""The engine of several processes of this machine, each with one torch thread. They share the data and begin at once."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Literal

from evaluators.engines.backend import ONE_THREAD, CannotStart, WorkerFailed, WorkerLost, loaded
from evaluators.engines.engine import AskTell, Evaluates, Observer, Silent, require_amount, require_batch, require_count
from evaluators.engines.fleet import Fleet
from evaluators.engines.worker import Worker
from evaluators.evaluator import chosen_device
from nas.errors import ExperimentError, NasError
from nas.study.candidate import Job

NODE = "this machine"
PR_SET_PDEATHSIG = 1  # of prctl(2)


@dataclass(frozen=True)
class Processes:
    """Evaluates in `workers` processes of this machine. The study stays in this one. For GPUs and clusters take `ray`.

    Args:
        workers: how many.
        memory_gb: main memory of each, on Linux: a candidate that takes more, beyond what an idle worker has, is
            `out_of_memory`; None: no limit.
        batch: as for `Inline`, candidates that a worker has at a time.
    """

    workers: int = 2
    memory_gb: float | None = None
    batch: int | Literal["auto"] = 1

    def __post_init__(self) -> None:
        require_count("workers", self.workers)
        require_batch(self.batch)
        if self.memory_gb is not None:
            require_amount("memory_gb", self.memory_gb, "above 0")

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None:
        """Ask, evaluate and tell until the study has nothing left and nothing is in flight.

        A candidate whose worker died is evaluated once more; dies the second too, it has `crashed`. An interrupt leaves the
        candidates in flight untold, for a resume to take up.

        Raises:
            ExperimentError: the evaluator wants a GPU.
            WorkFailed: the workers cannot start.
            NasError: of the study or the evaluator; candidates' failures are told, not raised.
        """
        wanted = getattr(evaluator, "device", "cpu")
        if wanted != "cpu" and (device := chosen_device(wanted)) != "cpu":
            raise ExperimentError(
                f"engine: `processes` trains on cores, and the device here is `{device}`; take `engine: {{name: ray, "
                "gpus: 1}`, or say `device: cpu`"
            )
        Fleet(LocalBackend(self.memory_gb), self.workers, self.batch, study, observer or Silent()).fly(evaluator)


@dataclass(eq=False)
class Hired:
    """One process, and this end of the connection to it. A reference to its next answer is the worker itself."""

    process: Any
    connection: Connection
    begun: bool = False  # it has answered once


class LocalBackend:
    """See `Backend`.

    On Linux workers are forks of this process: they have its modules and the data without loading or copying them.

    Args:
        memory_gb: of each, for it to keep to; None: no limit.
    """

    name = "this machine"

    def __init__(self, memory_gb: float | None) -> None:
        self.memory_gb = memory_gb
        self.forks = sys.platform == "linux"
        self.context: Any = multiprocessing.get_context("fork" if self.forks else "spawn")
        self.workers: list[Hired] = []
        self.evaluator: Any = None

    def place(self, evaluator: Evaluates) -> None:
        """As it is for a fork; otherwise pickled, without its data where they cannot travel."""
        with_data = loaded(evaluator)
        if self.forks:
            self.evaluator = with_data
            return
        try:
            self.evaluator = pickle.dumps(with_data)
        except Exception:
            self.evaluator = pickle.dumps(evaluator)

    def hire(self) -> Hired:
        here, there = self.context.Pipe()
        others = [one.connection for one in self.workers] if self.forks else []
        arguments = (os.getpid(), there, [here, *others] if self.forks else [], self.evaluator, self.memory_gb)
        process = self.context.Process(target=_work, args=arguments)
        with warnings.catch_warnings():
            # Of a fork beside threads: the child uses none of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        there.close()
        worker = Hired(process, here)
        self.workers.append(worker)
        return worker

    def dismiss(self, worker: Hired) -> None:
        with contextlib.suppress(ValueError):
            self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()

    def ready(self, worker: Hired) -> Hired:
        return self._asked(worker, "ready")

    def start(self, worker: Hired, jobs: Sequence[Job]) -> Hired:
        return self._asked(worker, "start", jobs)

    def advance(self, worker: Hired, go_on: bool, more: Sequence[Job] = ()) -> Hired:
        return self._asked(worker, "advance", go_on, more)

    def _asked(self, worker: Hired, *what: Any) -> Hired:
        with contextlib.suppress(OSError):  # it died; the answer says so
            worker.connection.send(what)
        return worker

    def wait(self, references: Sequence[Hired], timeout_s: float) -> list[Hired]:
        by_connection = {worker.connection: worker for worker in references}
        return [by_connection[one] for one in wait(list(by_connection), timeout_s)]  # type: ignore[index]

    def get(self, reference: Hired, timeout_s: float | None = None) -> Any:
        try:
            if timeout_s is not None and not reference.connection.poll(timeout_s):
                raise WorkerLost(f"no answer in {timeout_s:g} s")
            said = reference.connection.recv()
        except (EOFError, OSError):
            raise WorkerLost(self._end_of(reference)) from None
        if not isinstance(said, Failure):
            reference.begun = True
            return said.answer
        if isinstance(said.error, NasError):
            raise said.error
        raise (WorkerFailed if reference.begun else CannotStart)(f"{type(said.error).__name__}: {said.error}")

    @staticmethod
    def _end_of(worker: Hired) -> str:
        worker.process.join()
        code = worker.process.exitcode
        if code == -signal.SIGKILL:
            return "its process was killed, as the system does when memory runs out"
        return f"its process ended by {signal.Signals(-code).name}" if code < 0 else f"its process ended with {code}"

    def lives(self, node: str) -> bool:
        return True


@dataclass(frozen=True)
class Answer:
    """What a worker says when all is well."""

    answer: Any


@dataclass(frozen=True)
class Failure:
    """What it says otherwise."""

    error: BaseException


def _work(
    driver: int, connection: Connection, others: Sequence[Connection], evaluator: Any, memory_gb: float | None
) -> None:
    """A worker's life: it answers until its driver is gone.

    Args:
        driver: its process. others: this side's copies of the driver's ends of connections.
    """
    _end_with(driver)
    for other in others:
        other.close()  # or nobody would see the end of the driver
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver's to hear, and to end this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _settle()
    worker: Worker | None = None
    while True:
        try:
            name, *given = connection.recv()
        except (EOFError, OSError):
            return
        try:
            if worker is None:
                worker = Worker(pickle.loads(evaluator) if isinstance(evaluator, bytes) else evaluator, 0, memory_gb)
            answer: Answer | Failure = Answer(NODE if name == "ready" else getattr(worker, name)(*given))
        except Exception as error:
            answer = Failure(error)
        try:
            _send(connection, answer)
        except OSError:
            return


def _send(connection: Connection, answer: Answer | Failure) -> None:
    """Raises: OSError: nobody listens any more."""
    try:
        connection.send(answer)
    except OSError:
        raise
    except Exception as error:  # what it holds cannot be pickled
        connection.send(Failure(TypeError(str(error))))


def _end_with(driver: int) -> None:
    """On Linux be killed when the driver ends, in the middle of a training too: a fork holds the lock of the search as well."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != driver:
        os._exit(1)


def _settle() -> None:
    """Nothing of this process reaches the terminal, no GPU is seen, and torch has one thread."""
    os.environ.update(ONE_THREAD, CUDA_VISIBLE_DEVICES="")
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
