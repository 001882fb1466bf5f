"""Searching and going on with a search: settings in, a directory of results out."""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import yaml

from evaluators.engines import make_engine
from nas.errors import ExperimentError, StudyError
from nas.experiment.environment import write_environment
from nas.experiment.prepare import Prepared, prepare
from nas.experiment.session import Search
from nas.experiment.settings import KEYS, Experiment, checked_value, experiment_from_text, load_experiment
from nas.experiment.watching import Watcher
from nas.space import Space, space_from_text
from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.study import Study


def search(
    space: Space | str | Path | None = None,
    *,
    task: Any = None,
    experiment: Experiment | str | Path | None = None,
    observer: Watcher | None = None,
    fresh: bool = False,
    **settings: Any,
) -> Search:
    """Search a space on a task.

    Args:
        space: a space, a shipped name or a path; taken from the experiment when None.
        task: a shipped name, a data file, `my_task.py:make`, or a mapping with `name` and options.
        experiment: settings, or the path of an experiment file; the other arguments override it.
        observer: told what happens, for a live display.
        fresh: throw away a search that stands in the directory already.
        settings: any other key of an experiment file: `objectives`, `trials`, `sampler`, `budget`, `seed`, …
    Returns: the results, also of a search that an engine ended early.
    Raises: NasError: what is wrong with the input, before anything is trained.

    >>> found = search("mlp", task="digits", trials=20, budget={"epochs": 5})  # doctest: +SKIP
    """
    base = (
        experiment
        if isinstance(experiment, Experiment)
        else load_experiment(experiment)
        if experiment
        else Experiment()
    )
    given = {key: checked_value(key, value) for key, value in settings.items()}
    if task is not None:
        given["task"] = task
    own = space if isinstance(space, Space) else None
    if space is not None:
        given["space"] = own.name if own is not None else str(space)
    chosen = replace(base, **given)
    if not chosen.space or not chosen.task:
        raise ExperimentError(f"a search needs a {'space' if not chosen.space else 'task'}")
    if not chosen.experiment:
        chosen = replace(chosen, experiment=f"{Path(str(chosen.space)).stem}-on-{Path(chosen.task_name).stem}")
    prepared = prepare(chosen, own)
    directory = Path(chosen.directory or f"runs/{chosen.experiment}")
    if fresh:
        _clear(directory)
    with _create(prepared, directory) as study:
        write_environment(directory)
        _run(study, prepared, directory, observer)
    return Search(directory)


def resume(
    directory: str | Path, *, trials: int | None = None, engine: Any = None, observer: Watcher | None = None
) -> Search:
    """Go on with a search: what a killed driver left running is evaluated again, then new candidates follow.

    Args:
        directory: of the search.
        trials: a new total of unique candidates; None: as before.
        engine: another engine; None: as before.
        observer: told what happens.
    Raises: StudyError: there is no search, or another process drives it.
    """
    directory = Path(directory)
    prepared = reopen(directory)
    if engine is not None:
        prepared = replace(prepared, engine=make_engine(engine))
    if trials is not None:
        checked_value("trials", trials)
    with Study.open(directory, prepared.space, trials=trials) as study:
        _run(study, prepared, directory, observer)
    return Search(directory)


def reopen(directory: Path) -> Prepared:
    """The space, evaluator and engine of an existing search, from its snapshots."""
    snapshot, space_file = directory / "experiment.yaml", directory / "space.yaml"
    if not (directory / "study.json").exists():
        raise StudyError(f"{directory} holds no search: there is no study.json in it")
    for file in (snapshot, space_file):
        if not file.exists():
            raise StudyError(f"{directory} is incomplete: there is no {file.name} in it")
    experiment = experiment_from_text(snapshot.read_text(encoding="utf-8"), str(snapshot))
    return prepare(experiment, space_from_text(space_file.read_text(encoding="utf-8"), str(space_file)))


def _create(prepared: Prepared, directory: Path) -> Study:
    experiment = prepared.experiment
    try:
        return Study.create(
            directory,
            prepared.space,
            objectives=experiment.objectives,
            metrics=prepared.metrics,
            task=experiment.task_name,
            constraints=experiment.constraints,
            sampler=experiment.sampler,
            stopping=experiment.stopping,
            trials=experiment.trials,
            budget=experiment.budget,
            recipe=prepared.recipe,
            seed=experiment.seed,
            name=experiment.experiment,
            experiment=_as_yaml(experiment),
        )
    except ExperimentError as problem:
        for key in ("objectives", "constraints", "sampler", "stopping"):
            if key.rstrip("s") in str(problem).split(":")[0] or f"`{key}`" in str(problem):
                raise experiment.at(key, problem) from None
        raise


def _as_yaml(experiment: Experiment) -> str:
    """The settings in force, as an experiment file that a resume can read from anywhere."""
    values = {key: _plain(value) for key, value in asdict(experiment).items() if key in KEYS and value is not None}
    defaults = {f.name: f.default for f in fields(Experiment)}
    kept = {key: value for key, value in values.items() if value != "" and (value or defaults.get(key) != value)}
    kept.pop("directory", None)
    text: str = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
    return f"# The settings of this search, as they were in force.\n{text}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _clear(directory: Path) -> None:
    """Remove a search, and nothing else. Raises: StudyError: the directory holds something else."""
    if not directory.exists() or not any(directory.iterdir()):
        return
    if not (directory / "study.json").exists():
        raise StudyError(f"{directory} holds no search; it is not removed. Choose another directory")
    shutil.rmtree(directory)


def _run(study: Study, prepared: Prepared, directory: Path, observer: Watcher | None) -> None:
    evaluator = replace(prepared.evaluator, weights=directory.resolve() / "weights")
    hours = prepared.experiment.hours
    if observer is not None:
        observer.began(study.settings.trials, study.n_finished, study.record)
    prepared.engine.run(study if hours is None else _Deadline(study, hours * 3600), evaluator, observer)


class _Deadline:
    """A study that asks for nothing new after a time; what runs is finished."""

    def __init__(self, study: Study, seconds: float) -> None:
        self.study = study
        self.end = time.monotonic() + seconds

    def ask(self) -> Candidate | None:
        return self.study.ask() if time.monotonic() < self.end else None

    def job(self, candidate: Candidate) -> Job:
        return self.study.job(candidate)

    def report(self, candidate: Candidate, report: Report) -> bool:
        return self.study.report(candidate, report)

    def tell(self, candidate: Candidate, outcome: Outcome) -> None:
        self.study.tell(candidate, outcome)
