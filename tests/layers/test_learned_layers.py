"""Layers with weights start as their papers say."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.layers.einsum_linear import EinsumLinear
from nas.layers.experts import Experts
from nas.layers.field_embedding import FieldEmbedding
from nas.layers.fourier_linear import FourierLinear
from nas.layers.group_rational import GroupRational
from nas.layers.init import Init
from nas.layers.ntk_linear import NTKLinear
from nas.layers.parametric import Parametric
from nas.layers.poly_norm import PolyNorm
from nas.layers.poly_relu import PolyReLU
from nas.layers.top_k import TopK
from nas.layers.values import Values
from nas.layers.wavelet_linear import WaveletLinear


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def matrices(layer: nn.Module) -> Tensor:
    """All matrices of a linear layer, one behind the other."""
    assert isinstance(layer.weight, Tensor)
    return layer.weight.detach().view(-1, *layer.weight.shape[-2:])


LAYERS = [lambda: nn.Linear(40, 40), lambda: EinsumLinear("...tc,tCc->...tC", (3, 40, 40), bias=(3, 40))]


@pytest.mark.parametrize("make", LAYERS)
def test_linear_maps_start_as_they_are_told(make: object) -> None:
    assert callable(make)
    for start, std in (("near_zero", 1e-6), ("normal", 0.02), ("xavier", math.sqrt(2 / 80))):
        weight = matrices(make().apply(Init(start)))
        assert weight.std().item() == pytest.approx(std, rel=0.05)
        assert abs(weight.mean().item()) < 0.1 * std
    assert not matrices(make().apply(Init("zeros"))).any()
    assert (matrices(make().apply(Init("ones"))) == 1).all()
    for matrix in matrices(make().apply(Init("identity"))):
        assert torch.equal(matrix, torch.eye(40))
    for matrix in matrices(make().apply(Init("orthogonal"))):
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(40), atol=1e-5, rtol=0)
    torch.manual_seed(1)
    plain = make()
    torch.manual_seed(1)
    other = make().apply(Init(bias="ones"))
    assert torch.equal(matrices(plain), matrices(other))
    assert (other.bias == 1).all()
    assert not make().apply(Init(bias="zeros")).bias.any()
    assert torch.equal(make().apply(Init()).weight != 0, torch.ones_like(plain.weight, dtype=torch.bool))


@pytest.mark.parametrize("start", ["orthogonal", "normal", "xavier", "near_zero"])
def test_a_seed_draws_the_same_weights_again(start: str) -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)
        drawn.append(nn.Linear(5, 4).apply(Init(start)).weight)
    assert torch.equal(*drawn)


def test_maps_per_position_start_like_linear_maps() -> None:
    layer = EinsumLinear("...tc,tCc->...tC", (5, 60, 25), bias=(5, 60))
    assert layer.bias is not None
    for values in (layer.weight, layer.bias):
        assert values.abs().max().item() == pytest.approx(0.2, rel=0.02)
        assert values.std().item() == pytest.approx(0.2 / math.sqrt(3), rel=0.05)
    assert EinsumLinear("...tc,tCc->...tC", (5, 60, 25)).bias is None
    assert repr(layer) == "EinsumLinear(...tc,tCc->...tC)"


def test_the_tangent_parametrisation_keeps_the_variance() -> None:
    layer = NTKLinear(400, 300)
    assert layer.bias is not None
    assert layer.weight.std().item() == pytest.approx(1, rel=0.02)
    assert layer.bias.std().item() == pytest.approx(1, rel=0.1)
    y = NTKLinear(400, 300, bias=False)(torch.randn(200, 400))
    assert y.std().item() == pytest.approx(1, rel=0.05)
    assert not NTKLinear(4, 3, zeros=True)(torch.randn(5, 4)).any()


def test_values_start_where_and_how_they_are_told() -> None:
    shape = (40, 50)
    assert (Values(shape, 0.5)() == 0.5).all()
    normal = Values(shape, 2.0, 0.1, "normal")()
    assert (normal.mean().item(), normal.std().item()) == (pytest.approx(2, abs=0.01), pytest.approx(0.1, rel=0.05))
    uniform = Values(shape, 1.0, math.pi, "uniform")()
    assert uniform.min().item() == pytest.approx(1 - math.pi, abs=0.05)
    assert uniform.max().item() == pytest.approx(1 + math.pi, abs=0.05)
    signs = Values(shape, 3.0, distribution="signs")()
    assert set(signs.unique().tolist()) == {-3.0, 3.0}
    assert abs(signs.mean().item()) < 0.3
    assert repr(Values(shape)) == "Values((40, 50))"


def test_experts_start_as_linear_maps_and_say_what_they_are() -> None:
    layer = Experts(25, 100, 5, experts=4, active=2, act="silu")
    assert repr(layer) == "Experts(25 → 100 → 5, 2 of 4)"
    for values, bound in ((layer.up, 0.2), (layer.up_bias, 0.2), (layer.down, 0.1), (layer.down_bias, 0.1)):
        assert values.abs().max().item() == pytest.approx(bound, rel=0.1)
        assert values.abs().max().item() <= bound


def test_experts_that_nobody_chooses_get_no_gradient() -> None:
    layer = Experts(3, 5, 3, experts=4, active=1)
    gates = torch.zeros(6, 4)
    gates[:, 2] = 1
    layer(torch.randn(6, 3), gates).sum().backward()
    assert layer.down.grad is not None
    assert layer.down.grad.flatten(1).any(1).tolist() == [False, False, True, False]


def test_tables_start_with_the_deviation_asked_for() -> None:
    assert FieldEmbedding(4, 50, 20).weight.std().item() == pytest.approx(1, rel=0.05)
    assert FieldEmbedding(4, 50, 20, std=1e-4).weight.std().item() == pytest.approx(1e-4, rel=0.05)
    layer = FieldEmbedding(1, 5, 2)
    odd = torch.tensor([[-3.0, 0.4, 7.0, math.inf, -math.inf, math.nan]])
    torch.testing.assert_close(layer(odd), layer(torch.tensor([[0.0, 0, 4, 4, 0, 0]])))
    assert repr(FieldEmbedding(4, 50, 20)) == "FieldEmbedding((4, 50, 20))"
    assert repr(TopK(3)) == "TopK(k=3)"


def test_rational_functions_start_as_swish_or_the_identity_and_keep_the_variance() -> None:
    x = torch.linspace(-5, 5, 1008).view(-1, 8)
    torch.testing.assert_close(GroupRational(4, "identity")(x), x, rtol=1e-5, atol=1e-6)
    near = GroupRational(4)(x) / 1.676545
    assert (near - F.silu(x)).abs().max() < 0.01
    inner = x.abs() < 3
    assert (near - F.silu(x))[inner].abs().max() < 2e-4
    drawn = torch.randn(200_000, 8)
    for start in ("swish", "identity"):
        assert GroupRational(8, start)(drawn).square().mean().item() == pytest.approx(1, abs=0.01)


def test_polynomials_start_as_means_of_powers() -> None:
    x = torch.randn(5, 6)
    r = x.relu()
    torch.testing.assert_close(PolyReLU()(x), (r + r**2 + r**3) / 3)
    powers = torch.stack([F.rms_norm(x**k, (6,), eps=1e-6) for k in (1, 2, 3)])
    torch.testing.assert_close(PolyNorm()(x), powers.mean(0))


def test_a_parametric_activation_starts_as_the_activation() -> None:
    x = torch.randn(5, 6)
    torch.testing.assert_close(Parametric(6, "selu")(x), F.selu(x))


def test_fourier_series_start_with_variance_one() -> None:
    y = FourierLinear(50, 400, grid=5)(torch.randn(100, 50))
    assert y.std().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("wavelet", ["mexican_hat", "morlet", "dog"])
def test_wavelets_have_no_mean_and_fade(wavelet: str) -> None:
    layer = WaveletLinear(2, 3, wavelet)
    assert (layer.scale == 1).all()
    assert not layer.translation.any()
    psi = layer.psi(torch.linspace(-8, 8, 4001, dtype=torch.float64))
    assert abs(psi.mean().item()) * 16 < 1e-4
    assert psi[[0, -1]].abs().max() < 1e-10
    assert psi.abs().max() > 0.5
