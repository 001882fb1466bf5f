"""When a search ends: enough hours, enough GPU-hours, or a frontier that is good enough. What runs then is finished."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from evaluators.engines import Engine
from evaluators.evaluator import chosen_device
from nas.errors import ExperimentError, nearest
from nas.experiment.settings import Experiment
from nas.pareto import geometry
from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.objectives import Goal
from nas.study.records import TrialRecord
from nas.study.study import Study

# Between two looks at what other drivers of the study still evaluate.
WAIT_S = 1.0

LIMITS = ("hours", "gpu_hours", "target_hypervolume")


def gpus_per_worker(engine: Engine, device: str) -> float:
    """GPUs that one evaluation holds: what the engine gives to each worker; in this process one, where `device` is one."""
    given: float | None = getattr(engine, "gpus", None)
    if given is not None:
        return given
    return 1.0 if chosen_device(device).startswith("cuda") else 0.0


def check_gpu_hours(experiment: Experiment, engine: Engine) -> None:
    """Raises: ExperimentError: GPU-hours are limited where no GPU is used."""
    if experiment.gpu_hours is not None and not gpus_per_worker(engine, experiment.device):
        raise ExperimentError(
            "`gpu_hours` limits a search without GPUs; limit `hours`, or give the workers some: engine: {name: ray, gpus: 1}"
        )


def check_target(experiment: Experiment, goal: Goal) -> None:
    """Raises: ExperimentError: the reference does not have exactly one number for each objective."""
    if experiment.target_hypervolume is not None:
        Target(experiment.target_hypervolume, goal)


class Target:
    """A hypervolume to reach, measured as `Front.hypervolume` does.

    Without a reference it is measured from that of the candidates so far (`geometry.reference_point`), which moves when a
    worse one arrives: enough to stop a search, not to compare searches.
    """

    def __init__(self, setting: float | Mapping[str, Any], goal: Goal) -> None:
        """Raises: ExperimentError: the reference does not have exactly one number for each objective."""
        given: Mapping[str, Any] = setting if isinstance(setting, Mapping) else {"volume": setting}
        self.volume = float(given["volume"])
        self._directions = tuple(one.direction for one in goal.objectives)
        self._log = tuple(one.is_cost for one in goal.objectives)
        self._values: list[Sequence[float]] = []
        self._reference: geometry.Array | None = None
        if given.get("reference") is not None:
            self._reference = self._losses([_reference(given["reference"], goal)])[0]

    def add(self, values: Sequence[float]) -> float:
        """The hypervolume with one more complete and feasible candidate."""
        self._values.append(values)
        losses = self._losses(self._values)
        bound = geometry.reference_point(losses) if self._reference is None else self._reference
        return geometry.hypervolume(losses, reference=bound)

    def _losses(self, values: Sequence[Sequence[float]]) -> geometry.Array:
        return geometry.oriented(values, self._directions, self._log)


class Limited:
    """A study that asks for nothing new once a limit is reached. `reached` says which; empty while none is.

    Hours count from here, GPU-hours and the hypervolume over the whole study, with what was found before a resume and by
    other drivers.
    """

    def __init__(self, study: Study, experiment: Experiment, gpus: float) -> None:
        self.study = study
        self.reached = ""
        self._hours, self._gpu_hours, self._gpus = experiment.hours, experiment.gpu_hours, gpus
        self._end = None if self._hours is None else time.monotonic() + self._hours * 3600
        self._seconds = 0.0
        target = experiment.target_hypervolume
        self._target = None if target is None else Target(target, study.goal)
        self._n_counted = 0
        self._count()

    @property
    def out_of_time(self) -> bool:
        """Whether the hours or the GPU-hours are used up; a hypervolume that was reached leaves time."""
        hours = self._end is not None and time.monotonic() >= self._end
        return hours or (self._gpu_hours is not None and self._spent >= self._gpu_hours)

    def spend(self, seconds: float) -> None:
        """Count seconds of trainings that are none of the study's candidates."""
        self._seconds += seconds

    def ask(self) -> Candidate | None:
        if self._over():
            return None
        candidate = self.study.ask()
        self._count()  # what other drivers found meanwhile; what was asked for is begun
        return candidate

    def inherits(self) -> bool:
        """Wait while other drivers evaluate; True once a candidate of one that is gone is to be asked for here."""
        while not self._over():
            found = self.study.inherits()
            if found is not None:
                return found
            time.sleep(WAIT_S)
        return False

    def job(self, candidate: Candidate) -> Job:
        return self.study.job(candidate)

    def report(self, candidate: Candidate, report: Report) -> bool:
        return self.study.report(candidate, report)

    def tell(self, candidate: Candidate, outcome: Outcome) -> None:
        self.study.tell(candidate, outcome)
        self._count()

    def _over(self) -> bool:
        if self._end is not None and time.monotonic() >= self._end and not self.reached:
            self.reached = f"{self._hours:g} hours are over"
        return bool(self.reached)

    def _count(self) -> None:
        """Every outcome that became known since, also of other drivers."""
        for number in self.study.finished[self._n_counted :]:
            self._n_counted += 1
            self._add(self.study.trial(number))

    @property
    def _spent(self) -> float:
        """GPU-hours."""
        return self._seconds * self._gpus / 3600

    def _add(self, trial: TrialRecord) -> None:
        self._seconds += trial.seconds
        if self._gpu_hours is not None and self._spent >= self._gpu_hours:
            self.reached = f"{self._spent:.3g} of {self._gpu_hours:g} GPU-hours are spent"
        if self._target is not None and trial.feasible and trial.values is not None:
            volume = self._target.add(trial.values)
            if volume >= self._target.volume:
                self.reached = f"the hypervolume {volume:.4g} reached its target of {self._target.volume:g}"


def _reference(given: Mapping[str, float], goal: Goal) -> list[float]:
    names = [one.name for one in goal.objectives]
    for name in given:
        if name not in names:
            raise ExperimentError(
                f"target_hypervolume: the reference names `{name}`, which is none of the objectives "
                f"{', '.join(names)}{nearest(name, names)}"
            )
    for name in names:
        if name not in given:
            raise ExperimentError(
                f"target_hypervolume: the reference lacks the objective `{name}`; it has one number for each of "
                f"{', '.join(names)}"
            )
    return [float(given[name]) for name in names]
