"""From settings to a space bound to its task, an evaluator and an engine. What can be wrong is found here, before a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from evaluators.engines import Engine, make_engine
from evaluators.evaluator import Evaluator, chosen_device
from evaluators.recipe import check_recipe
from evaluators.tables import Lookup
from evaluators.tasks import Task, anchored
from nas.errors import ExperimentError, Fault, NasError, SpaceError
from nas.experiment.codes import check_codes
from nas.experiment.inputs import bound_to
from nas.experiment.limits import check_gpu_hours, check_target
from nas.experiment.settings import Experiment
from nas.experiment.snapshot import SPACE, read_snapshot
from nas.space import Space, load_space, shipped_spaces, space_from_text
from nas.space.check import check
from nas.study.latency import LATENCY, Protocol
from nas.study.objectives import Goal
from nas.study.samplers import make_sampler, parse_sampler
from nas.study.stopping import make_rungs, parse_stopping
from nas.study.storage import check_storage

CHECK_DRAWS = 100
RECIPE_DRAWS = 20

Found = TypeVar("Found")


@dataclass(frozen=True)
class Prepared:
    """All that a search needs.

    Args:
        experiment: the settings in force: objectives and recipe filled in, paths absolute.
        metrics: the task's, the headline first.
    """

    experiment: Experiment
    space: Space
    evaluator: Evaluator
    engine: Engine
    metrics: tuple[str, ...]


def prepare(experiment: Experiment, space: Space | None = None) -> Prepared:
    """Find everything that the settings name.

    Args:
        space: instead of the one that the settings name.
    Raises: NasError: settings, space or task are wrong; as many faults at once as can be told apart.
    """
    experiment = located(experiment, experiment.folder)
    trying = _Trying(experiment)
    engine = trying("engine", lambda: make_engine(experiment.engine))
    recipe = trying("recipe", lambda: check_recipe(experiment.recipe))
    stopping = trying("stopping", lambda: parse_stopping(experiment.stopping, experiment.budget))
    trying("sampler", lambda: parse_sampler(experiment.sampler))
    trying("device", lambda: chosen_device(experiment.device))
    loaded = trying("space", lambda: space if space is not None else load_space(str(experiment.space)))
    evaluator = trying("task", lambda: _evaluator(experiment))
    trying.finish()
    assert engine is not None and recipe is not None and loaded is not None and evaluator is not None
    assert stopping is not None

    subject = evaluator.subject
    bound = bound_to(loaded, subject, experiment.task_name, experiment.task_options)
    if isinstance(subject, Task):
        evaluator = replace(evaluator, inputs=bound.input_shapes, outputs=(bound.output_shape,))
    objectives = experiment.objectives or _default_objectives(evaluator.metrics)
    known = dict.fromkeys([*evaluator.metrics, *([LATENCY] if isinstance(subject, Task) else [])])
    goal = trying("objectives", lambda: Goal.parse(objectives, (), known))
    if goal is not None:
        goal = trying("constraints", lambda: Goal.parse(objectives, experiment.constraints, known)) or goal
        trying("stopping", lambda: make_rungs(stopping, goal.objectives))
    protocol = trying("latency", partial(_protocol, experiment, evaluator, goal))
    trying("scores", partial(_check_scores, experiment, evaluator))
    trying.finish()
    evaluator = replace(evaluator, scores=experiment.scores)
    in_force = replace(experiment, objectives=objectives, recipe=asdict(recipe))
    if protocol is not None:
        evaluator, in_force = replace(evaluator, latency=protocol), replace(in_force, latency=asdict(protocol))
    return Prepared(in_force, bound, evaluator, engine, tuple(evaluator.metrics))


def reopen(directory: Path) -> Prepared:
    """What the search in `directory` was begun with. Raises: NasError: there is none, or its task is gone."""
    experiment, text = read_snapshot(directory)
    return prepare(experiment, space_from_text(text, str(directory / SPACE), directory))


def try_out(prepared: Prepared) -> None:
    """Load the data, build every branch of the space, and let the sampler look at it, all before anything is trained.

    Raises: NasError: what is wrong with them.
    """
    experiment, space = prepared.experiment, prepared.space
    trying = _Trying(experiment)
    trying("task", prepared.evaluator.prepare)
    trying.finish()
    check(space, CHECK_DRAWS)
    subject, rungs = prepared.evaluator.subject, parse_stopping(experiment.stopping, experiment.budget).rungs
    if isinstance(subject, Task):
        check_codes(space, subject)
    if isinstance(subject, Lookup):
        subject.check(space, rungs)
    _check_space_recipe(space, experiment.recipe)
    goal = Goal.parse(experiment.objectives, experiment.constraints, prepared.metrics)
    trying("sampler", lambda: make_sampler(experiment.sampler, space, goal, rungs))
    if experiment.storage is not None:
        trying("storage", lambda: check_storage(str(experiment.storage)))
    trying("gpu_hours", lambda: check_gpu_hours(experiment, prepared.engine))
    trying("target_hypervolume", lambda: check_target(experiment, goal))
    trying.finish()


def bind_to_task(space: Space, task: str) -> Space:
    """The space with the axis sizes of a task. Raises: TaskError: no such task; SpaceError: they do not fit."""
    return bound_to(space, Evaluator(task).subject, task)


def located(experiment: Experiment, folder: Path) -> Experiment:
    """The settings with absolute paths where they name a file that exists from `folder` on; other names stay."""
    task, options = anchored(experiment.task_name, experiment.task_options, folder)
    return replace(
        experiment,
        space=experiment.space if experiment.space in shipped_spaces() else _absolute(experiment.space, folder),
        task={"name": task, **options} if options or isinstance(experiment.task, Mapping) else task,
        sampler=_sampler_from(experiment.sampler, folder),
        storage=experiment.storage and _absolute_url(experiment.storage, folder),
        published=experiment.published and str((folder / experiment.published).resolve()),
    )


def _sampler_from(sampler: Any, folder: Path) -> Any:
    """The same sampler; a class in a Python file by the file's absolute path."""
    if isinstance(sampler, Mapping):
        return {**sampler, "name": _sampler_from(sampler.get("name"), folder)}
    file, colon, name = sampler.rpartition(":") if isinstance(sampler, str) else ("", "", "")
    return f"{_absolute(file, folder)}{colon}{name}" if file.endswith(".py") else sampler


