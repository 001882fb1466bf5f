"""The frontier of a study against its definition, and what is written of it."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nas.errors import ParetoError
from nas.pareto.families import compare, family_decision, size_bounds
from nas.pareto.front import frontier, telling_decisions
from nas.pareto.report.sections import lede
from nas.study.records import StudyRecord

GOALS = ["maximize accuracy", "minimize params"]
Make = Callable[..., StudyRecord]


def naive(record: StudyRecord) -> set[int]:
    """Numbers of the trials that no other beats, by the definition."""
    losses = {
        t.number: [g.loss(v) for g, v in zip(record.objectives, t.values or (), strict=True)]
        for t in record.completed()
    }

    def beaten(a: list[float]) -> bool:
        return any(all(x <= y for x, y in zip(b, a, strict=True)) and b != a for b in losses.values())

    return {number for number, loss in losses.items() if not beaten(loss)}


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "goals",
    [["maximize accuracy", "minimize params"], ["minimize loss"], ["minimize a", "maximize b", "minimize macs"]],
)
def test_members_are_the_nondominated_in_any_order(study_of: Make, goals: list[str], seed: int) -> None:
    rng = random.Random(seed)
    record = study_of([[rng.randrange(1, 9) for _ in goals] for _ in range(25)], goals)
    front = frontier(record)
    assert {trial.number for trial in front.members} == naive(record)
    shuffled = replace(record, trials=tuple(rng.sample(record.trials, k=25)))
    assert frontier(shuffled).members == front.members
    assert frontier(shuffled).hypervolume() == front.hypervolume()
    assert frontier(shuffled).knee() == front.knee()


def test_members_stand_best_first_by_the_first_objective(searched: StudyRecord) -> None:
    values = [trial.values[0] for trial in frontier(searched).members if trial.values]
    assert values == sorted(values, reverse=True)


def test_who_breaks_a_constraint_is_counted(study_of: Make) -> None:
    limits = ["params <= 100", "loss >= 2"]
    points = [(0.5, 100, 3), (0.9, 200, 3), (0.8, 150, 1), (0.6, 90, 2)]
    record = study_of(points, [*GOALS, "minimize loss"], limits)
    front = frontier(record)
    assert len(front.candidates) == 2
    assert "1 of 2 candidates are on the frontier; 2 break params <= 100, 1 breaks loss >= 2; ◆" in front.table()
    assert (
        "<b>2</b> of 4 candidates were trained to the end within the constraints (2 break params &lt;= 100, "
        in lede(record, front)
    )
    assert "break" not in frontier(study_of(points, [*GOALS, "minimize loss"])).table()


def test_one_candidate_is_its_own_frontier_and_knee(study_of: Make) -> None:
    front = frontier(study_of([(0.5, 100)], GOALS))
    assert front.members == front.candidates
    assert front.knee() is front.members[0]
    # Nothing varies: the margin is 0.1 of accuracy and 0.1 of a decade of parameters.
    assert front.hypervolume() == pytest.approx(0.1 * 0.1)


def test_equal_values_are_all_members_and_one_architecture_is_one(study_of: Make) -> None:
    record = study_of([(0.5, 100), (0.5, 100), (0.5, 100)], GOALS)
    trials = (record.trials[0], replace(record.trials[1], digest=record.trials[0].digest), record.trials[2])
    assert [trial.number for trial in frontier(replace(record, trials=trials)).members] == [0, 2]


def test_only_complete_and_feasible_trials_count(study_of: Make, new_trial: Callable[..., Any]) -> None:
    record = study_of([(0.9, 900), (0.5, 100)], GOALS, ["params <= 500"])
    stopped = new_trial(7, state="stopped", metrics={"accuracy": 1.0}, costs={"params": 1})
    front = frontier(replace(record, trials=(*record.trials, stopped)))
    assert [trial.number for trial in front.members] == [1]


def test_hypervolume_measures_counts_in_decades(study_of: Make) -> None:
    front = frontier(study_of([(0.9, 1000), (0.5, 10)], GOALS))
    # Against accuracy 0 and 10,000 parameters: 0.5 over three decades, and 0.4 more over the last one.
    assert front.hypervolume((0.0, 10_000)) == pytest.approx(0.5 * 3 + 0.4 * 1)
    assert front.history((0.0, 10_000)) == [(0, pytest.approx(0.9)), (1, pytest.approx(1.9))]


def test_default_reference_is_in_the_units_of_the_user(study_of: Make) -> None:
    accuracy, params = frontier(study_of([(0.9, 1000), (0.5, 10)], GOALS)).reference()
    assert accuracy == pytest.approx(0.5 - 0.1 * 0.4)
    assert params == pytest.approx(1000 * 10**0.2)


def test_knee_of_a_plain_case(study_of: Make) -> None:
    points = [(0.10, 10), (0.80, 100), (0.85, 10_000), (0.86, 100_000)]
    assert frontier(study_of(points, GOALS)).knee().number == 1


def test_table_is_aligned_and_fits(searched: StudyRecord) -> None:
    front = frontier(searched)
    lines = front.table().splitlines()
    blank = lines.index("")
    head, rows, note = lines[0], lines[1:blank], lines[blank + 1]
    assert head.split()[:7] == ["rank", "trial", "accuracy", "params", "macs", "activation_bytes", "family"]
    assert len(rows) == len(front.members)
    end = head.index("accuracy") + len("accuracy")
    assert all(
        row[end - 6 : end] == f"{trial.metrics['accuracy']:.4f}" for row, trial in zip(rows, front.members, strict=True)
    )
    assert sum("◆" in row for row in rows) == 1
    assert note.startswith(f"{len(rows)} of {len(front.candidates)} candidates are on the frontier; ◆ marks the knee")
    assert max(map(len, front.table(80).splitlines()[:-2])) <= 80


def test_table_golden(study_of: Make) -> None:
    front = frontier(study_of([(0.9, 12_000), (0.5, 100), (0.85, 400), (0.1, 400)], GOALS))
    assert front.table() == (
        "rank  trial  accuracy  params  width\n"
        "   1      0    0.9000  12,000  0\n"
        " ◆ 2      2    0.8500     400  2\n"
        "   3      1    0.5000     100  1\n"
        "\n"
        "3 of 4 candidates are on the frontier; ◆ marks the knee; hypervolume 1.698"
    )


def test_telling_decisions_differ_and_shallow_ones_come_first(new_trial: Callable[..., Any]) -> None:
    trials = [
        new_trial(0, genotype={"stage[0].width": 8, "act": "relu", "bias": True, "family": "kan"}),
        new_trial(1, genotype={"stage[0].width": 16, "act": "relu", "bias": 1, "family": "mlp"}),
    ]
    assert telling_decisions(trials) == ["family", "bias", "stage[0].width"]
    assert telling_decisions(trials[:1]) == ["family", "act", "bias", "stage[0].width"]


def test_csv_and_json_carry_every_member(searched: StudyRecord) -> None:
    front = frontier(searched)
    rows = list(csv.DictReader(io.StringIO(front.to_csv())))
    assert [int(row["number"]) for row in rows] == [trial.number for trial in front.members]
    assert [json.loads(row["genotype"]) for row in rows] == [trial.genotype for trial in front.members]
    assert [float(row["accuracy"]) for row in rows] == [trial.metrics["accuracy"] for trial in front.members]
    data = json.loads(front.to_json())
    assert data["knee"] == front.knee().number
    assert data["hypervolume"] == front.hypervolume()
    assert [one["values"]["params"] for one in data["members"]] == [trial.costs["params"] for trial in front.members]


def test_families_are_found_and_compared(searched: StudyRecord) -> None:
    front = frontier(searched)
    assert front.decision == family_decision(searched) == "family"
    found = compare(searched, front.candidates, front.members, "family")
    assert [row.name for row in found.rows] == ["gmlp", "kan", "mixer", "mlp", "residual-mlp"]
    assert sum(row.proposed for row in found.rows) == len(searched.trials)
    assert sum(row.complete for row in found.rows) == len(front.candidates)
    assert sum(row.members for row in found.rows) == len(front.members)
    best = max(trial.values[0] for trial in front.candidates if trial.values)
    assert max(row.best or 0 for row in found.rows) == best
    for row in found.rows:
        known = [value for value in row.by_size if value is not None]
        assert known == sorted(known)
        assert known[-1] == row.best


def test_a_space_without_families_has_none(study_of: Make) -> None:
    front = frontier(study_of([(0.9, 900), (0.5, 100)], GOALS))
    assert front.decision is None
    assert front.family(front.members[0]) == "all"


def test_a_shape_tells_families_apart_where_there_is_no_family(new_trial: Callable[..., Any], study_of: Make) -> None:
    words = [{"act": "relu", "shape": "hourglass"}, {"act": "gelu", "shape": "conventional"}]
    record = study_of([(0.9, 900), (0.5, 100)], GOALS)
    trials = tuple(replace(trial, genotype=words[i]) for i, trial in enumerate(record.trials))
    assert family_decision(replace(record, trials=trials)) == "shape"


@pytest.mark.parametrize("sizes", [[1], [0, 5], [7, 10**9], [999, 1000], [120, 950, 4000]])
def test_size_bounds_are_few_rise_and_hold_the_largest(sizes: list[int]) -> None:
    bounds = size_bounds(sizes)
    assert 1 <= len(bounds) <= 8
    assert list(bounds) == sorted(set(bounds))
    assert bounds[-1] >= max(sizes)


def test_nothing_complete_says_what_there_is(new_trial: Callable[..., Any], study_of: Make) -> None:
    empty = study_of([], GOALS)
    with pytest.raises(ParetoError, match="no candidate is complete yet: study `made-up` has no trials; run it"):
        frontier(empty)
    failed = replace(empty, trials=(new_trial(0, state="out_of_memory"), new_trial(1, state="running")))
    with pytest.raises(ParetoError, match=r"has 1 out of memory, 1 running; go on with `nas resume`"):
        frontier(failed)


def test_nothing_feasible_names_the_constraint(study_of: Make) -> None:
    record = study_of([(0.9, 900)], GOALS, ["params <= 500"])
    with pytest.raises(ParetoError, match=r"none of the 1 complete candidates satisfies `params <= 500`: relax that"):
        frontier(record)


def test_a_reference_needs_one_value_per_objective(study_of: Make) -> None:
    with pytest.raises(ParetoError, match=r"one value per objective \(accuracy, params\), got 1"):
        frontier(study_of([(0.9, 900)], GOALS)).hypervolume((1.0,))


def test_a_front_prints_as_its_table(study_of: Callable[..., StudyRecord]) -> None:
    front = frontier(study_of([(0.2, 100), (0.8, 1000)], ("maximize accuracy", "minimize params")))
    assert str(front) == front.table()
    assert len(repr(front)) < 2000
