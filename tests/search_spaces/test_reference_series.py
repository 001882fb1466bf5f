"""Mixers of time series with the weights of other people's implementations: the same outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.codegen import build, source, weight_paths
from nas.space import load_space


def with_weights_of(
    weights: list[Tensor], family: str, sizes: Mapping[str, int], genotype: dict[str, Any]
) -> nn.Module:
    """The family's design, in evaluation, with `weights`, which come in the order of their use."""
    graph = load_space(family).with_sizes(dict(sizes)).replay(genotype).graph
    module = build(source(graph)).eval()
    paths = weight_paths(graph)
    own = [weight for node in sorted(paths) for weight in module.get_submodule(paths[node]).parameters()]
    with torch.no_grad():
        for weight, other in zip(own, weights, strict=True):
            weight.copy_(other)
    return module


def drawn(module: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(std=0.3, generator=generator)


def mixer_weights(block: Any, gate_first: bool = False) -> list[Tensor]:
    parts = [block.mlp, block.gating_block]
    return [weight for part in (block.norm, *(parts[::-1] if gate_first else parts)) for weight in part.parameters()]


def patch_mixer_weights(package: Any) -> list[Tensor]:
    encoder = package.model.encoder
    weights = list(encoder.patcher.parameters())
    for layer in encoder.mlp_mixer_encoder.mixers:
        if layer.mode == "mix_channel":
            weights += mixer_weights(layer.channel_feature_mixer, gate_first=True)
        weights += mixer_weights(layer.patch_mixer) + mixer_weights(layer.feature_mixer)
    return weights + list(package.head.parameters())


@pytest.mark.parametrize(
    ("mode", "sizes", "stride"),
    [
        ("common_channel", {"time": 32, "series": 1, "horizon": 16}, 8),
        ("mix_channel", {"time": 35, "series": 3, "horizon": 5}, 6),
    ],
)
def test_patchtsmixer(mode: str, sizes: dict[str, int], stride: int) -> None:
    """The package's defaults; and several series that are mixed, by windows that overlap and leave some steps out."""
    package = pytest.importorskip("transformers")
    config = package.PatchTSMixerConfig(
        context_length=sizes["time"],
        num_input_channels=sizes["series"],
        prediction_length=sizes["horizon"],
        patch_stride=stride,
        mode=mode,
    )
    theirs, generator = package.PatchTSMixerForPrediction(config).eval(), torch.Generator().manual_seed(0)
    drawn(theirs, generator)
    genotype = {**load_space("patchtsmixer").seeds["default"], "mode": mode, "stride": stride}
    ours = with_weights_of(patch_mixer_weights(theirs), "patchtsmixer", sizes, genotype)
    with torch.no_grad():
        x = 3 * torch.randn(4, sizes["time"], sizes["series"], generator=generator) + 1
        expected = theirs(past_values=x).prediction_outputs
        assert expected.std() > 0.1
        assert torch.allclose(ours(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm"])
def test_tsmixer(norm: str) -> None:
    """The package builds one block fewer than it is asked for, and normalises behind the mixing along time.

    Its layer norm divides by the spread of all steps and series, too, with a factor for each of them.
    """
    package = pytest.importorskip("torchtsmixer")
    sizes, depth, hidden = {"time": 12, "series": 3, "horizon": 5}, 2, 8
    theirs = package.TSMixer(
        12, 5, 3, ff_dim=hidden, num_blocks=depth + 1, norm_type=norm.removesuffix("_norm"), dropout_rate=0.3
    ).eval()
    generator = torch.Generator().manual_seed(0)
    drawn(theirs, generator)
    weights: list[Tensor] = []
    for layer in theirs.mixer_layers:
        time, feature = layer.time_mixing, layer.feature_mixing
        used = (time.fc1, time.norm, feature.norm_before, feature.fc1, feature.fc2)
        weights += [weight.flatten() if weight.shape == (12, 3) else weight for m in used for weight in m.parameters()]
    weights += theirs.temporal_projection.parameters()
    genotype = {"depth": depth, "hidden": hidden, "act": "relu", "rate": 0.3, "norm": norm, "time_norm": "after"}
    ours = with_weights_of(weights, "tsmixer", sizes, genotype)
    with torch.no_grad():
        x = torch.randn(4, 12, 3, generator=generator)
        expected = theirs(x)
        assert expected.std() > 0.1
        assert torch.allclose(ours(x), expected, rtol=1e-5, atol=1e-5)
