"""Shipped spaces are found by their name, the published families also with their folder before it."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from nas.errors import SpaceError
from nas.space import load_space, shipped_spaces
from nas.space.loading import is_family

ONE = "space: {name}\ninputs: {{x: [features]}}\noutputs: [targets]\nmodel: return linear(x, targets)\n"


def test_no_name_is_there_twice() -> None:
    folder = Path(str(files("search_spaces")))
    names = Counter(path.stem for path in folder.rglob("*.yaml"))
    assert set(names.values()) == {1}
    assert set(names) == set(shipped_spaces())


def test_families_are_found_with_and_without_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "families").mkdir()
    (tmp_path / "mine.yaml").write_text(ONE.format(name="mine"))
    (tmp_path / "families" / "theirs.yaml").write_text(ONE.format(name="theirs"))
    monkeypatch.setattr("nas.space.loading.files", lambda package: tmp_path)
    assert {name: is_family(path) for name, path in shipped_spaces().items()} == {"mine": False, "theirs": True}
    assert load_space("theirs").name == load_space("families/theirs").name == "theirs"
    assert load_space("families/theirs").file == "theirs.yaml"
    with pytest.raises(SpaceError, match="families/mine: neither a file nor a shipped space"):
        load_space("families/mine")
    with pytest.raises(SpaceError, match=r"their: neither a file nor a shipped space; did you mean `theirs`\?"):
        load_space("their")
