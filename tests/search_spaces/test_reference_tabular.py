"""TabM and RealMLP with the weights of other implementations: the same outputs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.codegen import build, source
from nas.space import load_space

SIZES = {"features": 5, "targets": 3}


def with_weights(name: str, genotype: dict[str, Any], weights: Iterable[Tensor]) -> nn.Module:
    """The family's model with `weights`, in the order of its parameters and of their shapes."""
    built = build(source(load_space(name).with_sizes(SIZES).replay(genotype).graph))
    with torch.no_grad():
        for own, other in zip(built.parameters(), weights, strict=True):
            assert own.shape == other.shape
            own.copy_(other)
    return built.eval()


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    x = torch.randn(9, SIZES["features"], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.eval()(x)
        assert expected.std() > 0.1
        torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=1e-5)


def tabm_weights(reference: nn.Module, sharing: str) -> list[Tensor]:
    """Of a `TabM`, in the order of ours: inputs behind outputs, biases between members and channels as they broadcast."""
    found = [reference.backbone.affine.weight] if sharing == "mini" else []
    for block in reference.backbone.blocks:
        linear = block[0]
        if sharing == "tabm":
            found += [linear.r, linear.weight, linear.s, linear.bias]
        elif sharing == "mini":
            found += [linear.weight, linear.bias]
        else:
            found += [linear.weight.transpose(-2, -1), linear.bias]
    return [*found, reference.output.weight.transpose(-2, -1), reference.output.bias]


@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("sharing", ["tabm", "mini", "packed"])
def test_tabm(sharing: str, depth: int) -> None:
    package = pytest.importorskip("tabm")
    arch = {"tabm": "tabm", "mini": "tabm-mini", "packed": "tabm-packed"}[sharing]
    reference = package.TabM.make(
        n_num_features=5, d_out=3, arch_type=arch, n_blocks=depth, d_block=16, k=4, dropout=0.1
    )
    with torch.no_grad():
        for seed, weight in enumerate(reference.parameters()):  # also where they would start with equal constants
            weight.normal_(std=0.3, generator=torch.Generator().manual_seed(seed))
    genotype = {"sharing": sharing, "k": 4, "depth": depth, "width": 16, "act": "relu", "rate": 0.1}
    assert_same(with_weights("tabm", genotype, tabm_weights(reference, sharing)), reference)


class RealMLP(nn.Module):
    """Transcribed from arXiv:2407.04491, appendix A, and its implementation, pytabkit 1.7."""

    def __init__(self, features: int, hidden: int, depth: int, out: int) -> None:
        super().__init__()

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(
                torch.randn(shape, generator=torch.Generator().manual_seed(len(list(self.parameters()))))
            )

        self.w1, self.b1 = drawn(features, 1, 16), drawn(features, 1, 16)
        self.w2 = drawn(features, 16, 3)
        self.b2 = drawn(features, 1, 3)
        self.scale = drawn(4 * features)
        sizes = [4 * features, *[hidden] * depth, out]
        self.weights, self.biases, self.alphas = nn.ParameterList(), nn.ParameterList(), nn.ParameterList()
        for i, o in pairwise(sizes):
            self.weights.append(drawn(i, o))
            self.biases.append(drawn(o))
            self.alphas.append(drawn(o))

    def forward(self, x: Tensor) -> Tensor:
        waves = torch.cos(2 * math.pi * x.T[..., None] @ self.w1 + self.b1) @ self.w2 + self.b2
        z = torch.cat([waves.transpose(0, 1).flatten(1), x], 1) * self.scale
        for k, (weight, bias, alpha) in enumerate(zip(self.weights, self.biases, self.alphas, strict=True)):
            z = z @ weight / math.sqrt(len(weight)) + bias
            if k < len(self.weights) - 1:
                z = z + (nn.functional.mish(z) - z) * alpha
        return z

    def in_our_order(self) -> list[Tensor]:
        found = [self.w1.squeeze(1).T, self.b1.squeeze(1).T, self.w2.transpose(1, 2), self.b2.squeeze(1).T, self.scale]
        for weight, bias, alpha in zip(self.weights, self.biases, self.alphas, strict=True):
            found += [weight.T, bias, alpha]
        return found[:-1]


@pytest.mark.parametrize("depth", [1, 3])
def test_realmlp(depth: int) -> None:
    reference = RealMLP(5, 32, depth, 3)
    genotype = {"embed": "pbld", "frequencies": 16, "embedded": 4, "act": "mish", "depth": depth, "width": 32}
    settings = {"sigma": 0.1, "rate": 0.15, "lr": 0.04, "weight_decay": 0.02}
    assert_same(with_weights("realmlp", {**genotype, **settings}, reference.in_our_order()), reference)


def test_the_recipe_of_realmlp_finds_the_weights_that_it_names() -> None:
    space = load_space("realmlp")
    built = space.replay(space.seeds["realmlp-td-classification"])
    names = [name for name, _ in build(source(built.graph)).named_parameters()]
    for factors in (built.recipe["lr_factors"], built.recipe["weight_decay_factors"]):
        for glob in factors:
            assert any(fnmatchcase(name, glob) for name in names), f"no weight is called {glob}"
