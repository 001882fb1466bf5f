"""Layers start as their papers say, and stand on torch alone."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch

import nas.layers
from nas.graph.operators import TABLE
from nas.layers.affine import Affine
from nas.layers.drop_path import DropPath
from nas.layers.layer_scale import LayerScale
from nas.layers.spatial_gate import SpatialGate

FILES = sorted(Path(nas.layers.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_layer_needs_torch_and_its_own_file_alone(file: Path) -> None:
    allowed = {
        "from __future__ import annotations",
        "import math",
        "import torch",
        "import torch.nn.functional as F",
        "from torch import Tensor, nn",
    }
    tree = ast.parse(file.read_text())
    imports = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)}
    assert imports <= allowed
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    rest = [node for node in tree.body[1:] if not isinstance(node, ast.ClassDef | ast.Import | ast.ImportFrom)]
    assert len(classes) == 1, "one layer a file"
    assert not rest, "nothing but the layer, which exported files carry"


def test_every_layer_belongs_to_an_operator() -> None:
    used = {path for operator in TABLE.values() for path in operator.layers}
    assert {path.partition(":")[0] for path in used} == {f"nas.layers.{file.stem}" for file in FILES}


def test_affine_starts_as_the_identity() -> None:
    x = torch.randn(3, 5, 4)
    assert torch.equal(Affine(4)(x), x)


def test_layer_scale_starts_small() -> None:
    x = torch.randn(3, 5, 4)
    torch.testing.assert_close(LayerScale(4)(x), 1e-5 * x)
    torch.testing.assert_close(LayerScale(4, init=0.5)(x), 0.5 * x)


def test_the_spatial_gate_starts_as_its_first_half() -> None:
    x = torch.randn(3, 7, 8)
    torch.testing.assert_close(SpatialGate(4, 7)(x), x[..., :4], atol=1e-4, rtol=0)


def test_the_spatial_gate_is_its_equation() -> None:
    gate = SpatialGate(2, 3)
    with torch.no_grad():
        for parameter in gate.parameters():
            parameter.normal_()
    x = torch.randn(5, 3, 4)
    u, v = x[..., :2], x[..., 2:]
    v = (v - v.mean(-1, keepdim=True)) / (v.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    v = v * gate.norm.weight + gate.norm.bias
    mixed = torch.einsum("ts,bsc->btc", gate.mix.weight, v) + gate.mix.bias[:, None]
    torch.testing.assert_close(gate(x), u * mixed)


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_drop_path_drops_whole_samples_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    layer = DropPath(rate)
    out = layer(torch.ones(4000, 3, 2))
    assert set(out.unique().tolist()) == ({1.0} if rate == 0 else {0.0, 2.0})
    assert (out.amax((1, 2)) == out.amin((1, 2))).all()
    assert abs(out.mean().item() - 1) < 0.05
    assert torch.equal(layer.eval()(out), out)
    assert repr(layer) == f"DropPath(rate={rate})"
