"""`prepare` and `restore` of an exported file, written out and run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from node_by_node import type_

from nas.codegen import Preprocessing, Scaling, source
from nas.codegen.exported import exported_text
from nas.graph.builder import Builder

MANY = [[i / 7, 1e20 / (i + 1)] for i in range(200)]
CASES = [
    Preprocessing(),
    Preprocessing((Scaling(0.5, 2.0),), None, ("a",), ("it's", 'a "b"', "\x1b[2J")),
    Preprocessing((Scaling([1.0, 2.0], [3.0, 4.0], fill=[0.5, 0.25]),), Scaling([5.0], [0.1])),
    Preprocessing(
        (Scaling(MANY, MANY, shape=(400,)), Scaling(), Scaling(None, None, 1.0)), Scaling(1.0, 2.0, None, (1, 3))
    ),
    Preprocessing((), None, tuple(f"column {i}" for i in range(150)), tuple(map(str, range(500)))),
]


def text(case: Preprocessing | None) -> str:
    builder = Builder({"x": type_(features=4)})
    plain = source(builder.finish((builder.apply("linear", (0,), (2,), weights="w"),)))
    return exported_text(plain, {"space": "s"}, preprocessing=case)


def functions(case: Preprocessing) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "exported"}
    exec(text(case), scope)
    return scope


def test_numbers_come_back_to_the_last_bit() -> None:
    scope = functions(CASES[3])
    assert scope["INPUT0_MEAN"].tolist() == MANY
    x = torch.randn(5, 200, 2, dtype=torch.float64)
    gaps = torch.tensor([[float("nan")], [2.0]])
    scaled, same, filled = scope["prepare"](x, x, gaps)
    mean = torch.tensor(MANY, dtype=torch.float64)
    assert torch.equal(scaled, ((x - mean) / mean).float().reshape(5, 400))
    assert torch.equal(same, x.float())
    assert filled.tolist() == [[1.0], [2.0]]
    assert torch.equal(scope["restore"](torch.ones(2, 3)), torch.full((2, 1, 3), 3.0, dtype=torch.float64))


def test_names_that_are_few_are_written() -> None:
    assert functions(CASES[1])["CLASSES"] == ["it's", 'a "b"', "\x1b[2J"]
    assert "\x1b" not in text(CASES[1])
    scope = functions(CASES[4])
    assert scope["FEATURES"][149] == "column 149"
    assert not {"CLASSES", "prepare", "restore"} & set(scope)


def test_nothing_is_said_of_data_that_nobody_described() -> None:
    assert "inputs:" not in text(None)
    assert "\ninputs: used as they are in the task's data\n" in text(CASES[0])
    assert "\ninputs: standardised; call prepare(x) on raw data\n" in text(CASES[1])


@pytest.mark.parametrize("case", CASES)
def test_files_are_formatted_and_clean(tmp_path: Path, case: Preprocessing) -> None:
    (tmp_path / "model.py").write_text(text(case), encoding="utf-8")
    for command in ("check", "format --check --diff --line-length 110"):
        ruff = [sys.executable, "-m", "ruff", *command.split(), "--isolated", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
