"""KAN layers whose bases are functions of one input alone: Gaussian bumps, Chebyshev polynomials, Fourier series."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site, row_sums
from evaluators.cohorts.rules.expansions import Columns, Expansion, Piece, Product, Result, serves
from evaluators.cohorts.rules.row_norms import Normalised, Segments
from evaluators.cohorts.weights import Slot

_aten = torch.ops.aten


def rbf_kan(site: Site) -> Made | None:
    """yⱼ = bⱼ + Σᵢ wⱼᵢ silu(xᵢ) + Σₖ cⱼᵢₖ exp(−((LN(x)ᵢ − μₖ) / h)²)."""
    if not serves(site):
        return None
    x, weights = site.inputs[0], site.weights
    features, result = Columns.of(x), Result(site.output, weights["base.bias"])
    silu = Expansion(features, [1] * len(site))
    activated = silu.whole.view_as(features.whole)
    base = Product(silu, weights["base.weight"], result)
    norm = _LayerNorm(features, weights["norm.weight"], weights["norm.bias"])
    bumps = _Bumps(norm.y, weights["centres"], learning=site.training)
    sums = Product(bumps.phi, weights["weight"], result, added=True)
    forward: Calls = [
        partial(_aten.silu.out, features.whole, out=activated),
        *base.forward(),
        *norm.forward(),
        *bumps.forward(),
        *sums.forward(),
        *result.forward(),
    ]

    def backward() -> Calls:
        into = site.gradient()
        calls = [*result.backward(), *base.to_weights(), *sums.to_weights()]
        calls += [*sums.to_features(bumps.gradient), *bumps.backward()]
        calls += norm.to_weights()
        if into is None:
            return calls
        features.learn(into)
        return [
            *calls,
            *base.to_features(silu.whole),
            partial(_aten.silu_backward.grad_input, activated, features.whole, grad_input=features.gradient),
            *norm.to_input(),
            *features.bring(),
        ]

    return forward, backward


class _LayerNorm:
    """LN(x) over the features of each member.

    Args:
        x: the input.
        weight: γ, each member's `(i,)`.
        bias: β, likewise.
    """

    EPS = 1e-5

    def __init__(self, x: Columns, weight: Slot, bias: Slot) -> None:
        self.x, self.weight, self.bias = x, weight, bias
        widths = [shape[0] for shape in weight.shapes]
        self.y = Columns(widths, x.whole.new_zeros(sum(widths), x.rows))
        self.normal, self.scratch = torch.empty_like(x.whole), torch.empty_like(x.whole)
        self.norm = Normalised(Segments(x.widths, x.whole), self.normal, eps=self.EPS, centered=True)

    def forward(self) -> Calls:
        normal, y = self._side_by_side(self.normal), self._side_by_side(self.y.whole)
        return [
            *self.norm.forward(self.x.whole, self.scratch),
            partial(torch.mul, normal, self._column(self.weight), out=y),
            partial(y.add_, self._column(self.bias)),
        ]

    def to_weights(self) -> Calls:
        """From the gradient of y to those of γ and β; it becomes that of x normalised."""
        grown = self.y.gradient
        products = torch.empty_like(grown)
        normal, across = self._side_by_side(self.normal), self._side_by_side(grown)
        return [
            partial(torch.mul, across, normal, out=self._side_by_side(products)),
            *row_sums(products, self.weight),
            *row_sums(grown, self.bias),
            partial(across.mul_, self._column(self.weight)),
        ]

    def to_input(self) -> Calls:
        """Add to the gradient of x, which no two members share."""
        grown = self.y.gradient
        return [
            partial(torch.mul, grown, self.normal, out=self.scratch),
            *self.norm.backward(grown, self.scratch, self.x.gradient, added=True, grown=grown),
        ]

    def _side_by_side(self, features: Tensor) -> Tensor:
        """`(members, i, rows)` where they share x, else `(1, Σ i, rows)`."""
        return features.view(-1, len(self.normal), self.x.rows)

    def _column(self, slot: Slot) -> Tensor:
        return slot.whole.view(-1, len(self.normal), 1)


class _Bumps:
    """exp(−((x − μₖ) / h)²).

    Args:
        features: the x, which no two members share.
        centers: μ of each member.
        learning: there will be a backward pass.
    """

    def __init__(self, features: Columns, centers: Slot, *, learning: bool) -> None:
        self.features, self.centers = features, centers
        counts = [shape[0] for shape in centers.shapes]
        self.phi = Expansion(features, counts)
        self.gradient = torch.zeros_like(self.phi.whole) if learning else self.phi.whole
        self.factors = [-(((count - 1) / 4) ** 2) for count in counts]
        self.stretches = self.phi.stretches()
        # Made anew in the backward pass: in a cache that is faster than to fetch what was kept.
        self.distance = self.phi.whole.new_empty(max(stretch.stop - stretch.start for stretch, _ in self.stretches))

    def forward(self) -> Calls:
        """Fill φ."""
        calls: Calls = []
        zero = self.distance.new_zeros(())
        for stretch, pieces in self.stretches:
            for piece in pieces:
                distance, factor = self._distance(piece, stretch.start), self.factors[piece.member]
                out = piece.of(self.phi.whole)
                calls.append(self._measure(piece, distance))
                calls.append(partial(torch.addcmul, zero, distance, distance, value=factor, out=out))
            calls.append(partial(self.phi.whole[stretch].exp_))
        return calls

    def backward(self) -> Calls:
        """From the gradient of φ, which is lost, to that of x."""
        calls: Calls = []
        for stretch, pieces in self.stretches:
            grown = self.gradient[stretch]
            calls.append(partial(grown.mul_, self.phi.whole[stretch]))
            calls += [self._measure(piece, self._distance(piece, stretch.start)) for piece in pieces]
            calls.append(partial(grown.mul_, self.distance[: len(grown)]))
            for piece in pieces:
                out = piece.x(self.features.gradient)
                calls.append(partial(torch.sum, piece.of(self.gradient), 1, out=out))
                calls.append(partial(out.mul_, 2 * self.factors[piece.member]))
        return calls

    def _distance(self, piece: Piece, start: int) -> Tensor:
        return self.distance[piece.low - start : piece.high - start].view(piece.shape)

    def _measure(self, piece: Piece, distance: Tensor) -> Call:
        x, centers = piece.x(self.features.whole).unsqueeze(1), self.centers.parts[piece.member].unsqueeze(1)
        return partial(torch.sub, x, centers, out=distance)


def chebyshev_kan(site: Site) -> Made | None:
    """yⱼ = Σᵢ Σₖ cⱼᵢₖ Tₖ(tanh xᵢ), by Tₖ = 2 x Tₖ₋₁ − Tₖ₋₂."""
    counts = [shape[2] for shape in site.weights["weight"].shapes]
    if min(counts) < 2 or not serves(site):
        return None
    features, result = Columns.of(site.inputs[0]), Result(site.output)
    phi = Expansion(features, counts)
    sums = Product(phi, site.weights["weight"], result)
    x, twice = torch.zeros_like(features.whole), torch.zeros_like(features.whole)
    forward: Calls = [
        partial(torch.tanh, features.whole, out=x),
        partial(torch.mul, x, 2, out=twice),
    ]
    for strip in phi.strips():
        terms, double = strip.of(phi.whole).unbind(1), strip.x(twice)
        terms[0].fill_(1)
        forward.append(partial(terms[1].copy_, strip.x(x)))
        for k in range(2, len(terms)):
            forward += [partial(torch.mul, double, terms[k - 1], out=terms[k]), partial(terms[k].sub_, terms[k - 2])]
    forward += [*sums.forward(), *result.forward()]

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return [*result.backward(), *sums.to_weights()]
        features.learn(into)
        memory = torch.zeros_like(phi.whole)
        calls = [*result.backward(), *sums.to_weights(), *sums.to_features(memory)]
        for strip in phi.strips():
            terms, grown, double = strip.of(phi.whole).unbind(1), strip.of(memory).unbind(1), strip.x(twice)
            for k in range(len(terms) - 1, 1, -1):
                calls.append(partial(grown[k - 1].addcmul_, double, grown[k]))
                if k > 2:
                    calls.append(partial(grown[k - 2].sub_, grown[k]))
            out = strip.x(features.gradient)
            calls.append(partial(out.copy_, grown[1]))
            calls += [partial(out.addcmul_, terms[k - 1], grown[k], value=2) for k in range(2, len(terms))]
        calls.append(partial(_aten.tanh_backward.grad_input, features.gradient, x, grad_input=features.gradient))
        return [*calls, *features.bring()]

    return forward, backward


def fourier_kan(site: Site) -> Made | None:
    """yⱼ = bⱼ + Σᵢ Σₖ cⱼᵢₖ cos(k xᵢ) + sⱼᵢₖ sin(k xᵢ)."""
    if not serves(site):
        return None
    features, result = Columns.of(site.inputs[0]), Result(site.output, site.weights["bias"])
    phi = Expansion(features, [shape[2] for shape in site.weights["weight"].shapes])
    sums = Product(phi, site.weights["weight"], result)
    strips = list(phi.strips())
    forward: Calls = []
    for strip in strips:
        cosines, sines = strip.of(phi.whole).chunk(2, 1)
        forward.append(partial(torch.mul, strip.x(features.whole).unsqueeze(1), _frequencies(cosines), out=sines))
        forward += [partial(torch.cos, sines, out=cosines), partial(torch.sin, sines, out=sines)]
    forward += [*sums.forward(), *result.forward()]

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return [*result.backward(), *sums.to_weights()]
        features.learn(into)
        memory = torch.zeros_like(phi.whole)
        calls = [*result.backward(), *sums.to_weights(), *sums.to_features(memory)]
        for strip in strips:
            cosines, sines = strip.of(phi.whole).chunk(2, 1)
            of_cosines, of_sines = strip.of(memory).chunk(2, 1)
            calls.append(partial(of_sines.mul_, cosines))
            calls.append(partial(of_sines.addcmul_, of_cosines, sines, value=-1))
            calls.append(partial(of_sines.mul_, _frequencies(cosines)))
            calls.append(partial(torch.sum, of_sines, 1, out=strip.x(features.gradient)))
        return [*calls, *features.bring()]

    return forward, backward


def _frequencies(waves: Tensor) -> Tensor:
    """1, 2, …, one for each of `(n, frequencies, rows)`."""
    count = waves.shape[1]
    return torch.arange(1, count + 1, dtype=waves.dtype, device=waves.device).view(1, count, 1)
