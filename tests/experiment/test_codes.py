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


SOME = """
space: some
inputs: {x: [features], codes: [fields]}
outputs: [targets]
axes: [channels]
choose:
  reads: {choice: [neither, codes_too], weights: [3, 1]}
model: |
  z = linear(x, 4)
  if reads == "codes_too":
      z = concat(z, flatten(embedding(codes, 8, 2, into=channels), into=features))
  return linear(z, targets)
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


def test_an_embedding_that_only_some_candidates_have_is_looked_at_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(TASK.replace("INPUTS", '"x": numbers, "fields": {"a": words}'))
    (tmp_path / "some.yaml").write_text(SOME)
    with pytest.raises(SpaceError, match=r"the task's codes in `codes` go from 0 to 49, and `embedding` holds 0 to 7;"):
        nas.search(
            str(tmp_path / "some.yaml"),
            task=f"{tmp_path / 'own.py'}:make",
            trials=1,
            budget={"epochs": 1},
            directory=str(tmp_path / "run"),
        )
