"""Which candidates can train in a cohort."""

from __future__ import annotations

import torch

from evaluators.cohorts.estimates import weight_bytes
from evaluators.precision import is_half
from evaluators.recipe import check_recipe
from evaluators.tasks.task import Task
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.study.candidate import Job

# On a CPU a candidate with more weights, those of its optimiser included, gains nothing: memory sets its pace then, not the
# number of calls (measured on one core against training alone: MLPs of width 512 on MNIST, 12 to 22 MiB, 1.05 times as fast,
# of width 1024, 32 to 68 MiB, 0.98 times; mixers of width 256 on MNIST-1D, whose weights are few, 1.5 times).
LARGE_BYTES = 32 * 2**20

# An operator without a rule calls a module and torch's gradients there. Where more of the nodes are such, a plain loop is faster
# (measured on digits: `cyclemlp`, when `cycle_shift` had no rule, with 15 % of them trains 0.8 times as fast as alone, `dynamic-spectrum-mixer` with 19 % 0.7 times).
ISLANDS = 0.1

# Operators whose noise a candidate draws the same alone and in a cohort.
REPEATABLE = ("dropout", "drop_path")


def why_alone(job: Job, task: Task, device: str) -> str:
    """Why a candidate cannot or should not train in a cohort; empty where it can.

    Raises: ExperimentError: the recipe is wrong.
    """
    graph: Graph | None = job.graph
    if task.streams:
        return "its data are read from files while it trains"
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
    islands = own_layers(graph)
    if len(islands) > ISLANDS * len(graph.nodes):
        return f"more than a tenth of its operators, such as `{islands[0]}`, have no rule for cohorts"
    recipe = check_recipe(job.recipe)
    if torch.device(device).type == "cpu" and weight_bytes(graph) > LARGE_BYTES:
        return "its weights are so many that company does not make it faster"
    if is_half(job, recipe, device):
        return "it trains in bfloat16; `amp: off` lets it join"
    if not any(TABLE[node.op].weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs))
               for node in graph.nodes if node.op in TABLE):  # fmt: skip
        return "it has no weights"
    return ""


def own_layers(graph: Graph) -> list[str]:
    """The operators of the nodes that no rule serves: in a cohort each candidate runs its own layers there."""
    return [node.op for node in graph.nodes if node.op != "input" and not TABLE[node.op].cohort]
