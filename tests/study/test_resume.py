"""Killed at any moment: what a resumed study asks and holds is what an uninterrupted one does."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import toys
from driving import create, evaluate, facts, run

from nas.errors import StudyError, WorkFailed
from nas.study.candidate import Report
from nas.study.records import read_study
from nas.study.study import Study

STOPPING = {"rule": "pareto-halving", "rungs": [10, 20], "eta": 2}
SETTINGS: dict[str, Any] = {"budget": {"epochs": 30}, "stopping": STOPPING, "trials": 30}
SAMPLERS = [{"name": "tpe", "startup": 5}, {"name": "nsga2", "population": 6}, "random"]


def uninterrupted(directory: Path, space: Any, **settings: Any) -> list[tuple[Any, ...]]:
    with create(directory, space, **{**SETTINGS, **settings}) as study:
        return facts(run(study).record())


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["tpe", "nsga2", "random"])
@pytest.mark.parametrize("space", [toys.conditional, toys.grammar])
def test_a_study_taken_up_at_every_step_is_the_same_study(tmp_path: Path, space: Any, sampler: Any) -> None:
    whole = uninterrupted(tmp_path / "whole", space(), sampler=sampler)
    directory = tmp_path / "parts"
    create(directory, space(), sampler=sampler, **SETTINGS).close()
    for step in range(100):
        with Study.open(directory, space()) as study:
            candidate = study.ask()
            if candidate is None:
                break
            if step % 3 == 0:
                study.report(candidate, Report(10, {"accuracy": 0.0}))  # and then the driver dies
            else:
                study.tell(candidate, evaluate(study, candidate))
    assert facts(read_study(directory)) == whole


def test_a_grid_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = uninterrupted(tmp_path / "whole", toys.tiny(4), sampler="grid")
    create(tmp_path / "parts", toys.tiny(4), sampler="grid", **SETTINGS).close()
    for _ in range(9):
        with Study.open(tmp_path / "parts", toys.tiny(4)) as study:
            run(study, most=1)
    assert facts(read_study(tmp_path / "parts")) == whole


@pytest.mark.slow
def test_cut_off_at_every_byte(tmp_path: Path) -> None:
    """The journal's last writes torn anywhere: an ask, a report, and the two writes of an outcome."""
    whole = uninterrupted(tmp_path / "whole", toys.conditional(), sampler="random", trials=4)
    directory = tmp_path / "torn"
    with create(directory, toys.conditional(), sampler="random", **{**SETTINGS, "trials": 4}) as study:
        run(study, most=2)
        candidate = study.ask()
        assert candidate is not None
        study.tell(candidate, evaluate(study, candidate))
    journal = (directory / "journal.log").read_bytes()
    lines = journal.splitlines(keepends=True)
    ask = max(i for i, line in enumerate(lines) if b'"nas:candidate"' in line)
    start = sum(map(len, lines[:ask]))
    cuts = sorted({*range(start, len(journal), 23), *range(len(journal) - 150, len(journal) + 1), start + 1})
    for cut in cuts:
        (directory / "journal.log").write_bytes(journal[:cut])
        assert len(read_study(directory).trials) in (2, 3), "readers pass over a torn line"
        with Study.open(directory, toys.conditional()) as study:
            run(study)
            assert facts(study.record()) == whole
        assert facts(read_study(directory)) == whole


def test_killed_between_the_two_writes_of_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nas.study.storage import Record, open_storage

    study = create(tmp_path, toys.flat(), trials=2, sampler="random")
    candidate = study.ask()
    assert candidate is not None
    with monkeypatch.context() as patch:
        patch.setattr(Record, "close", lambda *_: None)
        study.tell(candidate, evaluate(study, candidate))
    study.close()
    Study.open(tmp_path, toys.flat()).close()
    trial = open_storage(tmp_path / "journal.log").get_all_trials(0)[0]
    assert trial.state.is_finished()
    assert read_study(tmp_path).trials[0].state != "running"


def test_more_trials_on_request(tmp_path: Path) -> None:
    whole = uninterrupted(tmp_path / "whole", toys.conditional(), sampler="nsga2")
    with create(tmp_path / "more", toys.conditional(), sampler="nsga2", **{**SETTINGS, "trials": 10}) as study:
        run(study)
        assert study.enough
    with Study.open(tmp_path / "more", toys.conditional(), trials=30) as study:
        run(study)
    assert facts(read_study(tmp_path / "more")) == whole
    assert json.loads((tmp_path / "more" / "study.json").read_text())["trials"] == 30


