"""Pruning the mixtures of a trained candidate, and measuring what that does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evaluators.tasks import Task
from nas.codegen import build, pruned, source
from nas.graph.cost import costs
from nas.graph.graph import Graph
from nas.space import Architecture

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pruned:
    """A trained architecture whose mixtures have lost inputs.

    Args:
        graph, weights: what is left, as `nas.codegen.pruned` gives it.
        threshold: the share below which an input was dropped.
        operators, params: how many there are, before and after.
        metrics: on the validation part, before and after.
    """

    graph: Graph = field(repr=False)
    weights: Mapping[str, Tensor] = field(repr=False, compare=False)
    threshold: float
    operators: tuple[int, int]
    params: tuple[int, int]
    metrics: tuple[Mapping[str, float], Mapping[str, float]]

    def __str__(self) -> str:
        before, after = self.metrics
        changes = [
            f"operators {self.operators[0]:,} → {self.operators[1]:,}",
            f"parameters {self.params[0]:,} → {self.params[1]:,}",
            *(f"validation {name} {value:.6g} → {after[name]:.6g}" for name, value in before.items()),
        ]
        return f"without the inputs of mixtures whose shares were below {self.threshold:g}: {', '.join(changes)}"


def prune(architecture: Architecture, weights: Mapping[str, Tensor], threshold: float, task: Task) -> Pruned:
    """Prune, and measure before and after.

    Args:
        weights: a state dict of the architecture's module.
        threshold: see `nas.codegen.pruned`.
    Raises: NasError: the threshold is no share.
    """
    from evaluators.training import validate

    def measured(graph: Graph, own: Mapping[str, Tensor]) -> dict[str, float]:
        module = build(source(graph))
        module.load_state_dict(own)
        return validate(module, task, architecture.members)

    graph, left = pruned(architecture.graph, weights, threshold)
    return Pruned(
        graph=graph,
        weights=left,
        threshold=threshold,
        operators=(_operators(architecture.graph), _operators(graph)),
        params=(architecture.costs.params, costs(graph).params),
        metrics=(measured(architecture.graph, weights), measured(graph, left)),
    )


def _operators(graph: Graph) -> int:
    return len(graph.nodes) - len(graph.inputs)
