"""Hire-MLP and MS-MLP against transcriptions of their published code: equal outputs with equal weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nas.codegen import build, source, weight_paths
from nas.space import load_space

SIDE, CHANNELS, CLASSES = 28, 3, 5


def mlp(n: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n, hidden, 1), nn.GELU(), nn.Conv2d(hidden, out, 1))


class Rows(nn.Module):
    """hire_mlp.py: along the height, rows rolled, padded in a circle, folded into the channels, and all of it back."""

    def __init__(self, n: int, region: int) -> None:
        super().__init__()
        self.region = region
        self.enter, self.norm = nn.Conv2d(n * region, n // 2, 1, bias=False), nn.BatchNorm2d(n // 2)
        self.leave = nn.Conv2d(n // 2, n * region, 1)

    def forward(self, x: Tensor, step: int) -> Tensor:
        b, c, h, w = x.shape
        p, pad = self.region, -h % self.region
        y: Tensor = F.pad(x.roll(step, 2), (0, 0, 0, pad), mode="circular")
        y = y.reshape(b, c, (h + pad) // p, p, w).transpose(2, 3).reshape(b, c * p, (h + pad) // p, w)
        y = self.leave(F.relu(self.norm(self.enter(y))))
        y = y.reshape(b, c, p, (h + pad) // p, w).transpose(2, 3).reshape(b, c, h + pad, w)
        return y[:, :, :h].roll(-step, 2)


class HireBlock(nn.Module):
    def __init__(self, n: int, region: int, step: int) -> None:
        super().__init__()
        self.step = step
        self.norm, self.rows, self.columns = nn.BatchNorm2d(n), Rows(n, region), Rows(n, region)
        self.center, self.weigh, self.project = nn.Conv2d(n, n, 1), mlp(n, n // 4, 3 * n), nn.Conv2d(n, n, 1)
        self.norm2, self.mlp = nn.BatchNorm2d(n), mlp(n, 2 * n, n)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        h = self.rows(y, self.step)
        w = self.columns(y.transpose(2, 3), self.step).transpose(2, 3)
        c = self.center(y)
        a = self.weigh((h + w + c).mean((2, 3), keepdim=True))
        a = a.reshape(*c.shape[:2], 3).softmax(-1)[:, :, None, None]
        x = x + self.project(h * a[..., 0] + w * a[..., 1] + c * a[..., 2])
        end: Tensor = x + self.mlp(self.norm2(x))
        return end


def hire() -> nn.Sequential:
    def embed(i: int, o: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, kernel, stride, padding), nn.BatchNorm2d(o), nn.ReLU()]

    first = [HireBlock(8, 4, step) for step in (0, 2, 0)]
    second = [HireBlock(16, 3, step) for step in (0, 1)]
    end = [nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES)]
    return nn.Sequential(*embed(CHANNELS, 8, 7, 4, 2), *first, *embed(8, 16, 3, 2, 1), *second, *end)


HIRE = {
    "stride": 4,
    "stages": 2,
    "expansion": 2,
    "stage.dim": 8,
    "stage.depth": 3,
    "stage.region": 4,
    "stage.period": 2,
    "stage.dilation": 2,
    "stage#2[0].dim": 16,
    "stage#2[0].depth": 2,
    "stage#2[0].region": 3,
    "stage#2[0].period": 3,
    "stage#2[0].dilation": 1,
}


class Last(nn.Module):
    """A layer of the channels, which are the last axis there."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x.movedim(1, -1))
        return y.movedim(-1, 1)


class MixShiftBlock(nn.Module):
    """ms_mlp.py, with γ = ½."""

    def __init__(self, n: int, kernels: tuple[int, ...]) -> None:
        super().__init__()
        groups = [len(part) for part in torch.arange(n).chunk(5)]
        self.lr, self.td = (
            nn.ModuleList(nn.Conv2d(c, c, k, padding=k // 2, groups=c) for c, k in zip(groups, kernels, strict=True))
            for _ in range(2)
        )
        self.mlp = nn.Sequential(Last(nn.LayerNorm(n)), mlp(n, 2 * n, n))

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(5, 1)
        lr = torch.cat([f(part.roll(s - 2, 3)) for s, (f, part) in enumerate(zip(self.lr, parts, strict=True))], 1)
        td = torch.cat([f(part.roll(s - 2, 2)) for s, (f, part) in enumerate(zip(self.td, parts, strict=True))], 1)
        y: Tensor = x + 0.5 * self.mlp(lr + td)
        return y


def mix_shift() -> nn.Sequential:
    def embed(i: int, o: int, patch: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, patch, patch), Last(nn.LayerNorm(o))]

    first = [MixShiftBlock(24, (1, 1, 3, 5, 7)) for _ in range(2)]
    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(48), nn.Linear(48, CLASSES)]
    second = MixShiftBlock(48, (1, 7, 7, 7, 7))
    return nn.Sequential(*embed(CHANNELS, 24, 4), *first, *embed(24, 48, 2), second, *end)


MIX_SHIFT = {
    "patch": 4,
    "stages": 2,
    "dim": 24,
    "expansion": 2,
    "start": 0.1,
    "stage[0].depth": 2,
    "stage[1].depth": 1,
    **{f"stage[0].k{i}": kernel for i, kernel in enumerate((1, 1, 3, 5, 7))},
    **{f"stage[1].k{i}": kernel for i, kernel in enumerate((1, 7, 7, 7, 7))},
}


@pytest.mark.parametrize(("family", "genotype", "make"), [("hire-mlp", HIRE, hire), ("ms-mlp", MIX_SHIFT, mix_shift)])
def test_pyramids(family: str, genotype: dict[str, Any], make: Any) -> None:
    sizes = {"height": SIDE, "width": SIDE, "channels": CHANNELS, "classes": CLASSES}
    graph = load_space(family).with_sizes(sizes).replay(genotype).graph
    theirs, ours, generator = make().eval(), build(source(graph)).eval(), torch.Generator().manual_seed(0)
    paths = weight_paths(graph)
    named = [(name, p) for node in sorted(paths) for name, p in ours.get_submodule(paths[node]).named_parameters()]
    weights = list(theirs.parameters())
    with torch.no_grad():
        for name, own in named:
            if name == "gamma":
                own.fill_(0.5)
        for own, other in zip((p for name, p in named if name != "gamma"), weights, strict=True):
            other.normal_(std=0.3, generator=generator)
            own.copy_(other.reshape(own.shape))
        x = torch.randn(3, CHANNELS, SIDE, SIDE, generator=generator)
        expected = theirs(x)
        assert expected.std() > 0.1
        assert torch.allclose(ours(x.movedim(1, -1)), expected, rtol=1e-4, atol=1e-5)
