"""A PostgreSQL server for one test, in a directory of its own, reached by a socket there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def server() -> Iterator[str]:
    """The URL of its database. Skips the test where PostgreSQL or psycopg is not installed."""
    programs = _programs()
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("needs PostgreSQL (`initdb`) and psycopg")
    # Not pytest's directory: the server refuses to run as root, and nobody else may look in there.
    place = Path(tempfile.mkdtemp(prefix="pg"))
    who: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(place, "postgres", "postgres")
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(program: str, *options: str) -> None:
        log = place / "commands"
        with log.open("ab") as output:
            subprocess.run([programs / program, *options], check=True, cwd=place, stdout=output, stderr=output, **who)

    data = str(place / "data")
    try:
        run("initdb", "-D", data, "-U", "nas", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {place} -c listen_addresses= -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-l", str(place / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://nas@/postgres?host={place}"
        finally:
            run("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _programs() -> Path | None:
    """Where its programs are; Debian puts them beside the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    beside = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return beside[-1].parent if beside else None
