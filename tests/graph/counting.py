"""What a graph costs, found by running it and by the definition."""

from __future__ import annotations

import torch
from moving_cases import UNCOUNTED
from running import Running, examples
from torch.utils.flop_counter import FlopCounterMode

from nas.graph.cost import costs
from nas.graph.graph import Graph
from nas.graph.operators import TABLE


def peak_by_definition(graph: Graph) -> int:
    """For every node in turn, everything made so far that is read now or later."""
    home = {node.id: node.id for node in graph.nodes}
    for node in graph.nodes:
        looks = node.op != "input" and (
            TABLE[node.op].view or (node.op in ("add", "multiply") and len(node.inputs) == 1)
        )
        if looks:
            home[node.id] = home[node.inputs[0]]
    kept = {home[i] for i in (*graph.inputs, *graph.outputs)}
    most = 0
    for now in graph.nodes:
        later = {home[i] for node in graph.nodes[now.id :] for i in node.inputs} | kept | {home[now.id]}
        most = max(most, sum(node.type.size for node in graph.nodes[: now.id + 1] if node.id in later))
    return most


def uncounted_macs(graph: Graph) -> int:
    """MACs of one sample in the operators that torch's flop counter passes over."""
    return sum(
        TABLE[node.op].macs(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs), node.type)
        for node in graph.nodes
        if node.op in UNCOUNTED
    )


def assert_costs(graph: Graph) -> None:
    """The declared costs are those of the running graph."""
    running = Running(graph).eval()
    found = costs(graph, batch=3)
    assert found.params == sum(p.numel() for p in running.parameters())
    assert found.trainable_params == sum(p.numel() for p in running.parameters() if p.requires_grad)
    assert found.frozen_params == found.params - found.trainable_params
    assert found.buffers == sum(b.numel() for b in running.buffers())
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        running(*examples(graph, batch=3))
    assert 2 * (found.macs - 3 * uncounted_macs(graph)) == counter.get_total_flops()
    assert found.activation_bytes == 3 * 4 * peak_by_definition(graph)
    assert costs(graph, batch=6, bytes_per_number=2).activation_bytes == found.activation_bytes
    assert costs(graph).macs * 3 == found.macs
