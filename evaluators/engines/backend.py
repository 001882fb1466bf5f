"""What a fleet needs of the place where its workers live: Ray's processes on a cluster, or this machine's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from evaluators.engines.engine import Evaluates
from nas.study.candidate import Job

# With torch's defaults two processes on two cores slow each other down many times over.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class CannotStart(Exception):
    """A worker failed in its first breath, as the next one will."""


class WorkerLost(Exception):
    """A worker ended, or does not answer."""


class WorkerStarved(WorkerLost):
    """A worker was ended as its machine ran out of memory, perhaps for another's fault."""


class WorkerFailed(Exception):
    """The worker lives, and what it was asked for went wrong outside of any candidate."""


class Backend(Protocol):
    """Where workers live and how one speaks with them. Workers and references to answers are whatever it gives.

    Args:
        name: in messages.
    """

    name: str

    def place(self, evaluator: Evaluates) -> None:
        """Have this evaluator ready for workers that are hired from now on, with its data where it can."""
        ...

    def hire(self) -> Any:
        """A new worker, wherever there is room."""
        ...

    def dismiss(self, worker: Any) -> None:
        """End it, whatever it does."""
        ...

    def ready(self, worker: Any) -> Any:
        """The machine it is on, as soon as it can say so."""
        ...

    def start(self, worker: Any, jobs: Sequence[Job]) -> Any:
        """Its first message."""
        ...

    def advance(self, worker: Any, go_on: bool, more: Sequence[Job] = ()) -> Any:
        """Its next message."""
        ...

    def wait(self, references: Sequence[Any], timeout_s: float) -> list[Any]:
        """Those with an answer; none after `timeout_s`."""
        ...

    def get(self, reference: Any, timeout_s: float | None = None) -> Any:
        """The answer.

        Raises: CannotStart, WorkerLost, WorkerStarved, WorkerFailed; NasError: the evaluator's own.
        """
        ...

    def lives(self, node: str) -> bool:
        """Whether this machine is still there."""
        ...


def loaded(evaluator: Evaluates) -> Any:
    """The evaluator with its data in it, where it can."""
    place = getattr(evaluator, "placed", None)
    return evaluator if place is None else place()
