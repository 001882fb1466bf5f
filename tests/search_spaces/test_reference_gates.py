"""Gated MLPs with the weights of other people's implementations: the same outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nas.codegen import build, source, weight_paths
from nas.space import load_space

SIDE, PATCH, CHANNELS, DIM, DEPTH, CLASSES = 16, 4, 3, 24, 3, 7


def block_weights(residual: Any) -> list[Tensor]:
    """The weights of the package's block in the order of their use, the attention behind the gate."""
    norm, block = residual.fn.norm, residual.fn.fn
    gate = block.sgu
    attention = [] if block.attn is None else list(block.attn.parameters())
    return [
        *norm.parameters(),
        *block.proj_in.parameters(),
        *gate.norm.parameters(),
        gate.weight,
        gate.bias,
        *attention,
        *block.proj_out.parameters(),
    ]


def in_order_of_use(package: Any) -> list[Tensor]:
    """All weights of a gMLPVision, whose patches hold the channels first and ours last."""
    embed, end = package.to_patch_embed[1], package.to_logits
    patches = embed.weight.unflatten(1, (CHANNELS, PATCH * PATCH)).transpose(1, 2).flatten(1)
    blocks = [weight for layer in package.layers for weight in block_weights(layer)]
    return [patches, embed.bias, *blocks, *end.parameters()]


@pytest.mark.parametrize("head", [None, 8])
def test_gmlp_on_images(head: int | None) -> None:
    vision = pytest.importorskip("g_mlp_pytorch").gMLPVision
    theirs = vision(
        image_size=SIDE, patch_size=PATCH, num_classes=CLASSES, dim=DIM, depth=DEPTH, ff_mult=2, attn_dim=head
    )
    genotype = {"patch": PATCH, "dim": DIM, "ffn": 2 * DIM, "depth": DEPTH, "attention": "tiny" if head else "none"}
    space = load_space("gmlp").with_sizes({"height": SIDE, "width": SIDE, "channels": CHANNELS, "classes": CLASSES})
    graph = space.replay({**genotype, **({"head": head} if head else {})}).graph
    ours = build(source(graph))
    paths = weight_paths(graph)
    own = [weight for node in sorted(paths) for weight in ours.get_submodule(paths[node]).parameters()]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.normal_(std=0.3, generator=generator)
        for weight, other in zip(own, in_order_of_use(theirs), strict=True):
            weight.copy_(other.reshape(weight.shape))
        x = torch.randn(5, CHANNELS, SIDE, SIDE, generator=generator)
        expected = theirs.eval()(x)
        assert expected.std() > 0.1
        assert torch.allclose(ours.eval()(x.permute(0, 2, 3, 1)), expected, rtol=1e-5, atol=1e-5)
