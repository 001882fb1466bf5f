"""Every shipped space: every draw builds, its costs are torch's own, and its exports stand alone."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas.codegen import build, export, source, verify
from nas.space import Architecture, Space, load_space, shipped_spaces
from nas.space.check import check
from nas.space.loading import is_family

NAMES = tuple(shipped_spaces())
DRAWS = 10_000
# the deep convolutional skeleton and families of whole networks take many times as long as the others, which make up for it
SLOW_DRAWS = {name: 60 for name, path in shipped_spaces().items() if is_family(path)} | {"nasbench201": 250}
SLOW_DRAWS |= {"maxim": 15, "mlp": 1500, "low-rank": 1000, "hourglass": 1000}
EXPORTS = 200
BATCH = 2


def small(name: str) -> Space:
    """The space at sizes where even convolutions are quick."""
    space = load_space(name)
    return space.with_sizes({"height": 8, "width": 8}) if "height" in space.sizes else space


def assert_costs_are_torchs(space: Space, drawn: Architecture) -> None:
    module = build(source(drawn.graph)).eval()
    inputs = [torch.rand(BATCH, *shape) for shape in space.input_shapes]
    costs = drawn.costs
    assert sum(p.numel() for p in module.parameters()) == costs.params
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == costs.trainable_params
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        output = module(*inputs)
    members = (drawn.members,) if space.program.ensemble else ()
    assert tuple(output.shape) == (BATCH, *members, *space.output_shape)
    assert counter.get_total_flops() == 2 * BATCH * costs.macs


def test_the_promised_spaces_are_there() -> None:
    assert {"mlp", "residual-mlp", "gmlp", "mixer", "kan", "families", "grammar", "nasbench201"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_space_is_sound_documented_and_cited(name: str) -> None:
    space = small(name)
    found = check(space, draws=60)
    assert found.acceptance > 0.2
    assert space.doc
    assert space.source
    assert space.name == name.rpartition("/")[2]


@pytest.mark.parametrize("name", NAMES)
def test_costs_of_some_draws(name: str) -> None:
    space, rng = small(name), Random(1)
    for _ in range(4):
        assert_costs_are_torchs(space, space.sample(rng))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_costs_of_ten_thousand_draws_over_all_spaces(name: str) -> None:
    space, rng = small(name), Random(2)
    for _ in range(SLOW_DRAWS.get(name, -(-(DRAWS - sum(SLOW_DRAWS.values())) // (len(NAMES) - len(SLOW_DRAWS))))):
        assert_costs_are_torchs(space, space.sample(rng))


@pytest.mark.slow
def test_two_hundred_exports_run_in_one_fresh_interpreter(tmp_path) -> None:
    rng, written = Random(3), []
    for number in range(EXPORTS):
        space = small(NAMES[number % len(NAMES)])
        drawn = space.sample(rng)
        path = tmp_path / f"model_{number}.py"
        shapes, params = space.input_shapes, drawn.costs.params
        written.append(export(source(drawn.graph), None, path, shapes, params=params, seed=number, check=False))
    assert all(exported.verified for exported in verify(written))