def test_several_in_flight_are_all_asked_for_again(tmp_path: Path) -> None:
    study = create(tmp_path, toys.conditional(), trials=9)
    flying = [study.ask() for _ in range(4)]
    assert flying[1] is not None
    study.tell(flying[1], evaluate(study, flying[1]))
    study.close()
    with Study.open(tmp_path, toys.conditional()) as again:
        asked = [again.ask() for _ in range(3)]
        assert asked == [flying[0], flying[2], flying[3]]
        fourth = again.ask()
        assert fourth is not None
        assert fourth.number == 4
        for one in [*asked, fourth]:
            assert one is not None
            again.tell(one, evaluate(again, one))
        run(again)
        assert again.n_finished == 9
        assert len({trial.digest for trial in again.record().trials}) == 9


def test_architecture_of_a_candidate_read_back(tmp_path: Path) -> None:
    study = create(tmp_path, toys.conditional())
    before = study.ask()
    study.close()
    with Study.open(tmp_path, toys.conditional()) as again:
        candidate = again.ask()
        assert candidate is not None and before is not None
        assert candidate.architecture is None
        assert again.architecture(candidate).digest == before.digest == again.architecture(before).digest


def test_any_optuna_storage(tmp_path: Path) -> None:
    whole = uninterrupted(tmp_path / "whole", toys.conditional(), name="x", sampler="tpe", trials=12)
    url = f"sqlite:///{tmp_path / 'all.db'}"
    with create(
        tmp_path / "a", toys.conditional(), name="x", sampler="tpe", storage=url, **{**SETTINGS, "trials": 12}
    ) as study:
        run(study, most=5)
        study.ask()
    with Study.open(tmp_path / "a", toys.conditional()) as study:
        run(study)
    assert facts(read_study(tmp_path / "a")) == whole
    for objectives, message in (
        (["maximize accuracy"], r"all.db already holds another study named `x`; choose another name"),
        (["maximize accuracy", "minimize params"], r"all.db already holds a study named `x` with other settings"),
    ):
        with pytest.raises(StudyError, match=message):
            create(tmp_path / "b", toys.conditional(), name="x", storage=url, objectives=objectives)
        assert not (tmp_path / "b" / "study.json").exists(), "nobody resumes a study that was refused"


def test_a_storage_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"record sqlite:.* cannot be opened"):
        create(tmp_path / "a", toys.flat(), storage="sqlite:////no/such/place/x.db")
    with pytest.raises(StudyError, match=r"record ftp://…@host/x cannot be opened") as caught:
        create(tmp_path / "b", toys.flat(), storage="ftp://me:secret@host/x")
    assert "secret" not in str(caught.value)


def test_a_damaged_record(tmp_path: Path) -> None:
    with create(tmp_path, toys.flat(), trials=3) as study:
        run(study)
    journal = tmp_path / "journal.log"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:4], b"\x00\x00\n", *lines[4:]]))
    for use in (lambda: read_study(tmp_path), lambda: Study.open(tmp_path, toys.flat())):
        with pytest.raises(StudyError, match=r"journal.log is damaged: a line in it is not JSON"):
            use()


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = create(tmp_path, toys.flat(), trials=5)
    run(study, most=2)
    candidate = study.ask()
    assert candidate is not None

    def full(self: Any, logs: Any) -> None:
        with (tmp_path / "journal.log").open("ab") as file:
            file.write(b'{"op_code": 5, "hal')
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("optuna.storages.journal.JournalFileBackend.append_logs", full)
        with pytest.raises(WorkFailed, match=r"journal.log cannot be written: No space left on device. What was told"):
            study.tell(candidate, evaluate(study, candidate))
    study.close()
    with Study.open(tmp_path, toys.flat()) as again:
        assert again.n_finished == 2
        assert run(again).n_finished == 5


DRIVER = """
import os, sys, time
sys.path.insert(0, sys.argv[3])
import toys, driving
from nas.study.study import Study
with Study.open(sys.argv[1], toys.grammar()) as study:
    print("ready", flush=True)
    while (candidate := study.ask()) is not None:
        time.sleep(float(sys.argv[2]))
        study.tell(candidate, driving.evaluate(study, candidate))
"""


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_killed_ten_times_at_random_moments(tmp_path: Path, sampler: str) -> None:
    settings: dict[str, Any] = {"sampler": sampler, **SETTINGS, "trials": 150}
    with create(tmp_path / "whole", toys.grammar(), **settings) as study:
        whole = facts(run(study).record())
    directory = tmp_path / "killed"
    create(directory, toys.grammar(), **settings).close()
    rng = random.Random(5)
    finished = []
    for _ in range(10):
        command = [sys.executable, "-c", DRIVER, str(directory), "0.01", str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            assert driver.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.0, 0.2))
            driver.send_signal(signal.SIGKILL)
        finished.append(sum(trial.state != "running" for trial in read_study(directory).trials))
    assert finished == sorted(finished)
    assert 0 < finished[-1] < 150
    with Study.open(directory, toys.grammar()) as study:
        run(study)
    assert facts(read_study(directory)) == whole
