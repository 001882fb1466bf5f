"""Who trains in bfloat16, as far as that is decided without a GPU."""

import pytest
import torch

from evaluators.cohorts.eligibility import why_alone
from evaluators.precision import is_half
from evaluators.recipe import check_recipe
from evaluators.tasks import load_task
from nas.space import load_space
from nas.study.candidate import Job

SMALL, LARGE = {"macs": 10_000}, {"macs": 50_000_000}


def job(costs: dict[str, int], **recipe: object) -> Job:
    return Job(0, {}, "", {"batch_size": 64, **recipe}, 0, {"epochs": 1}, costs=costs)


@pytest.mark.parametrize(
    ("costs", "amp", "half"),
    [
        (SMALL, "auto", False),
        (LARGE, "auto", True),
        ({}, "auto", True),  # nobody said how large it is
        (SMALL, "bf16", True),
        (LARGE, "off", False),
    ],
)
def test_large_candidates_and_those_that_ask_for_it(
    monkeypatch: pytest.MonkeyPatch, costs: dict[str, int], amp: str, half: bool
) -> None:
    asked = job(costs, amp=amp)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert is_half(asked, check_recipe(asked.recipe), "cuda:0") is half
    assert not is_half(asked, check_recipe(asked.recipe), "cpu")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert not is_half(asked, check_recipe(asked.recipe), "cuda:0")


def test_only_who_trains_in_float32_joins_a_cohort(monkeypatch: pytest.MonkeyPatch) -> None:
    from random import Random

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    task = load_task("digits").reshaped([(64,)], [(10,)])
    design = load_space("mlp").bind([[64]], [[10]]).sample(Random(0))
    for amp, why in (("auto", ""), ("bf16", "it trains in bfloat16; `amp: off` lets it join")):
        own = Job(0, {}, "", {"amp": amp}, 0, {"epochs": 1}, costs=SMALL, graph=design.graph)
        assert why_alone(own, task, "cuda:0") == why
