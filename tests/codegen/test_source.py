"""Laws of the source: it computes what the graph computes, it is one text for one graph, and formatters agree with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from node_by_node import check, type_
from random_programs import random_program, scattered

from nas.codegen import source
from nas.errors import ShapeError
from nas.graph.builder import Builder
from nas.graph.graph import Call
from nas.graph.operators import TABLE, Argument
from nas.graph.operators.table import REQUIRED
from nas.graph.simplify import simplify
from nas.graph.types import TensorType

torch.set_num_threads(1)


TYPES = (
    type_(features=4),
    type_(tokens=4, channels=6),
    type_(height=4, width=6, channels=2),
    type_(parts=2, frequencies=2),
)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "merge_axes": {"first": "height", "second": "width"},
    "split_axis": {"axis": "channels", "size": 2, "into": ["outer", "inner"]},
    "spatial_gate": {"axis": "tokens"},
    "embedding": {"into": "values"},
    "rational": {"groups": 2},
    "cycle_shift": {"axis": "tokens"},
    "repeat": {"into": "copies"},
    "shift": {"by": 1},
    "irfft": {"n": 2},
}


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


@pytest.mark.parametrize("op", sorted(TABLE))
def test_every_operator_has_a_source(op: str) -> None:
    n_tried = 0
    for each in TYPES:
        builder = Builder({"x": each, "y": each})
        operator = TABLE[op]
        inputs = (0, 1)[: max(operator.arity[0], 2 if operator.arity[1] is None else 1)]
        arguments = {one.name: _some(one, each) for one in operator.arguments if one.default is REQUIRED}
        try:
            scope = (Call("block", "block"),)
            one = builder.apply(op, inputs, (), arguments | ARGUMENTS.get(op, {}), scope, "a")
        except ShapeError:
            continue
        builder.apply("relu", (one,), scope=scope)
        two = builder.apply(op, inputs, (), arguments | ARGUMENTS.get(op, {}), (), "b")
        text = check(builder.finish((builder.apply("add", (one, two)), len(builder.nodes) - 1)))
        assert max(map(len, text[text.index("class Model") :].splitlines())) <= 110
        n_tried += 1
    assert n_tried > 0


def _some(argument: Argument, type_: TensorType) -> Any:
    """A value for an argument that has no default."""
    by_kind = {"size": 2, "int": 0, "float": 0.5, "bool": True, "axis": type_.names[-1], "axes": list(type_.names)}
    return argument.options[0] if argument.options else by_kind.get(argument.kind, "merged")


@pytest.mark.slow
@settings(deadline=None, max_examples=1500)
@given(st.integers(0, 10**9), st.booleans())
def test_source_computes_many_graphs(seed: int, scatter: bool) -> None:
    graph = random_program(seed)
    check(simplify(scattered(graph, seed) if scatter else graph))
