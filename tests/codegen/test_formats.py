"""A model in other formats computes what the exported file computes, or the operator is named that is the cause."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from node_by_node import type_
from random_programs import random_program
from torch import Tensor, nn

sys.path.append(str(Path(__file__).parent.parent / "graph"))

from cases import CASES, Case

from nas.codegen import build, export, source
from nas.codegen.exported import FormatsRefused
from nas.codegen.formats import FORMATS, wanted, writing
from nas.errors import NasError
from nas.graph.builder import Builder
from nas.graph.graph import Call, Graph
from nas.graph.operators import TABLE
from nas.graph.simplify import simplify

torch.set_num_threads(1)
SHAPE = (4, 6)
EVERY = tuple(FORMATS)


def chain(*ops: str) -> Graph:
    """linear, then these, each in a block of its own."""
    builder = Builder({"x": type_(tokens=4, channels=6)})
    z = builder.apply("linear", (0,), (6,), weights="w")
    for i, op in enumerate(ops):
        z = builder.apply(op, (z,), scope=(Call("mix", "mix", (i,)), Call("gate", "gate")))
    return builder.finish((z,))


@pytest.fixture
def looping(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator `loops` that asks the numbers what to do, and declares nothing."""
    operator = replace(
        TABLE["relu"],
        name="loops",
        forward=lambda types, attrs, out, module, args: f"{args[0]} * (2 if {args[0]}.sum().item() > 0 else 3)",
    )
    monkeypatch.setitem(TABLE, "loops", operator)


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


@pytest.mark.slow
def test_every_format_beside_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    graph = chain("layer_norm", "gelu")
    done = export(source(graph), None, tmp_path / "model.py", [SHAPE], seed=3, formats=EVERY, graph=graph)
    assert capfd.readouterr() == ("", "")
    assert done.verified
    assert names(tmp_path) == ["model.onnx", "model.pt", "model.pt2", "model.py", "model.safetensors"]
    assert [(one.format, one.path) for one in done.formats] == [
        (name, tmp_path / f"model{ending}") for name, ending in FORMATS.items()
    ]
    assert [one.tolerance for one in done.formats] == [1e-4, 1e-6, 0.0]
    assert all(0 <= one.difference <= one.tolerance for one in done.formats)


@pytest.mark.slow
def test_a_reader_needs_nothing_of_ours(tmp_path: Path) -> None:
    import onnxruntime
    from safetensors.torch import load_file

    graph = chain("layer_norm", "gelu")
    text = source(graph)
    export(text, None, tmp_path / "model.py", [SHAPE], formats=EVERY, graph=graph)
    model = build(text).eval()
    model.load_state_dict(load_file(tmp_path / "model.safetensors"))
    x = torch.randn(11, *SHAPE)
    with torch.no_grad():
        expected = model(x)
        assert torch.equal(torch.export.load(tmp_path / "model.pt2").module()(x), expected)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    (entrance,), (exit_,) = session.get_inputs(), session.get_outputs()
    assert (entrance.name, entrance.shape) == ("x", ["batch", 4, 6])
    assert (exit_.name, exit_.shape) == ("output", ["batch", 4, 6])
    (found,) = session.run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), expected)


@pytest.mark.slow
def test_shared_weights_and_an_input_called_output(tmp_path: Path) -> None:
    builder = Builder({"output": type_(channels=6), "gate": type_(channels=6)})
    one, other = (builder.apply("linear", (i,), (6,), weights="shared") for i in (0, 1))
    graph = builder.finish((builder.apply("multiply", (one, other)), one))
    done = export(source(graph), None, tmp_path / "model.py", [(6,), (6,)], formats=EVERY, graph=graph)
    assert [one.format for one in done.formats] == list(EVERY)


def test_a_model_without_weights(tmp_path: Path) -> None:
    builder = Builder({"x": type_(channels=6)})
    graph = builder.finish((builder.apply("softmax", (0,)),))
    done = export(source(graph), None, tmp_path / "model.py", [(6,)], formats=EVERY, graph=graph)
    assert [one.format for one in done.formats] == list(EVERY)


@pytest.mark.parametrize("seed", [pytest.param(i, marks=pytest.mark.slow) if i > 0 else i for i in range(8)])
def test_random_programs_in_every_format(tmp_path: Path, seed: int) -> None:
    graph = simplify(random_program(seed))
    done = export(
        source(graph), None, tmp_path / "m.py", [SHAPE, SHAPE], seed=seed, check=False, formats=EVERY, graph=graph
    )
    assert [one.format for one in done.formats] == list(EVERY)


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("case", {case.op: case for case in CASES}.values(), ids=str)
def test_every_operator_in_every_format(tmp_path: Path, case: Case, format: str) -> None:
    builder = Builder({f"x{i}": one for i, one in enumerate(case.types)})
    last = builder.apply(case.op, tuple(range(len(case.types))), (), case.arguments, weights="w")
    graph = builder.finish((last,))
    subject = writing.of_node(graph, graph.nodes[last])
    declared = TABLE[case.op].unexportable.get(format, "")
    path = tmp_path / "model"
    if declared:
        with pytest.raises(writing.Refused):
            writing.tried(wanted(format)[0], subject, path)
    else:
        writing.tried(wanted(format)[0], subject, path)


def test_declarations_name_formats_and_give_reasons() -> None:
    for operator in TABLE.values():
        assert set(operator.unexportable) <= set(FORMATS)
        assert all(operator.unexportable.values())


