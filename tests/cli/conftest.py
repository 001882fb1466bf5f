"""A user's folder with a task, a space, an experiment and a finished search in it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent.parent / "experiment"))

from closed_form import write_space, write_task

import nas


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    space, _ = write_space(folder), write_task(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        nas.search(space, task="my_task.py:make", trials=6, budget={"epochs": 4}, directory="run")
        nas.search(space, task={"name": "my_task.py:make", "fail": "no luck"}, trials=2, directory="failed")
    return folder


@pytest.fixture
def home(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that folder, in which the test runs."""
    place = tmp_path / "home"
    shutil.copytree(finished, place)
    for snapshot in [*place.glob("*/*.yaml"), *place.glob("*/study.json")]:
        snapshot.write_text(snapshot.read_text().replace(str(finished), str(place)))
    monkeypatch.chdir(place)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    return place
