"""Our spaces and samplers in a user's own Optuna study.

    space = nas.load_space("residual-mlp")
    goal = ["maximize accuracy", "minimize params"]
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=nas.OptunaSampler(space, "nsga2", objectives=goal))

    def objective(trial):
        architecture = nas.suggest(trial, space)
        return trained(architecture), architecture.costs.params

    study.optimize(objective, n_trials=100)

Each half works without the other: `suggest` under any Optuna sampler, the sampler also beside further parameters of one's own.
What the sampler learns from stands in the study's trials, so a study in a database can be gone on with, and by several processes;
only designs that were refused before they became trials are forgotten with the process.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from nas.errors import ExperimentError, SpaceError
from nas.space import Rejected
from nas.space.domains import Domain
from nas.study.candidate import Value
from nas.study.distributions import distribution, from_optuna, to_optuna
from nas.study.mirror import Mirror, Point
from nas.study.objectives import COSTS, Goal
from nas.study.parameters import signature
from nas.study.proposals import Proposals, seed_of
from nas.study.samplers import make_sampler

if TYPE_CHECKING:
    from nas.space import Architecture, Space

ATTRIBUTE = "nas:genotype"  # of a trial: its decisions by path, as JSON


def suggest(trial: Any, space: Space) -> Architecture:
    """The architecture that a trial decides for; each decision becomes a parameter of the trial, named by its path.

    Args:
        trial: an Optuna trial; also a `FixedTrial` or an enqueued one.
    Raises: optuna.TrialPruned: a rule of the space refuses what the sampler chose; `OptunaSampler` chooses no such thing.
    """
    try:
        design = space.build(_Suggested(trial))
    except Rejected as refused:
        raise optuna.TrialPruned(f"the space refuses it: {refused.rule}") from None
    trial.set_user_attr(ATTRIBUTE, json.dumps(dict(design.genotype)))
    return design


class _Suggested:
    """Answers the equations from a trial."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def decide(self, path: str, domain: Domain) -> Value:
        if domain.size == 1:
            return next(iter(domain.values()))
        known = distribution(domain)
        try:
            return from_optuna(domain, _asked(self._trial, path, known))
        except ValueError:  # Optuna has other options under that name: the domain depends on earlier decisions
            return from_optuna(domain, _asked(self._trial, f"{path}@{signature(domain)}", known))


def _asked(trial: Any, name: str, known: BaseDistribution) -> Any:
    """The parameter, through Optuna's public functions."""
    if isinstance(known, CategoricalDistribution):
        return trial.suggest_categorical(name, known.choices)
    ask = trial.suggest_int if isinstance(known, IntDistribution) else trial.suggest_float
    steps = {} if known.log else {"step": known.step}  # type: ignore[attr-defined]
    return ask(name, known.low, known.high, log=known.log, **steps)  # type: ignore[attr-defined]


