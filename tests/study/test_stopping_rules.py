"""Laws that every stopping rule keeps, and what each of them is for."""

from __future__ import annotations

import random
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.study.objectives import Objective
from nas.study.ranking import ranks
from nas.study.stopping import RULES, Rungs, make_rungs, parse_stopping
from nas.study.stopping.curves import extrapolate
from nas.study.stopping.hyperband import Hyperband, bracket_sizes

LOSS, ERROR, PARAMS = (Objective("minimize", name) for name in ("loss", "error", "params"))
STEPS = [1, 2, 3, 5, 8]
EAGER: dict[str, dict[str, Any]] = {
    "hyperband": {"eta": 2},
    "median": {"peers": 1},
    "learning-curve": {"points": 3, "margin": 0.0},
    "optuna:median": {"n_startup_trials": 1},
    "optuna:percentile": {"n_startup_trials": 1},
    "optuna:threshold": {"upper": 0.5},
    "optuna:patient": {"patience": 0},
    "optuna:wilcoxon": {"p_threshold": 0.5},
}
"""Settings with which each rule stops somebody among few."""

Curves = list[tuple[float, list[list[float]]]]


def rungs_of(rule: str, objectives: list[Objective], **more: Any) -> Rungs:
    given_ = {"rule": rule, "rungs": STEPS, **EAGER.get(rule, {}), **more}
    return make_rungs(parse_stopping(given_, {"epochs": 10}), objectives)


def objectives_of(rule: str) -> list[Objective]:
    return [PARAMS, LOSS] if RULES[rule].one_objective else [PARAMS, LOSS, ERROR]


