"""Layers y = φ(x) Wᵀ in which φ makes several numbers of each one: what their rules have in common.

A member's x lies in memory as `(i, numbers)`, and so φ(x) is `(i, K, numbers)` here. Calls element by element run along the
samples however small K is, and (i, K) is the order that the layers' weights have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from itertools import accumulate, pairwise
from math import prod
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Destination, Site, row_sums
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot

AT_ONCE = 1 << 15  # numbers that calls on one stretch of memory take, so that a core's cache holds all that they read

_T = TypeVar("_T")


def serves(site: Site) -> bool:
    """Whether the rules here do: the last axis is the one mapped, and members differ in nothing else."""
    x, y = site.inputs[0], site.output
    return site.attrs["axis"] == site.types[0][0].names[-1] and (x.shared or x.side) and y.side


class Columns:
    """Features as rows, member after member: `(Σ i, numbers)`, or `(i, numbers)` where they share them.

    Args:
        widths: i of each member; of shared ones, just one.
        whole: the features.
        shared: all members have the same.
    """

    def __init__(self, widths: Sequence[int], whole: Tensor, *, shared: bool = False) -> None:
        self.widths, self.whole, self.shared = tuple(widths), whole, shared
        self._into: Destination | None = None

    @classmethod
    def of(cls, x: Value) -> Columns:
        """Those of a value that is shared or side by side."""
        widths = [shape[-1] for shape in x.shapes]
        return cls(widths[:1] if x.shared else widths, x.columns, shared=x.shared)

    @property
    def rows(self) -> int:
        return self.whole.shape[1]

    @cached_property
    def gradient(self) -> Tensor:
        """Where that with respect to them is gathered: at once where it belongs, if nothing is there yet."""
        into = self._into
        return torch.zeros_like(self.whole) if into is None or into.holds else into.value.columns

    def learn(self, into: Destination) -> None:
        """Say where the gradient belongs; to be called before it is asked for."""
        self._into = into

    def bring(self) -> Calls:
        """Calls that take the gradient where it belongs, where it is not there."""
        into = self._into
        assert into is not None
        return [*into.before, partial(into.value.columns.add_, self.gradient)] if into.holds else list(into.before)


class Piece(NamedTuple):
    """Neighboring features with the same K.

    Args:
        member: one of those that they belong to.
        first: place of the first of them in `Columns`.
        low: where their φ begins in the memory of the expansion.
        shape: of their φ, `(n, K, rows)`.
    """

    member: int
    first: int
    low: int
    shape: tuple[int, int, int]

    @property
    def high(self) -> int:
        return self.low + prod(self.shape)

    def of(self, whole: Tensor) -> Tensor:
        """Their φ in memory laid out like the expansion's."""
        return whole[self.low : self.high].view(self.shape)

    def x(self, whole: Tensor) -> Tensor:
        """They themselves in memory laid out like that of `Columns`: `(n, rows)`."""
        return whole[self.first : self.first + self.shape[0]]


class Expansion:
    """The memory of φ(x): one block for each member; where x is shared, one for each K.

    Args:
        features: the x.
        counts: K of each member.
    """

    def __init__(self, features: Columns, counts: Sequence[int]) -> None:
        leaders = [counts.index(count) if features.shared else member for member, count in enumerate(counts)]
        self.owners = sorted(set(leaders))
        self.block = [self.owners.index(leader) for leader in leaders]
        self.firsts = [0 if features.shared else sum(features.widths[:member]) for member in self.owners]
        widths = [features.widths[0 if features.shared else member] for member in self.owners]
        self.shapes = [(i, counts[member], features.rows) for member, i in zip(self.owners, widths, strict=True)]
        self.whole = features.whole.new_zeros(sum(map(prod, self.shapes)))

    def strips(self) -> list[Piece]:
        """Everything, in as few pieces as there can be."""
        found: list[Piece] = []
        low = 0
        for member, first, (i, count, rows) in zip(self.owners, self.firsts, self.shapes, strict=True):
            last = found[-1] if found else None
            if last is not None and last.shape[1] == count:
                found[-1] = last._replace(shape=(last.shape[0] + i, count, rows))
            else:
                found.append(Piece(member, first, low, (i, count, rows)))
            low = found[-1].high
        return found

    def stretches(self) -> list[tuple[slice, list[Piece]]]:
        """Everything, in stretches of memory of about `AT_ONCE` numbers and the pieces in each."""
        pieces = []
        for strip in self.strips():
            n, count, rows = strip.shape
            for start, end in parts(n, count * rows):
                low = strip.low + start * count * rows
                pieces.append(Piece(strip.member, strip.first + start, low, (end - start, count, rows)))
        return list(stretches(pieces, lambda piece: (piece.low, piece.high)))

    def runs(self) -> Iterator[tuple[int, int, Tensor]]:
        """Members `low` to before `high` that one product serves, and their φ(x) as `(i·K, rows)`."""
        blocks = cut(self.whole, [(i * count, rows) for i, count, rows in self.shapes])
        starts = [m for m, one in enumerate(self.block) if not (m and one == self.block[m - 1])]
        for low, high in pairwise([*starts, len(self.block)]):
            yield low, high, blocks[self.block[low]]


