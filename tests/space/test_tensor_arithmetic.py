"""Arithmetic between tensors and numbers becomes operators of the graph, and computes what it says."""

from __future__ import annotations

import pytest
import torch
from small_spaces import Watched, ops, small
from torch import Tensor

from nas.codegen import build, source
from nas.errors import SpaceError
from nas.graph.graph import Graph
from nas.space import Rejected

X = torch.tensor([[0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]], dtype=torch.float64)


def graph_of(expression: str, before: str = "", choose: str = "{}") -> Graph:
    """The graph of an expression over the input x and y = 2 x."""
    space = small(
        f"y = x + x\n{before}\nreturn {expression}",
        outputs="[features]",
        sizes="{features: 8}",
        axes="[other]",
        choose=choose,
    )
    return space.build(Watched({}), strict=True).graph


def value_of(graph: Graph) -> Tensor:
    result: Tensor = build(source(graph)).double()(X)
    return result


@pytest.mark.parametrize(
    ("expression", "value", "made"),
    [
        ("0.5 * x", 0.5 * X, ["times"]),
        ("x * 0.5", 0.5 * X, ["times"]),
        ("x / 4", X / 4, ["times"]),
        ("x + 1", X + 1, ["plus"]),
        ("1 + x", X + 1, ["plus"]),
        ("x - 1", X - 1, ["plus"]),
        ("1 - x", 1 - X, ["times", "plus"]),
        ("1 / x", 1 / X, ["power"]),
        ("3 / x", 3 / X, ["power", "times"]),
        ("x ** 2", X**2, ["power"]),
        ("x ** -0.5", X**-0.5, ["power"]),
        ("-x", -X, ["times"]),
        ("+x", X, []),
        ("--x", X, ["times", "times"]),
        ("-x ** 2", -(X**2), ["power", "times"]),
        ("features * x", 8 * X, ["times"]),
        ("x * (1 - 1 / features)", X * (7 / 8), ["times"]),
        ("True * x", X, ["times"]),
        ("x - y", X - 2 * X, ["add", "times", "add"]),
        ("x / y", X / (2 * X), ["add", "divide"]),
        ("x * y - 3 * x / y + 1", X * 2 * X - 3 * X / (2 * X) + 1, None),
    ],
)
def test_expressions(expression: str, value: Tensor, made: list[str] | None) -> None:
    graph = graph_of(expression)
    assert torch.allclose(value_of(graph), value, rtol=1e-12)
    assert made is None or ops(graph)[1:] == made


@pytest.mark.parametrize("statement", ["z -= 1", "z *= 2", "z /= 4", "z **= 2", "z += y", "z -= y", "z /= y"])
def test_augmented_assignments(statement: str) -> None:
    z = X.clone()
    exec(statement, {}, scope := {"z": z, "y": 2 * X})
    assert torch.allclose(value_of(graph_of("z", f"z = x\n{statement}")), scope["z"])


def test_two_spellings_are_one_architecture() -> None:
    spellings = ("0.5 * x", "x * 0.5", "x / 2", "times(x, 0.5)", "times(x, by=1 / 2)")
    space = [small(f"return linear({text}, targets)").build(Watched({}), strict=True) for text in spellings]
    assert len({architecture.digest for architecture in space}) == 1


def test_a_factor_may_be_a_decision() -> None:
    space = small("return linear(x + gain * relu(x), targets)", choose="{gain: {float: [0.1, 1.0]}}")
    assert dict(space.replay({"gain": 0.25}).graph.nodes[2].attrs) == {"by": 0.25}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("x // 2", r"`//` stands between a tensor and the number 2; tensors know `\+`, `-`, `\*`, `/`, `\*\*`"),
        ("x % y", r"`%` stands between a tensor and a tensor"),
        ("2 ** x", r"`\*\*` raises the number 2 to a tensor; the exponent is a number"),
        ("x ** y", r"`\*\*` raises a tensor to a tensor"),
        ("x ** 'two'", "it takes a tensor and a number"),
        ("x + 'one'", r"`\+` stands between a tensor and the word 'one'; it takes tensors and numbers"),
        ("[1] + x", "stands between a list of 1 and a tensor"),
        ("relu * x", "stands between `relu` and a tensor"),
        ("x / 0", "division by zero"),
        ("x / 1e-30", "numbers end at 1e18"),
        ("x - relu", "stands between a tensor and `relu`"),
        ("x - rename(x, features, other)", r"`\+` needs tensors of one type"),
        ("-'one'", "a sign stands before the word 'one'; it takes a number or a tensor"),
    ],
)
def test_mistakes(expression: str, said: str) -> None:
    with pytest.raises(SpaceError, match=said):
        graph_of(expression)


def test_a_sign_before_a_tensor_nobody_reads_is_no_use_of_it() -> None:
    """What only a dead negation reads is lost, so its weights do not count and no early verdict is possible."""
    space = small(
        "z = linear(x, 100)\ny = -z\nreturn linear(x, targets)",
        choose="{flag: [true]}",
        require='["params <= 100 if flag else params <= 200", "params <= 100"]',
    )
    assert not space.program.drops_nothing
    try:
        assert space.replay({"flag": True}).costs.params == 36
    except Rejected as rejected:  # pragma: no cover
        pytest.fail(rejected.rule)
