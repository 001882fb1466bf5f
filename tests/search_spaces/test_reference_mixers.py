"""MLP-Mixer and ResMLP with the weights of other people's implementations: the same outputs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.codegen import build, source
from nas.space import load_space

SIZES = {"height": 24, "width": 16, "channels": 3, "classes": 7}
IMAGE = {"image_size": (24, 16), "patch_size": 4, "dim": 20, "num_classes": 7}


def assert_equal_outputs(name: str, genotype: dict[str, Any], reference: nn.Module, weights: list[Tensor]) -> None:
    """The shipped family gives what the reference gives, once it holds the reference's `weights`, in the order of their use."""
    built = build(source(load_space(name).with_sizes(SIZES).replay({"act": "gelu", **genotype}).graph))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for own, other in zip(built.parameters(), weights, strict=True):
            assert own.numel() == other.numel()
            other.normal_(std=0.3, generator=generator)  # also where both would start with equal constants
            own.copy_(other.view_as(own))
        images = torch.randn(5, 24, 16, 3, generator=generator)
        theirs = reference.eval()(images.movedim(-1, 1))
        assert theirs.std() > 0.1
        assert torch.allclose(built.eval()(images), theirs, rtol=1e-5, atol=1e-5)


def in_order_of_use(reference: nn.Sequential, depth: int) -> list[Tensor]:
    """Both packages: an embedding, `depth` blocks of two residual branches, the end. They register a branch's parts otherwise."""
    embedding, blocks, end = reference[:2], reference[2 : 2 + depth], reference[2 + depth :]
    branches = [
        weight for block in blocks.children() for branch in block.children() for weight in branch_weights(branch)
    ]
    return [*embedding.parameters(), *branches, *end.parameters()]


def branch_weights(branch: nn.Module) -> list[Tensor]:
    """What a residual branch begins with, what it does, and the scale behind it, if there is one."""
    parts = dict(branch.named_children())
    begin = parts.get("norm") or parts["affine"]
    return [*begin.parameters(), *parts["fn"].parameters(), *branch.parameters(recurse=False)]


@pytest.mark.parametrize("depth", [1, 3])
def test_mixer(depth: int) -> None:
    package = pytest.importorskip("mlp_mixer_pytorch")
    # the package exchanges the two factors: its tokens get `expansion_factor`
    reference = package.MLPMixer(channels=3, depth=depth, expansion_factor=3, expansion_factor_token=2, **IMAGE)
    genotype = {"patch": 4, "dim": 20, "token_hidden": 60, "channel_hidden": 40, "depth": depth}
    assert_equal_outputs("mixer", genotype, reference, in_order_of_use(reference, depth))


@pytest.mark.parametrize("depth", [1, 3])
def test_resmlp(depth: int) -> None:
    package = pytest.importorskip("res_mlp_pytorch")
    reference = package.ResMLP(depth=depth, expansion_factor=2, **IMAGE)
    genotype = {"patch": 4, "dim": 20, "expansion": 2, "depth": depth, "start": 0.1}
    assert_equal_outputs("resmlp", genotype, reference, in_order_of_use(reference, depth))
