"""What the families of plain, residual and gated MLPs promise about pairs of designs and about their start."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from nas.codegen import build, source
from nas.errors import SpaceError
from nas.space import Architecture, load_space

X = torch.randn(9, 40, generator=torch.Generator().manual_seed(0))


def design(family: str, **decisions: Any) -> Architecture:
    """The family's seed `small` with some decisions changed, or left out where None is given."""
    space = load_space(family)
    changed = {**space.seeds["small"], **decisions}
    return space.replay({path: value for path, value in changed.items() if value is not None}, Random(0))


def module(architecture: Architecture) -> Any:
    torch.manual_seed(0)
    return build(source(architecture.graph)).eval()


def outputs(architecture: Architecture) -> Tensor:
    with torch.no_grad():
        return module(architecture)(X)


def test_serial_and_parallel_layers_are_twins() -> None:
    serial, parallel = (design("shallow-again", arrangement=arrangement) for arrangement in ("serial", "parallel"))
    assert (serial.costs.params, serial.costs.macs) == (parallel.costs.params, parallel.costs.macs)
    assert serial.digest != parallel.digest
    one = [design("shallow-again", arrangement=arrangement, layers=1) for arrangement in ("serial", "parallel")]
    assert one[0].digest == one[1].digest
    assert not torch.allclose(outputs(serial), outputs(parallel), atol=1e-3)


@pytest.mark.parametrize("neuron", ["quadratic", "qres"])
def test_quadratic_neurons_start_as_linear_ones(neuron: str) -> None:
    """A layer without activation in between: it is affine at first, and is not with random quadratic terms."""
    affine = []
    for start in ("relinear", "random"):
        built = module(design("quadratic", neuron=neuron, start=start, depth=1, norm="identity", act="relu"))
        layer = next(part for name, part in built.named_children() if name == neuron)
        with torch.no_grad():
            middle, ends = layer((X[0] + X[1]) / 2), (layer(X[0]) + layer(X[1])) / 2
        affine.append(torch.allclose(middle, ends, atol=1e-5))
    assert affine == [True, False]


def test_hourglasses_are_matched_in_parameters() -> None:
    space = load_space("hourglass-matched")
    rng, shares = Random(0), []
    for _ in range(40):
        drawn = space.sample(rng)
        for shape in ("hourglass", "conventional"):
            costs = space.replay({**drawn.genotype, "shape": shape}).costs
            assert costs.params <= drawn.genotype["budget"]
            shares.append(costs.params / drawn.genotype["budget"])
    assert min(shares) > 0.7 and sum(shares) / len(shares) > 0.95


@pytest.mark.parametrize("lift", ["trained", "frozen", "identity_lift", "absent"])
def test_a_lift_is_trained_frozen_the_identity_or_absent(lift: str) -> None:
    drawn = design("hourglass", lift=lift, **({"skip": None} if lift == "absent" else {}))
    frozen = drawn.costs.params - drawn.costs.trainable_params
    assert frozen == (40 * 92 if lift in ("frozen", "identity_lift") else 0)
    if lift == "identity_lift":
        assert torch.equal(module(drawn).identity_lift(X), torch.cat([X, torch.zeros(9, 52)], 1))


def test_post_ln_comes_first_and_pre_ln_alone_keeps_the_sum() -> None:
    built = module(design("mix-ln", post=0.25, depth=8))
    kinds = [type(part).__name__ for part in built.modules() if type(part).__name__ in ("PostLn", "PreLn")]
    assert kinds == 2 * ["PostLn"] + 6 * ["PreLn"]


@pytest.mark.parametrize("gated", ["first", "second"])
def test_packed_and_separate_projections_are_one_function(gated: str) -> None:
    shared = {"depth": 1, "norm": "layer_norm", "with_bias": True, "gate": "silu"}
    packed = module(design("glu", projection="packed", gated=gated, **shared))
    separate = module(design("glu", projection="separate", **shared))
    halves = [half for weight in packed.ffn.packed.linear.parameters() for half in weight.detach().chunk(2)]
    weights = (
        [halves[0], halves[2], halves[1], halves[3]]
        if gated == "first"
        else [halves[1], halves[3], halves[0], halves[2]]
    )
    with torch.no_grad():
        for own, half in zip(separate.ffn.separate.parameters(), weights, strict=True):
            own.copy_(half)
        x = torch.randn(5, 32)
        own = separate.ffn.separate(x)
        assert torch.allclose(packed.ffn.packed(x), own, atol=1e-6)


def test_an_aligned_width_is_the_one_of_llama() -> None:
    drawn = load_space("glu").replay(
        {"gate": "silu", "projection": "separate", "depth": 1, "width": 512, "expansion": 4, "align": 64,
         "norm": "rms_norm", "with_bias": False}
    )  # fmt: skip
    hidden = 64 * 22  # two thirds of 2048 are 1365.3
    assert drawn.costs.params == (40 + 1) * 512 + 3 * 512 * hidden + 2 * 512 + (512 + 1) * 10


@pytest.mark.parametrize("active", [1, 2])
def test_experts_that_a_sample_leaves_out_cost_it_nothing(active: int) -> None:
    drawn = design("mixture-of-experts", number=16, granularity=1, active=active, gates="softmax_of_all", depth=3)
    expert = (32 + 1) * 32 + (32 + 1) * 32
    assert drawn.costs.params - drawn.costs.active_params == 3 * (16 - active) * expert


def test_the_gates_of_the_chosen_experts_sum_to_one() -> None:
    gates = module(design("mixture-of-experts", gates="softmax_of_top")).moes[0].softmax_of_top
    found = gates(torch.randn(20, 8))
    assert torch.allclose(found.sum(1), torch.ones(20))
    assert (found > 0).sum(1).tolist() == 20 * [2]
    with pytest.raises(SpaceError, match=r"granularity \* active > 1"):
        design("mixture-of-experts", gates="softmax_of_top", granularity=1, active=1)


@pytest.mark.parametrize(
    "generator",
    [{"generator": "ws"}, {"generator": "er", "k": None}, {"generator": "ba", "k": None, "p": None, "m": 3}],
)
def test_a_wiring_belongs_to_its_seed_and_differs_from_stage_to_stage(generator: dict[str, Any]) -> None:
    known = {**generator, "width": 8, "weighted": False}
    digests = [design("random-wiring", **known, stages=1, seed=seed).digest for seed in (0, 1, 0)]
    assert digests[0] == digests[2] != digests[1]
    stages = [
        part for part in module(design("random-wiring", **known, stages=2)).modules() if "Stage" in type(part).__name__
    ]
    assert len({type(part) for part in stages}) == 2


def test_edges_have_weights_of_their_own() -> None:
    plain, weighted = (design("random-wiring", weighted=chosen) for chosen in (False, True))
    edges = weighted.costs.params - plain.costs.params
    assert edges == 16 * 4 // 2  # a ring of 16 nodes that know 4 others, rewired
    assert torch.allclose(outputs(plain), outputs(weighted), atol=1e-5)  # they start at one


def test_hyper_connections_start_as_equal_streams() -> None:
    """All streams are the residual stream of a Pre-LN network at first, so their sum is n times it: the last norm removes n."""
    one, four = (design("hyper-connections", n=n, connections="dynamic") for n in (1, 4))
    first, second = module(one), module(four)
    shared = [dict(built.named_parameters()) for built in (first, second)]
    with torch.no_grad():
        for name, weight in shared[1].items():
            if weight.shape == shared[0].get(name, torch.empty(0)).shape:
                weight.copy_(shared[0][name])
        assert torch.allclose(first(X), second(X), atol=1e-4)
