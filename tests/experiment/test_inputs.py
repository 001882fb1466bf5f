"""Spaces that have more or fewer inputs than their task: the message names both, and the way out."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from evaluators.tasks import Task, load_task, task_from_arrays
from nas.errors import SpaceError
from nas.experiment.inputs import bound_to
from nas.space import load_space

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.arange(60) % 3


def refusal(space: str, task: Task, spec: str, **options: object) -> str:
    with pytest.raises(SpaceError) as caught:
        bound_to(load_space(space), task, spec, options)
    return str(caught.value)


def table(folder: Path, **options: object) -> Task:
    rows = [f"{i % 7},{i % 5},{'ab'[i % 2]},{i % 3}" for i in range(60)]
    (folder / "houses.csv").write_text("\n".join(["area,rooms,street,price", *rows]))
    return load_task("houses.csv:price", options, folder)


def test_a_space_with_fewer_inputs_than_a_data_set_of_a_library() -> None:
    task = task_from_arrays([X[:, :2], X], Y)
    said = refusal("mlp", dataclasses.replace(task, columns=(("age", "dose"), ("spectrum",))), "hf:scans")
    assert "the space has one input (x), the task 2 inputs: [2] of `age`, `dose` and [4] of `spectrum`; " in said
    assert '`task: {name: "hf:scans", x: [age, dose]}`, or take a space that names one for each' in said


def test_a_space_with_fewer_inputs_than_arrays() -> None:
    said = refusal("mlp", task_from_arrays([X[:, :2], X], Y), "my_data.py:make")
    assert re.search(
        r"the task 2 inputs: \[2\] and \[4\]; take a space that names one for each, such as `inputs:", said
    )


def test_a_space_without_codes(tmp_path: Path) -> None:
    said = refusal("mlp", table(tmp_path, fields=["street"]), "houses.csv:price", fields=["street"])
    assert "the task 2 inputs: [2] of `area`, `rooms` and [1] of `street`; " in said
    assert (
        "words become columns with `categorical` in place of `fields`, or take a space that names one for each" in said
    )


def test_a_space_with_more_inputs_than_the_task(tmp_path: Path) -> None:
    said = refusal("final-mlp", task_from_arrays(X, Y), "photos")
    assert (
        "has 2 inputs (x, codes), the task one input: [4]; the task has no `codes`: codes come from the option" in said
    )
    said = refusal("final-mlp", table(tmp_path, drop=["street"]), "houses.csv:price")
    assert "the task one input: [2] of `area`, `rooms`; the task has no `codes`: words become codes with" in said
    assert '`task: {name: "houses.csv:price", fields: [COLUMN]}`, or take another space' in said
