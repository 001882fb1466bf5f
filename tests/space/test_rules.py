"""Rules reject what they should, as soon as they can, and never anything else."""

from __future__ import annotations

import random

import pytest
from small_spaces import SEARCHED, Watched, small

from nas.errors import SpaceError
from nas.space import Rejected, Space, Value, load_space
from nas.space.deciders import Random


def asked_until_rejected(space: Space, genotype: dict[str, Value]) -> list[str]:
    watched = Watched(genotype)
    with pytest.raises(Rejected):
        space.build(watched)
    return watched.asked


THREE = "z = linear(x, a)\nz = linear(z, b)\nreturn linear(linear(z, c), targets)"
CHOOSE = "{a: {int: [1, 9]}, b: {int: [1, 9]}, c: {int: [1, 9]}}"


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("a < 5", ["a"]),
        ("a < b", ["a", "b"]),
        ("b > 6", ["a", "b"]),
        ("a == 1 or c > 8", ["a", "b", "c"]),
        ("not a > 3", ["a"]),
        ("b > 6 if a > 5 else c > 6", ["a", "b"]),
        ("a in [1, 2, 3]", ["a"]),
        ("min(a, b) > 6", ["a", "b"]),
        ("8 <= features < a", ["a"]),
    ],
)
def test_a_rule_is_checked_as_soon_as_what_it_reads_is_known(rule: str, asked: list[str]) -> None:
    space = small(THREE, choose=CHOOSE, require=f'["{rule}"]')
    assert asked_until_rejected(space, {"a": 6, "b": 2, "c": 3}) == asked


@pytest.mark.parametrize("rule", ["a > 5", "a > b", "c == 3 or a == 0", "b < 6 if a > 5 else c > 6", "a + b + c == 11"])
def test_a_rule_that_holds_is_silent(rule: str) -> None:
    small(THREE, choose=CHOOSE, require=f"[{rule}]").replay({"a": 6, "b": 2, "c": 3})


def test_a_rule_that_reads_an_absent_decision_does_not_apply() -> None:
    space = small(
        "z = linear(x, a) if kind == 'one' else x\nreturn linear(z, targets)",
        choose="{kind: [one, two], a: {int: [1, 9]}}",
        require="[a > 5]",
    )
    assert space.replay({"kind": "two"}).genotype == {"kind": "two"}
    assert asked_until_rejected(space, {"kind": "one", "a": 3}) == ["kind", "a"]


def test_a_decision_that_only_rules_read_is_drawn_by_the_first_that_needs_it() -> None:
    space = small(
        "return linear(linear(x, a), targets)",
        choose="{a: {int: [1, 9]}, budget: [3, 8]}",
        require="[a <= budget, params < 1000 * budget]",
    )
    watched = Watched({"a": 5, "budget": 8})
    assert list(space.build(watched).genotype) == watched.asked == ["budget", "a"]
    assert asked_until_rejected(space, {"a": 5, "budget": 3}) == ["budget", "a"]
    assert {a.genotype["budget"] for a in space.enumerate() if a.genotype["a"] == 5} == {8}


def test_a_rule_only_decision_of_an_absent_branch_is_drawn_all_the_same() -> None:
    space = small(
        "return linear(linear(x, a) if kind == 1 else x, targets)",
        choose="{kind: [1, 2], a: {int: [1, 3]}, b: {int: [1, 3]}}",
        require="[a < b]",
    )
    genotypes = [dict(a.genotype) for a in space.enumerate()]
    assert [g for g in genotypes if g["kind"] == 2] in ([{"kind": 2}], [{"kind": 2, "b": b} for b in (1, 2, 3)])
    assert sorted((g["a"], g["b"]) for g in genotypes if g["kind"] == 1) == [(1, 2), (1, 3), (2, 3)]


