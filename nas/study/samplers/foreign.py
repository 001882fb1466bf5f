"""Any Optuna sampler as one of ours: `optuna:NSGAIISampler`, or a class of one's own or of OptunaHub's, `my_sampler.py:MySampler`
or `my_package:MySampler`.

The sampler is shown the mirror as an Optuna study, one trial after the other, in the order of Optuna itself: it is asked first
and told then, so that it can keep notes in itself, in its study and in its trials. What it proposes is then a function of mirror and
seed: trials behind the first one that is still running are shown anew each time, and all its generators of random numbers
are seeded before each trial.

Decisions that it does not sample together it samples one by one, as in Optuna. Refused designs appear as complete trials with
the worst losses so far and a violated constraint; those that a rule refused while they were built as failed trials.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import random
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from random import Random
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.study import StudyDirection
from optuna.trial import TrialState

from nas.errors import ExperimentError, nearest
from nas.space import Rejected
from nas.space.domains import Domain
from nas.space.operator_files import code_allowed
from nas.space.python_file import run_file
from nas.study.candidate import Value
from nas.study.distributions import distribution, from_optuna, to_optuna
from nas.study.mirror import Mirror, Point
from nas.study.samplers.base import Argument, Proposal, Sampler, SamplerEntry

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal

PREFIX = "optuna:"
NAME = "shown"


def optuna_names() -> list[str]:
    """Optuna's own samplers that need no object for an argument, behind `optuna:`."""
    found = (name for name in optuna.samplers.__all__ if _usable(getattr(optuna.samplers, name)))
    return sorted(PREFIX + name for name in found if name != "BruteForceSampler")  # `grid` does that


def foreign_sampler(name: str) -> SamplerEntry:
    """The sampler `optuna:CLASS`, `FILE.py:CLASS` or `module:CLASS`.

    Raises: ExperimentError: there is no such class, or it is no Optuna sampler; or it is not Optuna's own, and nobody has
        said that such code may be run.
    """
    kind = _optunas(name) if name.startswith(PREFIX) else _imported(name)
    summary = (inspect.getdoc(kind) or "An Optuna sampler.").strip().splitlines()[0]
    arguments = {key: Argument(one.default) for key, one in _arguments(kind).items() if _settable(one)}

    def make(space: Space, goal: Goal, settings: Mapping[str, Any]) -> Sampler:
        return Foreign(name, kind, space, goal, settings)

    return SamplerEntry(name, summary, make, arguments)


def _optunas(name: str) -> type[BaseSampler]:
    names = optuna_names()
    if name not in names:
        raise ExperimentError(f"there is no sampler `{name}` among {', '.join(names)}{nearest(name, names)}")
    kind: type[BaseSampler] = getattr(optuna.samplers, name.removeprefix(PREFIX))
    return kind


def _imported(name: str) -> type[BaseSampler]:
    place, _, attribute = name.rpartition(":")
    what = "file" if place.endswith(".py") else "module"
    if not code_allowed():
        raise ExperimentError(
            f"this would run the Python {what} `{place}`; if you trust it, say --allow-code, in Python nas.allow_code()"
        )
    module = _of_file(Path(place), name) if what == "file" else _of_module(place, name)
    kind = getattr(module, attribute, None)
    if not (isinstance(kind, type) and issubclass(kind, BaseSampler)):
        kinds = [key for key, one in vars(module).items() if isinstance(one, type) and issubclass(one, BaseSampler)]
        raise ExperimentError(
            f"`{attribute}` in the {what} `{place}` is no class derived from optuna.samplers.BaseSampler"
            + nearest(attribute, kinds)
        )
    return kind


def _of_file(path: Path, name: str) -> ModuleType:
    if not path.is_file():
        beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise ExperimentError(f"sampler `{name}`: no file {path}{nearest(path.name, beside)}")
    return _ran(path.resolve(), path.read_bytes())


@lru_cache(maxsize=16)
def _ran(path: Path, text: bytes) -> ModuleType:
    """One text is run once, however often a search looks at its sampler."""
    return run_file(path, "user_sampler_", ExperimentError)


