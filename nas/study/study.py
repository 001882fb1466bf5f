"""The study: ask, report, tell. It knows nothing of training, and forgets nothing when it is killed.

study = Study.create("results/run", space, objectives=["maximize accuracy", "minimize params"], ...)
while (candidate := study.ask()) is not None:
    job = study.job(candidate)
    ...                                 # train; at each rung: go_on = study.report(candidate, Report(rung, metrics))
    study.tell(candidate, Outcome("complete", {"accuracy": 0.9}))
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError, StudyError
from nas.study import directory as directories
from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.directory import Lock, Settings
from nas.study.entry import Entry
from nas.study.ledger import Ledger
from nas.study.lineage import FILE as LINEAGE
from nas.study.lineage import Lineage, carried_over, earlier, judged, write_lineage
from nas.study.objectives import Goal
from nas.study.proposals import order_of, seed_of
from nas.study.records import StudyRecord, TrialRecord, record_of, trial_of
from nas.study.samplers import make_sampler, parse_sampler
from nas.study.samplers.base import Statistics
from nas.study.stopping import make_rungs, parse_stopping

if TYPE_CHECKING:
    from nas.space import Architecture, Space

logger = logging.getLogger(__name__)


class Study:
    """One search. Made by `Study.create` or `Study.open`; drives from one thread of one process at a time.

    `exhausted` says why there is nothing left to ask for, where the space and not the number of trials is the reason.
    """

    def __init__(self, directory: Path, settings: Settings, space: Space, lock: Lock, new: bool = False) -> None:
        """Read the record and rebuild what samplers know; use `create` or `open` instead."""
        self.directory, self.settings, self.space = directory, settings, space
        self._lock = lock
        self.goal = Goal.parse(settings.objectives, settings.constraints, settings.metrics)
        self._ledger = Ledger(directory, settings, space, self.goal, new)
        self._entries, self._knowledge = self._ledger.entries, self._ledger.knowledge
        self._again = deque(self._ledger.left)
        if settings.lineage and not (directory / LINEAGE).exists():
            with self._ledger.turn():
                self._ledger.catch_up()
                self._carry_over(Path(settings.lineage))
        self._ledger.begin()

    # ------------------------------------------------------------------ beginning and ending

    @classmethod
    def create(
        cls,
        directory: str | Path,
        space: Space,
        *,
        objectives: Sequence[str],
        metrics: Sequence[str],
        task: str,
        constraints: Sequence[str] = (),
        sampler: str | Mapping[str, Any] = "frontier",
        stopping: str | Mapping[str, Any] | None = None,
        trials: int | None = None,
        budget: Mapping[str, int | float] | None = None,
        recipe: Mapping[str, Any] | None = None,
        seed: int = 0,
        name: str = "",
        storage: str = directories.JOURNAL,
        experiment: str = "",
        task_options: Mapping[str, Any] | None = None,
        latency: Mapping[str, Any] | None = None,
        lineage: str | Path | None = None,
    ) -> Study:
        """A new study in `directory`.

        Args:
            space: bound to the task.
            objectives, constraints: texts over the costs and the task's `metrics`.
            task: its name; with the budget it is part of what makes two candidates the same.
            sampler, stopping: see `nas.study.samplers.parse_sampler` and `nas.study.stopping.parse_stopping`.
            trials: how many different candidates to ask for; None: without end.
            budget: of one candidate, such as `{"epochs": 30}`.
            recipe: training settings, defaults included; the space's own override them.
            name: in the storage; the directory's name by default.
            storage: a file in `directory`, or the URL of an Optuna storage.
            experiment: text of the experiment file, kept beside the record.
            task_options: as `task`, part of what makes two candidates the same.
            latency: the protocol by which whoever evaluates measures it, as `nas.study.latency.Protocol` has it.
            lineage: directory of an earlier study, of which the results that still hold are carried over; see
                `nas.study.lineage`.
        Raises:
            ExperimentError: a setting is wrong, or the sampler cannot serve the space.
            StudyError: the directory cannot be written, or holds a study already.
        """
        goal = Goal.parse(objectives, constraints, metrics)
        entry, filled = parse_sampler(sampler)
        budget = dict(budget or {})
        settings = Settings(
            name=name or Path(directory).resolve().name,
            task=task,
            metrics=tuple(metrics),
            objectives=tuple(map(str, goal.objectives)),
            constraints=tuple(map(str, goal.constraints)),
            sampler={"name": entry.name, **filled},
            stopping=parse_stopping(stopping, budget).to_json(),
            budget=budget,
            recipe=dict(recipe or {}),
            seed=seed,
            trials=_checked_trials(trials),
            space=space.name,
            space_digest=directories.text_digest(space.text),
            storage=storage,
            operators={file: directories.text_digest(text) for file, text in space.operator_files.items()},
            task_options=dict(task_options or {}),
            lineage="" if lineage is None else str(Path(lineage).resolve()),
            latency=dict(latency or {}),
        )
        if settings.lineage:
            directories.read_settings(settings.lineage)
        rungs = make_rungs(parse_stopping(stopping, budget), goal.objectives)
        make_sampler(settings.sampler, space, goal, rungs.stopping.rungs)
        snapshots = {"space.yaml": space.text, **space.operator_files}
        if experiment:
            snapshots["experiment.yaml"] = experiment
        place = Path(directory)
        lock = directories.begin(place, settings, snapshots)
        try:
            return cls(place, settings, space, lock, new=True)
        except BaseException:
            directories.undo(place, settings)
            lock.release()
            raise

    @classmethod
    def open(cls, directory: str | Path, space: Space, *, trials: int | None = None) -> Study:
        """The study in `directory`, to go on with; candidates that a dead driver left running are asked for again.

        Args:
            space: the same as before, bound to the same task. Its text stands in `space.yaml`.
            trials: a new number of trials; None: as before.
        Raises: StudyError: there is no study, another process drives it, or the space is another one.
        """
        place = Path(directory)
        settings = directories.read_settings(place)
        lock = Lock(place)
        try:
            directories.require_same_space(place, settings, space.text, space.operator_files)
            if trials is not None and trials != settings.trials:
                settings = directories.with_trials(place, settings, _checked_trials(trials))
            return cls(place, settings, space, lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Let another process drive the study. Everything told is on disk already."""
        try:
            self._ledger.end()
        finally:
            self._lock.release()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def inform(self, statistics: Statistics) -> None:
        """Let the sampler look at what else is known of a design before training; call it before anything is asked for.

        Nothing of it is written down: who goes on with the study gives the same again.
        """
        self._knowledge.proposals.inform(statistics)

    # ------------------------------------------------------------------ ask, report, tell

    def ask(self) -> Candidate | None:
        """The next candidate to evaluate; None: there are enough, or `exhausted` says why there is none.

        Raises: StudyError: no design of the space is allowed; WorkFailed: the record cannot be written.
        """
        if self._again:
            return self._again.popleft()
        with self._ledger.turn():
            self._ledger.catch_up()
            return self._ledger.inherited() or self._proposed()

    def inherits(self) -> bool | None:
        """Whether a candidate of a driver that is gone is to be asked for here; None: not yet, others still evaluate."""
        with self._ledger.turn():
            self._ledger.catch_up()
            candidate = self._ledger.inherited()
        if candidate is not None:
            self._again.append(candidate)
            return True
        return False if self.n_finished == len(self._entries) else None

    def job(self, candidate: Candidate) -> Job:
        """What an evaluator needs: source, settings, budget and the rungs at which it reports."""
        from nas.codegen import source

        design = self.architecture(candidate)
        return Job(
            number=candidate.number,
            genotype=candidate.values,
            source=source(design.graph),
            recipe=candidate.recipe,
            seed=candidate.seed,
            budget=self.settings.budget,
            rungs=self._knowledge.rungs.stopping.rungs,
            costs=candidate.costs,
            members=design.members,
            order=order_of(self.settings.seed),
            graph=design.graph,
        )

    def architecture(self, candidate: Candidate) -> Architecture:
        """The candidate's architecture, built again where it was read from the record."""
        design: Architecture = candidate.architecture or self.space.replay(candidate.genotype)
        return design

    def report(self, candidate: Candidate, report: Report) -> bool:
        """Take note of metrics on the way; whether the candidate is to go on. It is not where another driver has it now.

        Only reports at the rungs of the stopping rule are compared and written at once; others wait for the next write.

        Raises: StudyError: the candidate is not being evaluated; WorkFailed: the record cannot be written.
        """
        rungs = self._knowledge.rungs
        if report.rung not in rungs.stopping.rungs:
            entry = self._ledger.held(candidate)
            if entry is not None:
                entry.curve.append(report)
            return entry is not None
        with self._ledger.turn():
            self._ledger.catch_up()
            entry = self._ledger.held(candidate)
            if entry is None:
                return False
            entry.curve.append(report)
            self._ledger.report(entry)
        if not self._knowledge.report(candidate, report):
            return True
        whole = next(iter(self.settings.budget.values()), math.inf)
        return report.rung >= whole or rungs.goes_on(report.rung, candidate.number)

    def tell(self, candidate: Candidate, outcome: Outcome) -> None:
        """Take note of how the evaluation ended; written when this returns.

        A complete candidate whose objectives are not finite counts as diverged. Where this driver was silent for so long
        that another one evaluates the candidate now, nothing is written.

        Raises: StudyError: the candidate is not being evaluated, or an outcome lacks a metric that the goal needs;
            WorkFailed: the record cannot be written.
        """
        with self._ledger.turn():
            self._ledger.catch_up()
            entry = self._ledger.held(candidate)
            if entry is None:
                logger.warning(
                    "candidate %d was taken over by another driver; its outcome here is dropped", candidate.number
                )
            else:
                curve = tuple(outcome.curve or entry.curve)
                self._ledger.tell(entry, self._checked(candidate, replace(outcome, curve=curve)))

    # ------------------------------------------------------------------ what is known

    @property
    def enough(self) -> bool:
        """Whether as many candidates as wanted were asked for."""
        return self.settings.trials is not None and len(self._entries) >= self.settings.trials

    @property
    def leads(self) -> bool:
        """Whether what one driver does for all of them is this one's: it has the first candidate."""
        owner = self._entries[0].owner if self._entries else None
        return owner is None or owner.place == directories.named(self.directory)

    @property
    def exhausted(self) -> str | None:
        return self._knowledge.proposals.exhausted

    @property
    def n_finished(self) -> int:
        """Different candidates with an outcome, whatever it is."""
        return len(self._ledger.finished)

    @property
    def finished(self) -> Sequence[int]:
        """Their numbers, in the order in which the outcomes became known here."""
        return self._ledger.finished

    def record(self) -> StudyRecord:
        """The same as `read_study` of the directory, without reading it."""
        return record_of(self.directory, self.settings, self._entries)

    def trial(self, number: int) -> TrialRecord:
        """What is known of one candidate."""
        return trial_of(self.goal, self._entries[number])

    # ------------------------------------------------------------------ inside

    def _proposed(self) -> Candidate | None:
        """A new candidate, where there are not enough and there is one."""
        if self.enough or self.exhausted:
            return None
        number = len(self._entries)
        found = self._knowledge.proposals.next(number)
        if found is None:
            return None
        design = found.architecture
        genotype = dict(design.genotype)
        candidate = Candidate(
            number=number,
            genotype=genotype,
            digest=design.digest,
            costs=design.costs.as_dict(),
            recipe=self._knowledge.proposals.recipe(design),
            seed=seed_of(self.settings.seed, number, "candidate"),
            origin=found.origin,
            solved=dict(design.solved),
            architecture=design,
        )
        values = genotype if found.values == genotype else found.values  # as a rule they are equal: keep them once
        self._ledger.add(Entry(candidate, values, found.domains, found.passed_over, found.counts))
        return candidate

    def _carry_over(self, place: Path) -> None:
        """Begin with what an earlier study found. Killed in the middle, it goes on where it was."""
        before, entries = earlier(place)
        carried, left = [], []
        judging = judged(entries, before, self.settings, self.space, self.goal, self._knowledge.proposals.recipe)
        for old, found in judging:
            candidate = old.candidate
            if isinstance(found, str):
                left.append((candidate.number, found))
                continue
            number = self._knowledge.proposals.known(candidate.digest, candidate.recipe)
            if number is None:
                number = len(self._entries)
                self._ledger.add(carried_over(old, found, number, before.name, self._knowledge.mirror.parameters))
            carried.append((candidate.number, number))
        write_lineage(Lineage(before.name, str(place), tuple(carried), tuple(left)), self.directory)

    def _checked(self, candidate: Candidate, outcome: Outcome) -> Outcome:
        if outcome.state == "stopped" and not outcome.metrics and outcome.curve:
            return replace(outcome, metrics=outcome.curve[-1].metrics)
        if outcome.state != "complete":
            return outcome
        missing = self.goal.missing(outcome.metrics)
        if missing:
            raise StudyError(
                f"candidate {candidate.number} completed without the metric `{missing[0]}` that the goal needs; the task "
                f"gave {', '.join(outcome.metrics) or 'none'}"
            )
        if self.goal.values(candidate.costs, outcome.metrics) is None:
            bad = ", ".join(f"{name} = {value}" for name, value in outcome.metrics.items() if not math.isfinite(value))
            return replace(outcome, state="diverged", message=f"not finite: {bad}")
        return outcome


def _checked_trials(trials: int | None) -> int | None:
    if trials is not None and (isinstance(trials, bool) or not isinstance(trials, int) or trials < 1):
        raise ExperimentError(f"`trials` is a whole number of at least 1, here stands {trials!r}")
    return trials
