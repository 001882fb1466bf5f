"""The evaluator: a task and where it runs, as one light value that travels to workers and evaluates jobs there."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import shutil
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.budget import CHECKPOINT_S
from evaluators.failure import Diverged, OutOfTime, classify
from evaluators.tables import Lookup
from evaluators.tasks.criteria import Direction
from evaluators.tasks.load import load_subject
from evaluators.tasks.task import Data, Shape, Task
from evaluators.tasks.user_file import OwnEvaluator
from nas.errors import ExperimentError, NasError
from nas.study.candidate import Job, Outcome, Report
from nas.study.latency import LATENCY, Protocol

if TYPE_CHECKING:
    from evaluators.cohorts.crew import Crew
    from evaluators.energy import Meter

Run = Generator[Report, bool | None, Outcome]


@dataclass(frozen=True)
class Evaluator:
    """Evaluates jobs on one task. Loads it where it is first used, once, and keeps it there.

    Args:
        task: as `load_task` takes it, or a task.
        options: of the task.
        folder: that a relative path in `task` starts from.
        device: `auto` (the first GPU where there is one), `cpu`, `cuda`, `cuda:1`.
        inputs, outputs: shapes that the models have where they view the samples differently; None: the task's own.
        weights: folder that gets `NUMBER.pt` of every completed candidate; None: weights are not kept.
        checkpoints: folder that keeps `NUMBER.pt` of candidates in training, for who takes one up after its worker or its
            driver was lost; None: then it begins anew. The folder above must be there, and all machines of a cluster
            must share it: a worker that does not see it begins anew.
        checkpoint_s: seconds between two checkpoints of a candidate at least; 0: one at each of its marks.
        timeout_s: seconds for one candidate; None: no limit.
        test_reason: why the test part is opened for every candidate; empty in a search, where it stays sealed.
        latency: how the latency of every candidate is measured; None: it is not.
        scores: at initialisation that join the metrics of every candidate; see `evaluators.zero_cost`.
        gpus: over which the batches of one candidate are split; engines whose workers have several set it.
    """

    task: str | Task
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    device: str = "auto"
    inputs: tuple[Shape, ...] | None = None
    outputs: tuple[Shape, ...] | None = None
    weights: Path | None = None
    checkpoints: Path | None = None
    checkpoint_s: float = CHECKPOINT_S
    timeout_s: float | None = None
    test_reason: str = ""
    latency: Protocol | None = None
    scores: tuple[str, ...] = ()
    gpus: int = 1

    @cached_property
    def subject(self) -> Task | OwnEvaluator:
        """The task, or the user's own evaluator.

        Raises: TaskError: it cannot be found or used.
        """
        found = self.task if isinstance(self.task, Task) else load_subject(self.task, self.options, self.folder)
        if isinstance(found, Lookup) and self.test_reason:
            return found.held()
        if isinstance(found, Task) and (self.inputs or self.outputs):
            return found.reshaped(self.inputs or found.inputs, self.outputs or found.outputs)
        return found

    @property
    def metrics(self) -> Mapping[str, Direction]:
        """Metric → direction, the headline first."""
        own: dict[str, Direction] = {} if self.latency is None else {LATENCY: "minimize"}
        return {**self.subject.metrics, **own}

    def prepare(self) -> None:
        """Do now what the first job would wait for, so that a mistake in data or device shows before any search.

        Raises: NasError: the task, its data or the device are wrong.
        """
        if isinstance(self.subject, Task):
            self.subject.resident(chosen_device(self.device))
        if self.latency is not None:
            chosen_device(self.latency.device)
        if isinstance(self.subject, Lookup):
            _ = self.subject.table  # reads it

    def evaluate(self, job: Job) -> Run:
        """A generator of reports; False sent to it stops the candidate; returns the outcome.

        Raises: NasError: the task, the recipe or the budget are wrong. A candidate's failures are outcomes.
        """
        kept = None if self.checkpoints is None else Path(self.checkpoints) / f"{job.number}.pt"
        if not isinstance(self.subject, Task):
            return _evaluate_own(self.subject, job, self.timeout_s, kept and kept.with_suffix(""))
        from evaluators.training import train

        device = chosen_device(self.device)
        return train(
            job,
            self.subject,
            device,
            weights=None if self.weights is None else Path(self.weights) / f"{job.number}.pt",
            checkpoint=kept,
            checkpoint_s=self.checkpoint_s,
            timeout_s=self.timeout_s,
            test_reason=self.test_reason,
            protocol=self.latency,
            scores=self.scores,
            gpus=1 if device == "cpu" else self.gpus,
        )

    @property
    def together(self) -> Together | None:
        """What trains several jobs at once; None: this evaluator takes them one after the other."""
        return Together(self, self.subject) if isinstance(self.subject, Task) else None

    def forget(self, ended: Iterable[int]) -> None:
        """Remove the checkpoints of candidates by number: those that were ended together with their worker leave them."""
        if self.checkpoints is None or not self.checkpoints.is_dir():
            return
        numbers = set(map(str, ended))
        for left in self.checkpoints.iterdir():
            if left.name.partition(".")[0] in numbers:
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody's are in it
            self.checkpoints.rmdir()

    def placed(self) -> Evaluator:
        """The same evaluator with its data in it, for engines that share memory between workers: they load nothing.

        Workers see read-only arrays. A user's own evaluator keeps its data to itself, and is made anew in each worker.

        Raises: TaskError: the data cannot be used.
        """
        if not isinstance(self.subject, Task):
            return self
        return dataclasses.replace(self, task=dataclasses.replace(self.subject, load=_There(self.subject.data)))

    def __getstate__(self) -> dict[str, Any]:
        """Without the task that was loaded here."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


