"""Recipes, schedules and budgets: defaults, types and ranges; rates against torch's own schedulers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from evaluators.budget import check_budget, plan
from evaluators.recipe import RANGES, Recipe, check_recipe
from evaluators.schedule import rate
from nas.errors import ExperimentError


def test_defaults_and_conversions() -> None:
    assert check_recipe({}) == Recipe()
    recipe = check_recipe({"lr": 1, "batch_size": 64.0, "clip": None, "nesterov": False})
    assert (recipe.lr, recipe.batch_size, recipe.clip) == (1.0, 64, None)
    assert isinstance(recipe.lr, float)
    assert isinstance(recipe.batch_size, int)
    assert not check_recipe({"optimizer": "sgd", "momentum": 0}).nesterov, "torch refuses Nesterov without momentum"
    factors = check_recipe({"lr_factors": {"scale*": 6, "*": 0}}).lr_factors
    assert list(factors.items()) == [("scale*", 6.0), ("*", 0.0)], "their order counts"
    numeric = {name for name, value in vars(type(recipe)).items() if name in Recipe.__slots__ and value is not None}
    assert set(RANGES) <= numeric


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 1}, "no setting is called `learning_rate`"),
        ({"batchsize": 1}, "no setting is called `batchsize`; did you mean `batch_size`[?]; there are optimizer, lr"),
        ({"optimizer": "adamww"}, "`optimizer` is one of adamw, adam, sgd; did you mean `adamw`[?], got 'adamww'"),
        ({"lr": "1e-3"}, "`lr` is a number, got '1e-3'"),
        ({"lr": 0}, "`lr` is above 0, got 0"),
        ({"lr": float("nan")}, "`lr` is a number, got nan"),
        ({"lr": True}, "`lr` is a number, got True"),
        ({"clip": -1}, "`clip` is above 0 or null, got -1"),
        ({"clip": "none"}, "`clip` is a number or null, got 'none'"),
        ({"batch_size": 0}, "`batch_size` is at least 1, got 0"),
        ({"batch_size": 1.5}, "`batch_size` is a whole number, got 1.5"),
        ({"batch_size": "big"}, "`batch_size` is a whole number, got 'big'"),
        ({"warmup": 1}, "`warmup` is at least 0 and below 1, got 1"),
        ({"final_lr": 2}, "`final_lr` is at least 0 and at most 1, got 2"),
        ({"nesterov": 1}, "`nesterov` is true or false, got 1"),
        ({"amp": True}, "`amp` is one of auto, bf16, off, got True"),
        ({"lr_factors": 0.1}, '`lr_factors` maps names of weights to factors, such as {"[*].bias": 0.1}, got 0.1'),
        ({"lr_factors": [0.1]}, "`lr_factors` maps names of weights to factors"),
        ({"lr_factors": {1: 0.1}}, "`lr_factors` maps names of weights to factors"),
        ({"lr_factors": {"a": 1, "*.bias": -0.1}}, "`lr_factors` has factors of at least 0, and `[*].bias` has -0.1"),
        ({"lr_factors": {"a": True}}, "has factors of at least 0, and `a` has True"),
        ({"weight_decay_factors": {"a": "0"}}, "`weight_decay_factors` has factors of at least 0, and `a` has '0'"),
        ({"weight_decay_factors": {"a": float("inf")}}, "has factors of at least 0, and `a` has inf"),
    ],
)
def test_recipe_errors(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        check_recipe(settings)


def test_all_faults_at_once() -> None:
    with pytest.raises(ExperimentError) as caught:
        check_recipe({"lr": 0, "optimiser": "adam", "amp": 3})
    assert len(caught.value.faults) == 3


def torch_rates(make: Any, steps: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_schedules_against_torch() -> None:
    steps = 40
    cosine = torch_rates(lambda o: lr_scheduler.CosineAnnealingLR(o, steps), steps)
    linear = torch_rates(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, steps), steps)
    assert [rate(Recipe(lr=0.1), step, steps) for step in range(steps)] == pytest.approx(cosine)
    assert [rate(Recipe(lr=0.1, schedule="linear", final_lr=0.1), s, steps) for s in range(steps)] == pytest.approx(
        linear
    )
    assert {rate(Recipe(lr=0.1, schedule="constant"), step, steps) for step in range(steps)} == {0.1}


def test_one_cycle_starts_rises_and_falls_as_torchs() -> None:
    steps = 1000
    theirs = torch_rates(lambda o: lr_scheduler.OneCycleLR(o, 0.1, steps), steps)
    ours = [rate(Recipe(lr=0.1, schedule="one-cycle"), step, steps) for step in range(steps)]
    assert max(abs(a - b) for a, b in zip(ours, theirs, strict=True)) < 1e-3


def test_coslog4_rises_and_falls_four_times() -> None:
    """Zeros where 1 + 15 t is a power of 2, peaks at √2 times one: arXiv:2407.04491, equation of the schedule."""
    steps = 1500
    rates = [rate(Recipe(lr=2.0, schedule="coslog4"), step, steps) for step in range(steps)]
    assert [rates[round((2**k - 1) * 100)] for k in range(4)] == pytest.approx([0.0] * 4, abs=1e-9)
    peaks = [step for step in range(1, steps - 1) if rates[step - 1] < rates[step] >= rates[step + 1]]
    assert peaks == [round((2 ** (k + 0.5) - 1) * 100) for k in range(4)]
    assert [rates[step] for step in peaks] == pytest.approx([2.0] * 4, rel=1e-3)
    assert rate(Recipe(lr=2.0, schedule="coslog4", final_lr=0.1), 100, steps) == pytest.approx(0.2)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_warmup_rises_to_the_peak_and_never_starts_at_zero(schedule: Any) -> None:
    recipe = Recipe(lr=0.5, schedule=schedule, warmup=0.25)
    rates = [rate(recipe, step, 80) for step in range(80)]
    assert rates[0] == pytest.approx(0.5 / 20)
    assert max(rates) == rates[19] == pytest.approx(0.5)
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rate(Recipe(warmup=0.5), 0, 1) > 0


def test_plans() -> None:
    epochs = plan({"epochs": 5}, (2,), batches=10)
    assert epochs.steps == 50
    assert epochs.marks == {10: 1, 20: 2, 30: 3, 40: 4, 50: 5}
    assert epochs.due == {20, 50}
    long = plan({"epochs": 300}, (10, 100), batches=3)
    assert len(long.marks) < 60
    assert {30, 300, 900} == long.due
    assert long.due <= set(long.marks)
    steps = plan({"steps": 6000}, (1000,), batches=40)
    assert steps.marks[1000] == 1000
    assert steps.due == {1000, 6000}
    assert list(steps.marks) == sorted(steps.marks)
    assert max(steps.marks) == 6000


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        ({}, "expected one of epochs, steps, such as .epochs: 30., got {}"),
        ({"epochs": 3, "steps": 4}, "expected one of epochs, steps"),
        (30, "expected one of epochs, steps, such as .epochs: 30., got 30"),
        ({"epoch": 3}, "no unit is called `epoch`; did you mean `epochs`"),
        ({"epochs": 0}, "`epochs` is a whole number from 1, got 0"),
        ({"epochs": 2.5}, "`epochs` is a whole number from 1, got 2.5"),
        ({"epochs": float("inf")}, "`epochs` is a whole number from 1, got inf"),
        ({"steps": "9"}, "`steps` is a whole number from 1, got '9'"),
    ],
)
def test_budget_errors(budget: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        check_budget(budget)


def test_rungs_lie_inside_the_budget() -> None:
    with pytest.raises(ExperimentError, match="rung 40 is not between 1 and the whole budget of 30 epochs"):
        check_budget({"epochs": 30}, (10, 40))
