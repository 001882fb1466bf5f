"""The rule of operators that have none of their own: each member runs its own layer, with torch's own gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from evaluators.cohorts.rules.base import Calls, Made, Site
from evaluators.randomness import draw_seed
from nas.codegen import build, source, weight_paths
from nas.graph.graph import Graph, Node


def island(site: Site) -> Made:
    """Whatever the operator computes, one member after the other."""
    members = [_Member(site, i) for i in range(len(site))]

    def backward() -> Calls:
        into = [site.gradient(place) for place in range(len(site.inputs))]
        calls: Calls = [call for destination in into if destination is not None for call in destination.before]
        for i, member in enumerate(members):
            member.outs = [None if one is None else (one.value.parts[i], one.holds) for one in into]
            calls.append(member.backward)
        return calls

    return [member.forward for member in members], backward


class _Member:
    """One member's layer, whose weights are views of the cohort's."""

    def __init__(self, site: Site, place: int) -> None:
        self.site, self.number = site, site.members[place]
        self.layer, names = _layer(site.nodes[place], site.types[place])
        self.layer.train(site.training)
        self.layer.to(site.output.tensor)
        self.weights: list[
            tuple[Tensor, Tensor, bool]
        ] = []  # the layer's parameter, where its gradient goes, whether added
        for weight, slot in site.weights.items():
            self._bind(names[weight], slot.parts[place], slot.learns)
            if slot.learns:
                own = dict(self.layer.named_parameters())[names[weight]]
                self.weights.append((own, slot.gradients[place], slot.tied))
        self.inputs = [value.parts[place] for value in site.inputs]
        self.result = site.output.parts[place]
        self.grown = (
            site.output.gradient.parts[place] if site.training and any((*site.learning, self.weights)) else None
        )
        self.outs: list[tuple[Tensor, bool] | None] = []
        self.tape: tuple[list[Tensor], Tensor] | None = None

    def _bind(self, name: str, view: Tensor, learns: bool) -> None:
        path, _, last = name.rpartition(".")
        owner = self.layer.get_submodule(path)
        if last in owner._parameters:
            owner._parameters[last] = nn.Parameter(view, requires_grad=learns)
        else:
            owner._buffers[last] = view

    def forward(self) -> None:
        site = self.site
        if site.draws >= 0 and site.training:
            torch.manual_seed(draw_seed(site.clock.seeds[self.number], site.clock.steps[self.number], site.draws))
        learns = site.training and self.grown is not None
        with torch.set_grad_enabled(learns):
            inputs = [
                x.detach().requires_grad_() if learns and wanted else x
                for x, wanted in zip(self.inputs, site.learning, strict=True)
            ]
            result = self.layer(*inputs)
        self.result.copy_(result.detach())
        self.tape = (inputs, result) if learns else None

    def backward(self) -> None:
        assert self.tape is not None
        inputs, result = self.tape
        self.tape = None
        wanted = [x for x, out in zip(inputs, self.outs, strict=True) if out is not None]
        found = torch.autograd.grad(
            result, [*wanted, *(own for own, _, _ in self.weights)], self.grown, materialize_grads=True
        )
        targets = [out for out in self.outs if out is not None]
        for (out, holds), gradient in zip(
            [*targets, *((out, tied) for _, out, tied in self.weights)], found, strict=True
        ):
            out.add_(gradient) if holds else out.copy_(gradient)


def _layer(node: Node, types: Any) -> tuple[nn.Module, dict[str, str]]:
    """A module of this one node, and the names of its weights there."""
    from nas.graph.operators import TABLE

    count = len(types)
    nodes = [Node(i, "input", (("name", f"x{i}"),), (), types[i]) for i in range(count)]
    alone = Node(count, node.op, node.attrs, tuple(range(count)), node.type, (), node.weights)
    graph = Graph((*nodes, alone), tuple(range(count)), (count,))
    with torch.random.fork_rng(devices=[]):
        layer = build(source(graph))
    own = TABLE[node.op].weights(tuple(types), dict(node.attrs))
    path = weight_paths(graph)[count] if own else ""
    return layer, {weight.name: f"{path}.{weight.name}" for weight in own}
