"""Layers y = φ(x) Wᵀ in which φ makes several numbers of each one: what their rules have in common.

Memory is turned here, features first and samples last: a member's x is `(i, rows)` and φ(x) is `(i, K, rows)`. So calls
element by element run along the samples however small K is, and (i, K) is the order that the layers' weights have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import accumulate
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Destination
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot

AT_ONCE = 1 << 16  # numbers that calls on one chunk of memory take, so that it stays in a core's cache


class Turned:
    """An input with its features first: `(i, rows)` for each member, one behind the other; one block if it is shared."""

    def __init__(self, x: Value) -> None:
        self.x = x
        parts = [x.rows] if x.shared else x.part_rows
        self.shapes = [(part.shape[1], part.shape[0]) for part in parts]
        self.whole = x.tensor.new_zeros(sum(map(prod, self.shapes)))
        self.gradient = torch.zeros_like(self.whole)
        self.forward: Calls = [
            partial(mine.copy_, theirs) for mine, theirs in zip(self._views(self.whole), self._sources(x), strict=True)
        ]

    def bring(self, into: Destination) -> Calls:
        """Calls that take `gradient` where it belongs."""
        pairs = zip(self._views(self.gradient), self._sources(into.value), strict=True)
        return [*into.before, *(partial(out.add_ if into.holds else out.copy_, mine) for mine, out in pairs)]

    def _views(self, whole: Tensor) -> list[Tensor]:
        if self.x.side or self.x.shared:
            return [whole.view(-1, self.shapes[0][1])]
        return cut(whole, self.shapes)

    def _sources(self, value: Value) -> list[Tensor]:
        return [value.rows.t()] if self.x.side or self.x.shared else [part.t() for part in value.part_rows]


class Piece(NamedTuple):
    """Neighboring features with the same K: `x` is `n` rows from `first` on in the memory of `Turned`.

    Args:
        member: one of those that they belong to.
        low: where φ of them begins in the memory of the expansion.
        shape: of φ of them, `(n, K, rows)`.
    """

    member: int
    first: int
    low: int
    shape: tuple[int, int, int]

    def of(self, whole: Tensor) -> Tensor:
        """Their φ in memory laid out like the expansion's."""
        return whole[self.low : self.low + prod(self.shape)].view(self.shape)

    def x(self, whole: Tensor) -> Tensor:
        """They themselves, `(n, 1, rows)`, in memory laid out like that of `Turned`."""
        n, _, rows = self.shape
        return whole[self.first : self.first + n * rows].view(n, 1, rows)


