"""What a person finds in the source: classes, arguments, loops, names. The texts are written out as they must be."""

from __future__ import annotations

import textwrap

from node_by_node import check, type_

from nas.codegen import source
from nas.graph.builder import Builder
from nas.graph.graph import Call, Graph


def residual(builder: Builder, x: int, width: int, hidden: int, scope: tuple[Call, ...], key: str) -> int:
    h = builder.apply("linear", (x,), (hidden,), scope=scope, weights=f"{key}.up")
    h = builder.apply("relu", (h,), scope=scope)
    h = builder.apply("linear", (h,), (width,), {"bias": False}, scope, f"{key}.down")
    return builder.apply("add", (x, h), scope=scope)


def residuals(widths: list[int], hidden: list[int]) -> Graph:
    """Residual blocks, with a linear map wherever the width changes."""
    builder = Builder({"x": type_(features=widths[0])})
    z = 0
    for i, (width, n) in enumerate(zip(widths, hidden, strict=True)):
        if builder.nodes[z].type.size != width:
            z = builder.apply("linear", (z,), (width,), weights=f"resize{i}")
        z = residual(builder, z, width, n, (Call("residual", "residual", (i,)),), f"r{i}")
    return builder.finish((z,))


def expected(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


def test_a_block_is_a_class_and_a_repeat_a_loop() -> None:
    assert check(residuals([64, 64, 64], [32, 32, 32])) == expected(
        '''
        """Model: [features=64] → [features=64], 12,384 parameters."""

        import torch.nn.functional as F
        from torch import Tensor, nn


        class Residual(nn.Module):
            """[features=64] → [features=64], 4,128 parameters."""

            def __init__(self) -> None:
                super().__init__()
                self.linear1 = nn.Linear(64, 32)  # y = W x + b
                self.linear2 = nn.Linear(32, 64, bias=False)  # y = W x

            def forward(self, x: Tensor) -> Tensor:
                return x + self.linear2(F.relu(self.linear1(x)))


        class Model(nn.Module):
            """[features=64] → [features=64], 12,384 parameters."""

            def __init__(self) -> None:
                super().__init__()
                self.residuals = nn.ModuleList([Residual() for _ in range(3)])

            def forward(self, x: Tensor) -> Tensor:
                for residual in self.residuals:
                    x = residual(x)
                return x
        '''
    )


def test_sizes_that_differ_are_arguments() -> None:
    text = check(residuals([64, 64, 64, 32], [16, 16, 48, 16]))
    assert "def __init__(self, features: int, hidden: int) -> None:" in text
    assert "nn.Linear(features, hidden)" in text
    assert "nn.Linear(hidden, features, bias=False)" in text
    assert '"""[features] → [features], 1,040 to 6,192 parameters."""' in text
    assert "nn.ModuleList([Residual(64, hidden=hidden) for hidden in (16, 16, 48)])" in text
    assert "self.residual = Residual(32, hidden=16)" in text


def test_sizes_that_agree_are_one_argument() -> None:
    text = check(residuals([8, 4], [4, 2]))
    assert "self.residual1 = Residual(8, hidden=4)" in text
    assert "self.residual2 = Residual(4, hidden=2)" in text
    assert text.count("hidden: int") == 1


def test_operator_arguments_give_their_names() -> None:
    builder = Builder({"x": type_(features=4)})
    z = 0
    for i, (slope, rate) in enumerate(((0.1, 0.2), (0.3, 0.2), (0.3, 0.4))):
        scope = (Call("noise", "noise", (i,)),)
        z = builder.apply("leaky_relu", (z,), (slope,), scope=scope)
        z = builder.apply("dropout", (z,), (rate,), scope=scope)
    text = check(builder.finish((z,)))
    assert "def __init__(self, slope: float, rate: float) -> None:" in text
    assert "self.slope = slope" in text
    assert "return self.dropout(F.leaky_relu(x, self.slope))" in text
    assert "for slope, rate in ((0.1, 0.2), (0.3, 0.2), (0.3, 0.4))" in text


def test_blocks_of_other_structure_are_other_classes_named_after_the_difference() -> None:
    builder = Builder({"x": type_(features=4)})
    z = 0
    for i, act in enumerate(("relu", "gelu", "relu")):
        scope = (Call("layer", "layer", (i,)),)
        z = builder.apply(act, (builder.apply("linear", (z,), (4,), scope=scope, weights=f"w{i}"),), scope=scope)
    text = check(builder.finish((z,)))
    assert "nn.ModuleList([LayerRelu(), LayerGelu(), LayerRelu()])" in text


def test_blocks_nest() -> None:
    builder = Builder({"x": type_(features=8)})
    z = 0
    for i in range(2):
        outer = (Call("stage", "stage", (i,)),)
        for k in range(2):
            z = residual(builder, z, 8, 4 + i, (*outer, Call("residual", "residual", (k,))), f"{i}{k}")
        z = builder.apply("layer_norm", (z,), scope=outer, weights=f"norm{i}")
    text = check(builder.finish((z,)))
    assert "self.residuals = nn.ModuleList([Residual(hidden) for _ in range(2)])" in text
    assert "self.stages = nn.ModuleList([Stage(4), Stage(5)])" in text


def test_several_inputs_and_results() -> None:
    builder = Builder({"x": type_(features=4), "skip": type_(features=4)})
    scope = (Call("cross", "cross"),)
    u = builder.apply("multiply", (0, 1), scope=scope)
    v = builder.apply("linear", (u,), (4,), scope=scope, weights="w")
    text = check(builder.finish((builder.apply("add", (u, v)), v)))
    assert "def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:" in text
    assert "def forward(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:" in text
    assert "x, skip = self.cross(x, skip)" in text
    assert text.endswith("return x + skip, skip\n")


def test_a_value_that_turns_share_stays_outside_the_loop() -> None:
    builder = Builder({"x": type_(features=4)})
    z = 0
    for i in range(3):
        scope = (Call("step", "step", (i,)),)
        h = builder.apply("linear", (z,), (4,), scope=scope, weights=f"w{i}")
        z = builder.apply("multiply", (h, 0), scope=scope)
    text = check(builder.finish((z,)))
    assert text.count("class ") == 2  # the first call, with its two inputs equal, is no other class
    assert text.endswith(
        "        h = x\n        for step in self.steps:\n            h = step(h, x)\n        return h\n"
    )


def test_a_result_that_only_some_calls_need_is_passed_over() -> None:
    builder = Builder({"x": type_(features=4)})
    scopes = [(Call("pair", "pair", (i,)),) for i in range(2)]
    u = builder.apply("linear", (0,), (4,), scope=scopes[0], weights="a")
    v = builder.apply("relu", (u,), scope=scopes[0])
    between = builder.apply("multiply", (u, v))
    w = builder.apply("linear", (between,), (4,), scope=scopes[1], weights="b")
    text = check(builder.finish((builder.apply("relu", (w,), scope=scopes[1]),)))
    assert "x, h = self.pair1(x)" in text
    assert "_, x = self.pair2(x * h)" in text


def test_halves_are_taken_at_once() -> None:
    builder = Builder({"x": type_(features=6)})
    u, v = (builder.apply("chunk", (0,), (i, 2)) for i in range(2))
    text = check(builder.finish((builder.apply("multiply", (u, builder.apply("sigmoid", (v,)))),)))
    assert "x, h = x.chunk(2, 1)" in text
    assert text.endswith("return x * torch.sigmoid(h)\n")


def test_parentheses_stand_where_they_are_needed() -> None:
    builder = Builder({"x": type_(features=4)})
    w = builder.apply("linear", (0,), (4,), weights="w")
    total = builder.apply("add", (0, w))
    product = builder.apply("multiply", (total, 0))
    text = check(builder.finish((builder.apply("square", (product,)),)))
    assert "return ((x + self.linear(x)) * x).square()" in text


def test_weights_shared_inside_a_class_are_one_attribute() -> None:
    builder = Builder({"x": type_(features=4)})
    z = builder.apply("linear", (0,), (4,), weights="w")
    z = builder.apply("linear", (builder.apply("relu", (z,)),), (4,), weights="w")
    text = check(builder.finish((z,)))
    assert "return self.linear(F.relu(self.linear(x)))" in text


def test_weights_shared_between_classes_are_tied_at_the_end() -> None:
    builder = Builder({"x": type_(features=4)})
    z = 0
    for name in ("encoder", "decoder"):
        scope = (Call(name, name),)
        z = builder.apply("linear", (z,), (4,), scope=scope, weights="w")
        z = builder.apply("linear", (z,), (4,), scope=scope, weights=name)
    text = check(builder.finish((z,)))
    assert "        self.decoder.linear1 = self.encoder.linear1  # tied\n\n    def forward" in text


def test_a_block_with_all_weights_shared_is_one_module_called_twice() -> None:
    builder = Builder({"x": type_(features=4)})
    z = residual(builder, 0, 4, 2, (Call("residual", "first"),), "tied")
    z = builder.apply("tanh", (z,))
    z = residual(builder, z, 4, 2, (Call("residual", "second"),), "tied")
    text = check(builder.finish((z,)))
    assert text.count("Residual()") == 1
    assert "return self.residual(torch.tanh(self.residual(x)))" in text
    assert "tied" not in text


def test_a_tied_loop_needs_one_module() -> None:
    builder = Builder({"x": type_(features=4)})
    z = 0
    for i in range(4):
        z = residual(builder, z, 4, 2, (Call("residual", "residual", (i,)),), "tied")
    assert "        for _ in range(4):\n            x = self.residual(x)\n" in check(builder.finish((z,)))


def test_tied_modules_of_another_kind_share_their_tensors() -> None:
    builder = Builder({"x": type_(height=2, width=3, channels=4)})
    image = builder.apply("batch_norm", (0,), weights="w")
    flat = builder.apply("mean_pool", (builder.apply("mean_pool", (image,), ("height",)),), ("width",))
    text = source(builder.finish((builder.apply("batch_norm", (flat,), weights="w"),)))
    assert "self.batch_norm2.weight = self.batch_norm1.weight  # tied" in text
    assert "self.batch_norm2.bias = self.batch_norm1.bias  # tied" in text


def test_a_block_that_lost_all_but_one_step_lends_its_name_only() -> None:
    builder = Builder({"x": type_(features=4)})
    z = builder.apply("linear", (0,), (4,), scope=(Call("hidden", "hidden"),), weights="w")
    z = builder.apply("relu", (z,), scope=(Call("cell", "cell"), Call("op", "op")))
    text = check(builder.finish((builder.apply("add", (z, 0)),)))
    assert text.count("class ") == 1
    assert "return F.relu(self.hidden(x)) + x" in text


def test_names_leave_python_and_torch_alone() -> None:
    builder = Builder({"lambda": type_(features=4), "F": type_(features=4)})
    z = builder.apply("add", (0, 1))
    for block in ("forward", "range", "nn", "model", "train"):
        for i in range(3):
            z = residual(builder, z, 4, 3, (Call(block, block, (i,)),), f"{block}{i}")
    text = check(builder.finish((z,)))
    assert "def forward(self, lambda_: Tensor, F_: Tensor) -> Tensor:" in text
    assert "self.trains = nn.ModuleList([Train() for _ in range(3)])" in text
    assert "class Model2(nn.Module):" in text


def test_carried_layers_come_once_with_what_they_need() -> None:
    builder = Builder({"x": type_(features=4)})
    z = builder.apply("kan", (0,), (3,), weights="a")
    z = builder.apply("kan", (z,), (2,), weights="b")
    z = builder.apply("drop_path", (z,), (0.1,))
    text = check(builder.finish((z,)))
    assert text.count("class SplineLinear(nn.Module):") == text.count("class DropPath(nn.Module):") == 1
    assert "from __future__ import annotations\n\nimport math\n\nimport torch\n" in text
    assert "nas" not in text


def test_long_lines_are_broken_as_formatters_do() -> None:
    text = check(residuals([64] * 40, [16 + i for i in range(40)]))
    assert max(map(len, text.splitlines())) <= 110
    builder = Builder({"x": type_(features=4)})
    branches = [builder.apply("linear", (0,), (4,), weights=f"w{i}") for i in range(30)]
    both = builder.apply("concat", tuple(branches)), builder.apply("add", tuple(branches))
    text = check(builder.finish(both))
    assert max(map(len, text.splitlines())) <= 110


def test_the_same_graph_gives_the_same_text() -> None:
    assert source(residuals([8, 4], [4, 2])) == source(residuals([8, 4], [4, 2]))


def test_an_operator_carries_only_the_layers_that_it_names() -> None:
    texts = []
    for arguments in ({}, {"init": "orthogonal", "bias_init": "ones", "frozen": True}):
        builder = Builder({"x": type_(features=6)})
        texts.append(check(builder.finish((builder.apply("linear", (0,), (3,), arguments, weights="w"),))))
    plain, started = texts
    assert plain.count("class ") == 1
    assert 'nn.Linear(6, 3).apply(Init("orthogonal", bias="ones")).requires_grad_(False)' in started
    assert "class Init:" in started
    assert "EinsumLinear" not in started


def test_a_renamed_axis_is_no_statement() -> None:
    builder = Builder({"x": type_(tokens=4, channels=6)})
    keys = builder.apply("rename", (0,), ("tokens", "keys"))
    mapped = builder.apply("linear", (keys,), (6,), weights="w")
    text = check(builder.finish((builder.apply("add", (keys, mapped)),)))
    assert text.endswith("Tensor:\n        return x + self.linear(x)\n")


def test_a_loop_of_renamed_axes_is_empty() -> None:
    builder = Builder({"x": type_(tokens=4, channels=6)})
    z = 0
    for i in range(3):
        z = builder.apply("rename", (z,), ("tokens", "tokens"), scope=(Call("same", "same", (i,)),))
    check(builder.finish((builder.apply("linear", (z,), (3,), weights="w"), z)))


def test_the_header_is_the_docstring() -> None:
    text = source(residuals([4], [2]), header='A "quoted" \\ header\n\nwith """ inside"')
    namespace: dict[str, object] = {}
    exec(text, namespace)
    assert str(namespace["__doc__"]).startswith('A "quoted" \\ header')
