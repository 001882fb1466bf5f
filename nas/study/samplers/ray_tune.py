"""Ray Tune's searchers as samplers of flat spaces: `ray:hyperopt`, `ray:bayesopt`, `ray:ax`, …

For every proposal a fresh searcher is made from the seed, every point of the mirror is replayed into it through Ray's own
`Searcher` interface, and then it is asked for one more. So a proposal is a function of mirror and seed, as with all other
samplers, and a resumed study goes on exactly as if it had never been interrupted. The price is a replay that grows with
the number of points.

Weights of options count in the random start alone, for Ray's searchers know none. Refused points have the worst losses told, as failures it would not learn from.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError, nearest
from nas.space.deciders import Random as Draw
from nas.space.domains import Categorical, Domain, Integer, Real
from nas.study.candidate import Value
from nas.study.mirror import Mirror, Point
from nas.study.samplers.base import Proposal, Sampler, SamplerEntry, Setting

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal

PREFIX = "ray:"
_STARTUP = Setting(10, "results at random before it starts to model", 1)


@dataclass(frozen=True)
class Searcher:
    """One of Ray Tune's.

    Args:
        name: in `ray.tune.search`, and behind `ray:` in an experiment file.
        summary: one sentence.
        place: module and class, below `ray.tune.search`.
        package, pip: what it imports, and what to install for that.
        seed: the argument of the class that takes one; empty: it repeats nothing exactly.
        fixed: further arguments, which make it a function of what was told: its own random start is ours.
        settings: what a user may set, by argument of the class.
        several: whether it takes several objectives.
        unit: whether it knows real numbers only; every decision is then its position from 0 to 1.
    """

    name: str
    summary: str
    place: str
    package: str
    pip: str
    seed: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    several: bool = False
    unit: bool = False


SEARCHERS = {
    one.name: one
    for one in (
        Searcher(
            "hyperopt",
            "Tree-structured Parzen estimator of HyperOpt.",
            "hyperopt.hyperopt_search:HyperOptSearch",
            "hyperopt",
            "hyperopt",
            "random_state_seed",
            {"n_initial_points": 1},
            {"gamma": Setting(0.25, "share of the points that count as good", 0, 1)},
        ),
        Searcher(
            "bayesopt",
            "Gaussian process of bayesian-optimization, over positions from 0 to 1.",
            "bayesopt.bayesopt_search:BayesOptSearch",
            "bayes_opt",
            "'bayesian-optimization>=1.4,<2'",
            "random_state",
            {"random_search_steps": 0, "skip_duplicate": False, "patience": 10**9},
            unit=True,
        ),
        Searcher(
            "optuna",
            "Optuna's TPE as Ray Tune drives it; for several objectives too.",
            "optuna.optuna_search:OptunaSearch",
            "optuna",
            "optuna",
            "seed",
            several=True,
        ),
        Searcher(
            "ax",
            "Bayesian optimisation of Ax.",
            "ax.ax_search:AxSearch",
            "ax",
            "'ax-platform==1.1.2'",
            "random_seed",
            {"verbose_logging": False, "enforce_sequential_optimization": False},
        ),
    )
}

# What else `ray.tune.search` has by name, and why it is no sampler here.
_OTHERWISE = {
    "random": "take `random`",
    "variant_generator": "take `random` or `grid`",
    "hebo": "it does not work with the versions of NumPy and pandas in use; take `gp` or `ray:bayesopt`",
    "bohb": "it works with Ray's own scheduler only; give it to your own Tuner, see `nas.tune_trainable`",
    "nevergrad": "it has no default optimizer; give it to your own Tuner, see `nas.tune_trainable`",
    "zoopt": "it must know the number of trials; give it to your own Tuner, see `nas.tune_trainable`",
}


def ray_sampler(name: str) -> SamplerEntry:
    """The sampler `ray:NAME`.

    Raises: ExperimentError: there is no such searcher, or none that can be a sampler.
    """
    known = [PREFIX + one for one in SEARCHERS]
    wanted = name.removeprefix(PREFIX)
    if wanted in _OTHERWISE:
        raise ExperimentError(f"Ray's `{wanted}` is no sampler here: {_OTHERWISE[wanted]}")
    if wanted not in SEARCHERS:
        raise ExperimentError(f"there is no sampler `{name}` among {', '.join(known)}{nearest(name, known)}")
    kind = SEARCHERS[wanted]

    def make(space: Space, goal: Goal, settings: Mapping[str, Any]) -> Sampler:
        return RaySearch(kind, space, goal, settings)

    return SamplerEntry(name, f"Ray Tune: {kind.summary}", make, {"startup": _STARTUP, **kind.settings}, flat_only=True)


class RaySearch(Sampler):
    """See the module.

    Raises: ExperimentError: its package is not installed, or there are several objectives and it takes one.
    """

    def __init__(self, kind: Searcher, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        if not kind.several and len(goal.objectives) > 1:
            raise ExperimentError(
                f"the sampler `{PREFIX}{kind.name}` takes one objective, here are {len(goal.objectives)} "
                f"({', '.join(map(str, goal.objectives))}); take one of tpe, nsga2, gp, ray:optuna, or state the others as "
                "constraints"
            )
        self._searcher = _class(kind)
        self._kind, self._space = kind, space
        self._settings = {key: value for key, value in settings.items() if key != "startup"}
        self._n_startup = int(settings["startup"])
        names = [f"loss{i}" for i in range(len(goal.objectives))]
        self._metrics: Any = names if len(names) > 1 else names[0]
        self._modes: Any = ["min"] * len(names) if len(names) > 1 else "min"
        self._try_out()

    def _try_out(self) -> None:
        """Ray's searchers follow the versions of other packages with delay; better now than in mid-search."""
        try:
            with _quiet():
                axis = _Axis("x", Real(0.0, 1.0), self._kind.unit)
                self._made([], {"x0": axis.domain()}, 0).suggest("0")
        except Exception as problem:
            first = (str(problem).strip().splitlines() or [""])[0]
            raise ExperimentError(
                f"the sampler `{PREFIX}{self._kind.name}` does not work with the version of {self._kind.package} that is "
                f"installed ({type(problem).__name__}: {first}); try `pip install {self._kind.pip}`"
            ) from None

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        axes = [
            _Axis(name, domain, self._kind.unit)
            for name, domain in mirror.parameters.domains.items()
            if domain.size > 1
        ]
        if mirror.results < self._n_startup or not axes:
            return Proposal(self._space.build(Draw(rng)), "random")
        with _quiet():
            found = self._asked(self._told(mirror, axes), axes, seed)
        if not isinstance(found, dict):  # it waits for results, or has converged
            return Proposal(self._space.build(Draw(rng)), "random")
        values = {axis.name: axis.value(found[f"x{i}"]) for i, axis in enumerate(axes)}
        return Proposal(self._space.build(_Given(values, mirror, rng)))

    def _asked(self, told: list[tuple[dict[str, Any], tuple[float, ...] | None]], axes: list[_Axis], seed: int) -> Any:
        """What a fresh searcher that was told all that is known suggests."""
        space = {f"x{i}": axis.domain() for i, axis in enumerate(axes)}
        searcher = self._made([dict(config) for config, _ in told], space, seed)
        for number, (_, losses) in enumerate(told):
            searcher.suggest(str(number))
            if losses is not None:
                result = {f"loss{i}": loss for i, loss in enumerate(losses)}
                searcher.on_trial_complete(str(number), {**result, "training_iteration": 1})
        return searcher.suggest("next")

    def _made(self, points: list[dict[str, Any]], space: dict[str, Any], seed: int) -> Any:
        settings = {self._kind.seed: seed, **self._kind.fixed, **self._settings}
        searcher = self._searcher(points_to_evaluate=points, **settings)
        searcher.set_search_properties(self._metrics, self._modes, space)
        return searcher

    def _told(self, mirror: Mirror, axes: list[_Axis]) -> list[tuple[dict[str, Any], tuple[float, ...] | None]]:
        """Every point but those of which nothing is learnt, and its losses; None: they are not known yet."""
        known = [point.losses for point in mirror.points if point.state == "told" and point.losses is not None]
        worst = tuple(max(column) for column in zip(*known, strict=True))
        found: list[tuple[dict[str, Any], tuple[float, ...] | None]] = []
        for number, point in enumerate(mirror.points):
            if point.state == "unknown" or (self._kind.unit and point.state == "pending"):
                continue
            config = _config(point, axes, number)
            if self._kind.unit and any(config == other for other, _ in found):
                continue  # a Gaussian process takes a point once
            infeasible = point.state == "refused" or point.total_violation > 0
            found.append((config, worst if infeasible and point.state != "pending" else point.losses))
        return found


