"""Learned factors and terms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Call, Calls, Destination, Made, Site, summed
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot


def scale(site: Site) -> Made:
    """y = s ⊙ x"""
    return _scaled(site, site.weights["weight"], None)


def layer_scale(site: Site) -> Made:
    """y = γ ⊙ x"""
    return _scaled(site, site.weights["gamma"], None)


def bias(site: Site) -> Made:
    """y = x + b"""
    return _scaled(site, None, site.weights["weight"])


def affine(site: Site) -> Made:
    """y = α ⊙ x + β"""
    return _scaled(site, site.weights["alpha"], site.weights["beta"])


def _scaled(site: Site, factor: Slot | None, term: Slot | None) -> Made:
    """y = factor ⊙ x + term, where they are."""
    x, y = site.inputs[0], site.output
    names = site.types[0][0].names
    at = names.index(str(site.attrs["axis"])) if "axis" in site.attrs else None
    places = _places(x, y, [slot for slot in (factor, term) if slot is not None], at)
    factors, terms = ([_aligned(slot, i, n, len(names), at) for i, n in places] for slot in (factor, term))

    def tensors(value: Value) -> list[Tensor]:
        return [value.tensor if n > 1 else value.parts[i] for i, n in places]

    forward: Calls = []
    for given, out, a, b in zip(tensors(x), tensors(y), factors, terms, strict=True):
        if a is not None:
            forward.append(partial(torch.mul, given, a, out=out))
            forward += [] if b is None else [partial(out.add_, b)]
        else:
            assert b is not None
            forward.append(partial(torch.add, given, b, out=out))

    def backward() -> Calls:
        calls: Calls = []
        gradients = tensors(y.gradient)
        for slot, product in ((factor, True), (term, False)):
            if slot is None or slot.gradient is None:
                continue
            for (i, n), given, gradient in zip(places, tensors(x), gradients, strict=True):
                out = _aligned(slot, i, n, len(names), at, slot.gradient)
                assert out is not None
                numbers = gradient
                if product:
                    numbers = torch.empty_like(gradient)
                    calls.append(partial(torch.mul, gradient, given, out=numbers))
                dims = tuple(dim for dim, size in enumerate(out.shape) if size == 1)
                calls.append(summed(numbers, dims, out, slot.tied))
        if factor is None and site.learning[0] and site.readers[0] == 1 and x.borrow_gradient(y):
            return calls
        into = site.gradient()
        if into is not None:
            calls += into.before
            calls += [
                _into(to, gradient, a, into)
                for to, gradient, a in zip(tensors(into.value), gradients, factors, strict=True)
            ]
        return calls

    return forward, backward


def _into(to: Tensor, gradient: Tensor, factor: Tensor | None, into: Destination) -> Call:
    if factor is None:
        return partial(to.add_ if into.holds else to.copy_, gradient)
    return partial(to.addcmul_, gradient, factor) if into.holds else partial(torch.mul, gradient, factor, out=to)


def _places(x: Value, y: Value, slots: Sequence[Slot], at: int | None) -> list[tuple[int, int]]:
    """The first member and the number of those that one call serves: all where the numbers differ along the last axis only."""
    last = [shape[-1:] for shape in y.shapes]
    if x.side and y.side and at in (None, len(y.shapes[0]) - 1) and all(list(slot.shapes) == last for slot in slots):
        return [(0, len(y))]
    return [(i, 1) for i in range(len(y))]


def _aligned(
    slot: Slot | None, place: int, count: int, n_axes: int, at: int | None, memory: Tensor | None = None
) -> Tensor | None:
    """The numbers of some members with the batch and all axes, of size 1 where they are the same; `memory` for `slot.whole`.

    Args:
        at: the axis along which they differ; None: they are the last axes.
    """
    if slot is None:
        return None
    memory = slot.whole if memory is None else memory
    if count > 1:
        return memory.view(*[1] * n_axes, -1)
    ends = [0, *accumulate(torch.Size(shape).numel() for shape in slot.shapes)]
    part, shape = memory[ends[place] : ends[place + 1]], slot.shapes[place]
    if at is None:
        return part.view(*[1] * (n_axes + 1 - len(shape)), *shape)
    return part.view(*[1] * (at + 1), -1, *[1] * (n_axes - 1 - at))
