"""The cache is a convenience: it saves work and never stands in the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.tasks.cache import Arrays, cached, folder


class Maker:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Arrays:
        self.calls += 1
        return {"x": np.arange(5), "words": np.array(["a", "b"])}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_made_once() -> None:
    make = Maker()
    first, second = cached("some", make), cached("some", make)
    assert make.calls == 1
    assert all(np.array_equal(first[key], second[key]) for key in ("x", "words"))
    assert [path.name for path in folder().iterdir()] == ["some.npz"], "nothing temporary stays"


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no more", b"garbage"])
def test_a_damaged_file_is_made_again(damage: bytes) -> None:
    make = Maker()
    cached("some", make)
    (folder() / "some.npz").write_bytes(damage)
    assert cached("some", make)["x"].tolist() == [0, 1, 2, 3, 4]
    assert make.calls == 2
    cached("some", make)
    assert make.calls == 2


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "hourglass-nas").write_text("a file where the folder should be")
    assert cached("some", Maker())["x"].tolist() == [0, 1, 2, 3, 4]