@dataclass(frozen=True)
class _Axis:
    """A decision as a searcher has it: options and steps as their positions, logarithmic numbers as themselves."""

    name: str
    of: Domain
    unit: bool

    @property
    def _is_log(self) -> bool:
        return not isinstance(self.of, Categorical) and self.of.log and self.of.low > 0

    def domain(self) -> Any:
        """As Ray Tune writes it."""
        tune = importlib.import_module("ray.tune")
        if self.unit:
            return tune.uniform(0.0, 1.0)
        if isinstance(self.of, Categorical):
            return tune.choice([str(i) for i in range(self.of.size)])  # texts, for numbers would have an order
        if isinstance(self.of, Integer):
            return (
                tune.lograndint(self.of.low, self.of.high + 1) if self._is_log else tune.randint(0, int(self.of.size))
            )
        return tune.loguniform(self.of.low, self.of.high) if self._is_log else tune.uniform(self.of.low, self.of.high)

    def coordinate(self, value: Value) -> Any:
        """Where `value` stands."""
        if isinstance(self.of, Categorical):
            at: float = next(i for i, one in enumerate(self.of.options) if one == value and type(one) is type(value))
        else:
            assert isinstance(value, int | float)
            at = (value - self.of.low) // (self.of.step or 1) if self._steps else value
        if not self.unit:
            return str(at) if isinstance(self.of, Categorical) else at
        low, high = self._ends()
        return (math.log(at / low) / math.log(high / low)) if self._is_log else (at - low) / (high - low)

    def value(self, at: Any) -> Value:
        """The inverse of `coordinate`, for any number in the axis's range."""
        at = float(at)
        if self.unit:
            low, high = self._ends()
            at = low * (high / low) ** at if self._is_log else low + at * (high - low)
        if isinstance(self.of, Categorical):
            return self.of.nth(min(max(round(at), 0), self.of.size - 1))
        if self._steps:
            return self.of.nth(min(max(round(at), 0), int(self.of.size) - 1))
        return self.of.snap(at)

    @property
    def _steps(self) -> bool:
        """Whether a number is its position among the steps."""
        return isinstance(self.of, Integer) and not self._is_log

    def _ends(self) -> tuple[float, float]:
        if isinstance(self.of, Categorical) or self._steps:
            return 0.0, float(self.of.size - 1)
        assert isinstance(self.of, Integer | Real)
        return self.of.low, self.of.high


