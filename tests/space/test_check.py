"""A space is checked before any search: every branch is built, and what cannot be is told with a genotype that shows it."""

from __future__ import annotations

import pytest
from small_spaces import recursive, small

from nas.errors import SpaceError
from nas.space import load_space, shipped_spaces
from nas.space.check import check


@pytest.mark.parametrize("name", [name for name in shipped_spaces() if name != "nasbench201"])
def test_shipped_spaces_pass(name: str) -> None:
    found = check(load_space(name), draws=20, seconds=60)
    assert 0 < found.accepted <= found.draws == 20
    assert found.acceptance == found.accepted / 20 and sum(found.reasons.values()) == 20 - found.accepted


def test_a_rare_branch_that_does_not_fit_is_found() -> None:
    space = small(
        "z = linear(x, a)\nif a == 777:\n    return z + x\nreturn linear(z, targets)",
        choose="{a: {int: [1, 777]}, act: [relu, gelu]}",
        require="[act == act]",
    )
    with pytest.raises(
        SpaceError,
        match=r"(?s)`\+` needs tensors of one type, got \[features=777\] and \[features=8\]\n  \(with .*a=777",
    ):
        check(space, draws=20)


def test_a_branch_behind_a_rule_is_reached() -> None:
    space = small(
        "return linear(op(linear(x, a)), targets)",
        choose="{a: {int: [1, 64]}, op: [relu, broken]}",
        require="[\"a < 3 if op == 'broken' else a > 60\"]",
        blocks="broken(z): |\n  return z + linear(z, 65)\n",
    )
    with pytest.raises(SpaceError, match="features=65"):
        check(space, draws=10)


def test_branches_that_the_rules_close_are_named() -> None:
    space = small(
        "return linear(op(linear(x, a)), targets)",
        choose="{a: {int: [1, 9]}, op: [relu, gelu, silu]}",
        require='["op != \'silu\'", "a < 9"]',
    )
    found = check(space, draws=60)
    assert sorted(found.unreached) == [("a", 9, "a < 9"), ("op", "silu", "op != 'silu'")]
    assert set(found.reasons) == {"op != 'silu'", "a < 9"}


@pytest.mark.parametrize("name", ["residual-mlp", "families"])
def test_the_ends_of_a_number_are_reached_where_the_rest_must_give_way(name: str) -> None:
    """The first genotype seen with `skip = 1024` may be one whose other values a rule forbids beside it."""
    assert check(load_space(name), draws=60).unreached == []


def test_what_a_rule_closes_stays_not_found() -> None:
    found = check(load_space("mixer").with_sizes({"height": 28, "width": 28}), draws=60)
    assert [value for place, value, _ in found.unreached if place == "patch"] == [5, 8, 10, 16, 32]


def test_branches_of_a_grammar_are_counted_once() -> None:
    found = check(recursive(6), draws=40)
    assert found.branches == 2 + 3 and found.unreached == []


def test_checking_is_deterministic() -> None:
    space = load_space("residual-mlp")
    assert check(space, draws=40) == check(space, draws=40) != check(space, draws=40, seed=1)


def test_a_check_ends_in_time() -> None:
    found = check(load_space("nasbench201"), draws=10**6, seconds=0.2)
    assert 0 < found.draws < 1_000


def test_what_stands_in_a_fault_once() -> None:
    space = small("return linear(x + linear(x, a), targets)", choose="{a: {int: [9, 64]}}")
    with pytest.raises(SpaceError) as caught:
        check(space)
    assert len(caught.value.faults) == 1
