"""Which candidates can train in a cohort."""

from __future__ import annotations

import torch

from evaluators.tasks.task import Task
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.study.candidate import Job

# Operators whose noise a candidate draws the same alone and in a cohort.
REPEATABLE = ("dropout", "drop_path")


def why_alone(job: Job, task: Task, device: str) -> str:
    """Why a candidate cannot train in a cohort; empty where it can."""
    graph: Graph | None = job.graph
    if graph is None:
        return "its graph did not come with it"
    if job.members != 1:
        return "it is an ensemble"
    if len(graph.outputs) != 1 or graph.nodes[graph.outputs[0]].op == "input":
        return "it has not exactly one output"
    unknown = [node.op for node in graph.nodes if node.op != "input" and node.op not in TABLE]
    if unknown:
        return f"this process does not know its operator `{unknown[0]}`"
    noisy = [
        node.op for node in graph.nodes if node.op != "input" and TABLE[node.op].random and node.op not in REPEATABLE
    ]
    if noisy:
        return f"`{noisy[0]}` may draw numbers of its own"
    if (
        torch.device(device).type == "cuda"
        and job.recipe.get("amp", "auto") != "off"
        and torch.cuda.is_bf16_supported()
    ):
        return "it trains in bfloat16; `amp: off` lets it join"
    if not any(TABLE[node.op].weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs))
               for node in graph.nodes if node.op in TABLE):  # fmt: skip
        return "it has no weights"
    return ""