def _absolute(name: str, folder: Path) -> str:
    """The file's path, or `name` where there is none: whoever reads it says what is wrong."""
    try:
        return str((folder / name).resolve()) if name and (folder / name).is_file() else name
    except (OSError, ValueError):  # a name that no file can have
        return name


def _absolute_url(url: str, folder: Path) -> str:
    """The URL of an SQLite file with its whole path; other URLs as they are."""
    scheme, _, path = url.partition(":///")
    if not scheme.startswith("sqlite") or not path:
        return url
    return f"{scheme}:///{(folder / path).resolve()}"


def _evaluator(experiment: Experiment) -> Evaluator:
    evaluator = Evaluator(
        experiment.task_name,
        experiment.task_options,
        device=experiment.device,
        timeout_s=experiment.timeout_s,
    )
    _ = evaluator.subject  # loads it
    return evaluator


def _protocol(experiment: Experiment, evaluator: Evaluator, goal: Goal | None) -> Protocol | None:
    """How latency is measured; None: nobody asks for it, or the task gives a `latency` of its own.

    Raises: ExperimentError: it is to be measured of what is not trained here, or beside the task's own.
    """
    own = LATENCY in evaluator.metrics
    if experiment.latency is None:
        stated = (
            [] if goal is None else [*(one.name for one in goal.objectives), *(one.name for one in goal.constraints)]
        )
        if own or LATENCY not in stated:
            return None
    elif own or not isinstance(evaluator.subject, Task):
        why = "gives a `latency` of its own" if own else "evaluates candidates itself"
        raise ExperimentError(
            f"`latency` says how models that are trained here are timed; `{experiment.task_name}` {why}"
        )
    return Protocol(**{"device": chosen_device(experiment.device), **(experiment.latency or {})})


def _check_scores(experiment: Experiment, evaluator: Evaluator) -> None:
    """Raises: ExperimentError: scores are wanted of what is not trained here, or one bears the name of a metric."""
    if experiment.scores and not isinstance(evaluator.subject, Task):
        raise ExperimentError(
            f"`scores` are of models that are trained here; `{experiment.task_name}` evaluates candidates itself"
        )
    for name in experiment.scores:
        if name in evaluator.metrics:
            raise ExperimentError(
                f"`{experiment.task_name}` has a metric `{name}` of its own; leave it out of `scores`"
            )


def _default_objectives(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    headline, direction = next(iter(metrics.items()))
    return (f"{direction} {headline}", "minimize params")


def _check_space_recipe(space: Space, recipe: Mapping[str, Any]) -> None:
    """A space's own training settings, as a few candidates have them."""
    if not space.program.recipe:
        return
    rng = Random(0)
    for _ in range(RECIPE_DRAWS):
        drawn = space.sample(rng)
        try:
            check_recipe({**recipe, **drawn.recipe})
        except ExperimentError as problem:
            raise SpaceError(*(f"{space.file}: {fault.message}" for fault in problem.faults)) from None


class _Trying:
    """Tries one setting after the other and raises what is wrong with all of them, each at its place in the file."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.problems: list[NasError] = []

    def __call__(self, key: str, call: Callable[[], Found]) -> Found | None:
        try:
            return call()
        except NasError as problem:
            self.problems.append(self.experiment.located(key, problem))
            return None

    def finish(self) -> None:
        if len(self.problems) == 1:
            raise self.problems[0] from None
        if self.problems:
            faults: list[Fault] = [fault for problem in self.problems for fault in problem.faults]
            raise ExperimentError(*faults)