class Result:
    """y = Σ φ(x) Wᵀ + b.

    Args:
        y: where it goes; side by side.
        bias: each member's `(o,)`.
    """

    def __init__(self, y: Value, bias: Slot | None = None) -> None:
        self.y, self.bias = y, bias
        self.widths, self.whole = [shape[-1] for shape in y.shapes], y.columns

    @property
    def gradient(self) -> Tensor:
        return self.y.gradient.columns

    def forward(self) -> Calls:
        """What is left to do to the sum."""
        return [] if self.bias is None else [partial(self.whole.add_, self.bias.whole.unsqueeze(1))]

    def backward(self) -> Calls:
        """The gradient of the bias."""
        return [] if self.bias is None else row_sums(self.gradient, self.bias)


class Product:
    """φ(x) Wᵀ, the first part of a result or one that is added to it.

    Args:
        phi: φ(x).
        weight: each member's is `(o, i, K)`, or `(o, i)` where K is 1.
        result: where it goes.
    """

    def __init__(self, phi: Expansion, weight: Slot, result: Result, *, added: bool = False) -> None:
        self.phi, self.weight, self.result, self.added = phi, weight, result, added

    def forward(self) -> Calls:
        calls: Calls = []
        for weight, z, out in self._runs(self.result.whole):
            factors = (weight.whole.view(-1, len(z)), z)
            calls.append(
                partial(torch.addmm, out, *factors, out=out) if self.added else partial(torch.mm, *factors, out=out)
            )
        return calls

    def to_weights(self) -> Calls:
        """The gradient of the weight; reads φ(x)."""
        calls: Calls = []
        for weight, z, grown in self._runs(self.result.gradient):
            if weight.gradient is not None:
                out = weight.gradient.view(-1, len(z))
                tied = partial(torch.addmm, out, grown, z.t(), out=out)
                calls.append(tied if weight.tied else partial(torch.mm, grown, z.t(), out=out))
        return calls

    def to_features(self, whole: Tensor) -> Calls:
        """The gradient of φ(x), into memory laid out like φ(x)'s; its own will do once the weights have theirs."""
        outs = cut(whole, [(i * count, rows) for i, count, rows in self.phi.shapes])
        return [
            partial(torch.mm, weight.whole.view(-1, len(out)).t(), grown, out=out)
            for (weight, _, grown), out in zip(self._runs(self.result.gradient), outs, strict=True)
        ]

    def _runs(self, whole: Tensor) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        """Weight, φ(x), and its part of the result or gradient, for each product."""
        ends = [0, *accumulate(self.result.widths)]
        for low, high, z in self.phi.runs():
            yield self.weight.slice(low, high), z, whole[ends[low] : ends[high]]


def cut(whole: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """The tensors of these shapes that stand in `whole` one behind the other."""
    ends = accumulate(map(prod, shapes), initial=0)
    return [whole[low:high].view(shape) for (low, high), shape in zip(pairwise(ends), shapes, strict=True)]


def parts(n: int, each: int) -> Iterator[tuple[int, int]]:
    """Where parts of `n` things begin and end that hold about `AT_ONCE` numbers, `each` a thing."""
    step = max(1, AT_ONCE // each)
    return ((start, min(start + step, n)) for start in range(0, n, step))


def stretches(pieces: Iterable[_T], span: Callable[[_T], tuple[int, int]]) -> Iterator[tuple[slice, list[_T]]]:
    """Neighbors in memory by about `AT_ONCE` numbers. `span`: where a piece begins and ends."""
    group: list[_T] = []
    low = high = 0
    for piece in pieces:
        start, end = span(piece)
        if group and end - low > AT_ONCE:
            yield slice(low, high), group
            group = []
        low, high = (low if group else start), end
        group.append(piece)
    yield slice(low, high), group
