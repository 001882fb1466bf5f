"""Searching and going on with a search: settings in, a directory of results out."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluators.engines import make_engine
from evaluators.tasks import file_of
from nas.errors import ExperimentError, StudyError
from nas.experiment.controlling import ControlPlan
from nas.experiment.environment import FILE as ENVIRONMENT
from nas.experiment.environment import write_environment
from nas.experiment.interruption import resumable
from nas.experiment.limits import LIMITS, Limited, check_gpu_hours, gpus_per_worker
from nas.experiment.logbook import LOG, logbook
from nas.experiment.logs import logged
from nas.experiment.prepare import Prepared, located, prepare, reopen, try_out
from nas.experiment.scoring import statistics_of
from nas.experiment.session import CHECKPOINTS, REPORT, WEIGHTS, Search
from nas.experiment.settings import Experiment, as_setting, experiment_from_text, load_experiment, value_fault
from nas.experiment.snapshot import EXPERIMENT, SPACE, read_text, snapshot
from nas.experiment.watching import Watcher
from nas.pareto.confirmation import FILE as CONFIRMATION
from nas.space import Space
from nas.study.control import FILE as CONTROL
from nas.study.directory import JOURNAL, Lock, named, read_settings
from nas.study.lineage import FILE as LINEAGE
from nas.study.lineage import read_lineage
from nas.study.storage import forget
from nas.study.study import Study

# What a search leaves in its directory, and `fresh` removes. Whatever else stands there is the user's.
_OWN = (
    EXPERIMENT,
    SPACE,
    ENVIRONMENT,
    CONFIRMATION,
    CONTROL,
    REPORT,
    WEIGHTS,
    CHECKPOINTS,
    JOURNAL,
    LINEAGE,
    LOG,
    f"{JOURNAL}.lock",
    "study.json",
    "lock",
)


def search(
    space: Space | str | Path | None = None,
    *,
    task: Any = None,
    experiment: Experiment | str | Path | None = None,
    observer: Watcher | None = None,
    fresh: bool = False,
    lineage: str | Path | None = None,
    **settings: Any,
) -> Search:
    """Search a space on a task.

    Args:
        space: a space, a shipped name or a path; taken from the experiment when None.
        task: a shipped name, a data file, `my_task.py:make`, or a mapping with `name` and options.
        experiment: settings, or the path of an experiment file; the other arguments override it.
        observer: told what happens, for a live display.
        fresh: throw away a search that stands in the directory already; other files there are left alone. With it goes its
            study in a database, unless others work on it right now.
        lineage: directory of an earlier search, perhaps of an earlier version of the space: its settings are those that are
            not given here, and its results that still hold are carried over; see `nas.study.lineage`.
        settings: any other key of an experiment file: `objectives`, `trials`, `sampler`, `budget`, `seed`, …
            Where `storage` names a database that holds a study of this name with the same settings, this search joins it.
    Returns: the results, also of a search that ended early; `ended` says why.
    Raises:
        NasError: what is wrong with the input, before anything is trained or removed.
        Interrupted: by Ctrl-C; `resume` goes on.

    >>> found = search("mlp", task="digits", trials=20, budget={"epochs": 5})  # doctest: +SKIP
    """
    own = space if isinstance(space, Space) else None
    if lineage is not None and experiment is None:
        experiment, settings = _after(Path(lineage), own.name if own else space, settings)
    chosen = _settings(experiment, {**settings, "space": own.name if own else space, "task": task})
    prepared = prepare(chosen, own)
    directory = Path(chosen.directory or f"runs/{chosen.experiment}")
    if lineage is not None and Path(lineage).resolve() == directory.resolve():
        raise ExperimentError(f"what {lineage} found cannot be carried over into itself; choose another directory")
    try_out(prepared)
    watching = logged(prepared.experiment.log, observer)
    if fresh:
        _clear(directory)
    with _create(prepared, directory, lineage) as study:
        write_environment(directory)
        _carry_weights(directory)
        return _run(study, prepared, directory, watching, observer)


def resume(
    directory: str | Path,
    *,
    trials: int | None = None,
    control: int | None = None,
    engine: Any = None,
    observer: Watcher | None = None,
    **limits: Any,
) -> Search:
    """Go on with a search: what a killed driver left running is evaluated again, then new candidates follow.

    Args:
        directory: of the search.
        trials: a new total of unique candidates; None: as before.
        control: how many random architectures to hold the search against; None: as before.
        engine: another engine; None: as before.
        observer: told what happens.
        limits: `hours`, `gpu_hours`, `target_hypervolume` for this time, instead of those that the search began with.
    Raises:
        StudyError: there is no search, or another process drives it.
        Interrupted: by Ctrl-C; `resume` goes on.
    """
    directory = Path(directory)
    for key in limits:
        if key not in LIMITS:
            raise ExperimentError(f"resume takes no `{key}`; of the settings, only {', '.join(LIMITS)} and `trials`")
    prepared = reopen(directory)
    if control is not None and value_fault("control", control):
        raise ExperimentError(f"`control` {value_fault('control', control)}, got {control!r}")
    given = {key: value for key, value in {**limits, "control": control}.items() if value is not None}
    prepared = replace(prepared, experiment=replace(prepared.experiment, **given))
    if engine is not None:
        prepared = replace(prepared, engine=make_engine(engine))
    if "gpu_hours" in given:
        check_gpu_hours(prepared.experiment, prepared.engine)
    if trials is not None:
        _require_more(trials, directory)
    watching = logged(prepared.experiment.log, observer)
    with Study.open(directory, prepared.space, trials=trials) as study:
        return _run(study, prepared, directory, watching, observer)


def _settings(experiment: Experiment | str | Path | None, given: dict[str, Any]) -> Experiment:
    """The experiment with what was given over it; paths in a file start from its folder, others from here.

    Raises: ExperimentError: a setting is wrong, or space or task are missing.
    """
    if isinstance(experiment, Experiment):
        base = experiment
    else:
        base = load_experiment(experiment) if experiment is not None else Experiment()
    changes = {key: as_setting(key, value) for key, value in given.items() if value is not None}
    over = located(Experiment(**changes), Path())
    changes = {key: getattr(over, key) for key in changes}
    places = {
        path: found for path, found in base.places.items() if path.partition(".")[0].partition("[")[0] not in changes
    }
    chosen = replace(located(base, base.folder), **changes, places=places)
    if not chosen.space or not chosen.task_name:
        raise ExperimentError(f"a search needs a {'space' if not chosen.space else 'task'}")
    if not chosen.experiment:
        _, file, _ = file_of(chosen.task_name)
        chosen = replace(chosen, experiment=f"{Path(chosen.space).stem}-on-{Path(file).stem}")
    return chosen


def _require_more(trials: int, directory: Path) -> None:
    """Raises: ExperimentError: `trials` is no new total for the search in `directory`."""
    wrong = value_fault("trials", trials)
    if wrong:
        raise ExperimentError(f"`trials` {wrong}, got {trials!r}")
    done = len(Search(directory).record().trials)
    if trials < done:
        raise ExperimentError(f"`trials` is a new total, and {directory} has {done} candidates already, got {trials}")


def _after(earlier: Path, space: Any, given: dict[str, Any]) -> tuple[Experiment, dict[str, Any]]:
    """The settings of an earlier search, for one that has a name and a directory of its own."""
    text = read_text(earlier, EXPERIMENT)
    before = experiment_from_text(text, str(earlier / EXPERIMENT))
    name = f"{Path(str(space or before.space)).stem}-from-{before.experiment}"
    return before, {"experiment": name, **given}


def _carry_weights(directory: Path) -> None:
    """Beside the results that were carried over, the weights that were kept."""
    found = read_lineage(directory)
    for old, new in found.carried if found else ():
        kept = Path(found.directory if found else "") / WEIGHTS / f"{old}.pt"
        if kept.exists():
            (directory / WEIGHTS).mkdir(exist_ok=True)
            shutil.copyfile(kept, directory / WEIGHTS / f"{new}.pt")


def _create(prepared: Prepared, directory: Path, lineage: str | Path | None) -> Study:
    experiment = prepared.experiment
    _keep_theirs(directory)
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
        recipe=experiment.recipe,
        seed=experiment.seed,
        name=experiment.experiment,
        experiment=snapshot(experiment),
        task_options=experiment.task_options,
        storage=experiment.storage or JOURNAL,
        latency=experiment.latency,
        lineage=lineage,
    )


def _keep_theirs(directory: Path) -> None:
    """Raises: StudyError: files of the user's bear the names of those that a search would write."""
    if (directory / "study.json").exists():
        return  # a search, and the study says so
    for name in (EXPERIMENT, SPACE):
        # A search that was killed before it had begun leaves these, too; then it may write them again.
        if (directory / name).exists() and not (directory / "lock").exists():
            raise StudyError(
                f"{directory / name} stands there already, and a search would overwrite it; choose another directory"
            )


