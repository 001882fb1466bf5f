"""FinalMLP, DGMLP, MgNO and KArAt with the weights of transcriptions of the published code: the same outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.codegen import build, source
from nas.space import load_space


def built(name: str, genotype: dict[str, Any], **sizes: int) -> nn.Module:
    """A family's model with random weights."""
    torch.manual_seed(0)
    module = build(source(load_space(name).with_sizes(sizes).replay(genotype).graph)).eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.normal_(std=0.3)
    return module


def assert_same(ours: Tensor, theirs: Tensor) -> None:
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


class FinalMLP(nn.Module):
    """The form of FuxiCTR 2.3.10 without context features, on features that are embedded and flat already."""

    def __init__(self, n: int, e: int, gate: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Parameter(torch.zeros(1, e)), nn.Parameter(torch.zeros(1, e))
        self.g1 = nn.Sequential(nn.Linear(e, gate), nn.ReLU(), nn.Linear(gate, n), nn.Sigmoid())
        self.g2 = nn.Sequential(nn.Linear(e, gate), nn.ReLU(), nn.Linear(gate, n), nn.Sigmoid())
        self.m1, self.m2 = mlp(n, width, depth), mlp(n, width, depth)
        self.wx, self.wy = nn.Linear(width, 1), nn.Linear(width, 1)
        self.wxy = nn.Parameter(torch.zeros(heads, width // heads, width // heads))

    def forward(self, x: Tensor) -> Tensor:
        u, v = self.m1(x * 2 * self.g1(self.c1)), self.m2(x * 2 * self.g2(self.c2))
        u_heads, v_heads = (z.reshape(len(z), len(self.wxy), -1) for z in (u, v))
        bilinear = torch.einsum("bhi,hij,bhj->b", u_heads, self.wxy, v_heads)
        return self.wx(u) + self.wy(v) + bilinear[:, None]


def mlp(i: int, width: int, depth: int) -> nn.Sequential:
    """Activated behind every layer, the last one included."""
    return nn.Sequential(
        *(part for k in range(depth) for part in (nn.Linear(i if k == 0 else width, width), nn.ReLU()))
    )


@torch.no_grad()
def test_final_mlp() -> None:
    genotype = {"vocabulary": 32, "dim": 4, "selection": "constant", "gate": 8, "n_heads": 2}
    genotype |= {"depth1": 2, "depth2": 2, "width": 16, "rate": 0.5}
    module = built("final-mlp", genotype, features=3, fields=5, targets=1)
    tables, factors, *rest = module.parameters()
    reference = FinalMLP(4 * (3 + 5), e=4, gate=8, width=16, depth=2, heads=2)
    first = [reference.c1, *reference.g1.parameters(), *reference.m1.parameters()]
    second = [reference.c2, *reference.g2.parameters(), *reference.m2.parameters()]
    fused = [reference.wxy, *reference.wx.parameters(), *reference.wy.parameters()]
    for theirs, own in zip([*first, *second, *fused], rest, strict=True):
        # ours are (head, out, in), as everywhere; theirs are (head, u, v)
        theirs.copy_(own.transpose(-2, -1) if theirs is reference.wxy else own.view_as(theirs))
    x, codes = torch.randn(7, 3), torch.randint(32, (7, 5))
    words = torch.stack([tables[field, codes[:, field]] for field in range(5)], 1)
    flat = torch.cat([words.flatten(1), (x[:, :, None] * factors.T).flatten(1)], 1)
    assert_same(module(x, codes.float()), reference(flat))


@torch.no_grad()
def test_dgmlp_weighs_the_hops_of_each_node() -> None:
    genotype = {"propagation": 3, "combination": "adaptive", "transformation": 0}
    module = built("dgmlp", genotype, hops=6, features=5, targets=4)
    x = torch.randn(9, 6, 5)
    alpha = F.cosine_similarity(x[:, :4], x[:, :1], dim=2)
    beta = F.cosine_similarity(x[:, :4], x[:, 3:4], dim=2)
    shares = (alpha * (1 - beta)).softmax(1)
    weight, bias = module.parameters()
    assert_same(module(x), F.linear((shares[..., None] * x[:, :4]).sum(1), weight, bias))


class MgConv(nn.Module):
    """A V-cycle, transcribed from the published code; `steps` are the smoothings of each level."""

    def __init__(self, i: int, o: int, steps: Sequence[int]) -> None:
        super().__init__()

        def conv(a: int, b: int, stride: int = 1) -> nn.Conv2d:
            return nn.Conv2d(a, b, 3, stride, 1, bias=False)

        levels = range(len(steps))
        self.s = nn.ModuleList(nn.ModuleList(conv(i, o) for _ in range(steps[k])) for k in levels)
        self.a = nn.ModuleList(nn.ModuleList(conv(o, i) for _ in range(steps[k] - (k == 0))) for k in levels)
        self.restrict_u = nn.ModuleList(conv(o, o, 2) for _ in steps[1:])
        self.restrict_f = nn.ModuleList(conv(i, i, 2) for _ in steps[1:])
        self.up = nn.ModuleList(nn.ConvTranspose2d(o, o, 4, 2, 1, bias=False) for _ in steps[1:])

    def forward(self, f: Tensor) -> Tensor:
        u, guesses = self.s[0][0](f), []
        for level, smoothings in enumerate(self.s):
            if level:
                u, f = self.restrict_u[level - 1](u), self.restrict_f[level - 1](f)
            later = list(smoothings)[level == 0 :]
            for s, a in zip(later, self.a[level], strict=True):
                u = u + s(f - a(u))
            guesses.append(u)
        for level in reversed(range(len(guesses) - 1)):
            fine = self.up[level](guesses[level + 1])
            height, width = guesses[level].shape[2:]
            guesses[level] = guesses[level] + fine[..., :height, :width]
        return guesses[0]

    def in_our_order(self) -> list[Tensor]:
        """The way down, level by level, then the way up."""
        found = [self.s[0][0].weight]
        for level, smoothings in enumerate(self.s):
            if level:
                found += [self.restrict_u[level - 1].weight, self.restrict_f[level - 1].weight]
            for s, a in zip(list(smoothings)[level == 0 :], self.a[level], strict=True):
                found += [a.weight, s.weight]
        return [*found, *(up.weight for up in reversed(self.up))]


@torch.no_grad()
def test_mgno() -> None:
    genotype = {"depth": 2, "dim": 4, "levels": 3, "smoothings": 2, "last_smoothings": 3, "act": "gelu"}
    module = built("mgno", genotype, height=11, width=6, channels=2, classes=3)
    cycles = [MgConv(i, 4, (2, 2, 3)) for i in (2, 4)]
    linears = [nn.Conv2d(i, 4, 1) for i in (2, 4)]
    out = nn.Conv2d(4, 3, 1, bias=False)
    theirs = [
        w for cycle, linear in zip(cycles, linears, strict=True) for w in (*cycle.in_our_order(), *linear.parameters())
    ]
    for own, other in zip(module.parameters(), [*theirs, *out.parameters()], strict=True):
        other.copy_(own.view_as(other))
    x = torch.randn(5, 11, 6, 2)
    z = x.movedim(-1, 1)
    for cycle, linear in zip(cycles, linears, strict=True):
        z = F.gelu(cycle(z) + linear(z))
    assert_same(module(x), out(z).mean((2, 3)))


def scores(y: Tensor, query: nn.Module, key: nn.Module, heads: int) -> Tensor:
    """(batch, heads, tokens, keys), scaled."""
    q, k = (linear(y).unflatten(-1, (heads, -1)).transpose(1, 2) for linear in (query, key))
    return q @ k.mT / q.shape[-1] ** 0.5


@torch.no_grad()
def test_karat() -> None:
    """One block: the rows of each head go through Fourier series of low rank and a linear map of its own."""
    genotype = {"patch": 2, "functions": "modular", "grid": 3, "rank": 4, "n_heads": 2, "head_dim": 8}
    genotype |= {"attention": "blockwise", "expansion": 2, "depth": 1}
    module = built("kolmogorov-arnold-attention", genotype, height=8, width=4, channels=3, classes=5)
    parts = dict(module.named_children())
    x = torch.randn(6, 8, 4, 3)
    patches = x.unflatten(1, (4, 2)).unflatten(3, (2, 2)).transpose(2, 3).flatten(3).flatten(1, 2)
    z = parts["linear1"](patches) + parts["bias"].weight
    y = parts["layer_norm1"](z)
    a = scores(y, parts["score"].to_heads1.linear, parts["score"].to_heads2.linear, heads=2)
    shares = []
    for head, phi in enumerate((parts["learned"].modular1, parts["learned"].modular2)):
        waves = a[:, head, ..., None] * torch.arange(1, 4)
        cosines, sines = phi.fourier_kan.weight.split(3, -1)
        low = torch.einsum("btkg,rkg->btr", waves.cos(), cosines) + torch.einsum("btkg,rkg->btr", waves.sin(), sines)
        shares.append(phi.linear(low + phi.fourier_kan.bias))
    values = parts["read"].to_heads.linear(y).unflatten(-1, (2, 8)).transpose(1, 2)
    z = z + parts["read"].linear((torch.stack(shares, 1) @ values).transpose(1, 2).flatten(2))
    z = z + parts["mlp"](parts["layer_norm2"](z))
    assert_same(module(x), parts["linear2"](parts["layer_norm3"](z).mean(1)))


def test_universal_functions_are_the_same_modules_in_all_blocks() -> None:
    space = load_space("kolmogorov-arnold-attention")
    counts = {}
    for attention in ("blockwise", "universal"):
        graph = space.replay({**space.seeds["small"], "attention": attention, "depth": 3}).graph
        module = build(source(graph))
        counts[attention] = sum(weight.numel() for weight in module.parameters())
    one_head = (8 * 4 * 2 * 3 + 4) + (4 * 8 + 8)
    assert counts["blockwise"] - counts["universal"] == 2 * 2 * one_head
