"""The size of a space is the number of its members, however it is counted."""

from __future__ import annotations

import itertools
import json

import pytest
from small_spaces import recursive, small

from nas.errors import SpaceError
from nas.space import Space, load_space
from nas.space.count import Count, count
from nas.space.run import Rejected

CELL = """
cell(z):
  choose: {op: [linear, wide], act: [relu, gelu, identity]}
  body: |
    return act(op(z, 8))
wide(z, n):
  choose: {factor: {int: [1, 3]}}
  body: |
    return linear(linear(z, n * factor), n)
"""

SPACES = {
    "no decision": (small("return linear(x, targets)"), 1),
    "flat": (small("return linear(act(linear(x, n)), targets)", choose="{n: {int: [1, 7], step: 3}, act: [relu, gelu]}"), 6),
    "stepped reals": (small("return linear(dropout(x, r), targets)", choose="{r: {float: [0, 0.5], step: 0.1}}"), 6),
    "conditional": (
        small(
            "z = x\nif kind == 1:\n    z = linear(z, n)\nelif kind == 2:\n    for i in range(d):\n        z = act(z)\nreturn linear(z, targets)",
            choose="{kind: [1, 2, 3], n: {int: [1, 5]}, d: {int: [0, 2]}, act: [relu, gelu]}",
        ),
        5 + (1 + 2 + 2) + 1,
    ),
    "block": (small("return linear(cell(x), targets)", CELL), 3 + 3 * 3),
    "blocks": (small("for i in range(3):\n    x = cell(x)\nreturn linear(x, targets)", CELL), 12**3),
    "blocks in a loop": (
        small("for i in range(d):\n    x = cell(x)\nreturn linear(x, targets)", CELL, choose="{d: {int: [0, 3]}}"), 1 + 12 + 12**2 + 12**3,
    ),
    "shared blocks": (small("for i in range(3):\n    x = cell(x)\nreturn linear(x, targets)", CELL, share="[cell]"), 12),
    "shared in part": (
        small("for i in range(3):\n    x = cell(x)\nreturn linear(x, targets)", CELL, share="[wide]"), 3**3 * (1 + 3 * (2**3 - 1)),
    ),
    "tied blocks": (small('for i in range(2):\n    x = cell(x, tied="c")\nreturn linear(x, targets)', CELL), 12),
    "tied and free blocks": (small('x = cell(x, tied="c")\nx = cell(x)\nreturn linear(cell(x, tied="c"), targets)', CELL), 144),
    "rule": (small("return linear(linear(x, a), b)", choose="{a: {int: [1, 9]}, b: [4]}", require="[a < 5, a > b - 3]"), 3),
    "rule-only decision": (
        small("return linear(linear(x, a), targets)", choose="{a: {int: [1, 3]}, b: {int: [1, 3]}}", require="[a <= b]"), 6,
    ),
    "rules in blocks": (
        small(
            "for i in range(2):\n    x = f(x, i)\nreturn linear(x, targets)",
            "f(z, i):\n  choose: {a: {int: [1, 3]}, b: {int: [1, 3]}}\n  require: [a < b, a > i]\n  body: |\n    return linear(linear(z, a), b)\n",
        ),
        3 * 1,
    ),
    "bounds of decisions": (
        small("return linear(linear(x, a), targets + 0 * b)", choose="{a: {int: [1, b]}, b: {int: [1, 4]}}"), 1 + 2 + 3 + 4,
    ),
    "bounds of arguments": (
        small(
            "for i in range(3):\n    x = f(x, i)\nreturn linear(x, targets)",
            "f(z, i):\n  choose: {source: {int: [0, i]}}\n  body: |\n    return linear(z, source + 1)\n",
        ),
        6,
    ),
    "only some fit": (small("return linear(x + linear(x, n), targets)", choose="{n: {int: [1, 20]}}"), 1),
    "what follows a block": (
        small(
            "z = f(x)\nz = linear(z, m) if size(z, features) > 8 else z\nreturn linear(z, targets)",
            "f(z):\n  choose: {n: {int: [1, 12]}}\n  body: |\n    return linear(z, n)\n",
            choose="{m: {int: [1, 5]}}",
        ),
        8 + 4 * 5,
    ),
    "bound arguments": (small("return op(x, targets)", choose="{op: [linear, kan(grid=g), kan(grid=g + 1)], g: {int: [3, 5]}}"), 1 + 3 + 3),
    "choices passed on": (
        small(
            "return linear(twice(x, top), targets)",
            "twice(z, f): |\n  return f(f(z))\n" + CELL.replace("cell(z)", "cell(z, n=8)"),
            choose="{top: [relu, cell, gelu]}",
        ),
        1 + 144 + 1,
    ),
    "cost rule": (
        small("return linear(linear(x, a), targets)", choose="{a: {int: [1, 20]}}", require="[params <= 100]"), 7,
    ),
    "lists of tensors": (
        small(
            "a = f(x)\nreturn linear(add(a), targets)",
            "f(z):\n  choose: {n: {int: [1, 3]}}\n  body: |\n    return split(linear(z, 4 * n), 4)\n",
        ),
        3,
    ),
    "rules that wait": (
        small(
            "z = f(x)\nreturn linear(linear(z, b), targets)",
            "f(z):\n  choose: {a: {int: [1, 5]}}\n  require: [a < b]\n  body: |\n    return linear(z, a)\n",
            choose="{b: {int: [1, 5]}}",
        ),
        10,
    ),
    "top decisions first read in blocks": (
        small(
            "z = f(x)\nz = f(z)\nreturn linear(z, targets)",
            "f(z):\n  choose: {k: [1, 2]}\n  body: |\n    return linear(z, n) if k == 1 else relu(z)\n",
            choose="{n: {int: [1, 5]}}",
            require="[n > 2]",
        ),
        1 + 3 * 3,
    ),
    "recipe": (small("return linear(x, targets)", choose="{lr: [1, 2, 3]}", recipe="{lr: lr}"), 3),
    "weighted": (small("return linear(act(x), targets)", choose="{act: {choice: [relu, gelu], weights: [1, 9]}}"), 2),
    "depth 2": (recursive(2), 2),
    "depth 4": (recursive(4), 2 * 3),
    "depth 6": (recursive(6), 2 * 19),
    "few nodes": (recursive(6, nodes=6), None),
    "fewer nodes": (recursive(8, nodes=8), None),
}  # fmt: skip


