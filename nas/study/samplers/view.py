"""The mirror as an Optuna study in memory, and a decider that lets an Optuna sampler answer for the equations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.space.domains import Domain
from nas.study.candidate import Value
from nas.study.distributions import distribution, from_optuna, to_optuna
from nas.study.mirror import Mirror, Point
from nas.study.parameters import Parameters

if TYPE_CHECKING:
    from nas.space import Architecture, Space

optuna.logging.set_verbosity(optuna.logging.WARNING)

NAME = "mirror"
_STATES = {
    "pending": TrialState.RUNNING,
    "told": TrialState.COMPLETE,
    "refused": TrialState.COMPLETE,
    "unknown": TrialState.FAIL,
}


class _Quiet(optuna.storages.InMemoryStorage):
    """Samplers leave notes for other processes on the trial they sample. Here nobody reads them, and that trial is not stored."""

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        return


class View:
    """An Optuna study that follows the mirror.

    Args:
        mirror: what to show. Refused points appear as complete trials that violate a constraint.
        n_objectives: how many losses a point has.
        complete: for samplers that only know decisions common to all trials: what a refused point has not decided is
            drawn, for every completion breaks the same rule, and its losses are the worst told.
    """

    def __init__(self, mirror: Mirror, n_objectives: int, complete: bool = False) -> None:
        self._mirror = mirror
        self._complete = complete
        self._distributions: dict[str, BaseDistribution] = {}
        self._storage = _Quiet()
        self._study_id = self._storage.create_new_study([StudyDirection.MINIMIZE] * n_objectives, NAME)
        self._n_objectives = n_objectives
        self._n_seen = 0
        self._pending: list[int] = []

    def study(self, sampler: BaseSampler) -> optuna.Study:
        """The study as of now, to be sampled by `sampler`."""
        points = self._mirror.points
        for position in self._pending:
            if points[position].state != "pending":
                self._settle(position)
        self._pending = [position for position in self._pending if points[position].state == "pending"]
        for position in range(self._n_seen, len(points)):
            self._storage.create_new_trial(self._study_id, self._trial(points[position], position))
            if points[position].state == "pending":
                self._pending.append(position)
        self._n_seen = len(points)
        return optuna.load_study(study_name=NAME, storage=self._storage, sampler=sampler)

    def distribution(self, name: str) -> BaseDistribution:
        found = self._distributions.get(name)
        if found is None:
            found = self._distributions[name] = distribution(self._mirror.parameters.domains[name])
        return found

    def _trial(self, point: Point, position: int) -> FrozenTrial:
        domains = self._mirror.parameters.domains
        values = dict(point.values)
        if self._complete and not point.whole:
            rng = Random(position)
            values.update({name: domain.sample(rng) for name, domain in domains.items() if name not in values})
        return optuna.trial.create_trial(
            state=_STATES[point.state],
            values=self._losses(point) if _STATES[point.state] is TrialState.COMPLETE else None,
            params={name: to_optuna(domains[name], value) for name, value in values.items()},
            distributions={name: self.distribution(name) for name in values},
            constraints=_constraints(point) if _STATES[point.state] is TrialState.COMPLETE else None,
        )

    def _settle(self, position: int) -> None:
        point = self._mirror.points[position]
        trial = self._storage.get_all_trials(self._study_id, deepcopy=False)[position]
        complete = _STATES[point.state] is TrialState.COMPLETE
        for key, value in _constraints(point).items() if complete else ():
            trial.set_constraint(key, value)
        losses = self._losses(point) if complete else None
        self._storage.set_trial_state_values(trial._trial_id, _STATES[point.state], losses)

    def _losses(self, point: Point) -> list[float]:
        if point.losses is not None:
            return list(point.losses)
        if not self._complete:
            return [0.0] * self._n_objectives
        told = [one.losses for one in self._mirror.points if one.losses is not None]
        return [max(column) for column in zip(*told, strict=True)] or [0.0] * self._n_objectives


def _constraints(point: Point) -> dict[str, float]:
    """Positive is violated. The first says whether a training can succeed at all, the others are the goal's."""
    ever = point.violation if point.violation > 0 else -1.0
    return {"valid": ever, **{f"constraint {i}": slack for i, slack in enumerate(point.slacks)}}


def propose(space: Space, mirror: Mirror, study: optuna.Study, sampler: BaseSampler) -> Architecture:
    """The design that `sampler` decides for."""
    trial = FrozenTrial(
        number=len(mirror.points), trial_id=-1, state=TrialState.RUNNING, value=None, datetime_start=None,
        datetime_complete=None, params={}, distributions={}, user_attrs={}, system_attrs={}, intermediate_values={},
    )  # fmt: skip
    return space.build(_Suggest(study, sampler, trial, mirror.parameters))


class _Suggest:
    """Answers from what the sampler decided jointly, or asks it for one decision alone."""

    def __init__(self, study: optuna.Study, sampler: BaseSampler, trial: FrozenTrial, parameters: Parameters) -> None:
        self._study, self._sampler, self._trial, self._parameters = study, sampler, trial, parameters
        self._joint = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))

    def decide(self, path: str, domain: Domain) -> Value:
        name = self._parameters.lookup(path, domain)
        known = distribution(domain)
        if known.single():
            value = next(iter(domain.values()))
        elif name in self._joint:
            value = from_optuna(domain, self._joint[name])
        else:
            value = from_optuna(domain, self._sampler.sample_independent(self._study, self._trial, name, known))
        self._trial.params[name] = to_optuna(domain, value)
        self._trial.distributions[name] = known
        return value


def quietly(make: Callable[..., BaseSampler], settings: Mapping[str, Any]) -> BaseSampler:
    """An Optuna sampler without its warning that a feature is experimental: the versions in use are tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return make(**settings)
