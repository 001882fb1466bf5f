"""Loops over lists, their length, and what the static analyses make of them."""

from __future__ import annotations

import random

import pytest
from small_spaces import Watched, ops, small

from nas.errors import SpaceError
from nas.space import Space
from nas.space.deciders import Random


def widths(space: Space) -> list[object]:
    graph = space.build(Watched({}), strict=True).graph
    return [node.arguments["n"] for node in graph.nodes if node.op == "linear"]


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("for n in [3, 5]:\n    x = linear(x, n)\nreturn x", [3, 5]),
        ("for n in 6, 7:\n    x = linear(x, n)\nreturn x", [6, 7]),
        ("ns = [3] + [5]\nfor n in ns:\n    x = linear(x, n)\nreturn x", [3, 5]),
        ("for pair in [[1, 2], [3, 4]]:\n    a, b = pair\n    x = linear(x, 10 * a + b)\nreturn x", [12, 34]),
        ("for n in []:\n    x = linear(x, n)\nreturn linear(x, 4)", [4]),
        ("for n in [3, 5]:\n    for m in [1, 2]:\n        x = linear(x, n + m)\nreturn x", [4, 5, 6, 7]),
        ("return linear(x, len([1, [2, 3], 4]))", [3]),
        ("return linear(x, len([]) + 4)", [4]),
        ("return linear(x, len(split(x, 4)))", [4]),
        ("for n in split(x, 2):\n    x = x + linear(n, 8)\nreturn x", [8, 8]),
    ],
)
def test_what_a_loop_goes_over(model: str, found: list[int]) -> None:
    assert widths(small(model, sizes=f"{{features: 8, targets: {found[-1]}}}")) == found


def test_operators_and_blocks_can_be_listed() -> None:
    space = small("for f in [relu, twice, gelu]:\n    x = f(x)\nreturn linear(x, targets)", "twice(z): return z + z")
    assert ops(space.build(Watched({})).graph)[1:] == ["relu", "add", "gelu", "linear"]


def test_a_path_names_the_position_in_the_list() -> None:
    space = small(
        "for n in [30, 10]:\n    x = layer(x, n)\nreturn linear(x, targets)",
        "layer(z, most):\n  choose: {n: {int: [1, most]}}\n  body: return linear(z, n)",
    )
    assert list(space.sample(random.Random(0)).genotype) == ["layer[0].n", "layer[1].n"]
    assert space.count().value == 300


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("for i in 3:\n    x = relu(x)", r"a loop goes over `range\(…\)` or a list, and this is the number 3"),
        ("for i in 'abc':\n    x = relu(x)", "and this is the word 'abc'"),
        ("for i in x:\n    x = relu(x)", "and this is a tensor"),
        ("for i in relu:\n    x = relu(x)", "and this is `relu`"),
        ("n = len(x)", r"`len` takes a list, got a tensor; a tensor has sizes: `size\(x, axis\)`"),
        ("n = len(3)", "`len` takes a list, got the number 3"),
        ("n = len()", "`len` takes a list, got 0 values"),
        ("n = [x] == 3", "`==` looks into a list of tensors"),
        ("n = 1 in [[x]]", "`in` looks into a list of tensors"),
    ],
)
def test_mistakes(model: str, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        small(f"{model}\nreturn linear(x, targets)").build(Watched({}), strict=True)


@pytest.mark.parametrize(
    ("model", "nothing"),
    [
        ("for n in [3, 4]:\n    x = linear(x, n)\nreturn linear(x, targets)", True),
        ("ns = [3, 4]\nfor n in ns:\n    x = linear(x, n)\nreturn linear(x, targets)", True),
        ("z = 0 * x\nfor t in split(x, 1):\n    z = z + t\nreturn linear(z, targets)", True),
        ("for t in [linear(x, 8)]:\n    x = relu(x)\nreturn linear(x, targets)", False),
        ("for t in [linear(x, 8), x]:\n    return linear(t, targets)\nreturn x", False),
        ("for t in [linear(x, 8), x]:\n    z = linear(t, targets)\nreturn linear(x, targets)", False),
        ("ts = [linear(x, 8)]\nreturn linear(x, len(ts) + 3)", False),
        ("return linear(x, size(linear(x, 8), features))", False),
        ("return linear(x, size(x, features))", True),
        ("z = linear(x, 8)\ny = z\nreturn linear(x, targets)", False),
        ("z = linear(x, 8)\ny = [z]\nreturn linear(x, targets)", False),
        ("z = linear(x, 8)\ny = -z\nreturn linear(x, targets)", False),
        ("t = linear(x, 8)\nfor t in [x, x]:\n    x = x + t\nreturn linear(x + t, targets)", False),
        ("for t in [x, x]:\n    x = x + t\n    t = linear(t, 8)\nreturn linear(x, targets)", False),
    ],
)
def test_what_can_be_lost(model: str, nothing: bool) -> None:
    assert small(model).program.drops_nothing is nothing


ENDING = """
tree(z):
  choose: {kind: [leaf, many]}
  body: |
    return kind(z)
leaf(z): |
  return relu(z)
many(z): |
  for y in LOOP:
      z = z + gelu(y)
  return z
"""


@pytest.mark.parametrize("loop", ["[tree(z)]", "[tree(z), z]", "split(tree(z), 1)"])
def test_a_recursion_in_a_list_ends_within_the_limit(loop: str) -> None:
    """What a loop goes over is evaluated for certain, so it counts among the calls that an element needs."""
    space = small("return linear(tree(x), targets)", ENDING.replace("LOOP", loop), limits="{depth: 6}")
    rng = random.Random(0)
    depths = {max(map(len, (node.scope for node in space.build(Random(rng)).graph.nodes))) for _ in range(40)}
    assert depths == {2, 4, 6}


def test_a_recursion_in_a_list_without_end() -> None:
    said = "block `tree` always calls itself again"
    with pytest.raises(SpaceError, match=said):
        small("return linear(tree(x), targets)", "tree(z): |\n  for t in [tree(z)]:\n      z = t\n  return z")
    with pytest.raises(SpaceError, match=said):
        small("return linear(tree(x), targets)", "tree(z): |\n  for t in [1]:\n      z = tree(z)\n  return z")
