"""The mirror as an Optuna study in memory, and a decider that lets an Optuna sampler answer for the equations."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any

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
        self._groups = Groups()

    def study(self, sampler: BaseSampler) -> optuna.Study:
        """The study as of now, to be sampled by `sampler`."""
        points = self._mirror.points
        for position in self._pending:
            if points[position].state != "pending":
                self._settle(position)
        self._pending = [position for position in self._pending if points[position].state == "pending"]
        for position in range(self._n_seen, len(points)):
            self._storage.create_new_trial(self._study_id, self._trial(points[position], position))
            self._groups.add(points[position].values)
            if points[position].state == "pending":
                self._pending.append(position)
        self._n_seen = len(points)
        return optuna.load_study(study_name=NAME, storage=self._storage, sampler=sampler)

    def together(self, name: str) -> dict[str, BaseDistribution]:
        """`name` and all parameters that every point so far has decided together with it; empty for an unknown name."""
        names = self._groups.together(name)
        known = {one: self.distribution(one) for one in sorted(names)}
        return {one: distribution for one, distribution in known.items() if not distribution.single()}

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
            constraints=self._constraints(point) if _STATES[point.state] is TrialState.COMPLETE else None,
        )

    def _settle(self, position: int) -> None:
        point = self._mirror.points[position]
        trial = self._storage.get_all_trials(self._study_id, deepcopy=False)[position]
        complete = _STATES[point.state] is TrialState.COMPLETE
        for key, value in self._constraints(point).items() if complete else ():
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

    def _constraints(self, point: Point) -> dict[str, float]:
        """Positive is violated. Whether a training can succeed at all, then the goal's; TPE needs no more than their sum."""
        if not self._complete:
            return {"violation": point.total_violation} if point.total_violation > 0 else {}
        ever = point.violation if point.violation > 0 else -1.0
        return {"valid": ever, **{f"constraint {i}": slack for i, slack in enumerate(point.slacks)}}


class Groups:
    """Names that always occur together, kept as a partition that only gets finer.

    The same groups as in Optuna's grouped TPE, which finds them anew for every trial.

    >>> groups = Groups()
    >>> groups.add(["a", "b", "c"]); groups.add(["a", "b", "d"])
    >>> sorted(groups.together("a")), sorted(groups.together("d"))
    (['a', 'b'], ['d'])
    """

    def __init__(self) -> None:
        self._group: dict[str, frozenset[str]] = {}

    def add(self, names: Iterable[str]) -> None:
        """Names that occurred together once."""
        left = frozenset(names)
        new = frozenset(name for name in left if name not in self._group)
        self._group.update(dict.fromkeys(new, new))
        left -= new
        while left:
            whole = self._group[next(iter(left))]
            inside = whole & left
            for part in (inside, whole - inside):
                self._group.update(dict.fromkeys(part, part))
            left -= inside

    def together(self, name: str) -> frozenset[str]:
        """The group of `name`; empty for one that never occurred."""
        return self._group.get(name, frozenset())


class Suggest:
    """Answers the equations from what an Optuna sampler decides.

    Args:
        parameters: names of decisions.
        joint: for a name, what the sampler decides for it and for all that it decides together with it; empty where the
            sampler knows nothing of the name. Asked only for what the equations read.
        rng: draws what the sampler knows nothing of, as the space's weights say.
    """

    def __init__(self, parameters: Parameters, joint: Callable[[str], Mapping[str, Any]], rng: Random) -> None:
        self._parameters, self._joint, self._rng = parameters, joint, rng
        self._decided: dict[str, Any] = {}

    def decide(self, path: str, domain: Domain) -> Value:
        if domain.size == 1:
            return next(iter(domain.values()))
        name = self._parameters.lookup(path, domain)
        if name not in self._decided:
            self._decided.update(self._joint(name))
        return from_optuna(domain, self._decided[name]) if name in self._decided else domain.sample(self._rng)


def asking(n_points: int) -> FrozenTrial:
    """The trial that a sampler decides for: a number that no stored trial has, and nothing else."""
    return FrozenTrial(
        number=n_points, trial_id=-1, state=TrialState.RUNNING, value=None, datetime_start=None,
        datetime_complete=None, params={}, distributions={}, user_attrs={}, system_attrs={}, intermediate_values={},
    )  # fmt: skip


def quietly(make: Callable[..., BaseSampler], settings: Mapping[str, Any]) -> BaseSampler:
    """An Optuna sampler without its warning that a feature is experimental: the versions in use are tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return make(**settings)
