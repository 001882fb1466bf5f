"""Embeddings whose tables are too small, or that read no codes, are found before anything is trained."""

from __future__ import annotations

from pathlib import Path

import pytest

import nas
from nas.errors import SpaceError

TASK = """
import numpy as np

def make():
    rng = np.random.default_rng(0)
    words = np.arange(400) % 50
    numbers = rng.normal(size=(400, 4)).astype("float32")
    return {INPUTS, "y": (numbers[:, 0] > 0).astype(int), "kind": "classification"}
"""


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (
            '"x": numbers, "fields": {"a": words}',
            r"the task's codes in `codes` go from 0 to 49, and `embedding` holds 0 to 31;",
        ),
        (
            '"x": [numbers, words[:, None]]',
            r"`embedding` reads `codes`, and the task has no codes there but numbers such as",
        ),
    ],
)
def test_codes_beyond_the_vocabulary(tmp_path: Path, inputs: str, message: str) -> None:
    task = tmp_path / "own.py"
    task.write_text(TASK.replace("INPUTS", inputs))
    with pytest.raises(SpaceError, match=message):
        nas.search("final-mlp", task=f"{task}:make", trials=1, budget={"epochs": 1}, directory=str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
