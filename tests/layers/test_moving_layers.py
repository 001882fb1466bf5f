"""Layers that move numbers say what they do, and keep their order with the weights."""

from __future__ import annotations

import pytest
import torch

from nas.layers.border import Border
from nas.layers.cosine_transform import CosineTransform
from nas.layers.cycle_shift import CycleShift
from nas.layers.permutation import Permutation
from nas.layers.shift import Shift


def test_layers_without_weights_say_what_they_do() -> None:
    assert repr(Border(1, 2, dim=1, mode="edge")) == "Border(before=1, after=2, dim=1, mode=edge)"
    assert repr(Shift(-1, dim=2)) == "Shift(by=-1, dim=2, fill=zero)"
    assert repr(CycleShift(3)) == "CycleShift(window=3)"
    assert not any(layer.state_dict() for layer in (Border(1, 2, 1, "edge"), Shift(1, 1), CycleShift(3)))


def test_a_permutation_comes_back_with_the_weights() -> None:
    x = torch.randn(2, 9, 3)
    one, other = Permutation(9, seed=1), Permutation(9, seed=2)
    assert not torch.equal(one(x, 1), other(x, 1))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x, 1), other(x, 1))


@pytest.mark.parametrize("n", [1, 4, 7])
def test_the_inverse_cosine_transform_is_the_transpose(n: int) -> None:
    there, back = CosineTransform(n).basis, CosineTransform(n, inverse=True).basis
    assert torch.equal(there, back.T)
    torch.testing.assert_close(there @ back, torch.eye(n))


def test_the_cycle_begins_where_it_stands() -> None:
    x = torch.arange(1.0, 13.0).reshape(1, 4, 3)
    assert CycleShift(3)(x)[0].tolist() == [[1, 5, 0], [4, 8, 3], [7, 11, 6], [10, 0, 9]]
