"""Near-members: who missed the frontier by how much, against the definition, and how they are shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
from nas.pareto.front import Front, frontier
from nas.pareto.latex import latex_table
from nas.pareto.near import margins, near_members, retrained_note
from nas.pareto.report import write_report
from nas.study.records import StudyRecord

Make = Callable[..., StudyRecord]
GOALS = ["maximize accuracy", "minimize params"]


def retrained(front: Front, *accuracies: float) -> Confirmation:
    """The first candidates again, each with one seed and this accuracy on test."""
    found = []
    for trial, accuracy in zip(front.candidates, accuracies, strict=False):
        run = Retraining(0, "complete", {"accuracy": accuracy}, {"accuracy": accuracy})
        found.append(Confirmed(trial.number, trial.digest, trial.costs, (run,)))
    return Confirmation("made-up", "t", (0,), tuple(found))


def test_what_was_missing_in_accuracy(study_of: Make) -> None:
    points = [(0.5, 10), (0.9, 1000), (0.85, 1000), (0.44, 500), (0.3, 10), (0.89, 2000)]
    front = frontier(study_of(points, GOALS))
    expected = [0, 0, 0.05 / 0.4, 0.06 / 0.4, 0.2 / 0.4, 0.01 / 0.4]
    assert margins(front) == pytest.approx(expected), "as shares of the members' range, at no higher costs"
    assert [one.number for one in near_members(front, 2)] == [5, 2]
    assert [one.number for one in near_members(front, 99)] == [5, 2, 3, 4]
    assert near_members(front, 0) == ()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "goals", [GOALS, ["minimize loss", "maximize a", "minimize params"], ["minimize a", "maximize b"]]
)
def test_with_that_much_better_values_none_dominates(study_of: Make, goals: list[str], seed: int) -> None:
    rng = random.Random(seed)
    points = [[rng.choice((1, 3, 9, 27)) if "params" in goal else rng.random() for goal in goals] for _ in range(40)]
    front = frontier(study_of(points, goals))
    exact = [one.is_cost for one in front.record.objectives]
    losses, members = front.losses(front.candidates), front.losses(front.members)
    ranges = np.ptp(members if len(members) > 1 else losses, axis=0)
    unit = np.where(exact, 0.0, ranges)
    on_it = {trial.number for trial in front.members}
    for trial, mine, margin in zip(front.candidates, losses, margins(front), strict=True):

        def dominated(better: float, mine: Any = mine) -> bool:
            return any((member < mine - better * unit + 1e-12 * (unit == 0)).all() for member in members)

        assert not dominated(margin + 1e-9)
        assert trial.number in on_it or margin < 1e-8 or dominated(margin - 1e-9)


def test_costs_are_settled(study_of: Make) -> None:
    front = frontier(study_of([(10, 5), (20, 9), (20, 10)], ["minimize params", "minimize macs"]))
    assert margins(front).tolist() == [0, np.inf, np.inf]
    assert near_members(front, 3) == ()


def test_one_member_gives_no_range(study_of: Make) -> None:
    front = frontier(study_of([(0.5,), (0.3,), (0.4,)], ["maximize accuracy"]))
    assert margins(front) == pytest.approx([0, 1, 0.5])
    alone = frontier(study_of([(0.5,), (0.5,)], ["maximize accuracy"]))
    assert margins(alone).tolist() == [0, 0]


def test_one_architecture_counts_once(study_of: Make) -> None:
    record = study_of([(0.9, 10), (0.8, 10), (0.7, 10), (0.6, 10)], GOALS)
    first, second, third, last = record.trials
    twins = (first, replace(second, digest=first.digest), third, replace(last, digest=third.digest))
    assert [one.number for one in near_members(frontier(replace(record, trials=twins)), 4)] == [2]


def test_the_frontier_of_the_retrained_is_told(study_of: Make, tmp_path: Path) -> None:
    front = frontier(study_of([(0.9, 10), (0.8, 10), (0.7, 5)], GOALS))
    assert retrained_note(front, None) == ""
    assert retrained_note(front, Confirmation("s", "t", (0,), ())) == ""
    found = retrained(front, 0.6, 0.75, 0.7)
    note = (
        "2 of 3 retrained candidates are on the frontier of these, by their means on test: 1 (not on the search's), 2"
    )
    assert retrained_note(front, found) == note
    page = write_report(front.record, tmp_path / "r.html", artifacts=lambda trial: None, confirmation=found).read_text()
    assert note.replace("'", "&#x27;") in page
    assert page.count('<i class="tag">not on the search') == 1


def test_a_table_for_a_paper_sets_them_apart(study_of: Make) -> None:
    front = frontier(study_of([(0.9, 10), (0.8, 10), (0.7, 5)], GOALS))
    assert latex_table(front, retrained(front, 0.6)).count(r"\midrule") == 1
    rows = latex_table(front, retrained(front, 0.6, 0.75, 0.7)).split(r"\midrule")
    assert len(rows) == 3
    assert rows[2].lstrip().startswith("1 & ")
