"""KAN layers with B-splines: on equal intervals all of them are one bump, which sums of powers give in closed form."""

from __future__ import annotations

from functools import partial
from itertools import accumulate
from math import comb, factorial
from typing import NamedTuple

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Made, Site
from evaluators.cohorts.rules.expansions import Columns, Expansion, Product, Result, parts, serves, stretches
from evaluators.cohorts.weights import Slot

_aten = torch.ops.aten


def kan(site: Site) -> Made | None:
    """yⱼ = Σᵢ wⱼᵢ silu(xᵢ) + sⱼᵢ Σₖ cⱼᵢₖ Bₖ(xᵢ)."""
    degree = int(site.attrs["degree"])  # type: ignore[call-overload]
    # Below degree 2, a spline or its slope jumps at the knots, where the layer takes one side.
    if degree < 2 or not serves(site):
        return None
    x, weights = site.inputs[0], site.weights
    features, result = Columns.of(x), Result(site.output)
    silu = Expansion(features, [1] * len(site))
    activated = silu.whole.view_as(features.whole)
    base = Product(silu, weights["base_weight"], result)
    splines = _Splines(features, weights["knots"], degree, learning=site.training and site.learning[0])
    edges = _Edges(weights["spline_weight"], weights["spline_scale"], 1 / factorial(degree))
    sums = Product(splines.phi, edges.products, result, added=True)
    forward: Calls = [
        partial(_aten.silu.out, features.whole, out=activated),
        *base.forward(),
        *splines.forward(),
        *edges.forward(),
        *sums.forward(),
        *result.forward(),
    ]

    def backward() -> Calls:
        into = site.gradient()
        calls = [*result.backward(), *base.to_weights(), *sums.to_weights(), *edges.backward()]
        if into is None:
            return calls
        features.learn(into)
        return [
            *calls,
            *base.to_features(silu.whole),
            partial(_aten.silu_backward.grad_input, activated, features.whole, grad_input=features.gradient),
            *sums.to_features(splines.phi.whole),
            *splines.backward(),
            *features.bring(),
        ]

    return forward, backward


