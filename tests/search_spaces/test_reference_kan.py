"""The bases of the family `kan` with the weights of other people's implementations: the same outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.codegen import build, source
from nas.space import load_space

WIDTHS = (6, 8, 4)


def network(genotype: dict[str, Any]) -> tuple[nn.Module, list[nn.Module]]:
    """A KAN of one hidden layer with random weights of double precision, and its two layers."""
    space = load_space("kan").with_sizes({"features": WIDTHS[0], "targets": WIDTHS[-1]})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build(source(space.replay({"depth": 1, "hidden[0].width": WIDTHS[1], **genotype}).graph))
        for weight in module.parameters():
            nn.init.normal_(weight)
        return module.double(), list(module.children())


def some_inputs() -> Tensor:
    return torch.randn(64, WIDTHS[0], generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("grid", "degree"), [(5, 3), (3, 2), (8, 1)])
@torch.no_grad()
def test_splines_are_those_of_pykan(grid: int, degree: int) -> None:
    package = pytest.importorskip("kan.KANLayer")
    module, layers = network({"basis": "spline", "grid": grid, "degree": degree})
    x = z = some_inputs()
    for layer in layers:
        o, i, _ = layer.spline_weight.shape
        reference = package.KANLayer(i, o, num=grid, k=degree).double()
        reference.scale_base.copy_(layer.base_weight.T)
        reference.scale_sp.copy_(layer.spline_scale.T)
        reference.coef.copy_(layer.spline_weight.transpose(0, 1))
        z = reference(z)[0]
    assert_same(module(x), z)


class FastKANLayer(nn.Module):
    """Transcribed from the package that came with arXiv:2405.06721."""

    def __init__(self, i: int, o: int, grids: int) -> None:
        super().__init__()
        self.layernorm = nn.LayerNorm(i)
        self.grid = torch.linspace(-2, 2, grids)
        self.spline_linear = nn.Linear(i * grids, o, bias=False)
        self.base_linear = nn.Linear(i, o)

    def forward(self, x: Tensor) -> Tensor:
        spread = 4 / (len(self.grid) - 1)
        bumps = torch.exp(-(((self.layernorm(x)[..., None] - self.grid) / spread) ** 2))
        return self.spline_linear(bumps.flatten(-2)) + self.base_linear(nn.functional.silu(x))


@torch.no_grad()
def test_bumps_are_those_of_fast_kan() -> None:
    module, layers = network({"basis": "rbf", "grid": 8})
    x = z = some_inputs()
    for layer in layers:
        o, i, grids = layer.weight.shape
        reference = FastKANLayer(i, o, grids).double()
        reference.layernorm.load_state_dict(layer.norm.state_dict())
        reference.base_linear.load_state_dict(layer.base.state_dict())
        reference.spline_linear.weight.copy_(layer.weight.flatten(1))
        z = reference(z)
    assert_same(module(x), z)


@torch.no_grad()
def test_chebyshev_polynomials_are_cosines_of_multiple_angles() -> None:
    module, layers = network({"basis": "chebyshev", "order": 4})
    x = z = some_inputs()
    for layer in layers:
        angles = z.tanh().acos()
        z = torch.einsum("bid,oid->bo", (angles[..., None] * torch.arange(5)).cos(), layer.weight)
    assert_same(module(x), z)


@torch.no_grad()
def test_fourier_series() -> None:
    module, layers = network({"basis": "fourier", "grid": 3})
    x = z = some_inputs()
    for layer in layers:
        a, b = layer.weight.split(3, -1)
        angles = z[..., None] * torch.arange(1, 4)
        z = torch.einsum("big,oig->bo", angles.cos(), a) + torch.einsum("big,oig->bo", angles.sin(), b) + layer.bias
    assert_same(module(x), z)


@torch.no_grad()
def test_mexican_hats_are_those_of_wav_kan() -> None:
    module, layers = network({"basis": "wavelet", "mother": "mexican_hat"})
    x = z = some_inputs()
    for layer in layers:
        scaled = (z[:, None] - layer.translation) / layer.scale
        hat = 2 / (3**0.5 * torch.pi**0.25) * (scaled**2 - 1) * torch.exp(-0.5 * scaled**2)
        z = layer.norm((hat * layer.weight).sum(-1))
    assert_same(module(x), z)
