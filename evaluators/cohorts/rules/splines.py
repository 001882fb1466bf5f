"""KAN layers with B-splines: on a uniform grid all of them are one bump, which sums of powers give in closed form."""

from __future__ import annotations

from functools import partial
from math import comb, factorial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Made, Site
from evaluators.cohorts.rules.expansions import AT_ONCE, Expansion, Product, Turned
from evaluators.cohorts.weights import Slot

_aten = torch.ops.aten


def kan(site: Site) -> Made | None:
    """yⱼ = Σᵢ wⱼᵢ silu(xᵢ) + sⱼᵢ Σₖ cⱼᵢₖ Bₖ(xᵢ)."""
    degree = int(site.attrs["degree"])  # type: ignore[call-overload]
    # Below, a spline or its slope jumps at the knots, where the layer's own gradients are from one side.
    if degree < 2 or site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    turned = Turned(site.inputs[0])
    learning = site.learning[0] and site.training
    silu = Expansion(turned, [1] * len(site))
    base = Product(silu, site.weights["base_weight"], site.output)
    splines = _Splines(turned, site.weights["knots"], degree, learning=learning)
    edges = _Edges(site.weights["spline_weight"], site.weights["spline_scale"], 1 / factorial(degree))
    sums = Product(splines.phi, edges.products, site.output, added=True)
    forward: Calls = [*turned.forward, partial(_aten.silu.out, turned.whole, out=silu.whole), *base.forward()]
    forward += [*splines.forward(), *edges.forward(), *sums.forward()]

    def backward() -> Calls:
        into = site.gradient()
        calls = [*base.to_weights(), *sums.to_weights(), *edges.backward()]
        if into is None:
            return calls
        calls += [*base.to_features(silu.whole), *sums.to_features(splines.phi.whole)]
        calls.append(partial(_aten.silu_backward.grad_input, silu.whole, turned.whole, grad_input=turned.gradient))
        return [*calls, *splines.backward(), *turned.bring(into)]

    return forward, backward


