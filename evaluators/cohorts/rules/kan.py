"""KAN layers whose bases are functions of one input alone: Gaussian bumps, Chebyshev polynomials, Fourier series."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Destination, Made, Site
from evaluators.cohorts.rules.expansions import Expansion, Product, Turned
from evaluators.cohorts.values import Value

_aten = torch.ops.aten
_EPS = 1e-5  # of the layer norm


def rbf_kan(site: Site) -> Made | None:
    """yⱼ = bⱼ + Σᵢ wⱼᵢ silu(xᵢ) + Σₖ cⱼᵢₖ exp(−((LN(x)ᵢ − μₖ) / h)²)."""
    if site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    turned, norm = Turned(site.inputs[0]), _LayerNorm(site)
    silu = Expansion(turned, [1] * len(site))
    base = Product(silu, site.weights["base.weight"], site.output, site.weights["base.bias"])
    bumps = _Bumps(Turned(norm.y), site)
    sums = Product(bumps.phi, site.weights["weight"], site.output, added=True)
    forward: Calls = [*turned.forward, partial(_aten.silu.out, turned.whole, out=silu.whole), *base.forward()]
    forward += [*norm.forward(), *bumps.turned.forward, *bumps.forward(), *sums.forward()]

    def backward() -> Calls:
        into = site.gradient()
        calls = [*base.to_weights(), *sums.to_weights()]
        calls += [*sums.to_features(bumps.grown), *bumps.backward()]
        calls += bumps.turned.bring(Destination(norm.y.gradient, False, []))
        if into is not None:
            calls += base.to_features(silu.whole)
            calls.append(partial(_aten.silu_backward.grad_input, silu.whole, turned.whole, grad_input=turned.gradient))
            calls += turned.bring(into)
        return [*calls, *norm.backward(into)]

    return forward, backward


class _LayerNorm:
    """LN(x), member by member."""

    def __init__(self, site: Site) -> None:
        self.x, self.weight, self.bias = site.inputs[0], site.weights["norm.weight"], site.weights["norm.bias"]
        self.y = Value(self.x.shapes, self.x.batch, like=self.x.tensor)
        self.kept = [(x.new_empty(len(x), 1), x.new_empty(len(x), 1)) for x in self.x.part_rows]

    def forward(self) -> Calls:
        return [
            partial(_aten.native_layer_norm.out, x, (x.shape[1],), weight, bias, _EPS, out0=out, out1=mean, out2=scale)
            for x, out, weight, bias, (mean, scale) in zip(
                self.x.part_rows, self.y.part_rows, self.weight.parts, self.bias.parts, self.kept, strict=True
            )
        ]

    def backward(self, into: Destination | None) -> Calls:
        """Add to the gradient of x, which `into` holds already."""
        return [partial(self._backward, place, into) for place in range(len(self.kept))]

    def _backward(self, place: int, into: Destination | None) -> None:
        x = self.x.part_rows[place]
        found = _aten.native_layer_norm_backward(
            self.y.gradient.part_rows[place], x, (x.shape[1],), *self.kept[place],
            self.weight.parts[place], self.bias.parts[place], [into is not None, self.weight.learns, self.bias.learns],
        )  # fmt: skip
        if into is not None:
            into.value.part_rows[place].add_(found[0])
        for slot, gradient in zip((self.weight, self.bias), found[1:], strict=True):
            if slot.gradient is not None:
                out = slot.gradients[place]
                out.add_(gradient) if slot.tied else out.copy_(gradient)


class _Bumps:
    """exp(−((x − μₖ) / h)²); members agree in the centers."""

    def __init__(self, turned: Turned, site: Site) -> None:
        self.turned, self.centers = turned, site.weights["centres"]
        count = self.centers.shapes[0][0]
        self.phi = Expansion(turned, [count] * len(site))
        self.distance = torch.zeros_like(self.phi.whole)
        self.grown = torch.zeros_like(self.phi.whole) if site.training else self.phi.whole
        self.factor = -(((count - 1) / 4) ** 2)
        self.zero = turned.whole.new_zeros(())

    def forward(self) -> Calls:
        calls: Calls = []
        for stretch, pieces in self.phi.chunks():
            distance, out = self.distance[stretch], self.phi.whole[stretch]
            for piece in pieces:
                centers = self.centers.parts[piece.member].view(1, -1, 1)
                calls.append(partial(torch.sub, piece.x(self.turned.whole), centers, out=piece.of(self.distance)))
            calls.append(partial(torch.addcmul, self.zero, distance, distance, value=self.factor, out=out))
            calls.append(partial(torch.exp, out, out=out))
        return calls

    def backward(self) -> Calls:
        """From `grown`, which is lost, to the gradient of x."""
        calls: Calls = []
        for stretch, pieces in self.phi.chunks():
            grown = self.grown[stretch]
            calls += [partial(grown.mul_, self.phi.whole[stretch]), partial(grown.mul_, self.distance[stretch])]
            for piece in pieces:
                out = piece.x(self.turned.gradient).squeeze(1)
                calls.append(partial(torch.sum, piece.of(self.grown), 1, out=out))
        return [*calls, partial(self.turned.gradient.mul_, 2 * self.factor)]


def chebyshev_kan(site: Site) -> Made | None:
    """yⱼ = Σᵢ Σₖ cⱼᵢₖ Tₖ(tanh xᵢ), by Tₖ = 2 x Tₖ₋₁ − Tₖ₋₂."""
    degree = int(site.attrs["degree"])  # type: ignore[call-overload]
    if degree < 1 or site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    turned = Turned(site.inputs[0])
    phi = Expansion(turned, [degree + 1] * len(site))
    sums = Product(phi, site.weights["weight"], site.output)
    x, twice = torch.zeros_like(turned.whole), torch.zeros_like(turned.whole)
    forward: Calls = [*turned.forward, partial(torch.tanh, turned.whole, out=x), partial(torch.mul, x, 2, out=twice)]
    for strip in phi.strips():
        terms, double = strip.of(phi.whole).unbind(1), strip.x(twice).squeeze(1)
        terms[0].fill_(1)
        forward.append(partial(terms[1].copy_, strip.x(x).squeeze(1)))
        for k in range(2, degree + 1):
            forward += [partial(torch.mul, double, terms[k - 1], out=terms[k]), partial(terms[k].sub_, terms[k - 2])]
    forward += sums.forward()

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return sums.to_weights()
        memory = torch.zeros_like(phi.whole)
        calls = [*sums.to_weights(), *sums.to_features(memory)]
        for strip in phi.strips():
            terms, grown, double = strip.of(phi.whole).unbind(1), strip.of(memory).unbind(1), strip.x(twice).squeeze(1)
            for k in range(degree, 1, -1):
                calls.append(partial(grown[k - 1].addcmul_, double, grown[k]))
                if k > 2:
                    calls.append(partial(grown[k - 2].sub_, grown[k]))
            out = strip.x(turned.gradient).squeeze(1)
            calls.append(partial(out.copy_, grown[1]))
            calls += [partial(out.addcmul_, terms[k - 1], grown[k], value=2) for k in range(2, degree + 1)]
        calls.append(partial(_aten.tanh_backward.grad_input, turned.gradient, x, grad_input=turned.gradient))
        return [*calls, *turned.bring(into)]

    return forward, backward


def fourier_kan(site: Site) -> Made | None:
    """yⱼ = bⱼ + Σᵢ Σₖ cⱼᵢₖ cos(k xᵢ) + sⱼᵢₖ sin(k xᵢ)."""
    if site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    turned = Turned(site.inputs[0])
    phi = Expansion(turned, [shape[2] for shape in site.weights["weight"].shapes])
    sums = Product(phi, site.weights["weight"], site.output, site.weights["bias"])
    strips = list(phi.strips())
    forward: Calls = list(turned.forward)
    for strip in strips:
        cosines, sines = strip.of(phi.whole).chunk(2, 1)
        forward.append(partial(torch.mul, strip.x(turned.whole), _frequencies(cosines), out=sines))
        forward += [partial(torch.cos, sines, out=cosines), partial(torch.sin, sines, out=sines)]
    forward += sums.forward()

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return sums.to_weights()
        memory = torch.zeros_like(phi.whole)
        calls = [*sums.to_weights(), *sums.to_features(memory)]
        for strip in strips:
            cosines, sines = strip.of(phi.whole).chunk(2, 1)
            of_cosines, of_sines = strip.of(memory).chunk(2, 1)
            calls.append(partial(of_sines.mul_, cosines))
            calls.append(partial(of_sines.addcmul_, of_cosines, sines, value=-1))
            calls.append(partial(of_sines.mul_, _frequencies(cosines)))
            calls.append(partial(torch.sum, of_sines, 1, out=strip.x(turned.gradient).squeeze(1)))
        return [*calls, *turned.bring(into)]

    return forward, backward


def _frequencies(waves: Tensor) -> Tensor:
    """1, 2, …, one for each of `(n, frequencies, rows)`."""
    count = waves.shape[1]
    return torch.arange(1, count + 1, dtype=waves.dtype, device=waves.device).view(1, count, 1)
