"""Rules of cohorts beyond plain MLPs: each operator by itself, and families that mix, gate and narrow."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from evaluators.cohorts import program
from evaluators.cohorts.cohort import Cohort, Member
from evaluators.cohorts.rules.base import Made, Site
from evaluators.cohorts.rules.island import island
from evaluators.recipe import Recipe
from evaluators.tasks.criteria import CrossEntropy
from nas.graph.builder import Builder
from nas.graph.examples import _value, tensors_of
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.graph.operators.table import Operator
from nas.graph.types import Axis, TensorType

sys.path.append(str(Path(__file__).parent.parent / "codegen"))

from any_operator import Fitting
from test_cohort_equality import BATCH, CLASSES, FEATURES, assert_equal, batches, graphs, module_of, together

MIXERS = """
space: mixers
inputs: {x: [features]}
outputs: [targets]
axes: [tokens, channels]
choose:
  patch: [2, 3, 4]
  dim: {int: [3, 8]}
  hidden: {int: [2, 9]}
  depth: {int: [1, 3]}
  norm: [layer_norm, rms_norm, affine, l2_norm]
  shared: [false, true]
  first: [false, true]
model: |
  z = linear(patchify(x, patch, into=[tokens, channels]), dim)
  z = linear(z, patch + 3, axis=tokens) if first else z
  for i in range(depth):
      t = gelu(linear(norm(z), hidden, axis=tokens, tied="mix" if shared else None))
      z = z + linear(t, size(z, tokens), axis=tokens)
      c = gelu(linear(norm(z), hidden))
      z = z + layer_scale(linear(c, dim), 0.5)
  return linear(mean_pool(norm(z), axis=tokens), targets)
"""
GATED = """
space: gated
inputs: {x: [features]}
outputs: [targets]
axes: [tokens, channels]
choose:
  patch: [2, 3]
  dim: {int: [3, 8]}
  gate: {int: [2, 6]}
  depth: {int: [1, 3]}
  half: [glu, 'glu(act="silu")', 'glu(act="identity", gate="second")']
model: |
  z = linear(patchify(x, patch, into=[tokens, channels]), dim)
  for i in range(depth):
      h = gelu(linear(layer_norm(z), 2 * gate))
      z = z + linear(spatial_gate(h, axis=tokens), dim)
      z = z + linear(half(linear(z, 2 * gate)), dim)
  return linear(mean_pool(layer_norm(z), axis=tokens), targets)
"""
HOURGLASSES = """
space: hourglasses
inputs: {x: [features]}
outputs: [targets]
choose:
  depth: {int: [1, 4]}
  skip: {int: [4, 16]}
  hidden: {int: [2, 8]}
  frozen: [false, true]
model: |
  z = linear(x, skip, bias=False, frozen=frozen)
  for i in range(depth):
      h = relu(linear(batch_norm(z, affine=False), hidden, bias=False))
      z = z + linear(h * h, skip, bias=False)
  return linear(z, targets, bias=False)
"""


@pytest.mark.parametrize("space", [MIXERS, GATED, HOURGLASSES], ids=["mixers", "gated", "hourglasses"])
def test_families_train_as_they_do_alone(space: str) -> None:
    members = [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(graphs(space, 10))]
    given = {0: batches()}
    assert_equal(together(members, given), given)


_SEQUENCE, _IMAGE = ("tokens=4, channels=6",), ("height=4, width=6, channels=2",)
_OTHER_AXES = [
    ("linear", "linear(x, 5, axis=tokens)", _SEQUENCE),
    ("linear", "linear(x, 5, axis=width, bias=False)", _IMAGE),
    ("linear", "linear(x, 5, per=[tokens])", _SEQUENCE),
    ("linear", "linear(x, 5, axis=height, per=[channels, width])", _IMAGE),
    ("linear", "linear(x, 5, axis=tokens, frozen=True)", _SEQUENCE),
    ("ntk_linear", "ntk_linear(x, 5, axis=tokens)", _SEQUENCE),
    ("layer_norm", "layer_norm(x, affine=False)", ("tokens=64, channels=48",)),
    ("spatial_gate", "spatial_gate(x, axis=height)", _IMAGE),
    ("glu", 'glu(x, act="tanh", axis=tokens, gate="second")', _SEQUENCE),
    ("softmax", "softmax(x, axis=height)", _IMAGE),
    ("mean_pool", "mean_pool(x)", _SEQUENCE),
    ("sum_pool", "sum_pool(x)", ("channels=6",)),
    ("concat", "concat(x, y, axis=tokens)", _SEQUENCE),
    ("multiply", "multiply(x, y, z)", _SEQUENCE),
    ("chunk", "chunk(x, 1, 2, axis=tokens)", _SEQUENCE),
    ("slice", "slice(x, 1, 3)", _SEQUENCE),
    ("reorder", "reorder(x, [width, channels, height])", _IMAGE),
    ("reorder", "reorder(x, [width, height, channels])", _IMAGE),
    ("merge_axes", "merge_axes(x, channels, height)", _IMAGE),
    ("merge_axes", "merge_axes(x, height, channels)", _IMAGE),
    ("merge_axes", "merge_axes(x, width, height)", _IMAGE),
    ("split_axis", "split_axis(x, tokens, 2, [outer, inner])", _SEQUENCE),
    ("flatten", "flatten(x)", ("channels=6",)),
    ("patchify", "patchify(x, 2, channels=height)", _IMAGE),
    ("patchify", "patchify(x, 3)", ("features=12",)),
    ("affine", "affine(x, axis=tokens)", _SEQUENCE),
    ("layer_scale", "layer_scale(x, 0.3, axis=height)", _IMAGE),
    ("scale", "scale(x, axes=[])", _SEQUENCE),
    ("scale", "scale(x, axes=[tokens, channels], frozen=True)", _SEQUENCE),
    ("bias", "bias(x, axes=[height, channels])", _IMAGE),
    ("contract", "contract(x, y, [tokens, channels])", _SEQUENCE),
    ("unpatchify", "unpatchify(x, 3)", ("tokens=4, channels=6",)),
    ("roll", "roll(x, -1)", _SEQUENCE),
    ("roll", "roll(x, 8, axis=height)", _IMAGE),
    ("flip", "flip(x)", _SEQUENCE),
    ("shift", "shift(x, -2)", _SEQUENCE),
    ("shift", "shift(x, -1, axis=width)", _IMAGE),
    ("pad", "pad(x, 0, 2)", _SEQUENCE),
    ("cycle_shift", "cycle_shift(x, 7, axis=height)", _IMAGE),
    ("expand", "expand(x, y)", ("width=2, height=3", "width=2, channels=3, height=3")),
    ("expand", "expand(x, y)", ("height=3", "channels=3, width=2, height=3")),
    ("repeat", "repeat(x, 3, into=members)", _IMAGE),
]
_RULED = [operator for _, operator in sorted(TABLE.items()) if operator.cohort and not operator.random]
_RULED = [replace(one, on=("channels=8",)) if one.topic.endswith(".kan") else one for one in _RULED]  # of one axis
_RULED += [replace(TABLE[name], example=example, on=on) for name, example, on in _OTHER_AXES]


@pytest.mark.parametrize(
    "tied", [pytest.param(False, id="once"), pytest.param(True, id="tied", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("operator", _RULED, ids=lambda operator: operator.example)
def test_every_rule_gives_torchs_values_and_gradients(
    operator: Operator, tied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one cohort: tensors side by side along the last axis, and with another length of the first one too."""

    def only_for_others(site: Site) -> Made:
        assert site.nodes[0].op != operator.name, "the rule does not serve the operator's own example"
        return island(site)

    monkeypatch.setattr(program, "island", only_for_others)
    for sizes in ([(1, 1), (1, 2), (1, 1)], [(1, 1), (2, 1), (1, 2)]):
        _compare([_graph(operator, first, last, tied) for first, last in sizes])


