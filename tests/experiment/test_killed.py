"""Searches that are killed and interrupted: resumed, they are the searches that they would have been."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.study.records import TrialRecord

NAS = [sys.executable, "-m", "nas.cli"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def trials_of(directory: Path) -> tuple[TrialRecord, ...]:
    """Those on record; none where the search was killed before it had begun."""
    return nas.open_search(directory).record().trials if (directory / "study.json").exists() else ()


def finished(directory: Path) -> int:
    return sum(one.state != "running" for one in trials_of(directory))


def facts(trials: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    """All of a trial but the time it took."""
    return [
        (one.number, one.state, one.genotype, one.digest, one.seed, one.values, one.curve, one.origin) for one in trials
    ]


def experiment(folder: Path, engine: str, pause: float, trials: int, log: Path | None = None) -> Path:
    """An experiment file that says all but the directory."""
    write_space(folder)
    write_task(folder)
    file = folder / "my.yaml"
    task = {"name": "my_task.py:make", "pause": pause, "log": str(log or "")}
    file.write_text(
        f"space: narrow.yaml\ntask: {json.dumps(task)}\ntrials: {trials}\nbudget: {{epochs: 4}}\nsampler: nsga2\n"
        f"stopping: {{rule: pareto-halving, rungs: [1, 2], eta: 3}}\nengine: {engine}\nseed: 11\n"
    )
    return file


def go_on(file: Path, directory: Path) -> list[str]:
    """The command that a person would give now."""
    begun = (directory / "study.json").exists()
    return [*NAS, "resume", str(directory)] if begun else [*NAS, "search", str(file), "-d", str(directory)]


def session_of(process: subprocess.Popen[Any]) -> Iterator[str]:
    """Processes that were started in the session of `process`, wherever they hang now."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if int(fields[3]) == process.pid and fields[0] != "Z":
                yield command


def outliving(process: subprocess.Popen[Any], *passed_over: str) -> list[str]:
    """Processes still there half a minute after their driver."""
    end = time.monotonic() + 30
    while left := [one for one in session_of(process) if not (passed_over and one.startswith(passed_over))]:
        if time.monotonic() > end:
            break
        time.sleep(0.2)
    return left


def kill_until_done(file: Path, directory: Path, kills: int, longest_s: float) -> int:
    """Kill the search `kills` times at random moments after its start, then let it end; how often it was under way."""
    rng, struck = random.Random(4), 0
    for _ in range(kills):
        process = subprocess.Popen(
            [*go_on(file, directory), "--quiet"],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        before, end = finished(directory), time.monotonic() + 60
        while finished(directory) == before and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, longest_s))
        struck += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        # Ray's own agents look for their dead parent for a minute before they go; what trains is gone at once.
        assert outliving(process, "ray::DashboardAgent", "ray::RuntimeEnvAgent") == []
    subprocess.run([*go_on(file, directory), "--quiet"], env=ENVIRONMENT, check=True, capture_output=True, timeout=300)
    return struck


@pytest.mark.slow
def test_ten_kills_change_nothing(tmp_path: Path) -> None:
    file = experiment(tmp_path, "inline", pause=0.03, trials=60)
    whole = nas.search(experiment=file, directory=str(tmp_path / "whole"))
    struck = kill_until_done(file, tmp_path / "killed", kills=10, longest_s=0.3)
    assert struck >= 8, "the search was to be killed, not to end"
    killed = trials_of(tmp_path / "killed")
    assert facts(killed) == facts(whole.record().trials)
    assert {one.state for one in killed} == {"complete", "stopped"}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_with_two_workers_none_is_lost_and_none_counted_twice(tmp_path: Path, engine: str) -> None:
    log = tmp_path / "log"
    file = experiment(tmp_path, f"{{name: {engine}, workers: 2}}", pause=0.03, trials=60, log=log)
    struck = kill_until_done(file, tmp_path / "killed", kills=3, longest_s=0.5)
    assert struck >= 2
    killed = trials_of(tmp_path / "killed")
    assert [one.number for one in killed] == list(range(60))
    assert {one.state for one in killed} == {"complete", "stopped"}
    assert len({one.digest for one in killed}) == 60
    began = [int(line.split()[0]) for line in log.read_text().splitlines()]
    assert set(began) == set(range(60))
    assert len(began) <= 60 + 2 * struck, "only what was in flight is evaluated again"


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("engine", ["inline", "{name: processes, workers: 2}", "{name: ray, workers: 2}"])
def test_an_interrupt_says_how_to_go_on(tmp_path: Path, engine: str, stop: signal.Signals) -> None:
    file, directory = experiment(tmp_path, engine, pause=0.1, trials=100), tmp_path / "run"
    process = subprocess.Popen(
        [*NAS, "search", str(file), "-d", str(directory)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 90
    while finished(directory) < 3 and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(process.pid, stop)  # as a terminal does, or a scheduler
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.strip().splitlines()[-1] == f"nas: interrupted; go on with: nas resume {directory}"
    assert "Traceback" not in err
    assert outliving(process) == []
    done = [one for one in trials_of(directory) if one.state != "running"]
    assert len(done) >= 3
    file = directory / "experiment.yaml"
    file.write_text(file.read_text().replace("pause: 0.1", "pause: 0.0"))
    resumed = nas.resume(directory, engine="inline").record().trials
    assert len(resumed) == 100
    assert facts(resumed)[: len(done)] == facts(tuple(done)) or engine != "inline"
    assert all(one.state in ("complete", "stopped") for one in resumed)


ENDED = """
import os
from contextlib import suppress
from nas.experiment.interruption import Interrupted, resumable

with resumable("whole"):
    pass
with suppress(Interrupted), resumable("interrupted"):
    raise KeyboardInterrupt
with resumable("nas resume 'a b'"):
    os._exit(1)
"""


def test_a_process_that_is_ended_from_outside_leaves_the_command_that_goes_on() -> None:
    """As Ray ends it whose raylet is gone: at once, by `_exit`."""
    ended = subprocess.run([sys.executable, "-c", ENDED], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert ended.returncode == 1
    assert ended.stderr == (
        "this process was ended from outside: killed, out of memory, or as Ray's own had died; "
        "go on with: nas resume 'a b'\n"
    )