@dataclass(frozen=True)
class Together:
    """Trains jobs of an evaluator as cohorts."""

    evaluator: Evaluator
    task: Task

    def why_alone(self, job: Job) -> str:
        """Why a job cannot train with others; empty where it can."""
        from evaluators.cohorts.eligibility import why_alone

        if self.evaluator.gpus > 1:
            return "its batches are split over several GPUs"
        return why_alone(job, self.task, chosen_device(self.evaluator.device))

    def own_layers(self, job: Job) -> list[str]:
        """The operators of a job that can join which run as its own layers."""
        from evaluators.cohorts.eligibility import own_layers

        return own_layers(job.graph) if job.graph is not None else []

    def size(self, job: Job) -> int:
        """The batch size, which those of one cohort share.

        Raises: ExperimentError: the recipe is wrong.
        """
        from evaluators.recipe import check_recipe

        return check_recipe(job.recipe).batch_size

    def crew(self, meter: Meter) -> Crew:
        """An empty one."""
        from evaluators.cohorts.crew import Crew

        own = self.evaluator
        return Crew(
            self.task,
            chosen_device(own.device),
            weights=None if own.weights is None else Path(own.weights),
            checkpoints=None if own.checkpoints is None else Path(own.checkpoints),
            checkpoint_s=own.checkpoint_s,
            timeout_s=own.timeout_s,
            test_reason=own.test_reason,
            protocol=own.latency,
            scores=own.scores,
            meter=meter,
        )


@dataclass(frozen=True)
class _There:
    """Data that need no loading."""

    data: Data

    def __call__(self) -> Data:
        return self.data


def chosen_device(device: str) -> str:
    """`device` as torch takes it.

    Raises: ExperimentError: there is no such device on this machine.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device)
    except RuntimeError:
        raise ExperimentError(f"no device is called `{device}`; expected auto, cpu, cuda or cuda:NUMBER") from None
    if kind.type == "cuda" and (kind.index or 0) >= torch.cuda.device_count():
        raise ExperimentError(
            f"device `{device}` is not on this machine: torch sees {torch.cuda.device_count()} GPUs; try `cpu`"
        )
    return device


def _evaluate_own(subject: OwnEvaluator, job: Job, timeout_s: float | None, checkpoint: Path | None) -> Run:
    """A user's evaluator; the folder `checkpoint` is its own until the candidate ends."""
    if checkpoint is None:
        return (yield from _held(subject, job, timeout_s))
    outcome = yield from _held(subject, dataclasses.replace(job, checkpoint=str(checkpoint)), timeout_s)
    shutil.rmtree(checkpoint, ignore_errors=True)
    return outcome


def _held(subject: OwnEvaluator, job: Job, timeout_s: float | None) -> Run:
    """A user's evaluator, held to the same contract: what goes wrong inside is an outcome."""
    started = time.perf_counter()
    curve: list[Report] = []

    def outcome(state: Any, message: str = "", metrics: Mapping[str, float] | None = None) -> Outcome:
        known = metrics if metrics is not None else curve[-1].metrics if curve else {}
        return Outcome(state, dict(known), tuple(curve), time.perf_counter() - started, message)

    running: Any = None
    try:
        running = subject.evaluate(job)
        result = running
        if hasattr(running, "__next__"):
            result = None
            while True:
                try:
                    report = next(running)
                except StopIteration as end:
                    result = end.value
                    break
                curve.append(_checked(report))
                if timeout_s is not None and time.perf_counter() - started > timeout_s:
                    raise OutOfTime(f"gave up after {timeout_s:g} s, at rung {report.rung}")
                if (yield report) is False:
                    return outcome("stopped", f"stopped at rung {report.rung}")
        if isinstance(result, Outcome):
            return result
        if isinstance(result, Mapping):
            return outcome("complete", metrics=_finite(result))
        if result is not None or not curve:
            raise TypeError(f"evaluate(job) gave {result!r}; expected Reports, an Outcome or a mapping of metrics")
        return outcome("complete")
    except NasError:
        raise
    except Exception as error:  # a failure is data
        return outcome(*classify(error))
    finally:
        if hasattr(running, "close"):
            running.close()


def _checked(report: Any) -> Report:
    if not isinstance(report, Report):
        raise TypeError(f"evaluate(job) yielded {type(report).__name__}; expected Report(rung, metrics)")
    _finite(report.metrics)
    return report


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value}")
    return {name: float(value) for name, value in metrics.items()}