def test_a_declared_refusal_names_the_operator_and_its_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = chain("relu", "gelu", "relu", "relu", "relu", "relu")
    text = source(graph)
    monkeypatch.setitem(TABLE, "relu", replace(TABLE["relu"], unexportable={"onnx": "it is left out today"}))
    with pytest.raises(FormatsRefused) as caught:
        export(text, None, tmp_path / "model.py", [SHAPE], formats=EVERY, graph=graph)
    assert str(caught.value) == (
        "`model.onnx` is not written: `relu` in `mix[0].gate`, `mix[2].gate`, `mix[3].gate`, 2 more places "
        "cannot be written: it is left out today"
    )
    assert names(tmp_path) == ["model.pt", "model.pt2", "model.py", "model.safetensors"]
    assert [one.format for one in caught.value.exported.formats] == ["torch-export", "safetensors"]
    assert caught.value.exported.verified
    assert caught.value.exit_status == 1
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.exported.params) == (str(caught.value), caught.value.exported.params)


@pytest.mark.slow
@pytest.mark.usefixtures("looping")
def test_an_operator_that_declared_nothing_is_found(tmp_path: Path) -> None:
    graph = chain("relu", "loops")
    with pytest.raises(FormatsRefused) as caught:
        export(source(graph), None, tmp_path / "model.py", [SHAPE], formats=EVERY, graph=graph)
    why = "which operations run depends on the numbers that it is given, and the format holds one fixed sequence"
    assert [one.message for one in caught.value.faults] == [
        f"`{file}` is not written: `loops` in `mix[1].gate` cannot be written: {why}"
        for file in ("model.onnx", "model.pt2")
    ]
    assert names(tmp_path) == ["model.pt", "model.py", "model.safetensors"]


@pytest.mark.usefixtures("looping")
def test_without_a_graph_the_refusal_says_what_it_knows(tmp_path: Path) -> None:
    message = "^`model.pt2` is not written: which operations run depends on the numbers"
    with pytest.raises(FormatsRefused, match=message):
        export(source(chain("loops")), None, tmp_path / "model.py", [SHAPE], formats="torch-export")
    assert names(tmp_path) == ["model.pt", "model.py"]


class Wrong:
    """A format that gives the model's outputs as `change` leaves them."""

    name: ClassVar[str] = "onnx"
    title: ClassVar[str] = "Wrong"
    packages: ClassVar[tuple[str, ...]] = ()
    tolerance: ClassVar[float] = 1e-3

    def __init__(self, change: Callable[[Tensor], tuple[Tensor, ...]]) -> None:
        self.change = change

    def write(self, model: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
        self.model = model

    def load(self, path: Path, fresh: Callable[[], nn.Module]) -> Callable[..., tuple[Tensor, ...]]:
        return lambda *inputs: self.change(self.model(*inputs))


def difference(change: Callable[[Tensor], tuple[Tensor, ...]], path: Path) -> float:
    graph = chain("relu")
    return writing.tried(Wrong(change), writing.of_node(graph, graph.nodes[-1]), path).difference


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: (y * 1.01,), r"its outputs differ by 0\.01 of the largest, 0\.001 is accepted"),
        (lambda y: (y * float("nan"),), "its outputs differ by inf of the largest"),
        (lambda y: (y, y), "it gives 2 outputs instead of 1"),
        (lambda y: (y[:, :1],), r"it gives \(1, 1, 6\) of torch.float32 instead of \(1, 4, 6\) of torch.float32"),
        (lambda y: (y.double(),), r"it gives \(1, 4, 6\) of torch.float64 instead of \(1, 4, 6\) of torch.float32"),
        (lambda y: {}[y], "KeyError"),
    ],
)
def test_what_differs_is_refused(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(writing.Refused, match=message):
        difference(change, tmp_path / "model")


def test_how_far_it_is_from_the_model(tmp_path: Path) -> None:
    assert difference(lambda y: (y,), tmp_path / "model") == 0
    assert difference(lambda y: (y * (1 + 2**-12),), tmp_path / "model") == pytest.approx(2**-12, rel=1e-3)


def test_a_whole_that_fails_where_its_parts_do_not(tmp_path: Path) -> None:
    only_negative = Wrong(lambda y: (torch.where(y < 0, y * 2, y),))
    graph = chain("relu")
    parts = writing.of_node(
        graph, graph.nodes[-1]
    )  # a relu, which is never negative, said to be what a linear is made of
    whole = replace(parts, model=build(source(chain())))
    with pytest.raises(writing.Refused, match="none of its operators is to blame by itself; its outputs differ by"):
        writing.write(only_negative, whole, tmp_path / "model")
    with pytest.raises(writing.Refused, match=r"^`linear` cannot be written: its outputs differ by"):
        writing.write(only_negative, replace(whole, graph=chain()), tmp_path / "model")


def test_formats_are_asked_for_by_name(tmp_path: Path) -> None:
    with pytest.raises(
        NasError, match=r"there is no format `onx`; did you mean `onnx`\?; there are onnx, torch-export"
    ):
        export(source(chain()), None, tmp_path / "model.py", [SHAPE], formats=["onx"])
    assert names(tmp_path) == []
    assert [one.name for one in wanted(["safetensors", "onnx", "onnx"])] == ["safetensors", "onnx"]
    assert [one.name for one in wanted("onnx")] == ["onnx"]
    assert wanted(()) == ()


def test_packages_that_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    message = (
        "ONNX and safetensors need packages that are missing: onnxruntime, safetensors; install them with "
        r"`pip install 'hourglass-nas\[onnx\]'`"
    )
    with pytest.raises(NasError, match=message):
        export(source(chain()), None, tmp_path / "model.py", [SHAPE], formats=EVERY)
    assert names(tmp_path) == []
    assert export(source(chain()), None, tmp_path / "model.py", [SHAPE], formats="torch-export").formats
