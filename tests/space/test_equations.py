"""What equations mean: numbers, lists, loops, branches, axes, and the operators that keep or end a tensor."""

from __future__ import annotations

import pytest
from small_spaces import Watched, ops, small

from nas.errors import SpaceError
from nas.space import Architecture


def size_of(expression: str, before: str = "") -> object:
    """The number that an expression gives, taken as the width of a layer."""
    space = small(f"{before}\nreturn linear(linear(x, {expression}), targets)")
    return space.build(Watched({}), strict=True).graph.nodes[1].arguments["n"]


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("1 + 2 * 3", 7), ("7 // 2", 3), ("7 % 4", 3), ("2 ** 5", 32), ("8 / 2", 4), ("-3 + 5", 2), ("10 - 2 - 3", 5), ("2 ** 3 ** 1", 8),
        ("min(3, 5, 4)", 3), ("max([3, 5, 4])", 5), ("ceil(2.1)", 3), ("floor(2.9)", 2), ("round(2.6)", 3), ("round(2.51, 1) * 10", 25),
        ("log2(8)", 3), ("1e1", 10), ("1_0", 10), ("0x10", 16), ("True + 1", 2), ("features", 8), ("features // 2 + targets", 8),
        ("[4, 5, 6][1]", 5), ("[4, 5, 6][-1]", 6), ("([1] + [2, 3])[2]", 3), ("[[1, 2], [3, 4]][1][0]", 3),
        ("3 if 1 < 2 <= 2 != 3 else 5", 3), ("3 if 'a' in ['b'] else 5", 5), ("3 if 2 not in [1] else 5", 3), ("3 if not 0 else 5", 3),
        ("3 if 1 < 2 < 2 else 5", 5), ("1 and 4", 4), ("0 or 4", 4), ("3 if 'a' == 'a' and 'a' != 'b' else 5", 3),
        ("3 if None == None else 5", 3), ("size(x, features)", 8), ("3 if features == 8 else 5", 3),
    ],
)  # fmt: skip
def test_expressions(expression: str, number: int) -> None:
    assert size_of(expression) == number


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ("n = 1\nn += 4\nn *= 3\nn -= 1\nn //= 2", 7),
        ("a, b = [2, 5]\nn = a * b", 10),
        ("a, b = 2, 5\na, b = b, a\nn = a - b", 3),
        ("n = 0\nfor i in range(5):\n    n += i", 10),
        ("n = 0\nfor i in range(2, 10, 3):\n    n += i", 15),
        ("n = 1\nfor i in range(3, 0, -1):\n    n *= i", 6),
        ("n = 1\nfor i in range(0):\n    n = 99", 1),
        ("n = 3\nif features > 4:\n    n = 5\nelif features > 2:\n    n = 6\nelse:\n    n = 7", 5),
        ("n = 0\nfor i in range(4):\n    if i % 2:\n        for j in range(i):\n            n += j + 1", 7),
        ("n = (1 +\n     2)  # over two lines", 3),
        ("n = 5; m = 2; n = n - m", 3),
    ],
)
def test_statements(body: str, number: int) -> None:
    assert size_of("n", body) == number


def test_a_return_ends_a_loop() -> None:
    space = small(
        "return linear(first(x), targets)",
        """
        first(z):
          choose: {stop: {int: [0, 3]}}
          body: |
            for i in range(3):
                z = relu(z)
                if i == stop:
                    return z
            return gelu(z)
        """,
    )
    assert ops(space.replay({"first.stop": 1}).graph) == ["input", "relu", "relu", "linear"]
    assert ops(space.replay({"first.stop": 3}).graph) == ["input", "relu", "relu", "relu", "gelu", "linear"]