def _config(point: Point, axes: list[_Axis], number: int) -> dict[str, Any]:
    """The point for a searcher; what a refused one had not decided is drawn, for every completion breaks the same rule."""
    rng = Random(number)
    values = [point.values[axis.name] if axis.name in point.values else axis.of.sample(rng) for axis in axes]
    return {f"x{i}": axis.coordinate(value) for i, (axis, value) in enumerate(zip(axes, values, strict=True))}


@dataclass
class _Given:
    """Answers the equations with what a searcher decided."""

    values: Mapping[str, Value]
    mirror: Mirror
    rng: Random

    def decide(self, path: str, domain: Domain) -> Value:
        name = self.mirror.parameters.lookup(path, domain)
        return self.values[name] if name in self.values else domain.sample(self.rng)


@contextmanager
def _quiet() -> Iterator[None]:
    """Inside, nobody warns: the versions in use are tested."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _class(kind: Searcher) -> Any:
    """Ray's class. Raises: ExperimentError: a package is missing, and the command that installs it."""
    missing = needs(kind)
    if missing is not None:
        package, pip = missing
        raise ExperimentError(
            f"the sampler `{PREFIX}{kind.name}` needs the package {package}: run `pip install {pip}`, or take `tpe`"
        )
    module, _, name = kind.place.partition(":")
    return getattr(importlib.import_module(f"ray.tune.search.{module}"), name)


def needs(kind: Searcher) -> tuple[str, str] | None:
    """A package that is missing, and what to install for it; None: all are there."""
    for package, pip in (("ray", "'ray[tune]'"), (kind.package, kind.pip)):
        if not _installed(package):
            return package, pip
    return None


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
