"""`nas dashboard`: the search as Optuna's dashboard shows it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from nas.cli import main
from nas.cli.dashboard import make_dashboard
from nas.errors import ExperimentError, NasError, StudyError


@pytest.fixture
def served(home: Path) -> Iterator[str]:
    pytest.importorskip("optuna_dashboard")
    server = make_dashboard(home / "run", port=0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def read(address: str) -> str:
    with urlopen(address, timeout=30) as answer:
        assert answer.status == 200
        return str(answer.read().decode())


def test_the_study_is_served(served: str, home: Path) -> None:
    assert "<html" in read(f"{served}/dashboard").lower()
    (study,) = json.loads(read(f"{served}/api/studies"))["study_summaries"]
    assert study["study_name"] == json.loads((home / "run" / "study.json").read_text())["name"]
    found = json.loads(read(f"{served}/api/studies/{study['study_id']}"))
    assert study["directions"] == ["maximize", "minimize"]
    assert len(found["trials"]) == 6


def test_nobody_writes_to_the_record(served: str, home: Path) -> None:
    before = (home / "run" / "journal.log").read_bytes()
    for method, data in (("DELETE", None), ("PUT", b"{}"), ("POST", b"{}")):
        with pytest.raises(HTTPError, match="403") as refused:
            urlopen(Request(f"{served}/api/studies/0", data, method=method), timeout=30)
        assert b"only looks" in refused.value.read()
    assert (home / "run" / "journal.log").read_bytes() == before


@pytest.mark.slow
def test_the_command_serves_until_it_is_interrupted(home: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    command = [sys.executable, "-m", "nas.cli", "dashboard", "run", "--port", "0"]
    path = os.pathsep.join(sys.path)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127.0.0.1:\d+/", process.stdout.readline())
        assert found
        assert "study_summaries" in read(f"{found.group()}api/studies")
        process.send_signal(2)
        assert process.wait(30) == 0


def test_what_can_be_wrong(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StudyError, match="there is no"):
        make_dashboard(home / "nowhere")
    assert main(["dashboard", "nowhere"]) == 2
    assert "nas dashboard: " in capsys.readouterr().err
    pytest.importorskip("optuna_dashboard")
    server = make_dashboard(home / "run", port=0)
    with pytest.raises(NasError, match=f"cannot use port {server.server_port} of 127.0.0.1: .*; give another --port"):
        make_dashboard(home / "run", port=server.server_port)
    server.server_close()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExperimentError, match="needs the package optuna-dashboard: run `pip install optuna-dashboard`"):
        make_dashboard(home / "run")