def image(model: str, **keys: str) -> Architecture:
    given = {"inputs": "{x: [height, width, channels]}", "sizes": "{height: 4, width: 6, channels: 3, targets: 5}"}
    return small(model, **(given | keys)).build(Watched({}), strict=True)


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        ("linear(x, 7)", "[height=4, width=6, channels=7]"),
        ("linear(x, 7, axis=height)", "[height=7, width=6, channels=3]"),
        ("linear(x, height * width, axis=width)", "[height=4, width=24, channels=3]"),
        ("linear(x, channels)", "[height=4, width=6, channels=3]"),
        ("linear(x, size(linear(x, 9, axis=width), width))", "[height=4, width=6, channels=9]"),
        ("merge_axes(x, height, width, into=rows)", "[rows=24, channels=3]"),
        ("split_axis(merge_axes(x, width, height, into=rows), rows)", "[width=6, height=4, channels=3]"),
        ("mean_pool(x, axis=width)", "[height=4, channels=3]"),
        ("rename(x, channels, rows)", "[height=4, width=6, rows=3]"),
        ("reorder(x, [channels, height, width])", "[channels=3, height=4, width=6]"),
        ("flatten(x, into=rows)", "[rows=72]"),
        ("add(split(x, 3, axis=width))", "[height=4, width=2, channels=3]"),
        ("concat(split(x, 2, axis=height), axis=width)", "[height=2, width=12, channels=3]"),
        ("add([x, x, x])", "[height=4, width=6, channels=3]"),
        ("multiply(x, sigmoid(x))", "[height=4, width=6, channels=3]"),
    ],
)
def test_axes(model: str, shape: str) -> None:
    nodes = image(f"z = {model}\nreturn linear(flatten(z), targets)", axes="[rows]").graph.nodes
    flat = next(node for node in nodes if node.op == "flatten" and node.id == len(nodes) - 2)
    assert str(nodes[flat.inputs[0]].type if "into=rows" not in model or "flatten" not in model else flat.type) == shape


def test_merged_axes_keep_the_order_of_their_factors() -> None:
    one = "merge_axes(x, height, width, into=rows)"
    other = "merge_axes(x, width, height, into=rows)"
    same = f"z = {one} + {one}\nreturn linear(flatten(z), targets)"
    assert "add" in ops(image(same, axes="[rows]").graph)
    with pytest.raises(SpaceError, match=r"`rows` is height=4·width=6 there and width=6·height=4 here"):
        image(f"z = {one} + {other}\nreturn linear(flatten(z), targets)", axes="[rows]")


def test_an_axis_that_is_whole_again_agrees_with_itself() -> None:
    """In blocks of two or of three, it is the same width; merged without a word it is remembered as made of its blocks."""

    def blocks(size: int, whole: bool) -> str:
        parts = f"split_axis(x, width, {size}, into=[rows, columns])"
        return f"merge_axes({parts}, rows, columns, into=width, whole={whole})"

    def sum_of(whole: bool) -> str:
        return f"z = {blocks(2, whole)} + {blocks(3, whole)} + x\nreturn linear(flatten(z), targets)"

    assert "add" in ops(image(sum_of(True), axes="[rows, columns]").graph)
    with pytest.raises(SpaceError, match=r"`width` is rows=3·columns=2 there and rows=2·columns=3 here"):
        image(sum_of(False), axes="[rows, columns]")


@pytest.mark.parametrize(
    ("call", "params"),
    [
        ("identity(x, features)", 36),
        ("identity(x)", 36),
        ("zero(x, 8)", 36),
        ("zero(x, 3)", 16),
        ("linear(x, 3)", 27 + 16),
    ],
)
def test_identity_keeps_and_zero_gives_the_size(call: str, params: int) -> None:
    """`zero(x, 3)` is no connection; what reads it keeps its own weights."""
    space = small(f"return linear({call}, targets)")
    assert space.build(Watched({}), strict=True).costs.params == params


def test_identity_of_another_size_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"`identity` keeps `features=8` of .*but n = 3 is asked for"):
        small("return linear(identity(x, 3), targets)").build(Watched({}), strict=True)


