"""An export is what it says, or there is none."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from node_by_node import type_
from random_programs import random_program

from nas.codegen import Exported, build, export, fresh, source, verify
from nas.codegen.exported import exported_text
from nas.errors import NasError, WorkFailed
from nas.graph.builder import Builder
from nas.graph.graph import Graph
from nas.graph.simplify import simplify

torch.set_num_threads(1)
SHAPE = (4, 6)


def small(op: str = "kan") -> Graph:
    builder = Builder({"x": type_(tokens=4, channels=6)})
    z = builder.apply(op, (0,), (3,), weights="w")
    return builder.finish((builder.apply("relu", (z,)),))


@pytest.fixture
def text() -> str:
    return source(small())


def test_an_export_runs_by_itself(tmp_path: Path, text: str) -> None:
    weights = build(text).state_dict()
    done = export(
        text, weights, tmp_path / "model.py", [SHAPE], {"space": "kan", "costs": {"macs": 5200, "rate": 0.25}}
    )
    assert done.verified
    assert done.params == sum(p.numel() for p in build(text).parameters())
    assert sorted(one.name for one in tmp_path.iterdir()) == ["model.pt", "model.py"]
    saved = torch.load(tmp_path / "model.pt", weights_only=True)
    assert all(torch.equal(saved[key], weights[key]) for key in weights)
    written = (tmp_path / "model.py").read_text(encoding="utf-8")
    assert "\nspace: kan\ncosts:\n    macs: 5,200\n    rate: 0.25\n" in written
    assert text[text.index("class ") :] in written  # what trained is what is exported
    ran = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "model.py")], capture_output=True, text=True, check=True, cwd="/"
    )
    assert f"{done.params:,} parameters" in ran.stdout


def test_without_weights_the_seed_draws_them(tmp_path: Path, text: str) -> None:
    one, same, other = (
        export(text, None, tmp_path / f"{name}.py", [SHAPE], seed=seed, check=False)
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert torch.equal(one.outputs[0], same.outputs[0])
    assert not torch.equal(one.outputs[0], other.outputs[0])
    assert not one.verified


@pytest.mark.slow
def test_many_are_verified_at_once(tmp_path: Path) -> None:
    exports = []
    for seed in range(12):
        text = source(simplify(random_program(seed)))
        exports.append(export(text, None, tmp_path / f"m{seed}.py", [SHAPE, SHAPE], seed=seed, check=False))
    assert all(one.verified for one in verify(exports))


def answer(exported: Exported, **claims: object) -> str:
    """What the fresh interpreter would say of an export for which something else is claimed."""
    job = {"path": str(exported.source_path), "params": exported.params, "inputs": exported.inputs}
    return fresh.tried({**job, "outputs": exported.outputs, **claims}, 0)


def test_verification_names_each_that_differs(tmp_path: Path, text: str) -> None:
    good, bad, gone = (
        export(text, None, tmp_path / f"{name}.py", [SHAPE], check=False) for name in ("good", "bad", "gone")
    )
    gone.weights_path.unlink()
    message = (
        r"`bad\.py` gives other numbers in output 0: they differ by up to 1[^`]*`gone\.py` fails with FileNotFoundError"
    )
    with pytest.raises(WorkFailed, match=message) as caught:
        verify([good, replace(bad, outputs=(bad.outputs[0] + 1,)), gone])
    assert len(caught.value.faults) == 2


def test_whatever_differs_is_said(tmp_path: Path, text: str) -> None:
    one = export(text, None, tmp_path / "model.py", [SHAPE], check=False)
    (output,) = one.outputs
    assert answer(one) == ""
    assert answer(one, params=7) == "has 180 parameters, 7 were claimed"
    assert answer(one, outputs=(output, output)) == "gives 1 outputs instead of 2"
    shapes = "gives (4, 4, 3) of torch.float32 as output 0, not (4, 4) of torch.float32"
    assert answer(one, outputs=(output[..., 0],)) == shapes
    assert answer(one, outputs=(output.nextafter(torch.tensor(9.0)),)).startswith("gives other numbers in output 0")


def test_nothing_is_written_that_fails(tmp_path: Path, text: str) -> None:
    with pytest.raises(WorkFailed, match="has 180 parameters, 7 were claimed"):
        export(text, None, tmp_path / "model.py", [SHAPE], params=7)
    with pytest.raises(WorkFailed, match="the weights do not fit the model"):
        export(text, {"nothing": torch.zeros(1)}, tmp_path / "model.py", [SHAPE])
    with pytest.raises(WorkFailed, match=r"the model does not run on inputs of shape \(4, 5\)"):
        export(text, None, tmp_path / "model.py", [(5,)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("foreign", ["import nas.graph", "import numpy", "from evaluators import tasks"])
def test_a_file_that_imports_more_than_torch_fails(tmp_path: Path, text: str, foreign: str) -> None:
    one = export(text, None, tmp_path / "model.py", [SHAPE], check=False)
    one.source_path.write_text(f"{text}\n\ndef hidden():\n    {foreign}\n", encoding="utf-8")
    assert answer(one) == f"imports {foreign.split()[1].split('.')[0]}; it may import torch alone"


def test_a_hidden_import_of_ours_is_refused() -> None:
    with pytest.raises(ImportError, match=r"an exported model must not import `nas\.graph`"):
        fresh.Refuse.find_spec("nas.graph")
    assert fresh.Refuse.find_spec("torch") is None


def test_an_interpreter_that_dies_or_hangs_is_a_failure(tmp_path: Path, text: str) -> None:
    one = export(text, None, tmp_path / "model.py", [SHAPE], check=False)
    with pytest.raises(WorkFailed, match=r"did not finish within 0\.01 s"):
        verify([one], timeout_s=0.01)
    one.source_path.write_text("raise SystemExit(3)", encoding="utf-8")
    with pytest.raises(WorkFailed, match="the fresh interpreter ended with status 3: it said nothing"):
        verify([one])


def test_paths_that_cannot_be_written(tmp_path: Path, text: str) -> None:
    with pytest.raises(NasError, match=r"an export is a `.py` file with its weights beside it, got `model.txt`"):
        export(text, None, "model.txt", [SHAPE])
    with pytest.raises(
        NasError, match=r"nobody could import `my-model.py`: take a name of letters, digits and underscores"
    ):
        export(text, None, "my-model.py", [SHAPE])
    with pytest.raises(
        NasError, match=r"`torch.py` would hide the module `torch` from whatever runs beside it; take another"
    ):
        export(text, None, "torch.py", [SHAPE])
    with pytest.raises(NasError, match="cannot be written: No such file or directory; give another path"):
        export(text, None, tmp_path / "missing" / "model.py", [SHAPE])
    (tmp_path / "model.py").mkdir()
    with pytest.raises(NasError, match="cannot be written: Is a directory; give another path"):
        export(text, None, tmp_path / "model.py", [SHAPE], check=False)


def test_load_is_torchs_only_need_when_no_operator_has_it() -> None:
    builder = Builder({"x": type_(features=4)})
    plain = source(builder.finish((builder.apply("linear", (0,), (2,), weights="w"),)))
    assert "import torch\n" not in plain
    assert "\nimport torch\nfrom torch import Tensor, nn\n" in exported_text(plain, {})
    with_torch = source(small("chebyshev_kan"))
    assert exported_text(with_torch, {}).count("\nimport torch\n") == 1


def test_exported_files_are_formatted_and_clean(tmp_path: Path, text: str) -> None:
    facts = {
        "space": "kan",
        "genotype": {"act": 'a \\ and """ and \'b\'', "depth": 3},
        "accuracy": 0.98765432,
        "long": "x " * 99,
    }
    (tmp_path / "model.py").write_text(exported_text(text, facts), encoding="utf-8")
    for command in ("check", "format --check --diff --line-length 110"):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command.split(), "--isolated", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
