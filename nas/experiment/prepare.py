"""From settings to a space bound to its task, an evaluator and an engine. What can be wrong is found here, before a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

from evaluators.engines import Engine, make_engine
from evaluators.evaluator import Evaluator
from evaluators.recipe import check_recipe
from evaluators.tasks import TASKS, Task
from nas.errors import ExperimentError, SpaceError
from nas.experiment.settings import Experiment
from nas.space import Space, load_space, shipped_spaces
from nas.space.check import check

CHECK_DRAWS = 100


@dataclass(frozen=True)
class Prepared:
    """All that a search needs, checked.

    Args:
        experiment: with objectives filled in, and a task file's path made absolute.
        recipe: training settings, defaults included.
        metrics: the task's, the headline first.
    """

    experiment: Experiment
    space: Space
    evaluator: Evaluator
    engine: Engine
    recipe: dict[str, Any]
    metrics: tuple[str, ...]


def prepare(experiment: Experiment, space: Space | None = None) -> Prepared:
    """Find everything that the settings name, and try it.

    Args:
        space: instead of the one that the settings name.
    Raises: NasError: a setting, the space, the task or its data are wrong.
    """
    experiment = replace(experiment, task=_absolute(experiment))
    engine = _at(experiment, "engine", lambda: make_engine(experiment.engine))
    recipe = asdict(_at(experiment, "recipe", lambda: check_recipe(experiment.recipe)))
    budget = _at(experiment, "budget", lambda: _budget(experiment.budget))
    _at(experiment, "confirm", lambda: confirm_seeds(experiment))
    loaded = space if space is not None else _space(experiment)
    evaluator = Evaluator(
        experiment.task_name,
        experiment.task_options,
        device=experiment.device,
        timeout_s=experiment.timeout_s,
    )
    subject = evaluator.subject
    bound = loaded.bind(subject.inputs, subject.outputs)
    if isinstance(subject, Task):
        evaluator = replace(evaluator, inputs=bound.input_shapes, outputs=(bound.output_shape,))
    _at(experiment, "device", evaluator.prepare)
    check(bound, CHECK_DRAWS)
    _check_space_recipe(bound, recipe)
    metrics = tuple(evaluator.metrics)
    objectives = experiment.objectives or _default_objectives(evaluator.metrics)
    experiment = replace(experiment, objectives=tuple(objectives), budget=budget)
    return Prepared(experiment, bound, evaluator, engine, recipe, metrics)


def bind_to_task(space: Space, task: str) -> Space:
    """The space with the axis sizes of a task. Raises: TaskError: no such task; SpaceError: they do not fit."""
    subject = Evaluator(task).subject
    return space.bind(subject.inputs, subject.outputs)


def confirm_seeds(experiment: Experiment) -> int:
    """How many seeds `confirm` takes. Raises: ExperimentError: the setting is wrong."""
    settings = dict(experiment.confirm)
    seeds = settings.pop("seeds", 5)
    if settings:
        raise ExperimentError(f"`confirm` has no key `{next(iter(settings))}`; it has seeds")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= 1000:
        raise ExperimentError(f"`confirm` takes seeds from 1 to 1000, got {seeds!r}")
    return seeds


def _budget(budget: Mapping[str, Any]) -> dict[str, int]:
    if len(budget) != 1 or next(iter(budget)) not in ("epochs", "steps"):
        raise ExperimentError(f"`budget` is {{epochs: 30}} or {{steps: 2000}}, got {dict(budget)}")
    unit, amount = next(iter(budget.items()))
    if isinstance(amount, bool) or not isinstance(amount, int) or amount < 1:
        raise ExperimentError(f"`budget` counts {unit} in positive integers, got {amount!r}")
    return {unit: amount}


def _default_objectives(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    headline, direction = next(iter(metrics.items()))
    return (f"{direction} {headline}", "minimize params")


def _check_space_recipe(space: Space, recipe: Mapping[str, Any]) -> None:
    """A space's own training settings, as a few candidates have them."""
    if not space.program.recipe:
        return
    rng = Random(0)
    for _ in range(20):
        drawn = space.sample(rng)
        try:
            check_recipe({**recipe, **drawn.recipe})
        except ExperimentError as problem:
            raise SpaceError(*(f"{space.file}: {fault.message}" for fault in problem.faults)) from None


def _space(experiment: Experiment) -> Space:
    name = str(experiment.space)
    beside = experiment.folder / name
    return load_space(beside if name not in shipped_spaces() and beside.is_file() else name)


def _absolute(experiment: Experiment) -> Any:
    """The task setting with a file's path made absolute, so that a resume from elsewhere finds it."""
    name = experiment.task_name
    if name in TASKS or not name:
        return experiment.task
    path, colon, function = name.rpartition(":") if ".py:" in name else (name, "", "")
    file = (experiment.folder / path).resolve()
    if not file.exists():
        return experiment.task  # the task loader says what is wrong
    found = f"{file}{colon}{function}"
    return {**experiment.task, "name": found} if isinstance(experiment.task, Mapping) else found


def _at(experiment: Experiment, key: str, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except ExperimentError as problem:
        raise experiment.at(key, problem) from None
