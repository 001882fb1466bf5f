"""Learned mixtures without the inputs that came to next to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nas.codegen.render import weight_paths
from nas.errors import NasError
from nas.graph.graph import Graph, Node
from nas.graph.operators import TABLE
from nas.graph.simplify import simplify

if TYPE_CHECKING:
    from torch import Tensor

_IDENTITY_ATTRS = tuple((argument.name, argument.default) for argument in TABLE["identity"].arguments)


def pruned(graph: Graph, weights: Mapping[str, Tensor], threshold: float) -> tuple[Graph, dict[str, Tensor]]:
    """The graph whose `mixture`s have dropped every input with shares below `threshold` everywhere, and its weights.

    Shares are the softmax of a mixture's weights. Those that stay keep their weights and so share out among themselves what
    the dropped ones had; of a mixture the input with the largest share always stays. With the dropped inputs goes all
    that only they needed. Where each mixture drops shares of at most δ, it changes by at most 2δ of its largest input.

    Args:
        weights: a state dict of the graph's module.
        threshold: a share, from 0 (nothing is dropped) to less than 1.
    Returns: the smaller graph, simplified, and the state dict of its module.
    Raises: NasError: the threshold is no such share.

    Source: Liu, Simonyan and Yang 2018, "DARTS: Differentiable Architecture Search", arXiv:1806.09055.
    """
    if not 0 <= threshold < 1:
        raise NasError(f"inputs of mixtures are dropped below a share of at least 0 and below 1, got {threshold:g}")
    homes = {graph.nodes[i].weights: path for i, path in weight_paths(graph).items()}
    kept = {
        node.weights: _kept(weights[f"{homes[node.weights]}.weight"], threshold)
        for node in graph.nodes
        if node.op == "mixture"
    }
    nodes = tuple([_with_inputs(node, kept[node.weights]) if node.op == "mixture" else node for node in graph.nodes])
    smaller = simplify(Graph(nodes, graph.inputs, graph.outputs))
    moved: dict[str, Tensor] = {}
    for i, path in weight_paths(smaller).items():
        node = smaller.nodes[i]
        old = f"{homes[node.weights]}."
        for name, value in weights.items():
            if name.startswith(old):
                own = value[kept[node.weights]] if node.op == "mixture" else value
                moved[f"{path}.{name.removeprefix(old)}"] = own
    return smaller, moved


def _kept(logits: Tensor, threshold: float) -> list[int]:
    """The positions of the inputs that stay."""
    largest = logits.softmax(0).flatten(1).amax(1) if logits.ndim > 1 else logits.softmax(0)
    return [k for k, share in enumerate(largest.tolist()) if share >= threshold] or [int(largest.argmax())]


def _with_inputs(node: Node, kept: list[int]) -> Node:
    inputs = tuple([node.inputs[k] for k in kept])
    if len(inputs) == 1:
        return node._replace(op="identity", attrs=_IDENTITY_ATTRS, inputs=inputs, weights="")
    return node._replace(inputs=inputs)
