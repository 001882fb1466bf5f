"""Layers y = φ(x) Wᵀ in which φ makes several numbers of each one: what their rules have in common.

Memory is turned here, features first and samples last: a member's x is `(i, rows)` and φ(x) is `(i, K, rows)`. So calls
element by element run along the samples however small K is, and (i, K) is the order that the layers' weights have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import accumulate, pairwise
from math import prod
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Destination, Site
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot

AT_ONCE = 1 << 15  # numbers that calls on one stretch of memory take, so that a core's cache holds all that they read

_T = TypeVar("_T")


def serves(site: Site) -> bool:
    """Whether the rules here do: the last axis is the one mapped, and members differ in nothing else."""
    x, y = site.inputs[0], site.output
    return site.attrs["axis"] == site.types[0][0].names[-1] and (x.shared or x.side) and y.side


class Turned:
    """An input with its features first, member after member: `(Σ i, rows)`, or `(i, rows)` where they share it.

    Args:
        widths: i of each member; of a shared one, just one.
        rows: samples, and all axes but the last.
        like: gives dtype and device.
        whole: it lies so already; None: it is copied.
    """

    def __init__(self, widths: Sequence[int], rows: int, like: Tensor, whole: Tensor | None = None) -> None:
        self.widths, self.rows, self.shared = tuple(widths), rows, False
        self.whole = like.new_zeros(sum(widths), rows) if whole is None else whole
        self.gradient = torch.zeros_like(self.whole)

    @classmethod
    def of(cls, x: Value) -> Turned:
        """As much memory as `x` needs."""
        widths = [shape[-1] for shape in x.shapes]
        whole = x.memory if x.turned else None
        turned = cls(widths[:1] if x.shared else widths, len(x.rows), x.tensor, whole)
        turned.shared = x.shared
        return turned

    def take(self, x: Value) -> Calls:
        """Calls that copy `x`, of which this was made, where it lies otherwise."""
        return [] if x.turned else [partial(self.whole.copy_, x.rows.t())]

    def bring(self, into: Destination) -> Calls:
        """Calls that take `gradient` where it belongs."""
        out = into.value.rows.t()
        return [*into.before, partial(out.add_ if into.holds else out.copy_, self.gradient)]


class Piece(NamedTuple):
    """Neighboring features with the same K.

    Args:
        member: one of those that they belong to.
        first: place of the first of them in `Turned`.
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
        """They themselves in memory laid out like that of `Turned`: `(n, rows)`."""
        return whole[self.first : self.first + self.shape[0]]


class Expansion:
    """The memory of φ(x): one block for each member; where x is shared, one for each K.

    Args:
        turned: the x.
        counts: K of each member.
    """

    def __init__(self, turned: Turned, counts: Sequence[int]) -> None:
        leaders = [counts.index(count) if turned.shared else member for member, count in enumerate(counts)]
        self.owners = sorted(set(leaders))
        self.block = [self.owners.index(leader) for leader in leaders]
        self.firsts = [0 if turned.shared else sum(turned.widths[:member]) for member in self.owners]
        widths = [turned.widths[0 if turned.shared else member] for member in self.owners]
        self.shapes = [(i, counts[member], turned.rows) for member, i in zip(self.owners, widths, strict=True)]
        self.whole = turned.whole.new_zeros(sum(map(prod, self.shapes)))

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
    """y = Σ φ(x) Wᵀ + b, gathered with features first.

    Args:
        y: where it goes; side by side.
        bias: each member's `(o,)`.
    """

    def __init__(self, y: Value, bias: Slot | None = None) -> None:
        self.y, self.bias = y, bias
        self.turned = Turned.of(y)

    def forward(self) -> Calls:
        """Take the sum to y."""
        rows, sums = self.y.rows, self.turned.whole.t()
        if self.bias is not None:
            return [partial(torch.add, sums, self.bias.whole, out=rows)]
        return [] if self.y.turned else [partial(rows.copy_, sums)]

    def backward(self) -> Calls:
        """Take the gradient from y; to be called before the products' own."""
        if self.y.turned:
            self.turned.gradient = self.y.gradient.memory
        grown = self.turned.gradient
        calls: Calls = [] if self.y.turned else [partial(grown.copy_, self.y.gradient.rows.t())]
        return calls if self.bias is None else [*calls, *row_sums(grown, self.bias)]


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
        for weight, z, out in self._runs(self.result.turned.whole):
            factors = (weight.whole.view(-1, len(z)), z)
            calls.append(
                partial(torch.addmm, out, *factors, out=out) if self.added else partial(torch.mm, *factors, out=out)
            )
        return calls

    def to_weights(self) -> Calls:
        """The gradient of the weight; reads φ(x)."""
        calls: Calls = []
        for weight, z, grown in self._runs(self.result.turned.gradient):
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
            for (weight, _, grown), out in zip(self._runs(self.result.turned.gradient), outs, strict=True)
        ]

    def _runs(self, whole: Tensor) -> Iterator[tuple[Slot, Tensor, Tensor]]:
        """Weight, φ(x), and its part of the result or gradient, for each product."""
        ends = [0, *accumulate(self.result.turned.widths)]
        for low, high, z in self.phi.runs():
            yield self.weight.slice(low, high), z, whole[ends[low] : ends[high]]


def row_sums(numbers: Tensor, slot: Slot) -> Calls:
    """The gradient of a weight of which `numbers` has a row for each element."""
    if slot.gradient is None:
        return []
    out = slot.gradient
    return [partial(_add_sums, numbers, out) if slot.tied else partial(torch.sum, numbers, 1, out=out)]


def _add_sums(numbers: Tensor, out: Tensor) -> None:
    out.add_(numbers.sum(1))


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
