"""What is dropped: how often, independently of what, and by whom it is drawn."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from evaluators.randomness import Noise, draw_seed, kept


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_a_mask_keeps_the_share_that_it_should(rate: float) -> None:
    mask = torch.empty(1000, 400)
    kept(draw_seed(3, 1, 0), 1 - rate, mask)
    torch.testing.assert_close(mask[mask > 0].unique(), torch.tensor([1 / (1 - rate)]))
    assert float((mask > 0).float().mean()) == pytest.approx(1 - rate, abs=4 * (0.25 / mask.numel()) ** 0.5)
    assert float(mask.mean()) == pytest.approx(1.0, abs=0.02)


def test_neighbors_columns_and_lanes_are_independent() -> None:
    """Four numbers come of one draw: none of them says anything about another one."""
    mask = torch.empty(250, 4000, dtype=torch.float64)
    kept(5, 0.5, mask)
    flat = mask.flatten() - 1
    lanes = flat.view(-1, 4)
    off = (lanes.t() @ lanes / len(lanes)).fill_diagonal_(0)
    assert float(off.abs().max()) < 5 / len(lanes) ** 0.5
    assert lanes.mean(0).abs().max() < 5 / len(lanes) ** 0.5
    for lag in (1, 2, 3, 4, 4000):
        assert abs(float((flat[lag:] * flat[:-lag]).mean())) < 5 / len(flat) ** 0.5


def test_seeds_steps_and_places_differ_and_repeat() -> None:
    masks = {}
    for key in ((1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1), (1, 1, 0)):
        mask = torch.empty(64, 33)
        kept(draw_seed(*key), 0.5, mask)
        assert key not in masks or torch.equal(masks[key], mask)
        assert all(torch.equal(mask, other) is (key == known) for known, other in masks.items())
        masks[key] = mask


@pytest.mark.parametrize("shape", [(6,), (6, 5), (6, 4, 3), (6, 2, 4, 3)])
def test_noise_replaces_the_masks_of_a_module_and_nothing_in_evaluation(shape: tuple[int, ...]) -> None:
    module, x = nn.Sequential(nn.Dropout(0.4), nn.Dropout(0.4)), torch.ones(shape)
    noise = Noise(module, 7)
    state = torch.get_rng_state()
    noise.begin(1)
    first = module(x)
    noise.begin(1)
    assert torch.equal(module(x), first)
    noise.begin(2)
    assert not torch.equal(module(x), first) or x.numel() < 10
    assert torch.equal(torch.get_rng_state(), state), "torch's own numbers stay where they are"
    assert torch.equal(module.eval()(x), x)
