"""Confirming a frontier: its members trained again with several seeds, and the test split opened, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluators.engines import make_engine
from nas.errors import ExperimentError
from nas.experiment.environment import environment
from nas.experiment.interruption import resumable
from nas.experiment.session import Search
from nas.experiment.settings import CONFIRM_SEEDS, value_fault
from nas.experiment.watching import Watcher
from nas.pareto.confirmation import Confirmation, Confirmed, Retraining, write_confirmation
from nas.pareto.near import near_members
from nas.space import Architecture
from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.directory import Lock
from nas.study.latency import LATENCY
from nas.study.proposals import seed_of
from nas.study.records import TrialRecord

_TEST = "test_"


def confirm(
    directory: str | Path,
    *,
    seeds: int | None = None,
    near: int | None = None,
    engine: Any = None,
    observer: Watcher | None = None,
) -> Confirmation:
    """Train every frontier member again, and those that missed the frontier by least, with `seeds` seeds that the search did not use, and measure it on the test split.

    Each training is written down as it ends; called again, only what is missing is trained.

    Args:
        directory: of the search.
        seeds: how many; None: as the experiment says.
        near: how many near-members (see `nas.pareto.near`) are retrained too; None: as the experiment says, else none.
        engine: another engine than the search's.
        observer: told what happens.
    Raises:
        StudyError: there is no search, or another process drives it.
        ParetoError: it has no frontier yet.
        Interrupted: by Ctrl-C; called again it goes on.
    """
    found = Search(Path(directory))
    prepared = found.prepared
    count = prepared.experiment.confirm.get("seeds", CONFIRM_SEEDS) if seeds is None else seeds
    if value_fault("confirm", {"seeds": count}):
        raise ExperimentError(f"confirm takes a number of seeds from 1, got {count!r}")
    n_near = prepared.experiment.confirm.get("near", 0) if near is None else near
    if value_fault("confirm", {"near": n_near}):
        raise ExperimentError(f"confirm takes a number of near-members from 0, got {n_near!r}")
    driver = prepared.engine if engine is None else make_engine(engine)
    lock = Lock(found.directory)
    try:
        front = found.front()
        plan = _Plan(found, (*front.members, *near_members(front, n_near)), count)
        prepared.evaluator.prepare()
        evaluator = replace(prepared.evaluator, test_reason="confirm", scores=())
        if observer is not None:
            observer.began(len(plan.todo) + len(plan.done), len(plan.done), None)
        with resumable(f"nas confirm {found.directory}"):
            driver.run(plan, evaluator, observer)
        return plan.written()
    finally:
        lock.release()


@dataclass
class _Plan:
    """The trainings to be done, as an engine asks for them. What was found before is kept, whatever is asked for now."""

    search: Search
    members: Sequence[TrialRecord]
    seeds: int
    done: dict[tuple[int, int], Retraining] = field(default_factory=dict)  # by trial number and seed
    todo: list[tuple[TrialRecord, int]] = field(default_factory=list)
    designs: dict[int, Architecture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.record = self.search.record()
        known = {trial.number: trial for trial in self.record.trials}
        before = self.search.confirmation()
        earlier = [
            one
            for one in (before.candidates if before is not None else ())
            if one.number in known and known[one.number].digest == one.digest
        ]
        self.most_seeds = max([self.seeds, *(len(one.runs) for one in earlier)])
        numbers = {member.number for member in self.members}
        self.shown = [*self.members, *(known[one.number] for one in earlier if one.number not in numbers)]
        for one in earlier:
            # Those that a full machine or a dying one took are tried again; what diverges would do so again.
            self.done |= {(one.number, run.seed): run for run in one.runs if run.state in ("complete", "diverged")}
        wanted = [(member, self.seed(member, k)) for k in range(self.seeds) for member in self.members]
        self.todo = [(member, seed) for member, seed in wanted if (member.number, seed) not in self.done]
        self.todo.reverse()

    def seed(self, member: TrialRecord, k: int) -> int:
        return seed_of(self.record.seed, member.number, f"confirm {k}")

    def ask(self) -> Candidate | None:
        if not self.todo:
            return None
        member, seed = self.todo.pop()
        return Candidate(
            number=member.number,
            genotype=member.genotype,
            digest=member.digest,
            costs=member.costs,
            recipe=member.recipe,
            seed=seed,
            origin=f"confirm {member.number}",
        )

    def job(self, candidate: Candidate) -> Job:
        from nas.codegen import source

        if candidate.number not in self.designs:
            member = next(one for one in self.members if one.number == candidate.number)
            self.designs[candidate.number] = self.search.architecture(member)
        design = self.designs[candidate.number]
        return Job(
            number=candidate.number,
            genotype=candidate.genotype,
            source=source(design.graph),
            recipe=candidate.recipe,
            seed=candidate.seed,
            budget=self.record.experiment["budget"],
            costs=candidate.costs,
            members=design.members,
            graph=design.graph,
        )

    def report(self, candidate: Candidate, report: Report) -> bool:
        return True

    def tell(self, candidate: Candidate, outcome: Outcome) -> None:
        test = {name[len(_TEST) :]: v for name, v in outcome.metrics.items() if name.startswith(_TEST)}
        validation = {name: v for name, v in outcome.metrics.items() if not name.startswith(_TEST)}
        complete = outcome.state == "complete"
        if LATENCY in validation:
            test.setdefault(LATENCY, validation[LATENCY])  # of the model, and so of both splits
        self.done[candidate.number, candidate.seed] = Retraining(
            seed=candidate.seed,
            state=outcome.state,
            validation=validation if complete else {},
            test=test if complete else {},
            seconds=outcome.seconds,
            message=outcome.message,
        )
        self.written()

    def written(self) -> Confirmation:
        """What is known so far, in the file."""
        candidates = []
        for trial in self.shown:
            seeds = [self.seed(trial, k) for k in range(self.most_seeds)]
            runs = tuple(self.done[trial.number, seed] for seed in seeds if (trial.number, seed) in self.done)
            candidates.append(Confirmed(trial.number, trial.digest, trial.costs, runs))
        found = Confirmation(
            study=self.record.name,
            task=self.record.task,
            seeds=tuple(range(self.most_seeds)),
            candidates=tuple(candidates),
            budget=dict(self.record.experiment["budget"]),
            environment=environment(),
        )
        write_confirmation(found, self.search.directory)
        return found