class OptunaSampler(BaseSampler):
    """Any of our samplers as an Optuna sampler for one space. Read `nas.suggest` for what the objective has to do.

    Designs that break a rule of the space or a constraint on costs, and those that the study knows already, are never proposed.
    Values that an objective reports on the way are the rungs of samplers that learn from them; pruned trials count as stopped.

    Args:
        space: the same as in `suggest`.
        sampler: as in an experiment file, `frontier` or `{"name": "nsga2", "population": 50}`.
        objectives: one for each value that the objective returns, in order, such as `maximize accuracy`.
        constraints: on costs, such as `macs <= 5e6`.
        seed: of everything that is drawn.
        independent: samples parameters that are none of the space; by default at random.
    Raises: ExperimentError: a setting is wrong, or the sampler cannot serve the space.
    """

    def __init__(
        self,
        space: Space,
        sampler: str | Mapping[str, Any] = "frontier",
        *,
        objectives: Sequence[str],
        constraints: Sequence[str] = (),
        seed: int = 0,
        independent: BaseSampler | None = None,
    ) -> None:
        names = [words[1] for text in objectives if len(words := text.split()) == 2]
        self._goal = Goal.parse(objectives, constraints, [name for name in names if name not in COSTS])
        self._space, self._settings, self._seed = space, sampler, seed
        self._independent = independent or RandomSampler(seed)
        self._followed = _Followed(space, self._goal, sampler, seed, "")
        self._proposed: dict[int, Architecture] = {}
        self._lock = Lock()

    def reseed_rng(self) -> None:
        self._independent.reseed_rng()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Propose the whole design, known to others from now on as pending.

        Raises: ExperimentError: the study's directions are others; StudyError: the space allows nothing.
        """
        directions = [one.direction for one in self._goal.objectives]
        if [one.name.lower() for one in study.directions] != directions:
            found = ", ".join(one.name.lower() for one in study.directions)
            raise ExperimentError(
                f"the sampler was made for {', '.join(map(str, self._goal.objectives))}, and the study's directions are {found}"
            )
        with self._lock:
            if self._followed.study != study.study_name:
                self._followed = _Followed(self._space, self._goal, self._settings, self._seed, study.study_name)
            design = self._followed.next(study.get_trials(deepcopy=False), trial.number)
        self._proposed[trial.number] = design
        study._storage.set_trial_user_attr(trial._trial_id, ATTRIBUTE, json.dumps(dict(design.genotype)))

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """What was proposed, where the parameter is a decision of the space."""
        design = self._proposed.get(trial.number)
        path = param_name.partition("@")[0]
        if design is not None and path in design.genotype and distribution(design.domains[path]) == param_distribution:
            return to_optuna(design.domains[path], design.genotype[path])
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._proposed.pop(trial.number, None)


class _Followed:
    """What a sampler knows of a study: a mirror that follows its trials."""

    def __init__(self, space: Space, goal: Goal, settings: str | Mapping[str, Any], seed: int, study: str) -> None:
        self.study = study
        self._space, self._goal, self._seed = space, goal, seed
        self._reached: dict[int, dict[int, tuple[float, ...]]] = {}
        self._mirror = Mirror(reached=self._reached)
        self._proposals = Proposals(space, goal, make_sampler(settings, space, goal), self._mirror, {}, seed)
        self._running: dict[int, dict[str, int]] = {}  # entered and without an outcome → costs
        self._entered: set[int] = set()

    def next(self, trials: Sequence[FrozenTrial], number: int) -> Architecture:
        """A design that is new to the study; any, where all are known."""
        for trial in trials:
            if trial.number != number and trial.number not in self._entered and ATTRIBUTE in trial.user_attrs:
                self._enter(trial)
            if trial.number in self._running:
                self._follow(trial)
        found = self._proposals.next(number)
        return found.architecture if found is not None else self._space.sample(Random(seed_of(self._seed, number)))

    def _enter(self, trial: FrozenTrial) -> None:
        self._entered.add(trial.number)
        try:
            design = self._space.replay(json.loads(trial.user_attrs[ATTRIBUTE]))
        except (Rejected, SpaceError):  # of another space
            return
        values = self._mirror.parameters.named(design.genotype, design.domains)
        self._proposals.remember(trial.number, design.digest, self._proposals.recipe(design), "")
        self._mirror.add(Point(values, dict(design.genotype), number=trial.number))
        self._running[trial.number] = design.costs.as_dict()

    def _follow(self, trial: FrozenTrial) -> None:
        """Tell what is known by now."""
        single = self._goal.objectives[0] if len(self._goal.objectives) == 1 else None
        if single is not None:
            for step, value in trial.intermediate_values.items():
                if math.isfinite(value):
                    self._reached.setdefault(step, {})[trial.number] = (single.loss(value),)
        if not trial.state.is_finished():
            return
        costs = self._running.pop(trial.number)
        last = trial.last_step
        values = trial.values
        if trial.state == TrialState.PRUNED:
            values = None if single is None or last is None else [trial.intermediate_values[last]]
        if values is not None and all(map(math.isfinite, values)):
            metrics = {one.name: value for one, value in zip(self._goal.objectives, values, strict=True)}
            losses, slacks = self._goal.losses(values), self._goal.slacks(costs, metrics)
            self._mirror.tell(trial.number, "told", losses, slacks, 0.0, trial.state == TrialState.PRUNED)
        elif trial.state == TrialState.PRUNED:
            self._mirror.tell(trial.number, "unknown", None, self._goal.slacks(costs), 0.0)
        else:
            self._mirror.tell(trial.number, "refused", None, self._goal.slacks(costs), 1.0)
