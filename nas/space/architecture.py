"""One candidate of a space: its genotype and the graph it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from nas.graph.cost import Costs, costs
from nas.graph.digest import digest
from nas.graph.graph import Graph
from nas.space.domains import Domain, Value


@dataclass(frozen=True)
class Architecture:
    """An accepted candidate.

    Args:
        genotype: path → value, in the order in which the equations read them. Plain JSON.
        solved: path → value of what is not chosen but follows from the genotype.
        capped: whether that is the largest value of its range, so that its rule may leave something unspent.
        domains: path → what the value was chosen from.
        graph: simplified.
        recipe: the space's training settings for this candidate.
        allocated_params: of all that the equations made, before `simplify` took out what no output needs.
        members: predictions that it returns side by side, on a first axis; 1 where that axis is not there.
    """

    genotype: Mapping[str, Value]
    domains: Mapping[str, Domain]
    graph: Graph
    recipe: Mapping[str, Any]
    members: int = 1
    allocated_params: int = 0
    solved: Mapping[str, int] = field(default_factory=dict)
    capped: bool = False

    @cached_property
    def costs(self) -> Costs:
        """Exact parameters, MACs and activation bytes, for one sample in 32-bit floats."""
        return costs(self.graph)

    @property
    def unused_params(self) -> int:
        """Parameters that the equations allocate and that no output reads; they are not in the model."""
        return self.allocated_params - self.costs.params

    @cached_property
    def digest(self) -> str:
        """Names the architecture up to isomorphism; equal digests compute equal functions of equal weights."""
        return digest(self.graph, simplified=True)
