"""A recorded table: every design of a finite space with what its trainings came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nas.errors import TaskError, nearest
from nas.study.candidate import Value
from nas.study.objectives import Direction

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Costs:
    """What is known of each design without training it; `(n,)` each.

    Args:
        params, macs: of our own graph, so without what no output reads.
        group: designs with equal numbers have the same canonical graph and the same recipe.
    """

    params: Integers
    macs: Integers
    group: Integers


@dataclass(frozen=True, eq=False)
class Table:
    """All `n` designs of a space in the order of `itertools.product` over their decisions, the last running fastest.

    Args:
        name: of the task.
        space: the shipped space whose designs these are.
        decisions: path → its values, in order.
        ordered: the decisions whose values are numbers in rising order.
        metric, direction: what `quality` is, and which way is better.
        quality: `(n, seeds)`, at the end of the training; NaN where a seed was not recorded. The first seeds of a row are.
        seconds: `(n, seeds)` of each training, on the machine of the table's authors.
        price: gives the costs; called when they are asked for.
    """

    name: str
    space: str
    decisions: Mapping[str, tuple[Value, ...]]
    ordered: frozenset[str]
    metric: str
    direction: Direction
    quality: Floats
    seconds: Floats
    price: Callable[[], Costs] = field(repr=False)

    def __len__(self) -> int:
        return len(self.quality)

    def index(self, genotype: Mapping[str, Value]) -> int:
        """The row of a design; decisions that the table does not have do not matter.

        Raises: TaskError: the design is not in the table.
        """
        row = 0
        for path, values in self.decisions.items():
            if path not in genotype:
                raise TaskError(
                    f"`{self.name}` is a table of the space `{self.space}`, where every design has a decision `{path}`"
                    f"{nearest(path, genotype)}; here stand {', '.join(genotype) or 'none'}"
                )
            place = self._places[path].get(genotype[path])
            if place is None:
                known = ", ".join(map(str, values))
                raise TaskError(f"`{self.name}` has no design with {path}={genotype[path]!r}; it has {known}")
            row = row * len(values) + place
        return row

    def genotype(self, row: int) -> dict[str, Value]:
        """The design of a row; `index` gives the row back."""
        return {
            path: values[code] for (path, values), code in zip(self.decisions.items(), self.codes[row], strict=True)
        }

    def trainings(self, row: int) -> int:
        """How many trainings of a design are recorded."""
        return int(np.isfinite(self.quality[row]).sum())

    @cached_property
    def codes(self) -> Integers:
        """`(n, decisions)`: the place of each value among those of its decision."""
        return np.array(list(product(*(range(len(values)) for values in self.decisions.values()))), dtype=np.int64)

    @cached_property
    def costs(self) -> Costs:
        return self.price()

    @cached_property
    def truth(self) -> Floats:
        """`(n,)`: the mean over all recorded trainings of the design's canonical graph.

        Equal graphs are one design here: were each its own, the best of a table would be the luckiest of many twins.
        """
        group, known = self.costs.group, np.isfinite(self.quality)
        total = np.bincount(group, np.where(known, self.quality, 0.0).sum(axis=1))
        count = np.bincount(group, known.sum(axis=1))
        means: Floats = (total / count)[group]
        return means

    @cached_property
    def _places(self) -> dict[str, dict[Value, int]]:
        return {path: {value: i for i, value in enumerate(values)} for path, values in self.decisions.items()}
