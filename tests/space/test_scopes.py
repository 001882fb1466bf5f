"""Whose decision it is, how often it is drawn, and which weights are one."""

from __future__ import annotations

import random

import pytest
from small_spaces import Watched, built, ops, small

from nas.errors import SpaceError
from nas.space import Architecture

CELL = """
cell(z):
  choose: {width: {int: [1, 64]}}
  body: |
    return linear(z, width)
"""


def widths(architecture: Architecture) -> list[object]:
    return [node.arguments["n"] for node in architecture.graph.nodes if node.op == "linear"]


def test_a_block_draws_afresh_in_every_call() -> None:
    space = small("for i in range(3):\n    x = cell(x)\nreturn linear(x, targets)", CELL)
    drawn = space.replay({f"cell[{i}].width": 10 + i for i in range(3)})
    assert widths(drawn) == [10, 11, 12, 4]


def test_a_top_decision_is_drawn_once() -> None:
    space = small(
        "for i in range(3):\n    x = linear(x, width)\nreturn linear(x, targets)", choose="{width: {int: [1, 64]}}"
    )
    drawn = space.replay({"width": 7})
    assert widths(drawn) == [7, 7, 7, 4] and len(drawn.genotype) == 1


def test_a_shared_block_draws_once_and_keeps_its_own_weights() -> None:
    space = small("for i in range(3):\n    x = cell(x)\nreturn linear(cell(x), targets)", CELL, share="[cell]")
    drawn = space.replay({"cell.width": 9})
    assert widths(drawn) == [9, 9, 9, 9, 4]
    assert len({node.weights for node in drawn.graph.nodes if node.op == "linear"}) == 5


def test_sharing_holds_in_the_scope_that_says_so() -> None:
    space = small(
        "return linear(stage(stage(x)), targets)",
        CELL
        + """
stage(z):
  share: [cell]
  body: |
    return cell(cell(z))
""",
    )
    drawn = space.replay({"stage#2.cell.width": 5, "stage.cell.width": 6})
    assert widths(drawn) == [5, 5, 6, 6, 4]


def test_sharing_reaches_the_blocks_below() -> None:
    space = small(
        "return linear(stage(stage(x)), targets)", CELL + "\nstage(z): |\n  return cell(cell(z))\n", share="[cell]"
    )
    assert widths(space.replay({"cell.width": 5})) == [5, 5, 5, 5, 4]


def test_tied_operators_have_one_weight_that_counts_once() -> None:
    space = small(
        'a = linear(x, 8, tied="w")\nb = linear(a, 8, tied="w")\nreturn linear(a + b, targets)',
    )
    drawn = space.replay({})
    tied = [node.weights for node in drawn.graph.nodes if node.op == "linear"]
    assert tied[0] == tied[1] != tied[2]
    assert drawn.costs.params == (8 * 8 + 8) + (8 * 4 + 4)
    assert drawn.costs.macs == 2 * 64 + 32


def test_tied_blocks_share_decisions_and_weights() -> None:
    space = small('x = linear(x, 6)\nx = cell(x, tied="c")\nx = cell(x, tied="c")\nreturn linear(x, targets)', CELL)
    drawn = space.replay({"c.width": 6})
    assert list(drawn.genotype) == ["c.width"]
    assert drawn.costs.params == (8 * 6 + 6) + (6 * 6 + 6) + (6 * 4 + 4)
    with pytest.raises(SpaceError, match="shares the weights"):
        space.build(Watched({"c.width": 5}), strict=True)


def test_tied_weights_must_agree() -> None:
    space = small('return linear(linear(x, 8, tied="w"), 4, tied="w")')
    with pytest.raises(SpaceError, match=r"shares the weights .*\[features=8\] → \[features=4\] here"):
        space.build(Watched({}), strict=True)


def test_bound_arguments_are_evaluated_where_the_choice_is_declared() -> None:
    space = small(
        "return linear(cell(x, 3), targets)",
        """
        cell(z, n):
          choose:
            inner: [linear(n=n), linear(n=n + other), linear(n=m)]
            other: {int: [1, 4]}
          body: |
            k = n
            for i in range(1):
                z = apply(z, inner)
            return z
        apply(z, f): |
          n_is_not_seen_here = 99
          return f(z)
        """,
        choose="{m: [20, 30]}",
    )
    first = built(space, **{"cell.inner": "linear(n=n)"})
    assert widths(first) == [3, 4]
    second = built(space, **{"cell.inner": "linear(n=n + other)", "cell.other": 4})
    assert widths(second) == [7, 4]
    third = built(space, **{"cell.inner": "linear(n=m)", "m": 30})
    assert widths(third) == [30, 4] and list(third.genotype) == ["cell.inner", "m"]


