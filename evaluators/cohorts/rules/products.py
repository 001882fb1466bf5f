"""Products and quotients of tensors, sums of products, and softmax."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Made, Site
from evaluators.cohorts.values import Value, together
from nas.graph.operators.contraction import letters

_aten = torch.ops.aten


def multiply(site: Site) -> Made:
    """y = x₁ ⊙ x₂ ⊙ …"""
    y = site.output

    def backward() -> Calls:
        calls: Calls = []
        for place in range(len(site.inputs)):
            into = site.gradient(place)
            if into is not None:
                others = [x for i, x in enumerate(site.inputs) if i != place]
                calls += into.through(_product, y.gradient, *others)
        return calls

    return [_product(*tensors, out) for out, *tensors in together(y, *site.inputs)], backward


def _product(*tensors: Tensor) -> Call:
    """The call that puts the product of all but the last in the last."""
    *factors, out = tensors
    if len(factors) == 1:
        return partial(out.copy_, factors[0])
    if len(factors) == 2:
        return partial(torch.mul, *factors, out=out)
    return partial(_multiply, factors, out)


def _multiply(factors: Sequence[Tensor], out: Tensor) -> None:
    torch.mul(factors[0], factors[1], out=out)
    for factor in factors[2:]:
        out.mul_(factor)


def divide(site: Site) -> Made:
    """y = x₁ ⊘ x₂"""
    (a, b), y = site.inputs, site.output

    def backward() -> Calls:
        calls: Calls = []
        above = site.gradient(0)
        if above is not None:
            calls += above.through(lambda g, b, out: partial(torch.div, g, b, out=out), y.gradient, b)
        below = site.gradient(1)
        if below is not None:
            calls += below.through(lambda *tensors: partial(_below, *tensors), y.gradient, y, b)
        return calls

    return [partial(torch.div, p, q, out=out) for out, p, q in together(y, a, b)], backward


def _below(gradient: Tensor, y: Tensor, b: Tensor, out: Tensor) -> None:
    torch.mul(gradient, y, out=out)
    out.div_(b).neg_()


def softmax(site: Site) -> Made:
    """yᵢ = exp xᵢ / Σⱼ exp xⱼ"""
    x, y = site.inputs[0], site.output
    names = site.types[0][0].names
    at = (names.index(str(site.attrs["axis"])) + 1) % len(names)  # in memory, where the last axis comes first
    whole = x.side and y.side and at > 0

    def tensors(*values: Value) -> list[tuple[Tensor, ...]]:
        if whole or y.shared:
            return [tuple(value.memory for value in values)]
        return list(zip(*(value.part_memories for value in values), strict=True))

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        calls = list(into.before)
        for gradient, result, to in tensors(y.gradient, y, into.value):
            out = site.scratch.take(0, to) if into.holds else to
            calls.append(partial(_aten._softmax_backward_data.out, gradient, result, at, to.dtype, grad_input=out))
            if into.holds:
                calls.append(partial(to.add_, out))
        return calls

    return [partial(torch._softmax, given, at, False, out=out) for given, out in tensors(x, y)], backward


def contract(site: Site) -> Made:
    """y = Σ_over a ⊙ b, member by member."""
    a, b, y = *site.inputs, site.output
    letter = letters(dict.fromkeys((*site.types[0][0].names, *site.types[0][1].names)))
    first, second, result = (
        "z" + "".join(letter[name] for name in type_.names) for type_ in (*site.types[0], site.nodes[0].type)
    )
    forward: Calls = [
        partial(_einsum, f"{first},{second}->{result}", *tensors, False)
        for tensors in zip(a.parts, b.parts, y.parts, strict=True)
    ]

    def backward() -> Calls:
        calls: Calls = []
        for place, (mine, theirs, other) in enumerate(((first, second, b), (second, first, a))):
            into = site.gradient(place)
            if into is None:
                continue
            calls += into.before
            calls += [
                partial(_einsum, f"{result},{theirs}->{mine}", *tensors, into.holds)
                for tensors in zip(y.gradient.parts, other.parts, into.value.parts, strict=True)
            ]
        return calls

    return forward, backward


def _einsum(equation: str, a: Tensor, b: Tensor, out: Tensor, added: bool) -> None:
    found = torch.einsum(equation, a, b)
    out.add_(found) if added else out.copy_(found)
