"""Workers that are actors of Ray, on this machine or wherever a cluster has room."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from evaluators.engines.backend import ONE_THREAD, CannotStart, WorkerFailed, WorkerLost, WorkerStarved, loaded
from evaluators.engines.engine import Evaluates
from evaluators.engines.worker import Worker
from nas.errors import NasError
from nas.study.candidate import Job


class RayBackend:
    """See `Backend`; workers are handles of actors, references those of Ray.

    Args:
        ray: the module, connected.
        share: what Ray reserves for each worker, as it names it.
        gpus, memory_gb: of each, for it to keep to.
    """

    name = "Ray"

    def __init__(self, ray: Any, share: dict[str, Any], gpus: float, memory_gb: float | None) -> None:
        self.ray, self.limits = ray, (gpus, memory_gb)
        self.evaluator: Any = None
        hidden = {} if gpus else {"CUDA_VISIBLE_DEVICES": ""}
        environment = {"env_vars": {**ONE_THREAD, "PYTHONPATH": own_paths(), **hidden}}
        self.actor = ray.remote(max_restarts=0, **share)(Worker).options(runtime_env=environment)

    def place(self, evaluator: Evaluates) -> None:
        """Into Ray's object store, from where each machine fetches it once."""
        for name in [name for name in sys.modules if name.startswith("user_task_")]:
            self.ray.cloudpickle.register_pickle_by_value(sys.modules[name])  # no worker could import a user's file
        with_data = loaded(evaluator)
        try:
            self.evaluator = self.ray.put(with_data)
        except Exception:  # whatever a user's task holds that cannot travel: then each worker loads it
            self.evaluator = self.ray.put(evaluator)

    def hire(self) -> Any:
        return self.actor.remote(self.evaluator, *self.limits)

    def dismiss(self, worker: Any) -> None:
        self.ray.kill(worker)

    def ready(self, worker: Any) -> Any:
        return worker.ready.remote()

    def start(self, worker: Any, jobs: Sequence[Job]) -> Any:
        return worker.start.remote(jobs)

    def advance(self, worker: Any, go_on: bool, more: Sequence[Job] = ()) -> Any:
        return worker.advance.remote(go_on, more)

    def wait(self, references: Sequence[Any], timeout_s: float) -> list[Any]:
        done: list[Any] = self.ray.wait(list(references), num_returns=1, timeout=timeout_s)[0]
        return done

    def get(self, reference: Any, timeout_s: float | None = None) -> Any:
        errors = self.ray.exceptions
        try:
            return self.ray.get(reference, timeout=timeout_s)
        except errors.RayTaskError as error:
            if isinstance(error.cause, NasError):
                raise error.cause from None
            raise WorkerFailed(error) from None
        except errors.OutOfMemoryError as error:
            raise WorkerStarved(reason(error)) from None
        except (errors.RayActorError, errors.RuntimeEnvSetupError) as error:
            first = getattr(error, "actor_init_failed", isinstance(error, errors.RuntimeEnvSetupError))
            raise (CannotStart if first else WorkerLost)(reason(error)) from None
        except errors.RayError as error:
            raise WorkerLost(reason(error)) from None

    def lives(self, node: str) -> bool:
        return any(one["NodeID"] == node and one["Alive"] for one in self.ray.nodes())


def own_paths() -> str:
    """Where this process finds modules, without Python's own: workers import what the driver can."""
    places = (os.path.abspath(path) for path in sys.path)
    own = (path for path in places if not path.startswith((sys.prefix, sys.base_prefix)))
    return os.pathsep.join(dict.fromkeys(own))


def reason(error: Exception) -> str:
    """The last line of what Ray says about a dead actor, without its advice."""
    return (str(error).strip().splitlines() or [""])[-1].partition(" Some common causes")[0]
