"""Hyper-connections with the weights of another implementation: the same outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.codegen import build, source
from nas.space import load_space

FEATURES, TARGETS, WIDTH, STREAMS, DEPTH = 7, 5, 16, 3, 5


class Reference(nn.Module):
    """The package's connections around Pre-LN layers."""

    def __init__(self, package: Any) -> None:
        super().__init__()
        make, self.expand, self.reduce = package.get_init_and_expand_reduce_stream_functions(STREAMS, dim=WIDTH)
        self.begin = nn.Linear(FEATURES, WIDTH)
        self.layers = nn.ModuleList(make(branch=mlp(), layer_index=i) for i in range(DEPTH))
        self.norm = nn.RMSNorm(WIDTH, eps=1e-6)
        self.end = nn.Linear(WIDTH, TARGETS)

    def forward(self, x: Tensor) -> Tensor:
        streams = self.expand(self.begin(x))
        for layer in self.layers:
            streams = layer(streams)
        return self.end(self.norm(self.reduce(streams)))

    def in_order_of_use(self, dynamic: bool) -> list[Tensor]:
        layers = [weight for i, layer in enumerate(self.layers) for weight in layer_weights(layer, i, dynamic)]
        return [*self.begin.parameters(), *layers, *self.norm.parameters(), *self.end.parameters()]


def mlp() -> nn.Sequential:
    return nn.Sequential(
        nn.RMSNorm(WIDTH, eps=1e-6), nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
    )


def layer_weights(layer: Any, i: int, dynamic: bool) -> list[Tensor]:
    """Those of one layer; the family finds the stream that layer `i` begins with at the front of a rolled ring."""
    read, mix, write = layer.static_alpha[:, 0].roll(-i), layer.static_alpha[:, 1:].mT, layer.static_beta
    static = [read, *layer.branch.parameters(), mix, write]
    if not dynamic:
        return static
    alpha = [layer.dynamic_alpha_fn.mT, layer.dynamic_alpha_scale]
    return [layer.norm.gamma + 1, *alpha, layer.dynamic_beta_fn, layer.dynamic_beta_scale, *static]


@pytest.mark.parametrize("connections", ["static", "dynamic"])
def test_hyper_connections(connections: str) -> None:
    package = pytest.importorskip("hyper_connections")
    genotype = {"connections": connections, "n": STREAMS, "depth": DEPTH, "width": WIDTH, "expansion": 2}
    space = load_space("hyper-connections").with_sizes({"features": FEATURES, "targets": TARGETS})
    built = build(source(space.replay({**genotype, "norm": "rms_norm"}).graph))
    reference, generator = Reference(package), torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in reference.parameters():
            weight.normal_(std=0.4, generator=generator)
        if connections == "static":
            for layer in reference.layers:
                layer.dynamic_alpha_scale.zero_()
                layer.dynamic_beta_scale.zero_()
        theirs = reference.in_order_of_use(connections == "dynamic")
        for own, other in zip(built.parameters(), theirs, strict=True):
            own.copy_(other.reshape(own.shape))
        x = torch.randn(6, FEATURES, generator=generator)
        expected = reference(x)
        assert expected.std() > 0.1
        assert torch.allclose(built(x), expected, rtol=1e-5, atol=1e-5)
