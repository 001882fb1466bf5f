"""What a cohort takes in memory is known before it is made."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from evaluators.cohorts.eligibility import why_alone
from evaluators.cohorts.estimates import cohort_bytes, kept_numbers, packed, step_bytes
from evaluators.tasks import load_task
from nas.graph.graph import Graph
from nas.space import space_from_text
from nas.study.candidate import Job

SPACES = {
    "mlp": """
choose: {width: {int: [200, 300]}, act: [relu, gelu]}
model: |
  z = act(linear(act(linear(x, width)), width))
  return linear(z, targets)
""",
    "hourglass": """
choose: {width: {int: [200, 300]}, hidden: {int: [16, 64]}, depth: {int: [2, 4]}}
model: |
  z = linear(x, width, bias=False)
  for i in range(depth):
      z = z + linear(relu(linear(batch_norm(z, affine=False), hidden, bias=False)), width, bias=False)
  return linear(z, targets)
""",
    "mixer": """
axes: [tokens, channels]
choose: {width: {int: [24, 40]}, hidden: {int: [16, 64]}, depth: {int: [1, 2]}}
model: |
  z = linear(patchify(x, 4, into=[tokens, channels]), width)
  for i in range(depth):
      z = z + linear(gelu(linear(layer_norm(z), hidden, axis=tokens)), size(z, tokens), axis=tokens)
      z = z + linear(gelu(linear(layer_norm(z), hidden)), width)
  return linear(mean_pool(z, axis=tokens), targets)
""",
}
MEMBERS, BATCH, EVALUATION = 16, 128, 256

CHILD = """
import random, re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from test_cohort_memory import BATCH, EVALUATION, MEMBERS, graphs
from evaluators.cohorts.cohort import Cohort, Member
from evaluators.recipe import Recipe
from evaluators.tasks.criteria import CrossEntropy
from nas.codegen import build, source

torch.set_num_threads(1)
x, y = torch.randn(BATCH, 40), torch.randint(10, (BATCH,))
probe = torch.randn(EVALUATION, 40)

def members(count):
    return [Member(graph, build(source(graph)), Recipe(), 0) for graph in graphs(sys.argv[2], count)]

@torch.no_grad()
def run(given):
    cohort = Cohort(given, CrossEntropy(10), y, x)
    for _ in range(2):
        cohort.step({0: ([x], y)}, [1e-3] * len(given))
    cohort.predict(0, [probe], EVALUATION)

def peak():  # not that of getrusage, which a process inherits from the one that began it
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

run(members(1))  # what torch and Python load when they are first used
many = members(MEMBERS)
before = peak()
run(many)
print(peak() - before)
"""


def graphs(family: str, count: int) -> list[Graph]:
    text = f"space: {family}\ninputs: {{x: [features]}}\noutputs: [targets]{SPACES[family]}"
    space, rng = space_from_text(text, "space.yaml").bind([[40]], [[10]]), random.Random(0)
    return [space.sample(rng).graph for _ in range(count)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux")
@pytest.mark.parametrize("family", SPACES)
def test_the_estimate_is_within_a_fifth_of_the_peak(family: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(Path(__file__).parent), family], capture_output=True, text=True, check=True
    )
    expected = cohort_bytes(graphs(family, MEMBERS), BATCH, EVALUATION)
    assert 0.8 * expected < int(done.stdout) < 1.2 * expected


def test_a_step_takes_weights_four_times_and_values_twice() -> None:
    [graph] = graphs("mlp", 1)
    width = graph.nodes[1].type.size
    weights = 40 * width + width + width * width + width + width * 10 + 10
    values = 4 * width + 10
    assert step_bytes(graph, BATCH) == 4 * (4 * weights + 2 * BATCH * values)


def test_norms_keep_what_their_weights_scale_and_maps_nothing() -> None:
    """A block of the mixer: its two norms keep their results; maps of tokens read and write in place."""
    graph = next(graph for graph in graphs("mixer", 8) if sum(node.op == "gelu" for node in graph.nodes) == 2)
    tokens, width = graph.nodes[1].type.shape[0], graph.nodes[2].type.shape[1]
    assert kept_numbers(graph) == 2 * tokens * width
    assert [kept_numbers(graph) for graph in graphs("mlp", 2)] == [0, 0]


def test_packs_are_as_full_as_neighbours_allow() -> None:
    assert packed("abcde", [3, 3, 3, 9, 1], 6) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert packed([], [], 6) == []


def test_who_has_so_many_weights_that_company_does_not_help_trains_alone() -> None:
    task, models = load_task("mnist1d"), {}
    for width in (64, 4000):
        models[f"linear(linear(x, {width}), targets)"] = width == 4000
    models["linear(mean_pool(gelu(linear(patchify(x, 4, into=[tokens, channels]), 500)), axis=tokens), targets)"] = (
        False
    )
    for model, alone in models.items():
        text = f"space: one\ninputs: {{x: [features]}}\noutputs: [targets]\naxes: [tokens, channels]\nmodel: |\n  return {model}\n"
        graph = space_from_text(text, "space.yaml").bind([[2000]], [[10]]).sample(random.Random(0)).graph
        job = Job(0, {}, "", {"batch_size": 128}, 0, {"epochs": 1}, graph=graph)
        assert ("company" in why_alone(job, task, "cpu")) is alone


def test_who_has_many_operators_without_a_rule_trains_alone() -> None:
    task = load_task("mnist1d")
    for model, alone in (
        ("linear(prelu(x), targets)", True),
        (f"linear({'relu(' * 9}prelu(x){')' * 9}, targets)", False),
    ):
        text = f"space: one\ninputs: {{x: [features]}}\noutputs: [targets]\nmodel: |\n  return {model}\n"
        graph = space_from_text(text, "space.yaml").bind([[40]], [[10]]).sample(random.Random(0)).graph
        why = why_alone(Job(0, {}, "", {"batch_size": 128}, 0, {"epochs": 1}, graph=graph), task, "cpu")
        assert why == ("more than a tenth of its operators, such as `prelu`, have no rule for cohorts" if alone else "")