def _clear(directory: Path) -> None:
    """Remove a search, and nothing else. Raises: StudyError: it is being driven, or the directory cannot be written."""
    if not (directory / "study.json").exists():
        return
    lock = Lock(directory)
    try:
        settings = read_settings(directory)
        if settings.shared:
            forget(settings.storage, settings.name, named(directory))
        for name in _OWN:
            path = directory / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as problem:
        raise StudyError(f"{problem.filename} cannot be removed: {problem.strerror}") from None
    finally:
        lock.release()


def _run(
    study: Study, prepared: Prepared, directory: Path, watching: Watcher | None, observer: Watcher | None
) -> Search:
    """Search, then train the control. `watching` is told of candidates, and may log them; `observer` of the control."""
    prepared.evaluator.prepare()
    experiment, place = prepared.experiment, directory.resolve()
    evaluator = replace(
        prepared.evaluator,
        weights=place / WEIGHTS,
        checkpoints=place / CHECKPOINTS,
        checkpoint_s=experiment.checkpoint_s,
    )
    if experiment.scores:
        study.inform(statistics_of(prepared))
    driven = Limited(study, experiment, gpus_per_worker(prepared.engine, experiment.device))
    if watching is not None:
        watching.began(study.settings.trials, study.n_finished, study.record)
    with resumable(f"nas resume {directory}"), logbook(directory):
        prepared.engine.run(driven, evaluator, watching)
        while driven.inherits():
            prepared.engine.run(driven, evaluator, watching)
        evaluator.forget(trial.number for trial in study.record().trials if trial.state != "running")
        left = _control(study, prepared, directory, driven, observer)
    early = f"{driven.reached}; go on with: nas resume {directory}" if driven.reached and not study.enough else ""
    return Search(directory, study.exhausted or early or left)


def _control(study: Study, prepared: Prepared, directory: Path, driven: Limited, observer: Watcher | None) -> str:
    """Train the control, where one is wanted and time is left; what there was no time for."""
    wanted = prepared.experiment.control
    if not wanted or not study.leads or driven.out_of_time:
        return ""
    plan = ControlPlan(Search(directory), wanted, lambda: driven.out_of_time, driven.spend)
    if plan.todo and observer is not None:
        observer.began(len(plan.todo), 0, None)
    prepared.engine.run(plan, prepared.evaluator, observer)
    n = len(plan.todo)
    return (
        f"{n} random candidates of the control are still to be trained; go on with: nas resume {directory}" if n else ""
    )