@pytest.mark.parametrize("name", SPACES)
def test_count_is_the_number_of_members(name: str) -> None:
    space, expected = SPACES[name]
    members = [json.dumps(dict(architecture.genotype)) for architecture in space.enumerate()]
    assert len(set(members)) == len(members)
    counted = space.count()
    assert counted.exact and counted.value == len(members)
    assert expected is None or len(members) == expected


@pytest.mark.parametrize(
    "name", ["flat", "conditional", "rule", "rule-only decision", "cost rule", "bounds of decisions", "only some fit"]
)
def test_enumeration_is_brute_force(name: str) -> None:
    """Every combination of every decision's values, replayed: those that are accepted are the members."""
    space, _ = SPACES[name]
    decisions = space.program.decisions
    values = {n: list(s.constant.values()) if s.constant else list(range(1, 5)) for n, s in decisions.items()}
    found = set()
    for combination in itertools.product(*values.values()):
        full = dict(zip(values, combination, strict=True))
        try:
            found.add(json.dumps(dict(space.build(_Some(full)).genotype), sort_keys=True))
        except (Rejected, _Outside):
            continue
    assert found == {json.dumps(dict(a.genotype), sort_keys=True) for a in space.enumerate()}


class _Outside(Exception):
    pass


class _Some:
    def __init__(self, genotype: dict[str, object]) -> None:
        self.genotype = genotype

    def decide(self, path: str, domain: object) -> object:
        if not domain.contains(self.genotype[path]):  # type: ignore[attr-defined]
            raise _Outside
        return self.genotype[path]


@pytest.mark.parametrize(
    "name", ["conditional", "blocks in a loop", "rule", "bound arguments", "what follows a block", "depth 6"]
)
def test_an_estimate_is_near_the_truth(name: str) -> None:
    from random import Random

    from nas.space.count import _estimate

    space, _ = SPACES[name]
    truth = space.count().value
    estimate = _estimate(space, Random(1), 400)
    assert not estimate.exact
    assert abs(estimate.value - truth) <= 5 * estimate.error + 1e-9 * truth


def test_a_large_grammar_is_counted_exactly() -> None:
    """The ways through a recursion multiply; the count follows its recurrence a(d) = 1 + 2·a(d - 2)²."""
    ways = 1
    for _ in range(6):
        ways = 1 + 2 * ways * ways
    assert recursive(14, nodes=20_000).count() == Count(2 * ways)


@pytest.mark.slow
def test_more_than_a_float_holds() -> None:
    wide = small(
        "for i in range(150):\n    x = f(x)\nreturn linear(x, targets)",
        "f(z):\n  choose: {n: {int: [1, 1000]}}\n  body: |\n    return linear(z, n)\n",
        require="[params >= 1]",
    )
    counted = wide.count()
    assert counted.value == 1000**150 and not counted.exact
    assert str(counted) == "about 1e+450 (± 0, estimated)"
    without_rule = SPACES["blocks"][0]
    assert str(without_rule.count()) == "1,728"


def test_real_numbers_without_a_step_are_endless() -> None:
    space = small("return linear(dropout(x, r), targets)", choose="{r: {float: [0, 0.5]}}")
    assert str(space.count()) == "infinitely many (a decision is a real number)"
    with pytest.raises(
        SpaceError, match=r"`r` is a number from 0 to 0.5 without a step; such a space has no list of members"
    ):
        next(space.enumerate())


@pytest.mark.parametrize(
    ("name", "flat"),
    [
        ("flat", True),
        ("conditional", False),
        ("blocks", False),
        ("recipe", True),
        ("depth 4", False),
        ("only some fit", True),
    ],
)
def test_flat_spaces(name: str, flat: bool) -> None:
    assert SPACES[name][0].is_flat is flat


def test_counting_is_deterministic() -> None:
    space: Space = load_space("residual-mlp")
    assert count(space, seed=1) == count(space, seed=1)
