"""Golden files: every mistake of `tests/spec_errors/*.yaml` has its exact message beside it.

A file that loads is bound where its first line says so (`# bind: [[8]] -> [[10]]`) and checked. `UPDATE_GOLDEN=1` writes
the messages anew; read them as the person would who made the mistake.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nas.errors import SpaceError
from nas.space import space_from_text
from nas.space.check import check

FOLDER = Path(__file__).parent.parent / "spec_errors"
FILES = sorted(FOLDER.glob("*.yaml"))


def error_of(text: str, name: str) -> SpaceError:
    """What the person sees who loads, binds and checks this space."""
    first = text.partition("\n")[0]
    try:
        space = space_from_text(text, name)
        if first.startswith("# bind: "):
            inputs, outputs = first.removeprefix("# bind: ").split(" -> ")
            space = space.bind(json.loads(inputs), json.loads(outputs))
        check(space, draws=60)
    except SpaceError as error:
        return error
    pytest.fail(f"{name} is a space without a mistake")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mistake_has_its_message(path: Path) -> None:
    """And its caret stands under a character of the line that is shown."""
    text = path.read_text(encoding="utf-8")
    error = error_of(text, path.name)
    golden = path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(f"{error}\n", encoding="utf-8")
    assert f"{error}\n" == golden.read_text(encoding="utf-8")
    lines = text.splitlines()
    for fault in error.faults:
        if fault.place is not None:
            assert fault.place.file == path.name
            assert fault.place.text == lines[fault.place.line - 1]
            assert 1 <= fault.place.column <= len(fault.place.text) + 1  # one beyond: what is missing at the end
        assert fault.message.strip()
        assert fault.message[0].islower() or not fault.message[0].isalpha() or fault.message.startswith("YAML")


def test_every_message_belongs_to_a_mistake() -> None:
    assert [path.stem for path in sorted(FOLDER.glob("*.txt"))] == [path.stem for path in FILES]
    assert len(FILES) >= 60
