"""Confirming a frontier: its members trained again with several seeds, and the test split opened, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluators.engines import make_engine
from nas.errors import ExperimentError
from nas.experiment.environment import environment
from nas.experiment.prepare import confirm_seeds
from nas.experiment.running import reopen
from nas.experiment.session import Search
from nas.experiment.watching import Watcher
from nas.pareto.confirmation import Confirmation, Confirmed, Retraining, write_confirmation
from nas.study.candidate import Candidate, Job, Outcome, Report
from nas.study.proposals import seed_of
from nas.study.records import TrialRecord

_TEST = "test_"


def confirm(
    directory: str | Path, *, seeds: int | None = None, engine: Any = None, observer: Watcher | None = None
) -> Confirmation:
    """Train every frontier member again with `seeds` seeds that the search did not use, and measure it on the test split.

    Each training is written down as it ends; called again, only what is missing is trained.

    Args:
        directory: of the search.
        seeds: how many; None: as the experiment says.
        engine: another engine than the search's.
        observer: told what happens.
    Raises: StudyError: there is no search; ParetoError: it has no frontier yet.
    """
    found = Search(Path(directory))
    members = found.front().members
    prepared = reopen(found.directory)
    count = confirm_seeds(prepared.experiment) if seeds is None else seeds
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ExperimentError(f"confirm takes a positive number of seeds, got {count!r}")
    plan = _Plan(found, members, count)
    evaluator = replace(prepared.evaluator, test_reason="confirm")
    if observer is not None:
        observer.began(len(plan.todo) + len(plan.done), len(plan.done), None)
    driver = prepared.engine if engine is None else make_engine(engine)
    driver.run(plan, evaluator, observer)
    return plan.written()


@dataclass
class _Plan:
    """The trainings to be done, as an engine asks for them."""

    search: Search
    members: Sequence[TrialRecord]
    seeds: int
    done: dict[tuple[int, int], Retraining] = field(default_factory=dict)  # by trial number and seed
    todo: list[tuple[TrialRecord, int]] = field(default_factory=list)
    sources: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.record = self.search.record()
        before = self.search.confirmation()
        known = {
            (one.number, run.seed): run
            for one in (before.candidates if before is not None else ())
            for run in one.runs
            if self.record.trials[one.number].digest == one.digest
        }
        for number_of_seed in range(self.seeds):
            for member in self.members:
                seed = self.seed(member, number_of_seed)
                if (member.number, seed) in known:
                    self.done[member.number, seed] = known[member.number, seed]
                else:
                    self.todo.append((member, seed))
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
        if candidate.number not in self.sources:
            member = next(one for one in self.members if one.number == candidate.number)
            self.sources[candidate.number] = self.search.source(member)
        return Job(
            number=candidate.number,
            genotype=candidate.genotype,
            source=self.sources[candidate.number],
            recipe=candidate.recipe,
            seed=candidate.seed,
            budget=self.record.experiment["budget"],
            costs=candidate.costs,
        )

    def report(self, candidate: Candidate, report: Report) -> bool:
        return True

    def tell(self, candidate: Candidate, outcome: Outcome) -> None:
        test = {name[len(_TEST) :]: v for name, v in outcome.metrics.items() if name.startswith(_TEST)}
        validation = {name: v for name, v in outcome.metrics.items() if not name.startswith(_TEST)}
        complete = outcome.state == "complete"
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
        for member in self.members:
            seeds = [self.seed(member, k) for k in range(self.seeds)]
            runs = tuple(self.done[member.number, seed] for seed in seeds if (member.number, seed) in self.done)
            candidates.append(Confirmed(member.number, member.digest, member.costs, runs))
        found = Confirmation(
            study=self.record.name,
            task=self.record.task,
            seeds=tuple(range(self.seeds)),
            candidates=tuple(candidates),
            budget=dict(self.record.experiment["budget"]),
            environment=environment(),
        )
        write_confirmation(found, self.search.directory)
        return found
