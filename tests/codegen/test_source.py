"""Laws of the source: it computes what the graph computes, it is one text for one graph, and formatters agree with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.codegen import build, source
from nas.codegen.fresh import same_bits
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.graph.simplify import simplify
from tests.codegen.random_programs import random_program, scattered
from tests.codegen.reference import Reference, as_tuple, copy_weights, examples

torch.set_num_threads(1)


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


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**9))
def test_source_computes_the_graph(seed: int) -> None:
    check(simplify(random_program(seed)))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**9))
def test_any_scope_will_do(seed: int) -> None:
    check(simplify(scattered(random_program(seed), seed)))


def test_sources_are_formatted_and_clean(tmp_path: Path) -> None:
    for seed in range(60):
        (tmp_path / f"m{seed}.py").write_text(source(simplify(random_program(seed))), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for command in ("check", "format --check --diff --line-length 110"):
        done = subprocess.run(
            [*ruff, *command.split(), "--isolated", str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
