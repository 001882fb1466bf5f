"""The engine of several processes, on this machine or on a cluster: long-lived Ray actors, one torch thread each."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import math
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from evaluators.engines.engine import AskTell, Evaluates, Observer, Silent, require_amount, require_batch, require_count
from evaluators.engines.fleet import Fleet
from evaluators.engines.ray_backend import RayBackend, own_paths
from evaluators.engines.worker import GIB
from nas.errors import ExperimentError

OBJECT_STORE_BYTES = 256 * 2**20

# How an address begins through which Ray is driven from outside of its cluster.
CLIENT = "ray://"
N_CONNECTIONS = 3


@dataclass(frozen=True)
class RayEngine:
    """Evaluates in `workers` processes. The study stays in this one.

    Args:
        workers: how many; on a cluster that grows they are placed as room comes.
        cpus: cores of each.
        gpus: GPUs of each; a fraction shares one, and then it is also the share of its memory.
        memory_gb: main memory of each: Ray places by it, and on Linux without a GPU a candidate that takes more, beyond
            what an idle worker has, is `out_of_memory`; None: no limit.
        address: `local`: this machine, with a Ray of its own, or the one that Python is connected to already. `auto`: the
            cluster that `ray start` began here; `HOST:6379`: one that this machine belongs to; `ray://HOST:10001`: one
            elsewhere, which needs grpcio here.
        batch: candidates that a worker has at a time; they train together where they can; `auto`: from 1 to 16, with the
            results. Above 1 the sampler knows fewer results, and which candidates are together moves the last digits of
            what they reach.
    """

    workers: int = 2
    cpus: float = 1
    gpus: float = 0
    memory_gb: float | None = None
    address: str = "local"
    batch: int | Literal["auto"] = 1

    def __post_init__(self) -> None:
        require_count("workers", self.workers)
        require_batch(self.batch)
        require_amount("cpus", self.cpus, "above 0")
        require_amount("gpus", self.gpus, "from 0")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ExperimentError(f"engine: `gpus` is a fraction up to 1 or a whole number, got {self.gpus!r}")
        if self.memory_gb is not None:
            require_amount("memory_gb", self.memory_gb, "above 0")
        if not isinstance(self.address, str) or not (self.address in ("local", "auto") or ":" in self.address):
            raise ExperimentError(
                f"engine: `address` is local, auto, ray://HOST:PORT or HOST:PORT, got {self.address!r}"
            )

    def run(self, study: AskTell, evaluator: Evaluates, observer: Observer | None = None) -> None:
        """Ask, evaluate and tell until the study has nothing left and nothing is in flight.

        A candidate whose worker died is evaluated once more; dies the second too, it has `crashed`. Workers that went
        down with their machine do not count: it is evaluated elsewhere. An interrupt leaves the candidates in flight
        untold, for a resume to take up.

        Raises:
            ExperimentError: Ray is not installed, no cluster answers, or the machine has too little.
            WorkFailed: the workers cannot start, or find no place.
            NasError: of the study or the evaluator; candidates' failures are told, not raised.
        """
        if importlib.util.find_spec("ray") is None:
            raise ExperimentError("engine `ray` needs the package ray: pip install ray, or use `engine: inline`")
        with _cluster(self) as ray:
            backend = RayBackend(ray, self._share(), self.gpus, self.memory_gb)
            Fleet(backend, self.workers, self.batch, study, observer or Silent()).fly(evaluator)

    def _share(self) -> dict[str, Any]:
        """What Ray reserves for a worker, as it names it."""
        memory = {} if self.memory_gb is None else {"memory": int(self.memory_gb * GIB)}
        return {"num_cpus": self.cpus, "num_gpus": self.gpus, **memory}


@contextlib.contextmanager
def _cluster(engine: RayEngine) -> Iterator[Any]:
    """Ray, started or connected to here and left with the block, unless the user had done so."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray = importlib.import_module("ray")
    theirs = ray.is_initialized()
    if not theirs:
        with _own_signals():
            _connect(ray, engine)
        # Ray prints the death of a worker to the standard output, into a table or a JSON that somebody reads; here it is
        # an outcome. There is no public switch for it.
        with contextlib.suppress(AttributeError):
            ray._private.worker._worker_logs_enabled = False
    try:
        if engine.address == "local":
            _require_room(ray, engine)
        yield ray
    finally:
        if not theirs:
            ray.shutdown()


def _connect(ray: Any, engine: RayEngine) -> None:
    """Raises: ExperimentError: no cluster answers."""
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if engine.address == "local":
        ray.init(
            address="local",
            num_cpus=math.ceil(engine.workers * engine.cpus),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE_BYTES,
            **quiet,
        )
        return
    if engine.address.startswith(CLIENT):
        if importlib.util.find_spec("grpc") is None:
            raise ExperimentError(
                f"engine: the address `{engine.address}` needs the package grpcio: pip install 'ray[client]'"
            )
        # The cluster's end of the connection unpickles what is put into the object store, so it must find our modules.
        quiet["runtime_env"] = {"env_vars": {"PYTHONPATH": own_paths()}}
    for attempt in range(1, N_CONNECTIONS + 1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what a failed connection has to say, the error below says
                ray.init(address=engine.address, **quiet)
            return
        except (ConnectionError, ImportError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
            # The cluster answered, but the process that it forks for this driver died: gRPC now and then does not
            # survive a fork (seen with Ray 2.60, `epoll_wait error: Bad file descriptor`). The next one lives.
            if isinstance(error, ConnectionAbortedError) and attempt < N_CONNECTIONS:
                continue
            raise ExperimentError(
                f"engine: no cluster of Ray answers at `{engine.address}`: {_reason(error)}; begin one with `ray start "
                "--head`, use `address: local`, or, where the cluster asks for a token, set RAY_AUTH_MODE=token"
            ) from None


def _reason(error: Exception) -> str:
    """The line that says why: the last of a traceback that the cluster sent, else the first."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1] if isinstance(error, ConnectionAbortedError) else lines[0]


def _require_room(ray: Any, engine: RayEngine) -> None:
    """Raises: ExperimentError: this machine, which will not grow, has less than the workers need."""
    have = ray.cluster_resources()
    memory = 0.0 if engine.memory_gb is None else engine.memory_gb
    needs = (("CPU", engine.cpus, 1), ("GPU", engine.gpus, 1), ("memory", memory, GIB))
    for kind, each, unit in needs:
        there = have.get(kind, 0) / unit
        if engine.workers * each > there + 1e-9:
            what = "GiB of memory" if kind == "memory" else kind
            raise ExperimentError(
                f"engine: {engine.workers} workers with {each:g} {what} each need {engine.workers * each:g}, "
                f"and there are {there:.4g}"
            )


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Ray would make SIGTERM an exit of its own; whoever drives a search has said what it means."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if main and before is not None:
            signal.signal(signal.SIGTERM, before)