def test_sums_need_equal_names_and_sizes() -> None:
    with pytest.raises(SpaceError, match=r"`\+` needs tensors of one type, got \[features=8\] and \[tokens=8\]"):
        small("return linear(x + rename(x, features, tokens), targets)", axes="[tokens]").build(
            Watched({}), strict=True
        )


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("z = linear(x, relu)", "takes numbers, words and axes as its other arguments, got `relu`"),
        ("z = linear(x, 3, [x])", "takes numbers, words and axes as its other arguments, got a tensor"),
        ("z = linear(x, n=x)", "takes numbers, words and axes as its other arguments, got a tensor"),
        ("z = reorder(x, [[features]])", "takes numbers, words and axes as its other arguments, got a list of 1"),
        ("z = add([x, 3])", "`add` takes a list of tensors, and the number 3 is in it"),
        ("z = [1, 2][5]", "the list has 2 elements, there is no number 5"),
        ("z = [1, 2][0.5]", "a list is indexed by an integer, not by the number 0.5"),
        ("z = 5[0]", "takes an element of a list, and this is the number 5"),
        ("z = -relu", "a sign stands before `relu`; it takes a number"),
        ("z = 1 < 'a'", "`<` compares the number 1 with the word 'a'"),
        ("z = 1 in 5", "`in` looks into the number 5; it takes a list"),
        ("z = 3 if x else 4", "a test looks at a tensor; it takes a comparison"),
        ("z = not x", "a test looks at a tensor"),
        ("z = 1 and x", "a test looks at a tensor"),
        ("z = x == 3", "`==` compares a tensor with the number 3; it takes numbers and words"),
        ("z = x in [1]", "`in` compares a tensor with a list of 1"),
        ("z = 1 in [1, x]", "`in` looks into a list of tensors"),
        ("if [x]:\n    z = 3", "a test looks at a list of 1"),
        ("z = min()", "`min` takes 1 or more numbers, got 0"),
        ("z = ceil(1, 2)", "`ceil` takes 1 numbers, got 2"),
        ("z = max('a')", "`max` takes numbers, got the word 'a'"),
        ("z = log2(0 - 1)", "`log2` has no value at -1"),
        ("z = range(3)", "`range` belongs to a loop"),
        ("for i in range(1, 2, 0):\n    z = 1", "`range` needs a step other than 0"),
        ("for i in range(1.5):\n    z = 1", "`range` takes integers, got the number 1.5"),
        ("z = split(3)", "`split` takes a tensor, the number of parts"),
        ("z = split(x, 3)", "`chunk`|`split`"),
        ("z = size(x, 3)", "`size` takes a tensor and one of its axes"),
        ("z = size(x, targets)", "`size` looks for the axis `targets`, and the tensor is"),
        ("z = 1 % 0", "division by zero"),
        ("z = 10 ** 19", "numbers end at 1e18"),
        ("z = 1e18 * 10", "numbers end at 1e18"),
        ("a, b = 3", "2 names stand here for the number 3"),
        ("z = linear(x, 3, axis='tokens')", "`linear` works along `tokens`, but its tensor is"),
        ("z = linear(x, 3, axis=5)", "`linear` takes the name of an axis as `axis`, got 5"),
        ("z = relu(3)", "`relu` takes 1 tensor, got 0"),
    ],
)
def test_equations_that_have_no_meaning(equation: str, said: str) -> None:
    space = small(f"{equation}\nreturn linear(x, targets)")
    with pytest.raises(SpaceError, match=said) as caught:
        space.build(Watched({}), strict=True)
    place = caught.value.faults[0].place
    assert place is not None and place.text.strip() in equation.split("\n")


def test_a_task_binds_by_position() -> None:
    space = small("return linear(x, targets)")
    assert space.bind([[784]], [[10]]).build(Watched({})).costs.params == 7850
    assert space.bind([[28, 28]], [[2, 5]]).sizes == {"features": 784, "targets": 10}
    wide = small("return linear(flatten(x), targets)", inputs="{x: [height, width]}", sizes="{}")
    assert wide.assumed == ("height", "width", "targets")
    assert wide.bind([[3, 4]], [[5]]).sizes == {"height": 3, "width": 4, "targets": 5}
    assert wide.bind([[3, 4]], [[5]]).assumed == ()
    square = small("return x", inputs="{x: [steps, channels]}", outputs="[steps, channels]", sizes="{}")
    assert square.bind([[3, 4]], [[3, 4]]).build(Watched({})).costs.params == 0
    with pytest.raises(SpaceError, match="the sizes of its input, so `steps` is 3; this task wants the sizes"):
        square.bind([[3, 4]], [[4, 3]])


def test_several_inputs() -> None:
    space = small("return linear(x + linear(y, 8), targets)", inputs="{x: [features], y: [features]}")
    graph = space.build(Watched({}), strict=True).graph
    assert [graph.nodes[i].arguments["name"] for i in graph.inputs] == ["x", "y"]
    with pytest.raises(SpaceError, match="`features` would be 8 and 9"):
        space.bind([[8], [9]], [[4]])


@pytest.mark.parametrize(
    "test",
    [
        'op == "relu"', 'op != "gelu"', '"kan(grid=5)" == op', 'op in ["relu", word]', "op == word", "op == other",
        "depth == 3", "depth == 2.0", "depth in [1, 7]", "mix == tokens", "mix == None", "flag == True",
        "hidden == 8", "1 < depth != 9",
    ],
)  # fmt: skip
def test_comparisons_of_a_choice_with_what_it_can_be(test: str) -> None:
    """Only what can never be is refused: a word that is none of the values."""
    small(
        f"word = 'relu'\nif {test}:\n    return linear(x, targets)\nreturn linear(x, targets, bias=False)",
        axes="[tokens]",
        choose="{op: [relu, kan(grid=5), gelu], other: [relu, tanh], depth: [2, 4], mix: [tokens, null],"
        " flag: [true, false], hidden: {int: [1, 9]}}",
        require="[op == op, other == other, depth == depth, mix == mix, flag == flag, hidden == hidden]",
    )
