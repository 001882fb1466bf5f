"""Objectives and constraints as text: what they mean, and what each mistake is told."""

from __future__ import annotations

import math

import pytest

from nas.errors import ExperimentError
from nas.study.objectives import COSTS, Constraint, Goal, Objective, parse_constraint, parse_objective

METRICS = ("accuracy", "loss")
KNOWN = (*COSTS, *METRICS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macs <= 5e6", (Constraint("macs", "<=", 5e6),)),
        ("macs < 5_000_000", (Constraint("macs", "<", 5e6),)),
        ("  accuracy >= 0.5 ", (Constraint("accuracy", ">=", 0.5),)),
        ("0.5 <= accuracy", (Constraint("accuracy", ">=", 0.5),)),
        ("1e6 > params", (Constraint("params", "<", 1e6),)),
        ("loss <= -1", (Constraint("loss", "<=", -1.0),)),
        ("1e3 < params <= 1e6", (Constraint("params", ">", 1e3), Constraint("params", "<=", 1e6))),
    ],
)
def test_constraints_are_read(text: str, expected: tuple[Constraint, ...]) -> None:
    assert parse_constraint(text, KNOWN) == expected
    for one in expected:
        assert parse_constraint(str(one), KNOWN) == (one,), "a constraint's own text reads back"


def test_objectives_are_read() -> None:
    assert parse_objective("maximize accuracy", KNOWN) == Objective("maximize", "accuracy")
    assert parse_objective("minimize  params", KNOWN).is_cost
    assert str(Objective("minimize", "params")) == "minimize params"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "maximise accuracy",
            r"written `maximize NAME` or `minimize NAME`, here stands `maximise accuracy`; did you mean `maximize`",
        ),
        ("accuracy", "here stands `accuracy`"),
        ("", "here stands ``"),
        (3, "here stands 3"),
        (
            "maximize acuracy",
            r"`acuracy` is neither a cost nor a metric of the task; known are params, .*, loss; did you mean `accuracy`",
        ),
    ],
)
def test_wrong_objectives(text: str, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        parse_objective(text, KNOWN)


@pytest.mark.parametrize(
    "text",
    [
        "macs", "macs <=", "macs == 5", "macs <= 5 and params <= 3", "macs <= params", "5 <= 6", "macs <= 2*3",
        "1 <= 2 <= macs", "macs <= '5'", "macs <= True", "macs <= 1e999", "__import__('os') <= 3", "macs.real <= 3",
        "macs <= " + "(" * 150 + "5" + ")" * 150, "macs <= 10**400", "macs not in 3", 5, "macs\0 <= 3",
        "macs <= 1" + "0" * 400,
    ],
)  # fmt: skip
def test_constraints_outside_the_grammar(text: str) -> None:
    with pytest.raises(ExperimentError, match=r"a constraint is written `NAME <= NUMBER`"):
        parse_constraint(text, KNOWN)


def test_unknown_name_in_a_constraint() -> None:
    with pytest.raises(ExperimentError, match=r"constraint `parms <= 5`: `parms` is neither .* did you mean `params`"):
        parse_constraint("parms <= 5", KNOWN)


@pytest.mark.parametrize(
    ("objectives", "constraints", "message"),
    [
        ([], [], "at least one objective"),
        (["minimize params", "minimize params"], [], "`minimize params` is stated twice"),
        (["minimize params", "maximize params"], [], "`minimize params` and `maximize params` contradict each other"),
        (["minimize params"], ["macs <= 5", "macs <= 5"], "`macs <= 5` is stated twice"),
        (
            ["minimize params"],
            ["macs <= 5", "macs >= 6"],
            "no value of `macs` satisfies both `macs <= 5` and `macs >= 6`",
        ),
        (["minimize params"], ["macs > 5", "macs <= 5"], "no value of `macs` satisfies both"),
    ],
)
def test_goals_that_make_no_sense(objectives: list[str], constraints: list[str], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        Goal.parse(objectives, constraints, METRICS)


def test_all_faults_at_once() -> None:
    with pytest.raises(ExperimentError) as caught:
        Goal.parse(["maximize acc", "minimise loss"], ["macs = 3"], METRICS)
    assert len(caught.value.faults) == 3


def test_bounds_that_meet_are_no_contradiction() -> None:
    Goal.parse(["minimize params"], ["macs >= 5", "macs <= 5"], METRICS)


def test_values_losses_and_slacks() -> None:
    goal = Goal.parse(["maximize accuracy", "minimize params"], ["macs <= 100", "accuracy >= 0.5"], METRICS)
    costs = {"params": 7, "macs": 200}
    assert goal.values(costs, {"accuracy": 0.4}) == (0.4, 7)
    assert goal.losses((0.4, 99)) == (-0.4, 2.0)
    assert goal.values(costs, {}) is None
    assert goal.values(costs, {"accuracy": math.nan}) is None
    assert goal.slacks(costs) == (pytest.approx(math.log(2)), 0.0)
    assert goal.slacks(costs, {"accuracy": 0.4})[1] > 0
    assert goal.slacks(costs, {"accuracy": math.nan})[1] == math.inf
    assert str(goal.broken(costs)) == "macs <= 100"
    assert goal.broken({"params": 7, "macs": 100}) is None
    assert goal.missing({"loss": 1.0}) == ("accuracy",)


@pytest.mark.parametrize("sign", ["<=", "<", ">=", ">"])
@pytest.mark.parametrize("value", [-3.0, -1e-9, 0.0, 1e-9, 4.0, 1e9])
@pytest.mark.parametrize("bound", [-2.0, 0.0, 4.0])
def test_a_slack_is_positive_exactly_where_the_constraint_fails(sign: str, value: float, bound: float) -> None:
    constraint = Constraint("loss", sign, bound)
    assert (constraint.slack(value) > 0) == (not constraint.holds(value))