class _Splines:
    """degree! · Bₖ(x). With t = (x − center) / step and rⱼ = max((degree + 1) / 2 − j − |t|, 0) it is

        Σⱼ (−1)ʲ (degree + 1 over j) rⱼ^degree   for j up to degree / 2.

    Args:
        turned: the x.
        knots: of the members.
        degree: at least 2.
        learning: the slope is kept for the gradient of x.
    """

    def __init__(self, turned: Turned, knots: Slot, degree: int, *, learning: bool) -> None:
        self.turned, self.knots, self.degree = turned, knots, degree
        counts = [shape[0] - degree - 1 for shape in knots.shapes]
        self.phi = Expansion(turned, counts)
        self.steps = [2 / (count - degree) for count in counts]
        self.slope = torch.zeros_like(self.phi.whole) if learning else None
        like = turned.whole
        self.per_step = torch.cat(
            [like.new_full(shape, 1 / step) for shape, step in zip(knots.shapes, self.steps, strict=True)]
        )
        self.centers = torch.zeros_like(knots.whole)
        self.starts = [0]
        for shape in knots.shapes:
            self.starts.append(self.starts[-1] + shape[0])
        self.reach = like.new_tensor((degree + 1) / 2)

    def forward(self) -> Calls:
        """Fill φ with the splines."""
        calls: Calls = []
        if self.degree % 2:
            calls.append(partial(torch.mul, self.knots.whole, self.per_step, out=self.centers))
        else:
            knots = self.knots.whole
            calls.append(partial(torch.add, knots[:-1], knots[1:], out=self.centers[:-1]))
            calls.append(partial(self.centers.mul_, self.per_step / 2))
        chunks = list(self.phi.chunks())
        size = max(stretch.stop - stretch.start for stretch, _ in chunks)
        scratch = [self.phi.whole.new_empty(size) for _ in range(4)]
        width = max(piece.shape[0] * piece.shape[2] for _, pieces in chunks for piece in pieces)
        scaled = self.phi.whole.new_empty(width)
        first = (self.degree + 1) // 2
        for stretch, pieces in chunks:
            t, *others = (one[: stretch.stop - stretch.start] for one in scratch)
            for piece in pieces:
                n, count, rows = piece.shape
                low = self.starts[piece.member] + first
                x = scaled[: n * rows].view(n, 1, rows)
                center = self.centers[low : low + count].view(1, count, 1)
                out = t[piece.low - stretch.start :][: n * count * rows].view(piece.shape)
                calls.append(partial(torch.mul, piece.x(self.turned.whole), 1 / self.steps[piece.member], out=x))
                calls.append(partial(torch.sub, center, x, out=out))
            slope = None if self.slope is None else self.slope[stretch]
            calls += self._sums(t, others, self.phi.whole[stretch], slope)
        return calls

    def _sums(self, t: Tensor, scratch: list[Tensor], out: Tensor, slope: Tensor | None) -> Calls:
        """From −t to the splines, and to their derivative by t over `degree`."""
        left, less, power = scratch
        calls: Calls = [
            partial(torch.abs, t, out=less),
            partial(torch.sub, self.reach, less, out=left),
            partial(left.clamp_min_, 0),
        ]
        for j in range(self.degree // 2 + 1):
            factor = (-1) ** j * comb(self.degree + 1, j)
            if j:
                calls.append(partial(_aten.softshrink.out, left, j, out=less))
            r = less if j else left
            to = slope if not j and slope is not None else power
            calls.append(partial(torch.pow, r, self.degree - 1, out=to))
            if j:
                calls.append(partial(out.addcmul_, to, r, value=factor))
                if slope is not None:
                    calls.append(partial(slope.add_, to, alpha=factor))
            else:
                calls.append(partial(torch.mul, to, r, out=out))
        if slope is not None:
            calls.append(partial(torch.copysign, slope, t, out=slope))
        return calls

    def backward(self) -> Calls:
        """From the gradient in φ's memory, which is lost, add to that of x."""
        assert self.slope is not None
        calls: Calls = []
        sums = torch.empty_like(self.turned.whole[: max(1, AT_ONCE)])
        for stretch, pieces in self.phi.chunks():
            calls.append(partial(self.phi.whole[stretch].mul_, self.slope[stretch]))
            for piece in pieces:
                n, _, rows = piece.shape
                out = sums[: n * rows].view(n, rows)
                calls.append(partial(torch.sum, piece.of(self.phi.whole), 1, out=out))
                target = piece.x(self.turned.gradient).squeeze(1)
                calls.append(partial(target.add_, out, alpha=self.degree / self.steps[piece.member]))
        return calls


class _Edges:
    """The coefficients of the splines times the scale of their edge.

    Args:
        weight: each member's is `(o, i, K)`.
        scale: `(o, i)`.
        factor: of all.
    """

    def __init__(self, weight: Slot, scale: Slot, factor: float) -> None:
        self.weight, self.scale, self.factor = weight, scale, factor
        self.spread = torch.zeros_like(weight.whole)  # every scale times `factor`, K times
        gradient = torch.zeros_like(weight.whole) if weight.learns or scale.learns else None
        self.products = Slot(
            weight.low, weight.names, weight.shapes, torch.zeros_like(weight.whole), gradient, tied=False
        )

    def forward(self) -> Calls:
        calls: Calls = [
            partial(torch.mm, scale.unsqueeze(1), row.unsqueeze(0), out=spread)
            for scale, row, spread in self._runs(self.scale.whole, self.spread)
        ]
        return [*calls, partial(torch.mul, self.weight.whole, self.spread, out=self.products.whole)]

    def backward(self) -> Calls:
        """From the gradient of the products to those of both; it is lost."""
        calls: Calls = []
        grown = self.products.gradient
        if self.weight.gradient is not None:
            if self.weight.tied:
                calls.append(partial(self.weight.gradient.addcmul_, grown, self.spread))
            else:
                calls.append(partial(torch.mul, grown, self.spread, out=self.weight.gradient))
        if self.scale.gradient is not None and grown is not None:
            calls.append(partial(grown.mul_, self.weight.whole))
            for out, row, products in self._runs(self.scale.gradient, grown):
                if self.scale.tied:
                    calls.append(partial(out.addmv_, products, row))
                else:
                    calls.append(partial(torch.mv, products, row, out=out))
        return calls

    def _runs(self, edges: Tensor, coefficients: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
        """For neighbors with the same K: their edges, `factor` K times, and their coefficients, `(edges, K)`."""
        runs: list[list[int]] = []  # K and the number of edges
        for o, i, count in self.weight.shapes:
            if runs and runs[-1][0] == count:
                runs[-1][1] += o * i
            else:
                runs.append([count, o * i])
        cuts = zip(
            runs, edges.split([n for _, n in runs]), coefficients.split([n * count for count, n in runs]), strict=True
        )
        return [(few, few.new_full((count,), self.factor), many.view(-1, count)) for (count, _), few, many in cuts]
