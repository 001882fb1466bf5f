"""Our candidates in a user's own `ray.tune.Tuner`: with any scheduler, searcher and cluster that Ray Tune has."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from evaluators.engines.engine import evaluated
from nas.errors import ExperimentError
from nas.space import Rejected, Space, space_from_text
from nas.space.domains import Categorical, Domain, Integer, Value
from nas.study.candidate import Job, Report
from nas.study.objectives import COSTS

if TYPE_CHECKING:
    from evaluators.evaluator import Evaluator
    from nas.space import Architecture

SEED = "genotype_seed"


@dataclass(frozen=True)
class Tunable:
    """What a `Tuner` takes.

    Args:
        trainable: a function of a configuration, in Ray's function API.
        param_space: what it is drawn from.
        metric, mode: the task's headline, for `TuneConfig`.
    """

    trainable: Callable[[dict[str, Any]], None]
    param_space: dict[str, Any]
    metric: str
    mode: str


def tune_trainable(
    space: Space | str,
    task: Any,
    *,
    budget: Mapping[str, int] | None = None,
    recipe: Mapping[str, Any] | None = None,
    device: str = "auto",
    timeout_s: float | None = None,
    seed: int = 0,
) -> Tunable:
    """A space on a task, for a `Tuner` of one's own.

    Where the space is flat, a configuration has its decisions by name; numbers are snapped to their steps. Elsewhere it is
    one number, `genotype_seed`: the seed of a draw from the space. A searcher learns nothing from that, a scheduler works.

    A trial reports after every unit of the budget, such as an epoch: the task's metrics, `params`, `macs` and all other
    costs, and `state`. A design that the space refuses and a training that ends badly report the worst there is, infinite,
    under their state (`rejected`, `diverged`, `out_of_memory`, `timeout`); code that crashes raises.

    Args:
        space, task, budget, recipe, device, timeout_s: as in `search`.
        seed: of weights and data order, the same for every trial.
    Raises: NasError: what is wrong with the input.

    >>> from ray import tune                                                                    # doctest: +SKIP
    >>> from ray.tune.schedulers import ASHAScheduler                                           # doctest: +SKIP
    >>> ours = nas.tune_trainable("residual-mlp", "mnist1d", budget={"epochs": 20})             # doctest: +SKIP
    >>> tuner = tune.Tuner(                                                                     # doctest: +SKIP
    ...     tune.with_resources(ours.trainable, {"cpu": 1}),
    ...     param_space=ours.param_space,
    ...     tune_config=tune.TuneConfig(
    ...         metric=ours.metric,
    ...         mode=ours.mode,
    ...         num_samples=50,
    ...         scheduler=ASHAScheduler(max_t=20, grace_period=2),
    ...     ),
    ... )
    >>> tuner.fit().get_best_result().config                                                    # doctest: +SKIP
    """
    if importlib.util.find_spec("ray.tune") is None:
        raise ExperimentError("`tune_trainable` needs the package ray.tune: run `pip install 'ray[tune]'`")
    from nas.experiment.prepare import prepare
    from nas.experiment.settings import Experiment, as_setting

    own = space if isinstance(space, Space) else None
    given: dict[str, Any] = {"budget": budget, "recipe": recipe, "timeout_s": timeout_s}
    chosen = Experiment(
        space=own.name if own else as_setting("space", space),
        task=task,
        device=device,
        seed=seed,
        **{key: value for key, value in given.items() if value is not None},
    )
    prepared = prepare(chosen, own)
    metric, direction = next(iter(prepared.evaluator.metrics.items()))
    bound = prepared.space
    domains = dict(bound.sample(Random(0)).domains) if bound.is_flat else {}
    settings = prepared.experiment
    file = str(Path(bound.file).resolve())
    trial = _Trial(bound.text, file, domains, prepared.evaluator, settings.recipe, dict(settings.budget), seed)

    def trainable(config: dict[str, Any]) -> None:
        trial(config)  # a plain function, for Ray notes resources on it

    tune = importlib.import_module("ray.tune")
    params = {name: _tune_domain(tune, domain) for name, domain in domains.items()}
    return Tunable(trainable, params or {SEED: tune.randint(0, 2**31 - 1)}, metric, direction[:3])


@dataclass(frozen=True)
class _Trial:
    """Trains what a configuration says, in a process of Ray's."""

    text: str
    file: str
    domains: Mapping[str, Domain]
    evaluator: Evaluator
    recipe: Mapping[str, Any]
    budget: dict[str, int | float]
    seed: int

    @cached_property
    def space(self) -> Space:
        """Read where it is used: compiled spaces do not travel."""
        subject = self.evaluator.subject
        return space_from_text(self.text, self.file, Path(self.file).parent).bind(subject.inputs, subject.outputs)

    @property
    def _unit(self) -> str:
        return next(iter(self.budget))

    def __getstate__(self) -> dict[str, Any]:
        """Without the space that was read here."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def __call__(self, config: dict[str, Any]) -> None:
        tell = importlib.import_module("ray.tune").report
        try:
            design = self._design(config)
        except Rejected:
            tell({**self._worst(), **dict.fromkeys(COSTS, math.inf), self._unit: 0, "state": "rejected"})
            return
        costs = design.costs.as_dict()
        outcome = evaluated(self.evaluator, self._job(design, costs), lambda report: tell(self._told(report, costs)))
        if outcome.state == "crashed":
            raise RuntimeError(outcome.message)
        if outcome.state != "complete":
            reached = outcome.curve[-1].rung if outcome.curve else 0
            tell({**self._worst(), **costs, self._unit: reached, "state": outcome.state})
        elif not outcome.curve:
            tell({**outcome.metrics, **costs, self._unit: self.budget[self._unit], "state": "complete"})

    def _design(self, config: Mapping[str, Any]) -> Architecture:
        if not self.domains:
            return self.space.sample(Random(config[SEED]))
        genotype = {path: _snapped(domain, config[path]) for path, domain in self.domains.items()}
        return self.space.replay(genotype)

    def _job(self, design: Architecture, costs: dict[str, int]) -> Job:
        from nas.codegen import source

        return Job(
            number=0,
            genotype=dict(design.genotype),
            source=source(design.graph),
            recipe={**self.recipe, **design.recipe},
            seed=self.seed,
            budget=self.budget,
            rungs=tuple(range(1, int(self.budget[self._unit]))),
            costs=costs,
            members=design.members,
            graph=design.graph,
        )

    def _told(self, report: Report, costs: Mapping[str, int]) -> dict[str, Any]:
        state = "complete" if report.rung == self.budget[self._unit] else "running"
        return {**report.metrics, **costs, self._unit: report.rung, "state": state}

    def _worst(self) -> dict[str, float]:
        signs = {"maximize": -math.inf, "minimize": math.inf}
        return {name: signs[direction] for name, direction in self.evaluator.metrics.items()}


def _tune_domain(tune: Any, domain: Domain) -> Any:
    """The domain as Ray Tune has it. Its own steps count from 0, so ours are left to `_snapped`."""
    if isinstance(domain, Categorical):
        return tune.choice(list(domain.options))
    log = domain.log and domain.low > 0
    if isinstance(domain, Integer):
        return (tune.lograndint if log else tune.randint)(domain.low, domain.high + 1)
    return (tune.loguniform if log else tune.uniform)(domain.low, domain.high)


def _snapped(domain: Domain, value: Any) -> Value:
    return value if isinstance(domain, Categorical) else domain.snap(value)
