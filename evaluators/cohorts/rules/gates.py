"""One half of the channels gates the other."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from evaluators.cohorts.rules.activations import PAIRS
from evaluators.cohorts.rules.base import Call, Calls, Destination, Made, Site, summed
from evaluators.cohorts.rules.mixing import Mix, matrices
from evaluators.cohorts.rules.row_norms import RowNorm
from evaluators.cohorts.values import Value

NORM_EPS = 1e-5
_ATTRS = {"approximate": "none"}  # of the gate's activation


def glu(site: Site) -> Made:
    """y = act(x₁) ⊙ x₂ of x = [x₁; x₂]"""
    x, y, act = site.inputs[0], site.output, str(site.attrs["act"])
    at = site.types[0][0].names.index(str(site.attrs["axis"])) + 1
    swap = site.attrs["gate"] == "second"
    pair = PAIRS["times" if act == "identity" else act]
    attrs: dict[str, Any] = {**_ATTRS, "by": 1.0}
    active = Value(y.shapes, y.batch, like=y.tensor)

    def halves(value: Value) -> list[tuple[Tensor, Tensor]]:
        """What `act` is taken of and what it gates."""
        found = (part.chunk(2, at) for part in value.parts)
        return [(second, first) if swap else (first, second) for first, second in found]

    forward: Calls = []
    for (gate, passed), activated, out in zip(halves(x), active.parts, y.parts, strict=True):
        forward += [pair.forward(gate, activated, attrs), partial(torch.mul, activated, passed, out=out)]

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        calls = list(into.before)
        members = zip(halves(x), active.parts, y.gradient.parts, halves(into.value), strict=True)
        for (gate, passed), activated, gradient, (to_gate, to_passed) in members:
            grown = site.scratch.take(0, activated)
            calls += [_put(gradient, activated, to_passed, into), partial(torch.mul, gradient, passed, out=grown)]
            if into.holds:
                scratch = site.scratch.take(1, activated)
                calls.append(pair.backward(grown, gate, activated, scratch, attrs))
                calls.append(partial(to_gate.add_, scratch))
            else:
                calls.append(pair.backward(grown, gate, activated, to_gate, attrs))
        return calls

    return forward, backward


def spatial_gate(site: Site) -> Made:
    """y = x₁ ⊙ (W LN(x₂) + b) of x = [x₁; x₂], W along the tokens"""
    x, y = site.inputs[0], site.output
    weight, bias = site.weights["mix.weight"], site.weights["mix.bias"]
    at = site.types[0][0].names.index(str(site.attrs["axis"]))
    gate, normal, mixed = (Value(y.shapes, y.batch, like=y.tensor) for _ in range(3))
    slots = (site.weights["norm.weight"], site.weights["norm.bias"])
    norm = RowNorm(gate, normal, *slots, eps=NORM_EPS, centered=True, scratch=site.scratch)
    mixes = [Mix(part, 1.0, site.scratch) for part in weight.parts]

    def halves(value: Value) -> list[Sequence[Tensor]]:
        return [part.chunk(2) for part in value.part_memories]

    def tokens(value: Value) -> list[Tensor]:
        return [matrices(part, at) for part in value.part_memories]

    forward: Calls = [partial(to.copy_, second) for to, (_, second) in zip(gate.part_memories, halves(x), strict=True)]
    forward += norm.forward()
    forward += [mix.forward(*each) for mix, *each in zip(mixes, tokens(normal), tokens(mixed), bias.parts, strict=True)]
    forward += [
        partial(torch.mul, passed, part, out=out)
        for (passed, _), part, out in zip(halves(x), mixed.part_memories, y.part_memories, strict=True)
    ]

    def backward() -> Calls:
        into = site.gradient()
        calls = [] if into is None else list(into.before)
        for i, (mix, (passed, _)) in enumerate(zip(mixes, halves(x), strict=True)):
            gradient, part = y.gradient.part_memories[i], mixed.part_memories[i]
            if into is not None:
                calls.append(_put(gradient, part, halves(into.value)[i][0], into))
            grown = tokens(mixed)[i]
            calls += [
                partial(torch.mul, gradient, passed, out=part),
                *mix.weight_gradient(tokens(normal)[i], grown, weight.gradients[i], weight.tied),
                summed(grown, (0, 2), bias.gradients[i], bias.tied),
                mix.input_gradient(grown, tokens(normal.gradient)[i], added=False),
            ]
        calls += norm.backward(normal.gradient, None if into is None else Destination(gate.gradient, False, []))
        if into is not None:
            for (_, second), part in zip(halves(into.value), gate.gradient.part_memories, strict=True):
                calls.append(partial(second.add_ if into.holds else second.copy_, part))
        return calls

    return forward, backward


def _put(a: Tensor, b: Tensor, to: Tensor, into: Destination) -> Call:
    """The call that brings a product."""
    return partial(to.addcmul_, a, b) if into.holds else partial(torch.mul, a, b, out=to)
