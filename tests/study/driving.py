"""Driving a study in tests: a deterministic evaluator, and what two runs are compared by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toys import accuracy

from nas.study.candidate import Candidate, Outcome, Report
from nas.study.records import StudyRecord
from nas.study.study import Study

OBJECTIVES = ["maximize accuracy", "minimize params"]


def create(directory: Path, space: Any, **settings: Any) -> Study:
    """A study of two objectives."""
    return Study.create(
        directory, space, **{"objectives": OBJECTIVES, "metrics": ["accuracy"], "task": "law", **settings}
    )


def evaluate(study: Study, candidate: Candidate) -> Outcome:
    """Reports at every tenth of the budget; some candidates fail, depending on their digest only."""
    last = accuracy(candidate)
    if candidate.digest.endswith(("7", "77")):
        return Outcome("diverged", message="the loss is nan")
    epochs = int(study.settings.budget.get("epochs", 0))
    for rung in range(10, epochs + 1, 10):
        last = accuracy(candidate) * (1 - 0.5 / rung)
        if not study.report(candidate, Report(rung, {"accuracy": last})):
            return Outcome("stopped", {"accuracy": last}, message=f"stopped at {rung}")
    return Outcome("complete", {"accuracy": last}, seconds=1.0)


def run(study: Study, most: int = 10**9) -> Study:
    """Ask, evaluate and tell, at most `most` times."""
    for _ in range(most):
        candidate = study.ask()
        if candidate is None:
            break
        study.tell(candidate, evaluate(study, candidate))
    return study


def facts(record: StudyRecord) -> list[tuple[Any, ...]]:
    """What must be equal in an interrupted and an uninterrupted run."""
    return [
        (one.number, one.genotype, one.digest, one.seed, one.origin, one.state, one.values, one.curve)
        for one in record.trials
    ]
