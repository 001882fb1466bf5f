"""Any operator of the table in the middle of a program: its tensors are made of what is there, and back."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "graph"))

from cases import CASES, Case

from nas.graph.builder import Builder
from nas.graph.graph import Call
from nas.graph.types import Axis, TensorType

_OF = {name: [case for case in CASES if case.op == name] for name in sorted({case.op for case in CASES})}


def drawn(rng: random.Random) -> Case:
    """One of the tested applications, every operator as likely as any other."""
    return rng.choice(_OF[rng.choice(list(_OF))])


class Fitting:
    """Applies a case to tensors of other types: linear maps over all axes stand before it and behind it.

    `weights` gives the key of the weights of each step in turn.
    """

    def __init__(self, builder: Builder, scope: tuple[Call, ...], weights: Callable[[str], str]) -> None:
        self.builder = builder
        self.scope = scope
        self.weights = weights
        self.n_steps = 0

    def apply(self, case: Case, sources: Sequence[int]) -> int:
        """The case on tensors made of `sources`, in turn; the result has the type of the first of them."""
        inputs = [self._as(sources[i % len(sources)], type_) for i, type_ in enumerate(case.types)]
        return self._as(self._step(case.op, *inputs, **case.arguments), self.builder.nodes[sources[0]].type)

    def _step(self, op: str, *inputs: int, **arguments: object) -> int:
        self.n_steps += 1
        return self.builder.apply(op, inputs, (), arguments, self.scope, self.weights(f"step{self.n_steps}"))

    def _as(self, x: int, type_: TensorType) -> int:
        """A tensor of this type that depends on all of x."""
        given = self.builder.nodes[x].type
        if given == type_:
            return x
        x = self._step("flatten", x, into="all") if given.axes else self._step("repeat", x, n=1, into="all")
        x = self._step("linear", x, n=type_.size)
        if not type_.axes:
            return self._step("sum_pool", x)
        return self._merged(self._split(x, "all", _leaves(type_.axes)), type_.axes)

    def _split(self, x: int, axis: str, leaves: Sequence[Axis]) -> int:
        """The axis as several, the outermost cut off first."""
        while len(leaves) > 1:
            size = self.builder.nodes[x].type.shape[-1] // leaves[0].size
            x = self._step("split_axis", x, axis=axis, size=size, into=[leaves[0].name, "rest"])
            axis, leaves = "rest", leaves[1:]
        return self._step("rename", x, axis=axis, to=leaves[0].name)

    def _merged(self, x: int, axes: Sequence[Axis]) -> int:
        for axis in axes:
            if len(axis.factors) == 2:
                first, second = (factor.name for factor in axis.factors)
                x = self._step("merge_axes", x, first=first, second=second, into=axis.name)
        return x


def _leaves(axes: Sequence[Axis]) -> list[Axis]:
    return [leaf for axis in axes for leaf in (axis.factors or (axis,))]
