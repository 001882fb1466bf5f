"""A cluster that is driven from outside, through `ray://`."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluators.engines import RayEngine
from nas.errors import ExperimentError

ROOT = Path(__file__).parents[2]
WITHOUT = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
PLAIN = {**WITHOUT, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}

needs_client = pytest.mark.skipif(importlib.util.find_spec("grpc") is None, reason="needs ray[client]")

SPACE = """\
space: tiny
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [4, 64]}
model: |
  return linear(relu(linear(x, width)), targets)
"""
TASK = """\
import numpy as np

def make(n=60):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 5)).astype("float32"), rng.integers(0, 2, n)
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A head of its own, in a process group that ends with the test; it knows nothing of this checkout."""
    ports = [_free_port() for _ in range(2)]
    command = "from ray.scripts.scripts import main; main()"
    options = ["--head", "--block", "--num-cpus=2", "--include-dashboard=false", "--object-store-memory=100000000"]
    options += [f"--port={ports[0]}", f"--ray-client-server-port={ports[1]}"]
    options += ["--min-worker-port=0", "--max-worker-port=0"]
    folder = tmp_path_factory.mktemp("head")
    with (folder / "log").open("w") as log:
        head = subprocess.Popen(
            [sys.executable, "-c", command, "start", *options],
            env={name: value for name, value in PLAIN.items() if name != "PYTHONPATH"},
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield f"ray://127.0.0.1:{ports[1]}"
        finally:
            head.terminate()
            try:
                head.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(head.pid, signal.SIGKILL)
                head.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@needs_client
@pytest.mark.slow
def test_a_search_from_outside_with_a_task_of_ones_own(address: str, tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(SPACE)
    (tmp_path / "task.py").write_text(TASK)
    given = ["search", "space.yaml", "--task", "task.py:make", "--trials", "4", "--epochs", "1", "-d", "run", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "nas.cli", *given, "--quiet", "--engine", "ray", "--address", address],
        env={**PLAIN, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["candidates"] == 4


PROGRAM = """
import sys
from pathlib import Path
from engine_cases import MemoryStudy, Parabola
from evaluators.engines import RayEngine
from nas.errors import TaskError

address, marks = sys.argv[1], Path(sys.argv[2])

def ends(misfortune, **more):
    study = MemoryStudy(5, stop=frozenset({4}))
    RayEngine(workers=2, address=address).run(study, Parabola(misfortune, **more))
    assert len(study.reports) == len(set(study.reports))
    return " ".join(study.told[number].state for number in range(5))

print("nothing:", ends(""))
print("dies once:", ends("die once", marks=marks))
print("dies:", ends("die"))
try:
    ends("data")
except TaskError as error:
    print("raises:", error)
"""

EXPECTED = """\
nothing: complete complete complete complete stopped
dies once: complete complete complete complete stopped
dies: complete crashed complete complete stopped
raises: the data cannot be used
"""


@needs_client
@pytest.mark.slow
def test_misfortunes_are_the_same_from_outside(address: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, address, str(tmp_path)],
        env={**PLAIN, "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent)])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.stdout == EXPECTED, ran.stderr


def test_what_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    known = importlib.util.find_spec
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "grpc" else known(name))
    message = "engine: the address `ray://there:10001` needs the package grpcio: pip install 'ray[client]'"
    with pytest.raises(ExperimentError, match=f"^{re.escape(message)}$"):
        RayEngine(address="ray://there:10001").run(object(), object())  # type: ignore[arg-type]