def curves(n: int, seed: int, n_losses: int) -> Curves:
    """Random sizes, and losses that fall and may rise again, at every step and at the end."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        ends, paces = ([rng.random() for _ in range(n_losses)] for _ in range(2))
        spent = [*STEPS, 10]
        found.append(
            (rng.random(), [[e + p / t + rng.gauss(0, 0.05) for e, p in zip(ends, paces, strict=True)] for t in spent])
        )
    return found


def send(rungs: Rungs, number: int, size: float, curve: list[list[float]]) -> list[bool]:
    """Report at every rung until stopped; complete otherwise. The decisions."""
    answers = []
    for rung, losses in zip(STEPS, curve, strict=False):
        rungs.enter(rung, number, (size, *losses))
        answers.append(rungs.goes_on(rung, number))
        if not answers[-1]:
            return answers
    rungs.finish(number, (size, *curve[-1]))
    return answers


def replayed(rungs: Rungs, fresh: Rungs, order: list[int]) -> Rungs:
    """All that `rungs` holds told to `fresh`, candidate by candidate in this order, as a resumed study does."""
    for number in order:
        for rung, losses in rungs.curve(number, max(STEPS)):
            fresh.enter(rung, number, losses)
        if number in rungs.finished:
            fresh.finish(number, rungs.finished[number], number not in rungs.infeasible)
    return fresh


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_stops_somebody_and_lets_somebody_go_on(rule: str) -> None:
    rungs = rungs_of(rule, objectives_of(rule))
    ended = [not all(send(rungs, i, *one)) for i, one in enumerate(curves(40, 1, len(objectives_of(rule)) - 1))]
    assert 0 < sum(ended) < 40


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**6), st.integers(2, 25))
def test_a_resumed_study_decides_as_one_that_was_not_interrupted(rule: str, seed: int, n: int) -> None:
    objectives = objectives_of(rule)
    made = curves(n + 6, seed, len(objectives) - 1)
    rungs = rungs_of(rule, objectives)
    for number in range(n):
        send(rungs, number, *made[number])
    again = replayed(rungs, rungs_of(rule, objectives), list(range(n)))
    for number in range(n, n + 6):
        assert send(again, number, *made[number]) == send(rungs, number, *made[number])


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule not in ("optuna:successive-halving", "optuna:hyperband")]
)
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_in_which_others_reported_plays_no_part(rule: str, seed: int, rng: random.Random) -> None:
    objectives = objectives_of(rule)
    made = curves(16, seed, len(objectives) - 1)
    rungs = rungs_of(rule, objectives)
    for number in range(15):
        send(rungs, number, *made[number])
    order = list(range(15))
    rng.shuffle(order)
    other = replayed(rungs, rungs_of(rule, objectives), order)
    assert send(other, 15, *made[15]) == send(rungs, 15, *made[15])


@pytest.mark.parametrize("rule", [rule for rule, entry in RULES.items() if entry.keeps_front])
@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_the_front_is_never_stopped_where_that_is_promised(rule: str, seed: int, n: int) -> None:
    rungs = rungs_of(rule, [PARAMS, LOSS, ERROR])
    for number, one in enumerate(curves(n, seed, 2)):
        for rung, losses in zip(STEPS, one[1], strict=False):
            rungs.enter(rung, number, (one[0], *losses))
            peers = rungs.at(rung)
            rank = ranks(np.array(list(peers.values())))[list(peers).index(number)]
            assert rungs.goes_on(rung, number) or rank > 0


@pytest.mark.parametrize("rule", RULES)
def test_nobody_is_stopped_before_the_warmup_nor_among_the_first(rule: str) -> None:
    objectives = objectives_of(rule)
    made = curves(40, 2, len(objectives) - 1)
    warm, first = rungs_of(rule, objectives, warmup=3), rungs_of(rule, objectives, grace=30)
    late = [send(warm, number, *one) for number, one in enumerate(made)]
    assert all(all(answers[:2]) for answers in late)
    assert not all(map(all, late)), "but later some are"
    graced = [all(send(first, number, *one)) for number, one in enumerate(made)]
    assert all(graced[:30])
    assert not all(graced[30:])


@pytest.mark.parametrize("rule", RULES)
def test_a_candidate_begun_again_leaves_no_trace_of_its_first_life(rule: str) -> None:
    objectives = objectives_of(rule)
    made = curves(21, 3, len(objectives) - 1)
    plain, again = rungs_of(rule, objectives), rungs_of(rule, objectives)
    for number in range(20):
        for rungs in (plain, again):
            send(rungs, number, *made[number])
        if number == 10:
            again.enter(1, 11, (0.5, *[9.0] * (len(objectives) - 1)))
            again.enter(2, 11, (0.5, *[8.0] * (len(objectives) - 1)))
    assert send(again, 20, *made[20]) == send(plain, 20, *made[20])
    assert again.reached == plain.reached


def test_brackets_begin_at_different_rungs() -> None:
    assert bracket_sizes(3, 3) == [9, 5, 3]
    assert bracket_sizes(5, 3) == [81, 34, 15, 8, 5], "table 1 of the paper"
    rungs = make_rungs(parse_stopping({"rule": "hyperband", "rungs": [3, 10], "eta": 3}, {"epochs": 30}), [LOSS])
    rule = rungs.rule
    assert isinstance(rule, Hyperband)
    assert [rule.bracket(number) for number in range(18)] == [0] * 9 + [1] * 5 + [2] * 3 + [0]
    for number in range(17):
        for rung in (3, 10):
            rungs.enter(rung, number, (number % 9.0,))
    assert [rungs.goes_on(3, number) for number in range(17)] == [n < 3 or n > 8 for n in range(17)]
    assert [rungs.goes_on(10, number) for number in range(9, 17)] == [n in (9, 10, 14, 15, 16) for n in range(9, 17)]
    few = make_rungs(parse_stopping({"rule": "hyperband", "rungs": [3, 10], "brackets": 1}, {}), [LOSS])
    assert isinstance(few.rule, Hyperband)
    assert {few.rule.bracket(number) for number in range(40)} == {0}


def test_the_median_of_running_means_stops_what_is_worse_in_everything() -> None:
    stopping = parse_stopping({"rule": "median", "rungs": [1, 2], "peers": 3}, {"epochs": 3})

    def goes_on(losses: Mapping[int, tuple[float, float, float]], size: float = 5.0) -> bool:
        rungs = make_rungs(stopping, [PARAMS, LOSS, ERROR])
        for number, (first, second) in enumerate([(0.9, 0.5), (0.8, 0.4), (0.7, 0.1)]):
            rungs.enter(1, number, (1.0, first, first))
            rungs.enter(2, number, (1.0, second, second))
        for rung, (loss, error, _) in losses.items():
            rungs.enter(rung, 9, (size, loss, error))
        return rungs.goes_on(2, 9)

    # The running means at rung 2 are 0.7, 0.6 and 0.4.
    assert not goes_on({1: (0.9, 0.9, 0), 2: (0.61, 0.61, 0)})
    assert goes_on({1: (0.9, 0.9, 0), 2: (0.61, 0.59, 0)}), "better than the middle in one objective"
    assert goes_on({1: (0.59, 0.59, 0), 2: (0.9, 0.9, 0)}), "its best value so far counts"
    assert goes_on({1: (0.9, 0.9, 0), 2: (0.61, 0.61, 0)}, size=0.5), "nobody of its size is better"
    rungs = make_rungs(stopping, [LOSS])
    for number in range(3):
        rungs.enter(1, number, (float(number),))
    assert rungs.goes_on(1, 2), "two others are too few"


def test_a_power_law_is_found_again() -> None:
    spent = [1, 2, 4, 8]
    for end, height, steepness in ((0.2, 0.1, 0.5), (0.5, 0.01, 1.5), (-0.9, 0.3, 0.2)):
        losses = [end + height * ((t / 30) ** -steepness - 1) for t in spent]
        assert extrapolate(spent, losses, 30) == pytest.approx(end, abs=2e-3)
    assert extrapolate(spent, [0.3] * 4, 30) == pytest.approx(0.3)
    assert extrapolate(spent, [0.1, 0.2, 0.3, 0.4], 30) <= 0.4, "what gets worse is not taken to go on doing so"


def test_a_curve_that_will_end_dominated_is_stopped_by_feasible_results_only() -> None:
    def goes_on(margin: float, size: float = 5.0, feasible: bool = True) -> bool:
        stopping = parse_stopping({"rule": "learning-curve", "rungs": STEPS, "margin": margin}, {"epochs": 10})
        rungs = make_rungs(stopping, [PARAMS, LOSS])
        rungs.finish(0, (1.0, 0.2), feasible)
        rungs.finish(1, (9.0, 0.8))
        for rung in STEPS[:4]:
            rungs.enter(rung, 2, (size, 0.3 + 0.5 / rung))
        assert rungs.goes_on(3, 2), "three points are too few"
        return rungs.goes_on(5, 2)

    # It would end at 0.35, where 0.2 was reached with fewer parameters; the spread of the completed is 0.6.
    assert not goes_on(0.2)
    assert goes_on(0.3), "0.35 - 0.18 is better than 0.2"
    assert goes_on(0.2, size=0.5), "it is the smallest"
    assert goes_on(0.2, feasible=False)


@pytest.mark.slow
def test_on_recorded_curves_it_saves_compute_at_equal_hypervolume() -> None:
    """The numbers that `results/learning-curves` states, from the benchmark that made them."""
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "stopping.py"))
    recorded = benchmark["read"](benchmark["TABLE"])
    careful = benchmark["replay"](recorded, {"rule": "pareto-halving", "rungs": [10], "eta": 3}, both=True)
    assert careful.epochs_saved > 0.35
    assert careful.volume > 0.999
    assert careful.front_kept > 0.99
    rule = {"rule": "pareto-halving", "rungs": [3, 10], "eta": 3}
    eager, alone = (benchmark["replay"](recorded, rule, both=both) for both in (True, False))
    assert eager.epochs_saved > 0.6
    assert eager.volume > alone.volume + 0.1, "accuracy alone loses the small networks"
