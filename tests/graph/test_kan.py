"""The KAN layers: their bases are what they are called, and their counts are the published ones."""

from __future__ import annotations

import math

import pytest
import torch

from nas.graph.builder import Builder
from nas.graph.cost import costs
from nas.graph.types import Axis, TensorType
from nas.layers.chebyshev_linear import ChebyshevLinear
from nas.layers.rbf_linear import RBFLinear
from nas.layers.spline_linear import SplineLinear


@pytest.mark.parametrize(
    ("op", "arguments", "params", "buffers"),
    [
        ("kan", {"grid": 5, "degree": 3}, 508_160, 2 * 12),
        ("rbf_kan", {"grid": 8}, 459_114, 2 * 8),
        ("chebyshev_kan", {"degree": 4}, 254_080, 0),
    ],
)
def test_784_64_10_has_the_published_number_of_parameters(
    op: str, arguments: dict[str, int], params: int, buffers: int
) -> None:
    builder = Builder({"x": TensorType((Axis("features", 784),))})
    hidden = builder.apply(op, (0,), (64,), arguments, weights="a")
    found = costs(builder.finish([builder.apply(op, (hidden,), (10,), arguments, weights="b")]))
    assert (found.params, found.trainable_params, found.buffers) == (params, params, buffers)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("grid", [1, 2, 5, 16])
def test_splines_sum_to_one_inside_and_are_local(grid: int, degree: int) -> None:
    layer = SplineLinear(1, 1, grid, degree)
    x = torch.linspace(-1, 1, 401)[:-1] + 1e-3
    bases = layer.bases(x)
    assert bases.shape == (400, grid + degree)
    torch.testing.assert_close(bases.sum(-1), torch.ones(400), atol=2e-5, rtol=0)
    assert (bases > -1e-6).all()
    assert ((bases > 1e-6).sum(-1) <= degree + 1).all()
    far = layer.bases(torch.tensor([-5.0, 5.0]) * (1 + degree))
    assert (far == 0).all()


@pytest.mark.parametrize(("grid", "degree"), [(5, 3), (4, 2), (3, 1)])
def test_splines_are_those_of_scipy(grid: int, degree: int) -> None:
    interpolate = pytest.importorskip("scipy.interpolate")
    layer = SplineLinear(1, 1, grid, degree).double()
    x = torch.linspace(-1, 1, 101, dtype=torch.float64)[:-1]
    ours = layer.bases(x)
    theirs = interpolate.BSpline.design_matrix(x.numpy(), layer.knots.numpy(), degree).toarray()
    torch.testing.assert_close(ours, torch.from_numpy(theirs), atol=1e-6, rtol=0)


def test_splines_of_the_first_degree_draw_a_polyline() -> None:
    layer = SplineLinear(1, 1, grid=4, degree=1)
    heights = torch.tensor([0.0, 1.0, -1.0, 2.0, 0.5])
    with torch.no_grad():
        layer.base_weight.zero_()
        layer.spline_scale.fill_(1)
        layer.spline_weight.copy_(heights.view(1, 1, 5))
    x = torch.tensor([[-1.0], [-0.5], [-0.25], [0.0], [0.5]])
    torch.testing.assert_close(layer(x)[:, 0], torch.tensor([0.0, 1.0, 0.0, -1.0, 2.0]))


def test_chebyshev_terms_are_cosines() -> None:
    layer = ChebyshevLinear(1, 5, degree=4)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(5).unsqueeze(1))
    x = torch.linspace(-3, 3, 50).unsqueeze(-1)
    angle = torch.tanh(x).acos()
    torch.testing.assert_close(layer(x), torch.cos(angle * torch.arange(5)), atol=1e-5, rtol=0)


def test_chebyshev_has_gradients_where_tanh_is_flat() -> None:
    x = torch.tensor([[-1e4, 0.0, 1e4]], requires_grad=True)
    ChebyshevLinear(3, 2)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_bumps_are_one_at_their_centres_and_the_same_beside() -> None:
    layer = RBFLinear(2, 3, grid=5)
    assert layer.centres.tolist() == [-2, -1, 0, 1, 2]
    with torch.no_grad():
        layer.base.weight.zero_()
        layer.base.bias.zero_()
        layer.weight.fill_(1)
    out = layer(torch.tensor([[-1.0, 1.0]]))  # normalised to −1 and 1
    each = 1 + math.exp(-1) * 2 + math.exp(-4) + math.exp(-9)
    torch.testing.assert_close(out, torch.full((1, 3), 2 * each), atol=1e-3, rtol=0)


@pytest.mark.parametrize("layer", [SplineLinear(4, 3), RBFLinear(4, 3), ChebyshevLinear(4, 3)])
def test_layers_take_any_leading_shape_and_are_stable(layer: torch.nn.Module) -> None:
    x = torch.randn(2, 5, 4) * 100
    x.requires_grad_()
    out = layer(x)
    assert out.shape == (2, 5, 3)
    out.square().sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    torch.testing.assert_close(layer(x[1, 2]), out[1, 2])