def test_rules_of_a_block_apply_to_every_call() -> None:
    space = small(
        "for i in range(3):\n    x = cell(x, i)\nreturn linear(x, targets)",
        """
        cell(z, i):
          choose: {a: {int: [1, 9]}, b: {int: [1, 9]}}
          require: [a < b, a > i]
          body: |
            return linear(linear(z, a), b)
        """,
    )
    fine = {f"cell[{i}].{name}": value for i in range(3) for name, value in (("a", i + 1), ("b", 9))}
    assert space.replay(fine).genotype == fine
    assert asked_until_rejected(space, {**fine, "cell[1].a": 1})[-1] == "cell[1].a"
    assert asked_until_rejected(space, {**fine, "cell[2].b": 3})[-1] == "cell[2].b"


def test_a_rejection_says_what_was_decided() -> None:
    space = small(THREE, choose=CHOOSE, require="[a < b]")
    with pytest.raises(Rejected) as caught:
        space.build(Watched({"a": 6, "b": 2}))
    assert caught.value.rule == str(caught.value) == "a < b"
    assert caught.value.genotype == {"a": 6, "b": 2} and list(caught.value.domains) == ["a", "b"]


@pytest.mark.parametrize(
    ("rule", "accepted"),
    [
        ("params <= 121", True), ("params <= 120", False), ("params < 121", False), ("params < 121.5", True),
        ("121 >= params", True), ("121 > params", False), ("params == 121", True), ("params != 121", False),
        ("params >= 121", True), ("params > 121", False), ("100 < params < 122", True), ("100 < params < 110", False),
        ("macs <= 108", True), ("macs <= 107", False), ("trainable_params <= 121", True), ("trainable_params < 121", False),
        ("active_params <= 121", True), ("active_params < 121", False),
        ("params <= macs + 16", True), ("params < macs", False), ("params / macs > 1.2", False),
        ("activation_bytes <= 84", True), ("activation_bytes < 84", False),
        ("params <= 100 + 10 * a", True), ("params <= 10 * a", False), ("not params > 121", True),
        ("params <= 10 if a > 9 else params <= 200", True), ("params <= 10 or a == 9", True),
    ],
)  # fmt: skip
def test_cost_rules(rule: str, accepted: bool) -> None:
    space = small("return linear(linear(x, a), targets)", choose="{a: [9, 10]}", require=f'["{rule}"]')
    if accepted:
        costs = space.replay({"a": 9}).costs
        assert (costs.params, costs.macs, costs.activation_bytes) == (121, 108, 84)
    else:
        assert asked_until_rejected(space, {"a": 9}) == ["a"]


def test_a_cost_rule_rejects_early_where_nothing_can_be_lost() -> None:
    space = small(THREE, choose=CHOOSE, require="[params <= 70]")
    assert space.program.drops_nothing
    assert asked_until_rejected(space, {"a": 9, "b": 9, "c": 9}) == ["a"]
    lossy = small("y = linear(x, 9)\n" + THREE, choose=CHOOSE, require="[params <= 70]")
    assert not lossy.program.drops_nothing
    assert asked_until_rejected(lossy, {"a": 9, "b": 9, "c": 9}) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("model", "nothing"),
    [
        ("return linear(x, targets)", True),
        ("z = linear(x, 3)\nreturn linear(x, targets)", False),
        ("z = linear(x, 3)\nz = linear(x, 4)\nreturn linear(z, targets)", False),
        ("z = x\nfor i in range(3):\n    z = linear(z, 3)\nreturn linear(z, targets)", True),
        ("z = x\nfor i in range(3):\n    z = linear(x, 3)\nreturn linear(z, targets)", False),
        ("return linear(zero(x), targets)", False),
        ("z = linear(x, 3)\nreturn linear(linear(x, size(z, features)), targets)", False),
        ("z = linear(x, 3)\nreturn linear(linear(z, size(z, features)), targets)", True),
        ("a, b = split(x, 2)\nreturn linear(a + b, targets)", True),
        ("a, b = split(x, 2)\nreturn linear(a, targets)", False),
        ("a = split(x, 2)\nreturn linear(a[0], targets)", False),
        ("z = linear(x, 3) if features > 3 else x\nreturn linear(z, targets)", True),
        ("z = linear(x, 3)\nif features > 3:\n    return linear(z, targets)\nreturn linear(x, targets)", False),
        (
            "z = linear(x, 3)\nn = 3 if features > 3 and targets > 1 and size(z, features) else 4\nreturn linear(x, n + 1)",
            False,
        ),
        ("z = 1\nfor i in range(0):\n    z = linear(x, 3)\nreturn linear(x, targets)", False),
    ],
)
def test_what_can_be_lost(model: str, nothing: bool) -> None:
    assert small(model).program.drops_nothing is nothing