def test_a_bound_argument_is_read_only_when_its_element_is_chosen() -> None:
    space = small("return op(x, targets)", choose="{op: [linear, kan(grid=grid)], grid: {int: [3, 5]}}")
    assert list(space.replay({"op": "linear"}).genotype) == ["op"]
    drawn = space.replay({"op": "kan(grid=grid)", "grid": 4})
    assert dict(drawn.graph.nodes[1].attrs)["grid"] == 4


def test_two_spellings_of_a_space_are_one_space() -> None:
    flow = small("z = op(x, n)\nreturn linear(z, targets)", choose="{op: [linear, kan(grid=5, degree=3)], n: [2, 4]}")
    block = small(
        "hidden = op( x,n )\nhidden = hidden\nreturn linear(hidden, targets)",
        choose="n:\n- 2\n- 4\nop:\n- linear\n- 'kan( grid = 5,degree=3)'",
    )
    for seed in range(10):
        drawn = flow.sample(random.Random(seed))
        again = block.replay(drawn.genotype)
        assert again.digest == drawn.digest and again.costs == drawn.costs
    assert sorted(a.digest for a in flow.enumerate()) == sorted(a.digest for a in block.enumerate())


def test_an_operator_and_a_block_pass_as_arguments() -> None:
    space = small(
        "return linear(twice(twice(x, act), wide), targets)",
        """
        twice(z, f): |
          return f(f(z))
        wide(z): |
          return linear(z, 5)
        """,
        choose="{act: [relu, gelu]}",
    )
    drawn = space.replay({"act": "gelu"})
    assert ops(drawn.graph) == ["input", "gelu", "gelu", "linear", "linear", "linear"]


def test_a_choice_compares_as_a_word() -> None:
    space = small(
        'z = linear(x, 3) if act == "relu" else linear(x, 5)\nreturn linear(act(z), targets)',
        choose="{act: [relu, gelu]}",
    )
    assert widths(space.replay({"act": "relu"})) == [3, 4]
    assert widths(space.replay({"act": "gelu"})) == [5, 4]


def test_defaults_and_names_of_arguments() -> None:
    space = small(
        "return linear(f(f(z=x), n=5, act_twice=True), targets)",
        """
        f(z, n=3, act_twice=False): |
          z = relu(linear(z, n))
          return relu(z) if act_twice else z
        """,
    )
    drawn = space.replay({})
    assert widths(drawn) == [3, 5, 4] and ops(drawn.graph).count("relu") == 3


def test_variables_of_a_block_are_its_own() -> None:
    space = small(
        "n = 5\nz = f(x)\nreturn linear(linear(z, n), targets)",
        """
        f(z): |
          n = 7
          return linear(z, n)
        """,
    )
    assert widths(space.replay({})) == [7, 5, 4]


def test_scope_and_weights_name_the_call() -> None:
    space = small("for i in range(2):\n    x = cell(x)\nreturn linear(x, targets)", CELL)
    nodes = space.replay({"cell[0].width": 3, "cell[1].width": 4}).graph.nodes
    assert [str(node.scope[-1]) if node.scope else "" for node in nodes] == ["", "cell[0]", "cell[1]", ""]
    assert [node.weights for node in nodes] == ["", "cell[0]/linear", "cell[1]/linear", "linear"]


@pytest.mark.parametrize(
    ("choose", "calls", "said"),
    [
        ("{op: [kan(grid=5)]}", "op(x, targets, grid=3)", "`grid` is bound in `kan\\(grid=5\\)` and given here again"),
        ("{op: [f(n=5)]}", "op(x, n=3)", "`n` is bound in `f\\(n=5\\)` and given here again"),
        ("{op: [linear(n=5)]}", "op(x, targets)", "`linear` got `n` twice"),
        ("{op: [f(n=5)]}", "op(x, 3)", "block `f` got `n` twice"),
    ],
)
def test_binding_twice_is_an_error(choose: str, calls: str, said: str) -> None:
    block = "f(z, n): |\n  return linear(z, n)\n"
    space = small(f"return linear({calls}, targets)", block if "f(" in choose else "", choose=choose)
    with pytest.raises(SpaceError, match=said):
        space.build(Watched({"op": choose[6:-2]}), strict=True)
