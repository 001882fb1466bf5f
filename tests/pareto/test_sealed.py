"""The drop from validation to test, and the random control: known numbers in, the same numbers out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.pareto.confirmation import Confirmation, Confirmed, Retraining
from nas.pareto.control import ENOUGH, ITSELF, advice, by_chance, is_chance, random_control
from nas.pareto.front import frontier
from nas.pareto.report.analysis import control_section
from nas.pareto.sealed import kendall, sealed
from nas.study.records import StudyRecord


def of(rows: Sequence[tuple[float, float]], name: str = "accuracy") -> Confirmation:
    """Candidates 0, 1, … with these values on validation and on test, each by two seeds around them."""
    candidates = [
        Confirmed(
            i,
            "d",
            {"params": 10 * i + 10},
            tuple(Retraining(s, "complete", {name: v + s * 0.01}, {name: t - s * 0.01}) for s in (-1, 1)),
        )
        for i, (v, t) in enumerate(rows)
    ]
    return Confirmation("made-up", "mnist1d", (0, 1), tuple(candidates))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=9))
def test_tau_counts_pairs(pairs: list[tuple[int, int]]) -> None:
    signs = [((a > c) - (a < c), (b > d) - (b < d)) for (a, b), (c, d) in combinations(pairs, 2)]
    scale = math.sqrt(sum(x * x for x, _ in signs) * sum(y * y for _, y in signs))
    if scale:
        assert kendall(pairs) == pytest.approx(sum(x * y for x, y in signs) / scale)
    else:
        assert math.isnan(kendall(pairs))


def test_two_candidates_have_no_order_to_preserve() -> None:
    assert math.isnan(kendall([(1, 1), (2, 2)]))


def test_drop_luck_and_order(study_of: Callable[..., StudyRecord]) -> None:
    record = study_of([(0.52, 10), (0.62, 20), (0.72, 30)], ["maximize accuracy", "minimize params"])
    (found,) = sealed(record, of([(0.5, 0.48), (0.6, 0.55), (0.7, 0.54)]))
    assert found.drop.mean == pytest.approx((0.02 + 0.05 + 0.16) / 3)
    assert (found.luck.mean, found.luck.n) == (pytest.approx(0.02), 3)
    assert found.tau == found.tau_search == pytest.approx(1 / 3)


def test_a_higher_loss_is_a_drop(study_of: Callable[..., StudyRecord]) -> None:
    record = study_of([(0.2, 10), (0.1, 20)], ["minimize loss", "minimize params"])
    (found,) = sealed(record, of([(0.25, 0.30), (0.15, 0.20)], "loss"))
    assert (found.drop.mean, found.luck.mean) == (pytest.approx(0.05), pytest.approx(0.05))
    assert math.isnan(found.tau)


def test_without_a_test_split_nothing_is_said(study_of: Callable[..., StudyRecord]) -> None:
    run = Retraining(0, "complete", {"accuracy": 0.5}, {})
    untested = Confirmation("s", "t", (0,), (Confirmed(0, "d", {"params": 1}, (run,)),))
    assert sealed(study_of([(0.5, 1)], ["maximize accuracy", "minimize params"]), untested) == ()


def chance(record: StudyRecord, numbers: Sequence[int]) -> StudyRecord:
    trials = [replace(t, origin="random") if t.number in numbers else t for t in record.trials]
    return replace(record, trials=tuple(trials))


def test_improvement_over_the_average_random_candidate(study_of: Callable[..., StudyRecord]) -> None:
    points = [(0.4, 10), (0.5, 20), (0.6, 30), (0.9, 40)]
    record = chance(study_of(points, ["maximize accuracy", "minimize params"]), [0, 1, 2])
    (found,) = random_control(frontier(record))
    assert (found.best, found.random.n, found.unfinished) == (3, 3, 0)
    assert found.improvement == pytest.approx((0.9 - 0.5) / 0.5)
    assert not found.is_enough
    (again,) = random_control(frontier(record), of([(0, 0), (0, 0), (0, 0), (0.8, 0.7)]))
    assert again.improvement == pytest.approx((0.8 - 0.5) / 0.5), "the retrained mean, on the split of the random ones"


def test_a_lower_loss_is_an_improvement(study_of: Callable[..., StudyRecord]) -> None:
    record = chance(study_of([(0.4, 10), (0.2, 20), (0.1, 30)], ["minimize loss", "minimize params"]), [0, 1])
    (found,) = random_control(frontier(record))
    assert found.improvement == pytest.approx((0.3 - 0.1) / 0.3)


def test_what_chance_did_not_finish_is_counted(study_of: Callable[..., StudyRecord]) -> None:
    record = study_of([(0.4, 10), (0.5, 20)], ["maximize accuracy", "minimize params"])
    stopped = replace(record.trials[0], number=2, state="stopped", values=None, feasible=False, origin="random")
    running = replace(stopped, number=3, state="running")
    record = chance(replace(record, trials=(*record.trials, stopped, running)), [0, 1, 2, 3])
    (found,) = random_control(frontier(record))
    assert (found.random.n, found.unfinished) == (2, 1)


def test_what_a_search_picks_after_it_began_to_learn_is_not_chance(study_of: Callable[..., StudyRecord]) -> None:
    record = study_of([(0.4, 10), (0.5, 20), (0.6, 30), (0.9, 40)], ["maximize accuracy", "minimize params"])
    origins = ["seed:small", "random", "mutation of 0", "random"]
    trials = tuple(replace(t, origin=origin) for t, origin in zip(record.trials, origins, strict=True))
    record = replace(record, trials=trials)
    assert [trial.number for trial in by_chance(record)] == [1]
    always = replace(record, experiment={"sampler": {"name": "random"}})
    assert [trial.number for trial in by_chance(always)] == [1, 3]


def test_chance_is_not_held_against_itself(study_of: Callable[..., StudyRecord]) -> None:
    record = study_of([(0.4 + i / 50, 10 + i) for i in range(10)], ["maximize accuracy", "minimize params"])
    alone, helped = frontier(chance(record, range(10))), frontier(chance(record, range(9)))
    assert is_chance(alone)
    assert not is_chance(helped)
    said = "<p>Chance proposed every candidate, so the search is chance itself and there is nothing to compare.</p></section>"
    assert control_section(alone, None, None).endswith(said)
    assert "improvement" in control_section(helped, None, None)
    assert ITSELF.capitalize() not in control_section(helped, None, None)


def test_a_control_may_be_a_search_of_its_own(study_of: Callable[..., StudyRecord]) -> None:
    goals = ["maximize accuracy", "minimize params"]
    front = frontier(study_of([(0.9, 10)], goals))
    (none,) = random_control(front)
    assert none.random.n == 0
    assert math.isnan(none.improvement)
    assert advice([none]) == (
        f"0 random candidates were trained to the end, {ENOUGH} are needed for a control: `nas resume` with `--control {ENOUGH}` "
        "trains what is missing"
    )
    control = chance(study_of([(0.5, 10 + i) for i in range(ENOUGH)], goals), range(ENOUGH))
    (found,) = random_control(front, control=control)
    assert found.improvement == pytest.approx(0.8)
    assert str(found) == f"accuracy 0.9 is +80.0% against the average of {ENOUGH} random candidates, 0.5"
    assert advice([found]) == ""


def test_a_control_that_is_too_small_gives_way_to_what_chance_proposed(study_of: Callable[..., StudyRecord]) -> None:
    goals = ["maximize accuracy", "minimize params"]
    record = chance(study_of([(0.5, 10 + i) for i in range(ENOUGH)], goals), range(ENOUGH))
    small = chance(study_of([(0.1, 10)], goals), [0])
    (found,) = random_control(frontier(record), control=small)
    assert (found.random.n, found.random.mean) == (ENOUGH, pytest.approx(0.5))
    (neither,) = random_control(frontier(study_of([(0.9, 10)], goals)), control=small)
    assert (neither.random.n, neither.random.mean) == (1, pytest.approx(0.1))
