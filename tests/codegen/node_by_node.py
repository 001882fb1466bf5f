"""What a graph computes, found node by node, with no code generator between: the operators' own modules and expressions."""

from __future__ import annotations

import importlib
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.codegen import build, source, weight_paths
from nas.codegen.fresh import same_bits
from nas.graph.graph import Graph, Node
from nas.graph.operators import TABLE
from nas.graph.types import Axis, TensorType


def type_(**axes: int) -> TensorType:
    """`type_(tokens=8, channels=4)` is [tokens=8, channels=4]."""
    return TensorType(tuple(Axis(name, size) for name, size in axes.items()))


class Reference(nn.Module):
    """A graph, evaluated in the order of its nodes."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.owners: dict[tuple[Any, ...], nn.Module] = {}
        self.module_of: dict[int, nn.Module] = {}
        for node in graph.nodes:
            if node.op != "input":
                self._own(node)
        self.all = nn.ModuleList(self.module_of.values())

    def _own(self, node: Node) -> None:
        types = tuple(self.graph.nodes[i].type for i in node.inputs)
        operator = TABLE[node.op]
        data = operator.module(types, dict(node.attrs))
        if data is None:
            return
        key = (node.weights, data.target) if node.weights else (node.id,)
        if key not in self.owners:
            scope: dict[str, Any] = {"nn": nn}
            for path in operator.layers:
                module, _, layer = path.partition(":")
                scope[layer] = getattr(importlib.import_module(module), layer)
            made: nn.Module = eval(data.target, scope)(*data.args, **dict(data.kwargs))
            self.owners[key] = eval(f"made{data.suffix}", scope | {"made": made})
        self.module_of[node.id] = self.owners[key]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        values = dict(zip(self.graph.inputs, inputs, strict=True))
        for node in self.graph.nodes:
            if node.id in values:
                continue
            types = tuple(self.graph.nodes[i].type for i in node.inputs)
            names = [f"x{position}" for position in range(len(types))]
            text = TABLE[node.op].forward(types, dict(node.attrs), node.type, "module", names)
            scope: dict[str, Any] = {"torch": torch, "F": F, "math": math, "module": self.module_of.get(node.id)}
            scope |= dict(zip(names, (values[i] for i in node.inputs), strict=True))
            values[node.id] = eval(text, scope)
        return tuple(values[i] for i in self.graph.outputs)


def copy_weights(reference: Reference, model: nn.Module) -> None:
    """Give the model of the graph's source the reference's weights, node by node."""
    for node, path in weight_paths(reference.graph).items():
        model.get_submodule(path).load_state_dict(reference.module_of[node].state_dict())


def as_tuple(result: Any) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def examples(graph: Graph, batch: int = 3) -> list[Tensor]:
    return [torch.randn(batch, *graph.nodes[i].type.shape) for i in graph.inputs]


def check(graph: Graph) -> str:
    """The source gives the graph's function bit for bit, in evaluation and in training, and its parameters."""
    text = source(graph)
    torch.manual_seed(0)
    reference, model = Reference(graph), build(text)
    copy_weights(reference, model)
    inputs = examples(graph)
    for training in (False, True):
        reference.train(training)
        model.train(training)
        torch.manual_seed(1)
        expected = reference(*inputs)
        torch.manual_seed(1)
        found = as_tuple(model(*inputs))
        assert len(found) == len(expected)
        for mine, other in zip(found, expected, strict=True):
            assert same_bits(mine.detach(), other.detach()), text
    unique = {node.weights or node.id: node for node in graph.nodes if node.op != "input"}
    params = 0
    for node in unique.values():
        types = tuple(graph.nodes[i].type for i in node.inputs)
        params += sum(w.size for w in TABLE[node.op].weights(types, dict(node.attrs)) if not w.buffer)
    assert sum(p.numel() for p in model.parameters()) == params, text
    again = build(text)
    again.load_state_dict(model.state_dict())
    for key, tensor in again.state_dict().items():
        assert same_bits(tensor, model.state_dict()[key]), key
    return text
