"""A search that was run, as a value: its frontier, its report, its exports."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.evaluator import Evaluator
from nas.errors import NasError, StudyError, WorkFailed
from nas.experiment.environment import read_environment
from nas.experiment.published import published_points
from nas.pareto.confirmation import Confirmation, read_confirmation
from nas.pareto.front import Front, frontier
from nas.space import Architecture, Space, space_from_text
from nas.study.candidate import Job, Outcome, Report
from nas.study.records import StudyRecord, TrialRecord, read_study

if TYPE_CHECKING:
    from nas.codegen import Exported
    from nas.experiment.prepare import Prepared
    from nas.pareto.published import PublishedPoint
    from nas.pareto.report import Artifact


def open_search(directory: str | Path) -> Search:
    """The search in `directory`. Raises: StudyError: there is none."""
    found = Search(Path(directory))
    found.record()
    return found


@dataclass(frozen=True)
class Search:
    """The results in `directory`, read when they are asked for."""

    directory: Path

    def record(self) -> StudyRecord:
        """Every trial, as of now."""
        return read_study(self.directory)

    def front(self) -> Front:
        """The Pareto frontier. Raises: ParetoError: no candidate is complete yet."""
        return frontier(self.record())

    def confirmation(self) -> Confirmation | None:
        """What `confirm` found; None before it ran."""
        return read_confirmation(self.directory)

    @cached_property
    def space(self) -> Space:
        """The space as it was when the search began, bound to its task."""
        text = (self.directory / "space.yaml").read_text(encoding="utf-8")
        space = space_from_text(text, str(self.directory / "space.yaml"))
        task = self._prepared.evaluator.subject
        return space.bind(task.inputs, task.outputs)

    @cached_property
    def _prepared(self) -> Prepared:
        from nas.experiment.running import reopen

        return reopen(self.directory)

    @property
    def evaluator(self) -> Evaluator:
        return self._prepared.evaluator

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
        experiment = self._prepared.experiment
        return published_points(experiment.task_name, experiment.published, experiment.folder)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the offline HTML report; by default `report.html` in the directory."""
        from nas.graph.draw import svg
        from nas.pareto.report import Artifact, write_report

        def artifact(trial: TrialRecord) -> Artifact | None:
            try:
                graph = self.architecture(trial).graph
            except NasError:
                return None
            return Artifact(svg=svg(graph), source=self.source(trial))

        target = Path(path) if path is not None else self.directory / "report.html"
        return write_report(
            self.record(),
            target,
            artifacts=artifact,
            published=self.published(),
            confirmation=self.confirmation(),
            provenance=read_environment(self.directory),
        )

    def export(self, trial: TrialRecord | int, path: str | Path) -> Exported:
        """Write a trial as plain PyTorch: `path` and, beside it, its weights as `.pt`; verified in a fresh interpreter.

        The weights are those of the search; where they were not kept, the trial is trained again from its seed.

        Raises: NasError: the file cannot be written; WorkFailed: training again or the verification fails.
        """
        from nas.codegen import export

        chosen = self.trial(trial) if isinstance(trial, int) else trial
        return export(
            self.source(chosen),
            self.weights(chosen),
            path,
            self.space.input_shapes,
            self._facts(chosen),
            params=chosen.costs["params"],
        )

    def weights(self, trial: TrialRecord) -> dict[str, Any]:
        """The trained weights of a trial, as a state dict."""
        import torch

        kept = self.directory / "weights" / f"{trial.number}.pt"
        if not kept.exists():
            self._train_again(trial)
        found: dict[str, Any] = torch.load(kept, weights_only=True)
        return found

    def _train_again(self, trial: TrialRecord) -> None:
        job = Job(
            number=trial.number,
            genotype=trial.genotype,
            source=self.source(trial),
            recipe=trial.recipe,
            seed=trial.seed,
            budget=self.record().experiment["budget"],
            costs=trial.costs,
        )
        outcome: Outcome = _to_the_end(
            replace(self.evaluator, weights=self.directory.resolve() / "weights").evaluate(job)
        )
        if outcome.state != "complete":
            raise WorkFailed(
                f"trial {trial.number} has no weights, and training it again ended as {outcome.state}: {outcome.message}"
            )

    def _facts(self, trial: TrialRecord) -> dict[str, str]:
        """Where an exported file comes from, for its header."""
        record = self.record()
        facts = {
            "space": record.space_name,
            "task": record.task,
            "trial": f"{trial.number} of the search {record.name}, seed {trial.seed}",
            "decisions": ", ".join(f"{path}={value}" for path, value in trial.genotype.items()),
            "parameters": f"{trial.costs['params']:,}",
        }
        measured = [f"{name} {value:.6g}" for name, value in trial.metrics.items()]
        if measured:
            facts["validation"] = ", ".join(measured)
        confirmed = self.confirmation()
        one = confirmed.candidate(trial.number) if confirmed else None
        if one is not None:
            names = [objective.name for objective in record.objectives if not objective.is_cost]
            facts["test"] = ", ".join(_spread(name, one.spread(name, "test")) for name in names)
        return facts


def _to_the_end(running: Generator[Report, bool | None, Outcome]) -> Outcome:
    """Let a training run and give its outcome."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def _spread(name: str, spread: Any) -> str:
    return f"{name} {spread.mean:.6g} ± {spread.std:.2g} over {spread.n} seeds"
