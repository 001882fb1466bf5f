"""A database server for one test, in a directory of its own, reached by a socket there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

START_S = 120  # on a machine whose cores are all taken


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of its database. Skips the test where PostgreSQL or psycopg is not installed."""
    programs = _beside("initdb", Path("/usr/lib/postgresql"), "*/bin/initdb")
    if programs is None or find_spec("psycopg") is None:
        pytest.skip("needs PostgreSQL (`initdb`) and psycopg")
    with _place("postgres") as (place, who):
        data, log = str(place / "data"), place / "log"
        _run([programs / "initdb", "-D", data, "-U", "nas", "-A", "trust", "--no-sync", "-E", "UTF8"], log, who)
        options = f"-k {place} -c listen_addresses= -c fsync=off"
        _run([programs / "pg_ctl", "-D", data, "-w", "-l", place / "server", "-o", options, "start"], log, who)
        try:
            yield f"postgresql+psycopg://nas@/postgres?host={place}"
        finally:
            _run([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], log, who)


@contextmanager
def mariadb() -> Iterator[str]:
    """The URL of its database. Skips the test where MariaDB or PyMySQL is not installed."""
    programs = _beside("mariadbd", Path("/usr/sbin"), "mariadbd")
    install = shutil.which("mariadb-install-db")
    if programs is None or install is None or find_spec("pymysql") is None:
        pytest.skip("needs MariaDB (`mariadbd`) and pymysql")
    with _place("mysql") as (place, who):
        data, socket, log = place / "data", place / "socket", place / "log"
        _run([install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"], log, who)
        (place / "begin.sql").write_text("CREATE DATABASE nas;\n")
        options = [f"--datadir={data}", f"--socket={socket}", f"--init-file={place / 'begin.sql'}", "--skip-networking"]
        command = [programs / "mariadbd", "--no-defaults", *options, "--innodb-flush-log-at-trx-commit=0"]
        with (place / "server").open("wb") as output:
            process = subprocess.Popen(command, cwd=place, stdout=output, stderr=output, **who)
        try:
            _await(process, place / "server", "ready for connections")
            yield f"mysql+pymysql://root@localhost/nas?unix_socket={socket}"
        finally:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], log: Path, ready: str) -> None:
    for _ in range(START_S * 10):
        said = log.read_text(errors="replace")
        assert process.poll() is None, said
        if ready in said:
            return
        time.sleep(0.1)
    raise AssertionError(f"not ready within {START_S} s: {said}")


@contextmanager
def _place(user: str) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """A folder for a server, and as whom its programs run there: neither server likes to run as root."""
    place = Path(tempfile.mkdtemp(prefix="db"))  # not pytest's own, which nobody else may look into
    who: Mapping[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(place, user, user)
        who = {"user": user, "group": user, "extra_groups": []}
    try:
        yield place, who
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _run(command: list[str | Path], log: Path, who: Mapping[str, Any]) -> None:
    with log.open("ab") as output:
        done = subprocess.run(command, check=False, cwd=log.parent, stdout=output, stderr=output, **who)
    assert done.returncode == 0, log.read_text(errors="replace")


def _beside(program: str, place: Path, pattern: str) -> Path | None:
    """The folder of a program, which Debian may put beside the path."""
    found = shutil.which(program)
    if found is not None:
        return Path(found).resolve().parent
    beside = sorted(place.glob(pattern))
    return beside[-1].parent if beside else None
