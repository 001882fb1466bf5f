"""A search that was run, as a value: its frontier, its report, its exports."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.engines.engine import evaluated
from evaluators.tasks import Task, file_of
from nas.errors import NasError, StudyError, WorkFailed
from nas.experiment.described import described
from nas.experiment.environment import read_environment
from nas.experiment.prepare import Prepared, reopen
from nas.experiment.published import published_points
from nas.experiment.snapshot import read_snapshot
from nas.pareto.confirmation import Confirmation, read_confirmation
from nas.pareto.front import Front, frontier
from nas.space import Architecture, Space
from nas.study.candidate import Job
from nas.study.control import read_control
from nas.study.proposals import order_of
from nas.study.records import StudyRecord, TrialRecord, read_study

if TYPE_CHECKING:
    from nas.codegen import Exported, Preprocessing
    from nas.experiment.pruning import Pruned
    from nas.graph.graph import Graph
    from nas.pareto.published import PublishedPoint
    from nas.pareto.report import Artifact

REPORT = "report.html"
WEIGHTS = "weights"
CHECKPOINTS = "checkpoints"


def open_search(directory: str | Path) -> Search:
    """The search in `directory`. Raises: StudyError: there is none."""
    found = Search(Path(directory))
    found.record()
    return found


@dataclass(frozen=True)
class Search:
    """The results in `directory`, read when they are asked for.

    Args:
        ended: why it ended before its number of trials; empty where it did not, or where nobody watched.
    """

    directory: Path
    ended: str = field(default="", compare=False)

    def record(self) -> StudyRecord:
        """Every trial, as of now."""
        found = read_study(self.directory)
        return replace(found, trials=tuple(replace(trial, exporter=self.export) for trial in found.trials))

    def front(self) -> Front:
        """The Pareto frontier. Raises: ParetoError: no candidate is complete yet."""
        return frontier(self.record())

    def _repr_html_(self) -> str:
        """What a notebook shows of it: the frontier as of now."""
        from nas.pareto.notebook import study_html

        return study_html(self.record(), self.confirmation())

    def confirmation(self) -> Confirmation | None:
        """What `confirm` found; None before it ran."""
        return read_confirmation(self.directory)

    def control(self) -> StudyRecord | None:
        """The random candidates that the search is held against, as a study; None where it has no control."""
        return read_control(self.record())

    @cached_property
    def prepared(self) -> Prepared:
        """Space, task and engine, from the snapshots. Raises: NasError: there is no search, or its task is gone."""
        return reopen(self.directory)

    @property
    def space(self) -> Space:
        """The space as it was when the search began, bound to its task."""
        return self.prepared.space

    @property
    def trains(self) -> bool:
        """Whether candidates are trained, and so have weights; a user's own evaluator may do without."""
        return isinstance(self.prepared.evaluator.subject, Task)

    def trial(self, number: int) -> TrialRecord:
        """One trial. Raises: StudyError: there is none of that number."""
        trials = self.record().trials
        if not 0 <= number < len(trials):
            raise StudyError(f"{self.directory} has {len(trials)} trials, numbered from 0; there is no trial {number}")
        return trials[number]

    def architecture(self, trial: TrialRecord) -> Architecture:
        """The trial's graph, rebuilt from its genotype."""
        return self.space.replay(trial.genotype)

    def source(self, trial: TrialRecord) -> str:
        """The trial's PyTorch source: the text it was trained from."""
        from nas.codegen import source

        return source(self.architecture(trial).graph)

    def published(self) -> tuple[PublishedPoint, ...]:
        """Published points for the task, to stand beside ours."""
        experiment, _ = read_snapshot(self.directory)
        return published_points(experiment.task_name, experiment.published, experiment.folder)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the offline HTML report; by default `report.html` in the directory."""
        from nas.graph import draw
        from nas.pareto.report import Artifact, write_report

        def graph(trial: TrialRecord) -> Graph | None:
            try:
                return self.architecture(trial).graph
            except NasError:
                return None

        def artifact(trial: TrialRecord) -> Artifact | None:
            found = graph(trial)
            if found is None:
                return None
            return Artifact(svg=draw.svg(found), source=self.source(trial), text=draw.text(found))

        target = _with_folder(path) if path is not None else self.directory / REPORT
        return write_report(
            self.record(),
            target,
            artifacts=artifact,
            graphs=graph,
            published=self.published(),
            confirmation=self.confirmation(),
            control=self.control(),
            provenance=read_environment(self.directory),
        )

    def draw(self, path: str | Path, front: Front | None = None) -> Path:
        """Write the frontier as a picture, `.svg`, `.png` or `.pdf`, beside published points and what was confirmed."""
        from nas.pareto.figures import draw_frontier

        target = _with_folder(path)
        draw_frontier(front or self.front(), target, published=self.published(), confirmation=self.confirmation())
        return target

    def pruned(self, trial: TrialRecord | int, threshold: float) -> Pruned:
        """A trained trial without the inputs of mixtures whose shares stay below `threshold` everywhere, for `export`.

        Raises: StudyError: the search trained nothing, or the trial has no mixtures; NasError: the threshold is no share;
            WorkFailed: there are no weights.
        """
        from nas.experiment.pruning import prune

        chosen = self.trial(trial) if isinstance(trial, int) else trial
        task = self.prepared.evaluator.subject
        if not isinstance(task, Task):
            raise StudyError(f"{self.directory} trained nothing, so its mixtures have no learned shares to prune by")
        architecture = self.architecture(chosen)
        if not any(node.op == "mixture" for node in architecture.graph.nodes):
            raise StudyError(f"trial {chosen.number} has no `mixture`, so there is nothing to prune")
        return prune(architecture, self.weights(chosen), threshold, task)

    def export(
        self,
        trial: TrialRecord | int,
        path: str | Path,
        formats: str | Iterable[str] = (),
        pruned: Pruned | None = None,
    ) -> Exported:
        """Write a trial as plain PyTorch: `path` and, beside it, its weights as `.pt`; verified in a fresh interpreter.

        Beside `load()` the file has `prepare(x)` and `restore(y)` where the task standardised inputs or targets.
        The weights are those of the search; where they were not kept, the trial is trained again from its seed. Where the
        search trained nothing (see `trains`), they are drawn with that seed, as the file's header says.

        Args:
            formats: of `onnx`, `torch-export`, `safetensors`, written beside them; they hold the model alone, so `prepare`
                and `restore` stay outside. See `nas.codegen.export`.
            pruned: what `pruned` made of the trial, to be written in its place.
        Raises: NasError: the file cannot be written, or a format's package is missing; WorkFailed: training again or the
            verification fails; FormatsRefused: formats that cannot hold the model, after the rest was written.
        """
        from nas.codegen import export, source
        from nas.codegen.formats import wanted

        formats = tuple(one.name for one in wanted(formats))  # before anything is trained
        chosen = self.trial(trial) if isinstance(trial, int) else trial
        architecture = self.architecture(chosen)
        graph, facts, params = architecture.graph, self._facts(chosen), chosen.costs["params"]
        if pruned is not None:
            graph, params = pruned.graph, pruned.params[1]
            facts |= {"parameters": f"{params:,}", "pruned": str(pruned)}
        weights = self.weights(chosen) if self.trains and pruned is None else None
        return export(
            source(graph),
            weights if pruned is None else pruned.weights,
            _with_folder(path),
            self.space.input_shapes,
            facts,
            params=params,
            seed=chosen.seed,
            preprocessing=self._preprocessing(architecture.members),
            formats=formats,
            graph=graph,
        )

    def weights(self, trial: TrialRecord) -> dict[str, Any]:
        """The trained weights of a trial, as a state dict.

        Raises: WorkFailed: they were not kept and training again fails, or they cannot be read.
        """
        import torch

        kept = self.directory / WEIGHTS / f"{trial.number}.pt"
        if not kept.exists():
            self._train_again(trial)
        try:
            found: dict[str, Any] = torch.load(kept, weights_only=True)
        except Exception as problem:  # torch raises what pickle, zip files and itself raise
            raise WorkFailed(
                f"{kept} cannot be read: {_first_line(problem)}; remove it, and the trial is trained again"
            ) from None
        return found

    def _train_again(self, trial: TrialRecord) -> None:
        design = self.architecture(trial)
        job = Job(
            number=trial.number,
            genotype=trial.genotype,
            source=self.source(trial),
            recipe=trial.recipe,
            seed=trial.seed,
            budget=self.record().experiment["budget"],
            costs=trial.costs,
            members=design.members,
            order=order_of(self.record().seed),
            graph=design.graph,
        )
        evaluator = replace(self.prepared.evaluator, weights=self.directory.resolve() / WEIGHTS, scores=())
        outcome = evaluated(evaluator, job)
        if outcome.state != "complete":
            raise WorkFailed(
                f"trial {trial.number} has no weights, and training it again ended as {outcome.state}: {outcome.message}"
            )

    def _preprocessing(self, members: int) -> Preprocessing | None:
        """What the task did to the data; None where there is no such task."""
        task = self.prepared.evaluator.subject
        return described(task, members, self.space.input_names) if isinstance(task, Task) else None

    def _facts(self, trial: TrialRecord) -> dict[str, str]:
        """Where an exported file comes from, for its header."""
        record = self.record()
        task = _without_folders(record.task)
        facts = {
            "space": record.space_name,
            "task": task,
            "trial": f"{trial.number} of the search {record.name}, seed {trial.seed}",
            "decisions": ", ".join(f"{path}={value}" for path, value in trial.genotype.items()),
            "parameters": f"{trial.costs['params']:,}",
        }
        if trial.state == "complete" and trial.metrics:
            split = "validation" if self.trains else "measured"
            facts[split] = ", ".join(f"{name} {value:.6g}" for name, value in trial.metrics.items())
        if not self.trains:
            facts["weights"] = f"drawn with seed {trial.seed}, not trained: {task} evaluates without training"
        elif trial.state != "complete":
            facts["weights"] = f"trained for this file; in the search the trial was {trial.state}"
        confirmed = self.confirmation()
        one = confirmed.candidate(trial.number) if confirmed else None
        if one is not None:
            names = [objective.name for objective in record.objectives if one.values(objective.name, "test")]
            measured = [_spread(name, one.spread(name, "test")) for name in names if name not in one.costs]
            if measured:
                facts["test"] = ", ".join(measured)
        return facts


def _without_folders(task: str) -> str:
    """A task by the name of its file alone: where that lay on one machine is nobody's business."""
    library, file, part = file_of(task)
    return f"{library}{Path(file).name}{part}" if Path(file).is_absolute() else task


def _spread(name: str, spread: Any) -> str:
    return f"{name} {spread.mean:.6g} ± {spread.std:.2g} over {spread.n} seeds"


def _with_folder(path: str | Path) -> Path:
    """The path, its folder made where that is possible; whoever writes there says what is wrong otherwise."""
    with suppress(OSError):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    return Path(path)


def _first_line(problem: Exception) -> str:
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
