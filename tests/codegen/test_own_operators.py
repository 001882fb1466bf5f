"""Operators of a user's own: found by name, counted by trying, carried into exported files, run only with permission."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import nas
from nas.cli import main
from nas.codegen import build, export, source
from nas.errors import SpaceError, StudyError
from nas.graph.operators import table

HERE = Path(__file__).parent / "own_operators"


@pytest.fixture
def allowed() -> Iterator[None]:
    """The permission, and afterwards no trace of the operators."""
    operators, own = dict(table.TABLE), dict(table._OWN)
    nas.allow_code()
    yield
    nas.allow_code(False)
    for now, before in ((table.TABLE, operators), (table._OWN, own)):
        now.clear()
        now.update(before)
    for module in [name for name in sys.modules if name.startswith("nas_operators_")]:
        del sys.modules[module]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, to change."""
    for file in HERE.glob("*.*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def test_a_space_runs_no_code_unless_it_may() -> None:
    with pytest.raises(SpaceError) as refused:
        nas.load_space(HERE / "own.yaml")
    (fault,) = refused.value.faults
    assert fault.message.startswith("this would run the Python file `my_ops.py`; if you trust it, say --allow-code")
    assert fault.place is not None
    assert (fault.place.line, fault.place.column) == (3, 13)


@pytest.mark.usefixtures("allowed")
def test_weights_and_macs_are_those_of_the_class() -> None:
    space = nas.load_space(HERE / "own.yaml")
    for seed in range(12):
        drawn = space.sample(Random(seed))
        model = build(source(drawn.graph)).eval()
        assert drawn.costs.params == sum(p.numel() for p in model.parameters())
        assert drawn.costs.buffers == sum(b.numel() for b in model.buffers()) == 2
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.randn(5, 12))
        assert counter.get_total_flops() == 2 * 5 * drawn.costs.macs


@pytest.mark.usefixtures("allowed")
def test_a_definition_travels_into_the_exported_file(tmp_path: Path) -> None:
    space = nas.load_space(HERE / "own.yaml")
    drawn = space.replay({"op": "wavy(w=2.0)", "start": 3.0})
    text = source(drawn.graph)
    assert "class SoftClip(nn.Module)" in text
    assert "START = 2.0" in text
    assert ", w=2.0)" in text
    assert "@nas" not in text
    assert "import nas" not in text
    assert export(text, None, tmp_path / "model.py", [(12,)], params=drawn.costs.params).verified


@pytest.mark.usefixtures("allowed")
def test_the_commands_take_the_permission(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    nas.allow_code(False)
    space = str(folder / "own.yaml")
    assert main(["show", space]) == 2
    assert "--allow-code" in capsys.readouterr().err
    assert main(["show", space, "--allow-code", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["costs"]["buffers"] == 2
    assert main(["show", space]) == 2, "the permission was for one command"


@pytest.mark.usefixtures("allowed")
def test_a_search_keeps_the_files_and_refuses_changed_ones(folder: Path) -> None:
    found = nas.search(
        nas.load_space(folder / "own.yaml"), task="digits", trials=2, budget={"epochs": 1}, engine="inline",
        directory=str(folder / "run"),
    )  # fmt: skip
    assert found.front().members
    assert (folder / "run" / "my_ops.py").read_text() == (folder / "my_ops.py").read_text()
    exported = found.export(0, folder / "model.py")
    assert exported.verified
    changed = folder / "run" / "my_ops.py"
    changed.write_text(changed.read_text() + "\n# another\n")
    with pytest.raises(StudyError, match=r"`my_ops\.py` defines other operators than when the study"):
        nas.resume(folder / "run", trials=3)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("operators: my_ops.py", "`operators` lists Python files, such as [my_ops.py]; this is"),
        ("operators: [my_ops.txt]", "an operator file is a `.py` beside the space or below it, got `my_ops.txt`"),
        ("operators: [../my_ops.py]", "an operator file is a `.py` beside the space or below it, got `../my_ops.py`"),
        ("operators: [other.py]", "other.py` cannot be read: No such file or directory"),
        ("operators: [broken.py]", "`broken.py:2` fails with NameError: name 'undefined' is not defined"),
        ("operators: [syntax.py]", "`syntax.py:1` fails with SyntaxError"),
        ("operators: [taken.py]", "`@nas.operator`: operator `relu` is registered twice"),
    ],
)
def test_what_is_wrong_with_a_file(folder: Path, key: str, message: str) -> None:
    (folder / "broken.py").write_text("import math\nundefined\n")
    (folder / "syntax.py").write_text("def f(:\n")
    (folder / "taken.py").write_text("import nas\n@nas.operator('y = x')\ndef relu(x):\n    return x\n")
    text = (folder / "own.yaml").read_text().replace("operators: [my_ops.py]", key)
    (folder / "own.yaml").write_text(text)
    with pytest.raises(SpaceError) as refused:
        nas.load_space(folder / "own.yaml")
    (fault,) = refused.value.faults
    assert message in fault.message


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("middle(x, linear(x, 4))", "`middle` takes tensors of one type, got [features=12] and [features=4]"),
        ("low_rank(x)", "`low_rank` needs its argument `n`"),
        ("low_rank(x, 4, rank=0.5)", "`low_rank` takes an integer as `rank`, got 0.5"),
        ("low_rank(x, 4, rank=-1)", "`low_rank` does not take [features=12]: RuntimeError"),
    ],
)
def test_wrong_use_names_the_operator_and_the_types(folder: Path, equation: str, message: str) -> None:
    head = (folder / "own.yaml").read_text().partition("choose:")[0]
    (folder / "own.yaml").write_text(f"{head}model: |\n  return linear({equation}, targets)\n")
    with pytest.raises(SpaceError) as refused:
        nas.load_space(folder / "own.yaml").sample(Random(0))
    assert message in str(refused.value)


def no_tensor(n: int = 3) -> int:
    return n


def unannotated(x: Tensor, width=3) -> Tensor:  # type: ignore[no-untyped-def]
    return x * width


class NoModule:
    pass


class NoSize(nn.Module):
    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (no_tensor, "`no_tensor` takes tensors and arguments one by one, at least one tensor"),
        (unannotated, "`unannotated` has an argument `width` without one of the annotations int, float, bool, str"),
        (NoModule, "`NoModule` is a class, but not one of `nn.Module`"),
        (NoSize, "`NoSize` takes the size of the axis it works along as the first argument of its constructor"),
    ],
)
def test_definitions_that_are_no_operators(definition: type, message: str) -> None:
    with pytest.raises(SpaceError) as refused:
        nas.operator("y = x")(definition)
    assert message in str(refused.value)
    assert definition.__name__ not in table.TABLE


@pytest.mark.usefixtures("allowed")
def test_a_changed_definition_needs_a_new_process(folder: Path) -> None:
    nas.load_space(folder / "own.yaml")
    operators = folder / "my_ops.py"
    operators.write_text(operators.read_text().replace('"""A wave."""', '"""A big wave."""'))
    with pytest.raises(SpaceError, match="operator `wavy` has another definition already; rename one, or begin a new"):
        nas.load_space(folder / "own.yaml")
