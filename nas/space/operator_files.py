"""Python files that a space names under `operators:`. They are run, so somebody has to say that they may be."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path, PurePosixPath

from nas.errors import NasError, Place
from nas.space.reading import Reading

_allowed = False


def allow_code(allowed: bool = True) -> None:
    """Let space files run the Python files that they name under `operators:`, from now on in this process."""
    global _allowed
    _allowed = allowed


def code_allowed() -> bool:
    """Whether somebody has said so."""
    return _allowed


def run_operator_files(reading: Reading, folder: Path) -> dict[str, str]:
    """Run the files under `operators:`, which register operators; faults go to `reading`.

    Args:
        folder: that the paths start from, the space file's own.
    Returns: path as written → the file's text.
    """
    listed = reading.tree.get("operators")
    texts: dict[str, str] = {}
    if listed is None:
        return texts
    if listed.kind != "list" or not all(item.kind == "scalar" and isinstance(item.value, str) for item in listed.items):
        reading.fault(listed, f"`operators` lists Python files, such as [my_ops.py]; this is {listed.describe()}")
        return texts
    for item in listed.items:
        name = str(item.value)
        path = PurePosixPath(name)
        if path.suffix != ".py" or path.is_absolute() or ".." in path.parts:
            reading.fault(item, f"an operator file is a `.py` beside the space or below it, got `{name}`")
            continue
        if not _allowed:
            message = f"this would run the Python file `{name}`; if you trust it, say --allow-code, in Python nas.allow_code()"
            reading.fault(item, message)
            continue
        text = _run(reading, item.place, folder / path, name)
        if text is not None:
            texts[name] = text
    return texts


def _run(reading: Reading, place: Place, path: Path, name: str) -> str | None:
    """The file's text after it was run, None where that failed. One text is run once a process."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not a text in UTF-8"
        reading.fault(place, f"`{path}` cannot be read: {reason}")
        return None
    module_name = "nas_operators_" + hashlib.sha256(text.encode()).hexdigest()[:12]
    if module_name in sys.modules:
        return text
    spec = importlib.util.spec_from_file_location(module_name, path.resolve())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except NasError as problem:
        del sys.modules[module_name]
        reading.fault(place, f"`{name}`: {problem}")
        return None
    except Exception as problem:  # whatever the user's code raises
        del sys.modules[module_name]
        lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == spec.origin]
        line = getattr(problem, "lineno", None) or (lines[-1] if lines else None)
        where = f"{name}:{line}" if line else name
        reading.fault(place, f"`{where}` fails with {type(problem).__name__}: {problem}")
        return None
    return text