CELLS = small(
    "for i in range(depth):\n    x = cell(x)\nreturn linear(x, targets)",
    """
    cell(z):
      choose: {width: {int: [1, 64], log: true}, op: [linear, kan(grid=3), tied_or_not]}
      body: |
        return op(z, width)
    tied_or_not(z, n): |
      return linear(z, n, tied="one") if n == 8 and size(z, features) == 8 else linear(z, n)
    """,
    choose="{depth: {int: [1, 6]}}",
    require='["params <= 2000", "macs < 3000", "1999.5 >= trainable_params"]',
)
SHIPPED = [load_space(name).bind([[6000]], [[10]]) for name in SEARCHED]
LIMITED = [CELLS, *(space for space in SHIPPED if any(rule.early for rule in space.program.model.rules))]


@pytest.mark.parametrize("space", LIMITED, ids=lambda space: space.name)
def test_early_verdicts_are_those_of_the_finished_graph(space: Space) -> None:
    """Over random draws, the early check accepts and rejects just what the check at the end does."""
    verdicts: dict[bool, list[bool]] = {True: [], False: []}
    nothing = space.program.drops_nothing
    assert nothing
    for early, found in verdicts.items():
        space.program.drops_nothing = early
        for seed in range(150):
            try:
                space.build(Random(random.Random(seed)))
                found.append(True)
            except Rejected:
                found.append(False)
    space.program.drops_nothing = nothing
    assert verdicts[True] == verdicts[False]
    assert len(set(verdicts[True])) == 2


@pytest.mark.parametrize(
    "rule", ["params <= act", "params < act", "act > macs", "params < [1, 2]", "params <= act or a == 3"]
)
def test_costs_compare_with_numbers(rule: str) -> None:
    space = small("return linear(act(linear(x, a)), targets)", choose="{a: [2], act: [relu]}", require=f'["{rule}"]')
    with pytest.raises(SpaceError, match=r"it takes a number|it takes two numbers"):
        space.build(Watched({"a": 2, "act": "relu"}), strict=True)


def test_limits_reject() -> None:
    space = small(
        "for i in range(n):\n    x = relu(x)\nreturn linear(x, targets)", choose="{n: [1, 9]}", limits="{nodes: 8}"
    )
    assert space.replay({"n": 1})
    with pytest.raises(Rejected, match="limits: nodes 8"):
        space.replay({"n": 9})


def test_pieces_that_do_not_fit_reject_or_raise() -> None:
    space = small("return linear(x + linear(x, n), targets)", choose="{n: [7, 8]}")
    assert space.replay({"n": 8})
    with pytest.raises(Rejected, match="needs tensors of one type"):
        space.replay({"n": 7})
    with pytest.raises(SpaceError, match="needs tensors of one type"):
        space.build(Watched({"n": 7}), strict=True)


def test_nothing_is_accepted() -> None:
    space = small(THREE, choose=CHOOSE, require='["a < b", "b < a", "c > 0"]')
    with pytest.raises(
        SpaceError,
        match=r"(?s)no candidate is accepted; loosen the rules and limits, or check them for a contradiction:.*% ",
    ):
        space.sample(random.Random(0))
