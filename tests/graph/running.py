"""A tiny interpreter: runs a graph from the operators' own modules and expressions, with no code generator between."""

from __future__ import annotations

import importlib
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.graph.graph import Graph
from nas.graph.operators import TABLE


class Running(nn.Module):
    """A graph as a module; nodes with equal `weights` share one module."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.owned = nn.ModuleDict()
        self.names: dict[int, str] = {}
        for node in graph.nodes:
            if node.op == "input":
                continue
            types = tuple(graph.nodes[i].type for i in node.inputs)
            operator = TABLE[node.op]
            module = operator.module(types, dict(node.attrs))
            if module is None:
                continue
            name = "shared " + node.weights.replace(".", " ") if node.weights else f"node {node.id}"
            self.names[node.id] = name
            if name in self.owned:
                continue
            scope: dict[str, Any] = {"nn": nn}
            for path in operator.layers:
                file, _, layer = path.partition(":")
                scope[layer] = getattr(importlib.import_module(file), layer)
            settings = ", ".join([*map(repr, module.args), *(f"{k}={v!r}" for k, v in module.kwargs)])
            self.owned[name] = eval(f"{module.target}({settings}){module.suffix}", scope)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        graph = self.graph
        values = dict(zip(graph.inputs, inputs, strict=True))
        for node in graph.nodes:
            if node.id in values:
                continue
            types = tuple(graph.nodes[i].type for i in node.inputs)
            scope: dict[str, Any] = (
                {"torch": torch, "F": F, "module": self.owned[self.names[node.id]]}
                if (node.id in self.names)
                else {"torch": torch, "F": F}
            )
            names = []
            for position, source in enumerate(node.inputs):
                names.append(f"x{position}")
                scope[names[-1]] = values[source]
            text = TABLE[node.op].forward(types, dict(node.attrs), node.type, "module", names)
            values[node.id] = eval(text, scope)
            assert tuple(values[node.id].shape[1:]) == node.type.shape, (node, text, values[node.id].shape)
        return tuple(values[i] for i in graph.outputs)


def examples(graph: Graph, batch: int = 3) -> list[Tensor]:
    """Random inputs for a graph."""
    return [torch.randn(batch, *graph.nodes[i].type.shape) for i in graph.inputs]