class _Splines:
    """degree! · Bₖ(x). With t = (x − center) / step and rⱼ = max((degree + 1) / 2 − j − |t|, 0) it is

        Σⱼ (−1)ʲ (degree + 1 over j) rⱼ^degree,   j = 0 … degree / 2.

    Args:
        features: the x.
        knots: of the members.
        degree: at least 2.
        learning: the slopes are kept for the gradient of x.
    """

    def __init__(self, features: Columns, knots: Slot, degree: int, *, learning: bool) -> None:
        self.features, self.degree = features, degree
        sizes = [shape[0] for shape in knots.shapes]
        counts = [size - degree - 1 for size in sizes]
        self.phi = Expansion(features, counts)
        self.slope = torch.zeros_like(self.phi.whole) if learning else None
        self.steps = [2 / (count - degree) for count in counts]
        like = features.whole
        self.knots, self.centers = knots.whole, torch.zeros_like(knots.whole)
        self.per_step = torch.cat([like.new_full((n,), 1 / step) for n, step in zip(sizes, self.steps, strict=True)])
        self.starts = [start + (degree + 1) // 2 for start in accumulate(sizes, initial=0)]
        self.reach = like.new_tensor((degree + 1) / 2)

    def forward(self) -> Calls:
        """Fill φ."""
        if self.degree % 2:
            calls: Calls = [partial(torch.mul, self.knots, self.per_step, out=self.centers)]
        else:
            calls = [
                partial(torch.add, self.knots[:-1], self.knots[1:], out=self.centers[:-1]),
                partial(self.centers.mul_, self.per_step / 2),
            ]
        found = self.phi.stretches()
        longest = max(stretch.stop - stretch.start for stretch, _ in found)
        scratch = [self.phi.whole.new_empty(longest) for _ in range(4)]
        scaled = torch.empty_like(self.features.whole)
        for stretch, pieces in found:
            t, *others = (one[: stretch.stop - stretch.start] for one in scratch)
            for piece in pieces:
                start, count = self.starts[piece.member], piece.shape[1]
                x, out = piece.x(scaled), t[piece.low - stretch.start : piece.high - stretch.start].view(piece.shape)
                centers = self.centers[start : start + count].unsqueeze(1)
                calls.append(partial(torch.mul, piece.x(self.features.whole), 1 / self.steps[piece.member], out=x))
                calls.append(partial(torch.sub, centers, x.unsqueeze(1), out=out))
            slope = None if self.slope is None else self.slope[stretch]
            calls += self._bumps(t, others, self.phi.whole[stretch], slope)
        return calls

    def _bumps(self, t: Tensor, scratch: list[Tensor], out: Tensor, slope: Tensor | None) -> Calls:
        """From −t to the splines, and to their derivatives with respect to t, over `degree`."""
        left, less, power = scratch
        calls: Calls = [
            partial(torch.abs, t, out=less),
            partial(torch.sub, self.reach, less, out=left),
            partial(left.clamp_min_, 0),
        ]
        first = power if slope is None else slope
        calls += [partial(torch.pow, left, self.degree - 1, out=first), partial(torch.mul, first, left, out=out)]
        for j in range(1, self.degree // 2 + 1):
            factor = (-1) ** j * comb(self.degree + 1, j)
            calls += [
                partial(_aten.softshrink.out, left, j, out=less),  # max(left − j, 0)
                partial(torch.pow, less, self.degree - 1, out=power),
                partial(out.addcmul_, power, less, value=factor),
            ]
            if slope is not None:
                calls.append(partial(slope.add_, power, alpha=factor))
        if slope is not None:
            calls.append(partial(torch.copysign, slope, t, out=slope))
        return calls

    def backward(self) -> Calls:
        """From the gradient in φ's memory, which is lost, add to that of x."""
        assert self.slope is not None
        calls: Calls = []
        sums = torch.empty_like(self.features.whole)
        for stretch, pieces in self.phi.stretches():
            calls.append(partial(self.phi.whole[stretch].mul_, self.slope[stretch]))
            for piece in pieces:
                to, out = piece.x(self.features.gradient), piece.x(sums)
                calls.append(partial(torch.sum, piece.of(self.phi.whole), 1, out=out))
                calls.append(partial(to.add_, out, alpha=self.degree / self.steps[piece.member]))
        return calls


class _Range(NamedTuple):
    """Neighboring edges with the same number of coefficients."""

    first: int
    last: int
    low: int
    each: int

    @property
    def high(self) -> int:
        return self.low + (self.last - self.first) * self.each

    def of(self, coefficients: Tensor) -> Tensor:
        return coefficients[self.low : self.high].view(-1, self.each)


class _Edges:
    """The coefficients of the splines times the scale of their edge.

    Args:
        weight: each member's is `(o, i, K)`.
        scale: `(o, i)`.
        factor: of all.
    """

    def __init__(self, weight: Slot, scale: Slot, factor: float) -> None:
        self.weight, self.scale = weight, scale
        self.spread = torch.zeros_like(weight.whole)  # each scale times `factor`, as often as it has coefficients
        self.grown = torch.zeros_like(weight.whole)
        products = torch.zeros_like(weight.whole)
        self.products = Slot(weight.members, weight.names, weight.shapes, products, self.grown, tied=False)
        counts = [shape[2] for shape in weight.shapes]
        self.factors = {count: weight.whole.new_full((count,), factor) for count in counts}
        self.stretches = list(stretches(self._ranges(), lambda one: (one.low, one.high)))

    def _ranges(self) -> list[_Range]:
        runs: list[list[int]] = []  # the number of edges, of coefficients of each
        for o, i, count in self.weight.shapes:
            if runs and runs[-1][1] == count:
                runs[-1][0] += o * i
            else:
                runs.append([o * i, count])
        found: list[_Range] = []
        firsts = accumulate((n for n, _ in runs), initial=0)
        lows = accumulate((n * count for n, count in runs), initial=0)
        for first, low, (n, count) in zip(firsts, lows, runs, strict=False):
            found += [_Range(first + a, first + b, low + a * count, count) for a, b in parts(n, count)]
        return found

    def forward(self) -> Calls:
        calls: Calls = []
        for stretch, ranges in self.stretches:
            for one in ranges:
                scales = self.scale.whole[one.first : one.last].unsqueeze(1)
                row = self.factors[one.each].unsqueeze(0)
                calls.append(partial(torch.mm, scales, row, out=one.of(self.spread)))
            out = self.products.whole[stretch]
            calls.append(partial(torch.mul, self.weight.whole[stretch], self.spread[stretch], out=out))
        return calls

    def backward(self) -> Calls:
        """From the gradient of the products, which is lost, to those of weight and scale."""
        calls: Calls = []
        for stretch, ranges in self.stretches:
            grown, spread = self.grown[stretch], self.spread[stretch]
            if self.weight.gradient is not None:
                out = self.weight.gradient[stretch]
                added = partial(out.addcmul_, grown, spread)
                calls.append(added if self.weight.tied else partial(torch.mul, grown, spread, out=out))
            if self.scale.gradient is not None:
                calls.append(partial(grown.mul_, self.weight.whole[stretch]))
                for one in ranges:
                    out = self.scale.gradient[one.first : one.last]
                    row = self.factors[one.each]
                    calls.append(partial(torch.addmv, out, one.of(self.grown), row, beta=self.scale.tied, out=out))
        return calls