def test_one_channel_needs_no_axis() -> None:
    """An image of one channel comes back from its patches without the axis."""
    operator = replace(TABLE["unpatchify"], example="unpatchify(x, 2, into=[features])", on=("tokens=4, channels=2",))
    _compare([_graph(operator, 1, 1, tied=False)] * 3)


def _compare(made: list[Graph]) -> None:
    """Values and gradients of a cohort of these with those of torch."""
    cohort = Cohort(
        [Member(graph, module_of(graph, i), Recipe(), i) for i, graph in enumerate(made)],
        CrossEntropy(CLASSES),
        torch.zeros(BATCH, dtype=torch.int64),
        torch.zeros((), dtype=torch.float64),
    )
    x, y = batches()[0]
    with torch.no_grad():
        for _, value in cohort.training.inputs:
            value.tensor.copy_(x)
        for losses in cohort.losses.values():
            losses.target.copy_(y)
        for _ in range(2):  # nothing of the first pass is left in the second
            cohort.training.forward()
            for losses in cohort.losses.values():
                losses.step()
            cohort.training.backward()
    for place, member in enumerate(cohort.members):
        result = member.module(x)
        CrossEntropy(CLASSES).loss(result, y).backward()  # type: ignore[no-untyped-call]
        _assert_close(cohort.training.outputs.parts[place], result.detach())
        found = {
            slot.names[at]: slot.gradients[at]
            for slot in cohort.weights.slots()
            for at, owner in enumerate(slot.members)
            if slot.learns and owner == place
        }
        for weight, parameter in member.module.named_parameters():
            if parameter.grad is not None:
                _assert_close(found[weight], parameter.grad)


def _assert_close(found: Tensor, wanted: Tensor) -> None:
    scale = max(float(wanted.abs().max()), 1e-3)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12 * scale)


def _graph(operator: Operator, first: int, last: int, tied: bool) -> Graph:
    """The operator's example between linear maps, with the sizes of the first and of the last axis multiplied.

    Args:
        tied: twice with the same weights, and its first input is read once more.
    """
    builder = Builder({"x": TensorType((Axis("features", FEATURES),))})
    fitting = Fitting(builder, (), lambda step: step)
    sums = []
    for turn in range(1 + tied):
        tensors = [fitting._as(0, _resized(type_, first, last)) for type_ in tensors_of(operator).values()]
        call = ast.parse(operator.example, mode="eval").body
        assert isinstance(call, ast.Call)
        given = [_value(one) for one in call.args[len(tensors) :]]
        keywords = {one.arg: _value(one.value) for one in call.keywords if one.arg}
        results = [builder.apply(operator.name, tuple(tensors), given, keywords, weights="own")]
        if turn:
            results.append(tensors[0])
        sums += [fitting._as(result, TensorType((Axis("targets", CLASSES),))) for result in results]
    return builder.finish((fitting._step("add", *sums),))


def _resized(type_: TensorType, first: int, last: int) -> TensorType:
    axes = list(type_.axes)
    axes[-1] = axes[-1].resized(axes[-1].size * last)
    if len(axes) > 1:
        axes[0] = axes[0].resized(axes[0].size * first)
    return TensorType(tuple(axes))