class Expansion:
    """The memory of φ(x): one block for each member; where x is shared, one for each K.

    Args:
        turned: the x.
        counts: K of each member.
    """

    def __init__(self, turned: Turned, counts: Sequence[int]) -> None:
        self.turned, shared = turned, turned.x.shared
        leaders = [counts.index(count) if shared else member for member, count in enumerate(counts)]
        self.owners = sorted(set(leaders))
        self.block = [self.owners.index(leader) for leader in leaders]
        xs = [turned.shapes[0 if shared else member] for member in self.owners]
        self.shapes = [(i, counts[member], rows) for member, (i, rows) in zip(self.owners, xs, strict=True)]
        self.whole = turned.whole.new_zeros(sum(map(prod, self.shapes)))

    def strips(self) -> Iterator[Piece]:
        """Everything, in as few pieces as there can be."""
        firsts = [0, *accumulate(0 if self.turned.x.shared else i * rows for i, _, rows in self.shapes)]
        found: list[Piece] = []
        for member, first, shape, low in zip(self.owners, firsts, self.shapes, self._lows, strict=False):
            last = found[-1] if found else None
            if last is not None and last.shape[1:] == shape[1:]:
                found[-1] = last._replace(shape=(last.shape[0] + shape[0], *shape[1:]))
            else:
                found.append(Piece(member, first, low, shape))
        return iter(found)

    def chunks(self) -> Iterator[tuple[slice, list[Piece]]]:
        """Everything, in stretches of memory of about `AT_ONCE` numbers and the pieces in each."""
        chunk: list[Piece] = []
        for strip in self.strips():
            n, count, rows = strip.shape
            step = max(1, AT_ONCE // (count * rows))
            for start in range(0, n, step):
                piece = Piece(
                    strip.member,
                    strip.first + start * rows,
                    strip.low + start * count * rows,
                    (min(step, n - start), count, rows),
                )
                if chunk and piece.low + prod(piece.shape) - chunk[0].low > AT_ONCE:
                    yield _stretch(chunk), chunk
                    chunk = []
                chunk.append(piece)
        yield _stretch(chunk), chunk

    def runs(self, side: bool) -> Iterator[tuple[int, int, Tensor]]:
        """Members `low` to before `high` that one product serves, and their φ(x) as `(i·K, rows)`."""
        blocks = [block.flatten(0, 1) for block in cut(self.whole, self.shapes)]
        starts = [m for m, one in enumerate(self.block) if not (side and m and one == self.block[m - 1])]
        for low, high in zip(starts, [*starts[1:], len(self.block)], strict=True):
            yield low, high, blocks[self.block[low]]

    @property
    def _lows(self) -> list[int]:
        return [0, *accumulate(map(prod, self.shapes))]


def _stretch(chunk: Sequence[Piece]) -> slice:
    return slice(chunk[0].low, chunk[-1].low + prod(chunk[-1].shape))


class Product:
    """y = φ(x) Wᵀ + b, or added to y.

    Args:
        phi: φ(x).
        weight: each member's is `(o, i, K)`, or `(o, i)` where K is 1.
        y: the result.
        bias: likewise, `(o,)`.
        added: y holds a part of the sum already.
    """

    def __init__(
        self, phi: Expansion, weight: Slot, y: Value, bias: Slot | None = None, *, added: bool = False
    ) -> None:
        self.phi, self.weight, self.y, self.bias, self.added = phi, weight, y, bias, added

    def forward(self) -> Calls:
        calls: Calls = []
        for weight, bias, z, out in self._runs(self.y):
            factors = (z.t(), weight.whole.view(-1, len(z)).t())
            if self.added:
                calls.append(partial(torch.addmm, out, *factors, out=out))
            elif bias is not None:
                calls.append(partial(torch.addmm, bias.whole, *factors, out=out))
            else:
                calls.append(partial(torch.mm, *factors, out=out))
        return calls

    def to_weights(self) -> Calls:
        """The gradients of weight and bias; reads φ(x)."""
        calls: Calls = []
        for weight, bias, z, grown in self._runs(self.y.gradient):
            if weight.gradient is not None:
                out = weight.gradient.view(-1, len(z))
                if weight.tied:
                    calls.append(partial(torch.addmm, out, grown.t(), z.t(), out=out))
                else:
                    calls.append(partial(torch.mm, grown.t(), z.t(), out=out))
            if bias is not None and bias.gradient is not None:
                calls.append(partial(_add_sum if bias.tied else _sum, grown, bias.gradient))
        return calls

    def to_features(self, whole: Tensor) -> Calls:
        """The gradient of φ(x), into memory laid out like φ(x)'s; its own will do once the weights have theirs."""
        outs = [part.flatten(0, 1) for part in cut(whole, self.phi.shapes)]
        return [
            partial(torch.mm, weight.whole.view(-1, len(out)).t(), grown.t(), out=out)
            for (weight, _, _, grown), out in zip(self._runs(self.y.gradient), outs, strict=True)
        ]

    def _runs(self, value: Value) -> Iterator[tuple[Slot, Slot | None, Tensor, Tensor]]:
        """Weight, bias, φ(x), and the rows of `value`, which is laid out like y, for each product."""
        for low, high, z in self.phi.runs(value.side):
            first, last = self.weight.low + low, self.weight.low + high
            rows = value.slice(low, high).rows if value.side else value.part_rows[low]
            yield self.weight.of(first, last), self.bias and self.bias.of(first, last), z, rows


def cut(whole: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    """The tensors of these shapes that stand in `whole` one behind the other."""
    return [part.view(shape) for part, shape in zip(whole.split([*map(prod, shapes)]), shapes, strict=True)]


def _sum(rows: Tensor, out: Tensor) -> None:
    torch.sum(rows, 0, out=out)


def _add_sum(rows: Tensor, out: Tensor) -> None:
    out.add_(rows.sum(0))
