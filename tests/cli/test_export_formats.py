"""`nas export --onnx --torch-export --safetensors`: what is printed, what is written, and what happens where it cannot be."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import nas
from nas.cli import main
from nas.codegen.formats import FORMATS
from nas.errors import StudyError
from nas.graph.operators import TABLE
from nas.study.records import read_study

FLAGS = [f"--{name}" for name in FORMATS]


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir() if one.name.startswith("model"))


@pytest.mark.slow
def test_the_command_says_how_far_each_file_is(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--knee", "-o", "model.py", *FLAGS]) == 0
    shown = capfd.readouterr()
    assert shown.err == ""
    first, onnx, exported, weights = shown.out.splitlines()
    assert first.startswith("model.py and model.pt: trial ")
    assert onnx.startswith("model.onnx: its outputs ")
    assert exported == "model.pt2: its outputs are the same bit for bit"
    assert weights == "model.safetensors: its outputs are the same bit for bit"
    assert names(home) == ["model.onnx", "model.pt", "model.pt2", "model.py", "model.safetensors"]


def test_as_json(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "run", "--knee", "-o", "model.py", "--safetensors", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["formats"] == [
        {"format": "safetensors", "path": "model.safetensors", "difference": 0.0, "tolerance": 0.0}
    ]
    assert names(home) == ["model.pt", "model.py", "model.safetensors"]


@pytest.mark.slow
def test_a_refused_format_leaves_the_others(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE, "linear", replace(TABLE["linear"], unexportable={"onnx": "it is left out today"}))
    assert main(["export", "run", "--knee", "-o", "model.py", *FLAGS]) == 1
    shown = capfd.readouterr()
    assert shown.err == ("nas export: `model.onnx` is not written: `linear` cannot be written: it is left out today\n")
    assert [line.split(":")[0] for line in shown.out.splitlines()] == [
        "model.py and model.pt",
        "model.pt2",
        "model.safetensors",
    ]
    assert names(home) == ["model.pt", "model.pt2", "model.py", "model.safetensors"]


def test_a_missing_package_is_said_before_anything_is_written(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert main(["export", "run", "--knee", "-o", "model.py", "--onnx"]) == 2
    assert capfd.readouterr() == (
        "",
        "nas export: ONNX needs packages that are missing: onnxscript; "
        "install them with `pip install 'hourglass-nas[onnx]'`\n",
    )
    assert names(home) == []


@pytest.mark.usefixtures("home")
def test_a_trial_exports_itself() -> None:
    knee = nas.open_search("run").front().knee()
    done = knee.export("there/model.py", formats=["safetensors"])
    assert names(Path("there")) == ["model.pt", "model.py", "model.safetensors"]
    assert done.params == knee.costs["params"]
    with pytest.raises(StudyError, match=r"trial 0 was read without its search; take it from `nas.open_search\(…\)`"):
        read_study("run").trials[0].export("model.py")
