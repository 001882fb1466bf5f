"""Building, and what the package loads for it."""

from __future__ import annotations

import subprocess
import sys
import traceback

import pytest
import torch
from node_by_node import type_

from nas.codegen import build, layers, module, naming, source, weight_paths
from nas.codegen.templates import constructor, filled, grammar, taken_apart
from nas.graph.builder import Builder


def text(hidden: int = 3) -> str:
    builder = Builder({"x": type_(features=4)})
    z = builder.apply("linear", (0,), (hidden,), weights="a")
    return source(builder.finish((builder.apply("linear", (z,), (2,), weights="b"),)))


def test_source_needs_no_torch() -> None:
    program = "import sys, nas.codegen; nas.codegen.source; assert 'torch' not in sys.modules; nas.codegen.build; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_name_is_no_attribute() -> None:
    import nas.codegen

    with pytest.raises(AttributeError, match=r"module `nas\.codegen` has no attribute `train`"):
        _ = nas.codegen.train


def test_the_same_seed_gives_the_same_weights() -> None:
    models = []
    for _ in range(2):
        torch.manual_seed(3)
        models.append(build(text()))
    assert models[0] is not models[1]
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_tracebacks_show_the_source() -> None:
    with pytest.raises(RuntimeError) as caught:
        build(text())(torch.zeros(1, 99))
    assert "return self.linear2(self.linear1(x))" in "".join(traceback.format_tb(caught.tb))


def test_code_is_compiled_once_and_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._code(text(3)) is module._code(text(3))
    monkeypatch.setattr(module, "_REMEMBERED", 2)
    module._compiled.clear()
    for hidden in range(3, 8):
        build(text(hidden))
    assert len(module._compiled) == 2


def test_weight_paths_lead_to_the_modules() -> None:
    builder = Builder({"x": type_(features=4)})
    z = 0
    for i in range(3):
        z = builder.apply("tanh", (builder.apply("linear", (z,), (4,), weights=f"w{i}"),))
    graph = builder.finish((z,))
    assert weight_paths(graph) == {1: "linears.0", 3: "linears.1", 5: "linears.2"}
    assert isinstance(build(source(graph)).get_submodule("linears.1"), torch.nn.Linear)


def test_modules_keep_their_own_attributes() -> None:
    public = {name for name in dir(torch.nn.Module) if not name.startswith("_")} | {"training"}
    assert public <= naming.MODULE_ATTRIBUTES


def test_names_are_given_once() -> None:
    names = naming.Names(["h"])
    assert [names.claim(wish) for wish in ("h", "h", "range", "a1", "a1")] == ["h2", "h3", "range2", "a1", "a1_2"]
    assert naming.class_name("2x_gate") == "Block2xGate"
    assert naming.identifier("height·width") == "height_width"
    assert naming.numbered(["a", "b", "a", "c2", "c2"]) == ["a1", "b", "a2", "c2_1", "c2_2"]


def test_templates_know_what_they_ask_for() -> None:
    skeleton, numbers = taken_apart('torch.einsum("b 1 i", _0 + _1 * 2, x2).sum((-1,)) ** 0.5')
    assert numbers == ("2", "1", "0.5")
    assert filled(skeleton, "", ["p", "q"], ["7", "8", "9"]) == 'torch.einsum("b 1 i", p + q * 7, x2).sum((-8,)) ** 9'
    assert grammar(skeleton).names == {"torch", "x2"}
    skeleton, _ = taken_apart("torch.cat((_0, _1,), 1)")
    assert filled(skeleton, "", ["a", "b"], ["1"]) == "torch.cat((a, b), 1)"


def test_constructors_are_written_as_python() -> None:
    skeleton, numbers, labels = constructor(
        "nn.Thing", (3, (4, 5), True, "same", None, (1,)), (("eps", -1e-05), ("top", float("inf"))), ".eval()"
    )
    written = 'nn.Thing(3, (4, 5), True, "same", None, (1,), eps=-1e-05, top=float("inf")).eval()'
    assert filled(skeleton, "", [], numbers) == written
    assert labels == ("", "", "", "", "eps")


def test_layers_that_are_not_there() -> None:
    with pytest.raises(ValueError, match=r"there is no module `nas\.layers\.nothing` to take a layer from"):
        layers.carried(["nas.layers.nothing:Layer"])
    with pytest.raises(ValueError, match=r"`nas\.layers\.affine` defines no `Layer`"):
        layers.carried(["nas.layers.affine:Layer"])


def test_layers_bring_what_they_name_and_agree_on_names(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    first = "import math\nfrom torch import nn, Tensor\n\n# Half of it.\nHALF: float = 0.5\n\n\ndef helper() -> float:\n    return HALF * math.pi\n\n\nOTHER = 1\n\n\nclass A(nn.Module):\n    x = helper()\n"
    texts = {"one": first, "two": "HALF = 2\n\n\nclass B:\n    x = HALF\n"}
    monkeypatch.setattr(layers, "_text", texts.__getitem__)
    layers._cut.cache_clear()
    found = layers.carried(["one:A"])
    assert [name for name, _ in found.definitions] == ["HALF", "helper", "A"]
    assert found.definitions[0][1] == "# Half of it.\nHALF: float = 0.5"
    assert layers.import_block(found.imports) == ["import math", "", "from torch import nn"]
    with pytest.raises(ValueError, match="two layers define `HALF` differently; `two:B` is one of them"):
        layers.carried(["one:A", "two:B"])
    layers._cut.cache_clear()