def _of_module(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as problem:  # whatever the user's code raises
        raise ExperimentError(
            f"the sampler `{name}`: importing `{module}` fails with {type(problem).__name__}: {problem}"
        ) from None


def _arguments(kind: type) -> dict[str, inspect.Parameter]:
    """What the class takes by name, but for the seed, which is ours."""
    taken = inspect.signature(kind).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {one.name: one for one in taken if one.kind in named and one.name != "seed"}


def _settable(argument: inspect.Parameter) -> bool:
    """Whether a file can hold a value for it; arguments that only silence or raise warnings are ours too."""
    if not isinstance(argument.default, bool | int | float | str | None) or argument.name.startswith("warn_"):
        return False
    said = argument.annotation
    if argument.default is not None or said is inspect.Parameter.empty:
        return True
    return bool({"bool", "int", "float", "str"} & set(str(said).replace(" ", "").split("|")))


def _usable(kind: object) -> bool:
    """Whether it is a sampler that can be made without an argument."""
    if not (isinstance(kind, type) and issubclass(kind, BaseSampler)) or inspect.isabstract(kind):
        return False
    return all(one.default is not inspect.Parameter.empty for one in _arguments(kind).values())


class Foreign(Sampler):
    """See the module.

    Raises: ExperimentError: the class does not take these settings, or cannot serve this space and goal.
    """

    def __init__(
        self, name: str, kind: type[BaseSampler], space: Space, goal: Goal, settings: Mapping[str, Any]
    ) -> None:
        self._name, self._space, self._n_objectives = name, space, len(goal.objectives)
        self._module = sys.modules[kind.__module__]
        arguments = _arguments(kind)
        given = {key: value for key, value in settings.items() if value != arguments[key].default}
        if "warn_independent_sampling" in arguments:
            given["warn_independent_sampling"] = False
        if "seed" in inspect.signature(kind).parameters:
            given["seed"] = 0
        with self._blamed("cannot be made"):
            self._shown = _Shown(kind(**given), self._n_objectives)
        self._try_out()

    def _try_out(self) -> None:
        """Better now than in mid-search."""
        mirror, rng = Mirror(), Random(0)
        for number in range(3):
            design = self._space.sample(rng)
            values = mirror.parameters.named(design.genotype, design.domains)
            point = Point(values, dict(design.genotype), "told", number, losses=(float(number),) * self._n_objectives)
            mirror.add(point)
        with self._blamed("cannot serve this search"), suppress(Rejected):
            self._space.build(_Answers(mirror, self._shown.up_to(mirror, keep=False).asked(0)))

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        with self._blamed("fails"):
            shown = self._shown.up_to(mirror, keep=True)
            return Proposal(self._space.build(_Answers(mirror, shown.asked(seed))))

    @contextmanager
    def _blamed(self, what: str) -> Iterator[None]:
        """Inside, nobody warns, and what the class raises is told as its own fault."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield
            except Rejected:
                raise
            except Exception as problem:
                first = (str(problem).strip().splitlines() or [""])[0]
                raise ExperimentError(
                    f"the sampler `{self._name}` {what}: {type(problem).__name__}: {first}{self._place(problem)}"
                ) from problem

    def _place(self, problem: Exception) -> str:
        """Where the user's own file was left last; empty where it has no part in it, and for Optuna's own samplers."""
        own = [one for one in traceback.extract_tb(problem.__traceback__) if one.filename == self._module.__file__]
        if not own or self._name.startswith(PREFIX):
            return ""
        return f" ({Path(own[-1].filename).name}:{own[-1].lineno} in {own[-1].name})"


class _Answers:
    """Answers the equations from what the sampler says."""

    def __init__(self, mirror: Mirror, sample: Callable[[str, Domain], Any]) -> None:
        self._mirror, self._sample = mirror, sample

    def decide(self, path: str, domain: Domain) -> Value:
        if domain.size == 1:
            return next(iter(domain.values()))
        return from_optuna(domain, self._sample(self._mirror.parameters.lookup(path, domain), domain))


class _Shown:
    """A sampler and the study that it was shown so far."""

    def __init__(self, sampler: BaseSampler, n_objectives: int) -> None:
        self._sampler = sampler
        self._storage = optuna.storages.InMemoryStorage()
        self._study_id = self._storage.create_new_study([StudyDirection.MINIMIZE] * n_objectives, NAME)
        self._worst: tuple[float, ...] | None = None
        self._n_seen = 0

    def up_to(self, mirror: Mirror, keep: bool) -> _Shown:
        """One that was shown all points, for one proposal; with `keep` this one goes on to the first pending point."""
        points = mirror.points
        while keep and self._n_seen < len(points) and points[self._n_seen].state != "pending":
            self._show(mirror, points[self._n_seen])
        whole = self._fork()
        for point in points[self._n_seen :]:
            whole._show(mirror, point)
        return whole

    def asked(self, seed: int) -> Callable[[str, Domain], Any]:
        """A new trial: what it says for a name and a domain."""
        study, trial_id, relative = self._ask(seed)

        def sample(name: str, domain: Domain) -> Any:
            known = distribution(domain)
            if name in relative and known._contains(_stored(name, domain, relative[name])):
                value = relative[name]
            else:
                value = self._sampler.sample_independent(study, self._storage.get_trial(trial_id), name, known)
            self._storage.set_trial_param(trial_id, name, _stored(name, domain, value), known)
            return value

        return sample

    def _ask(self, seed: int) -> tuple[optuna.Study, int, Mapping[str, Any]]:
        reseed(self._sampler, seed)
        study = optuna.load_study(study_name=NAME, storage=self._storage, sampler=self._sampler)
        trial_id = self._storage.create_new_trial(self._study_id)
        self._sampler.before_trial(study, self._storage.get_trial(trial_id))
        trial = self._storage.get_trial(trial_id)
        relative = self._sampler.sample_relative(study, trial, self._sampler.infer_relative_search_space(study, trial))
        return study, trial_id, relative

    def _show(self, mirror: Mirror, point: Point) -> None:
        study, trial_id, _ = self._ask(self._n_seen)
        self._n_seen += 1
        for name, value in point.values.items():
            domain = mirror.parameters.domains[name]
            known = distribution(domain)
            self._storage.set_trial_param(trial_id, name, known.to_internal_repr(to_optuna(domain, value)), known)
        if point.state == "pending":
            return
        if point.losses is not None:
            self._worst = tuple(map(max, point.losses, self._worst or point.losses))
        losses = point.losses or (self._worst if point.state == "refused" and point.whole else None)
        state = TrialState.FAIL if losses is None else TrialState.COMPLETE
        trial = self._storage.get_trial(trial_id)
        if losses is not None:
            trial.set_constraint("violation", point.total_violation)
        self._sampler.after_trial(study, trial, state, losses)
        self._storage.set_trial_state_values(trial_id, state, losses)

    def _fork(self) -> _Shown:
        """One that goes its own way; stored trials are replaced and never changed, so that lists of them are enough."""
        other = copy.copy(self)
        other._sampler = copy.deepcopy(self._sampler)
        other._storage = copy.copy(self._storage)
        for name, value in vars(other._storage).items():
            if isinstance(value, dict):
                setattr(other._storage, name, dict(value))
        other._storage._studies = {key: copy.copy(one) for key, one in self._storage._studies.items()}
        for one in other._storage._studies.values():
            one.trials, one.param_distribution = list(one.trials), dict(one.param_distribution)
        return other


def _stored(name: str, domain: Domain, value: Any) -> float:
    """A sampler's value as Optuna stores it. Raises: ValueError: it is of another kind than the domain's."""
    try:
        return distribution(domain).to_internal_repr(value)
    except (TypeError, ValueError):
        raise ValueError(f"the decision `{name}` is {domain}, got {value!r}") from None


def reseed(thing: object, seed: int) -> None:
    """Seed every generator of random numbers in a sampler, and in the samplers that it holds."""
    for position, (name, value) in enumerate(sorted(vars(thing).items())):
        own = (seed * 1_000_003 + position) % 2**32
        if isinstance(value, BaseSampler):
            reseed(value, own)
        elif isinstance(value, LazyRandomState):
            value.rng.seed(own)
        elif isinstance(value, random.Random | np.random.RandomState):
            value.seed(own)
        elif isinstance(value, np.random.Generator):
            setattr(thing, name, np.random.default_rng(own))
