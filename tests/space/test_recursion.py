"""Blocks that call themselves: every draw ends, the limit is met and not hit, and all within it can be drawn."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from small_spaces import recursive, small

from nas.errors import SpaceError
from nas.space import Categorical, Rejected, Space, load_space
from nas.space.deciders import Random


def outcomes(space: Space, draws: int = 150) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in range(draws):
        try:
            space.build(Random(random.Random(seed)))
            found["accepted"] += 1
        except Rejected as rejected:
            found[rejected.rule] += 1
    return found


@pytest.mark.parametrize("depth", [2, 3, 4, 6, 10])
def test_a_grammar_is_never_rejected_for_its_depth(depth: int) -> None:
    found = outcomes(recursive(depth, nodes=2_000))
    assert not any("depth" in rule for rule in found), found
    assert found["accepted"] > 0


def test_the_shipped_grammar_is_never_rejected_for_its_depth() -> None:
    assert not any("depth" in rule for rule in outcomes(load_space("grammar")))


MUTUAL = """
a(z):
  choose: {p: [b, relu]}
  body: |
    return p(z)
b(z): |
  return gelu(c(z))
c(z):
  choose: {q: [a, d]}
  body: |
    return q(q(z))
d(z): |
  return e(z)
e(z): |
  return relu(z)
"""
GATED = """
a(z):
  choose: {stop: [true, false]}
  body: |
    if stop:
        return z
    return a(relu(z))
"""
COMPARED = """
a(z):
  choose: {kind: [leaf, node, pair]}
  body: |
    if kind == "leaf":
        return relu(z)
    elif kind in ["node"]:
        return a(z)
    return a(z) + a(z)
"""
BOUND = """
a(z):
  choose: {f: [relu, wrap(inner=b), wrap(inner=relu)]}
  body: |
    return f(z)
wrap(z, inner): |
  return inner(z)
b(z): |
  return a(gelu(z))
"""
MODEL = "return linear(a(x), targets)"


@pytest.mark.parametrize(
    ("blocks", "depth"), [(MUTUAL, 5), (MUTUAL, 6), (MUTUAL, 9), (GATED, 1), (GATED, 5), (COMPARED, 1), (COMPARED, 4)]
)
def test_other_ways_to_recurse(blocks: str, depth: int) -> None:
    found = outcomes(small(MODEL, blocks, limits=f"{{depth: {depth}}}"), 80)
    assert set(found) == {"accepted"}


def test_blocks_bound_to_a_choice_are_called() -> None:
    """What only a bound argument names counts as called, and as a way to recurse."""
    space = small(MODEL, BOUND, limits="{depth: 6}")
    assert space.program.reach["a"] == {"a", "b", "wrap"}
    assert outcomes(space, 60)["accepted"] > 20


def test_at_the_limit_only_what_ends_is_offered() -> None:
    space = recursive(4, nodes=2_000)
    offered: dict[int, set[object]] = {}
    for seed in range(60):
        for path, domain in space.sample(random.Random(seed)).domains.items():
            if path.endswith("kind"):
                assert isinstance(domain, Categorical)
                offered.setdefault(path.count("term"), set()).add(domain.options)
    assert offered[1] == {("leaf", "sequence", "parallel")}
    assert offered[max(offered)] == {("leaf",)}


def test_weights_follow_the_elements_that_are_left() -> None:
    space = small(
        MODEL,
        """
        a(z):
          choose:
            kind: {choice: [again, leaf, other], weights: [5, 2, 1]}
          body: |
            return kind(z)
        again(z): |
          return a(a(z))
        leaf(z): |
          return relu(z)
        other(z): |
          return gelu(z)
        """,
        limits="{depth: 4}",
    )
    domains = {d for seed in range(40) for path, d in space.sample(random.Random(seed)).domains.items()}
    assert domains == {
        Categorical(("again", "leaf", "other"), (5.0, 2.0, 1.0)),
        Categorical(("leaf", "other"), (2.0, 1.0)),
    }


def test_all_depths_up_to_the_limit_are_drawn() -> None:
    space = small(MODEL, GATED, limits="{depth: 4}")
    assert {len(space.sample(random.Random(seed)).genotype) for seed in range(80)} == {1, 2, 3, 4}
    assert [len(a.genotype) for a in space.enumerate()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "blocks",
    [
        "a(z): |\n  return a(z)\n",
        "a(z): |\n  return b(z)\nb(z): |\n  return relu(a(z))\n",
        "a(z):\n  choose: {k: [b, c]}\n  body: |\n    return k(z)\nb(z): |\n  return a(z)\nc(z): |\n  return a(a(z))\n",
        "a(z): |\n  for i in range(2):\n      z = a(z)\n  return z\n",
        "a(z): |\n  if features > 3:\n      return a(z)\n  else:\n      return b(z)\nb(z): |\n  return a(z)\n",
        "a(z): |\n  return a(z) if features > 1 else a(relu(z))\n",
    ],
)
def test_recursion_without_end_is_refused(blocks: str) -> None:
    with pytest.raises(SpaceError, match="recursion without end"):
        small(MODEL, blocks)


@pytest.mark.parametrize(
    "blocks",
    [
        "a(z): |\n  if features < 3:\n      return a(z)\n  return z\n",
        "a(z, n=3): |\n  return z if n == 0 else a(relu(z), n - 1)\n",
        "a(z, n=3): |\n  for i in range(n):\n      z = a(relu(z), n - 1)\n  return z\n",
    ],
)
def test_recursion_that_counts_down(blocks: str) -> None:
    assert small(MODEL, blocks).sample(random.Random(0)).costs.params == 36
