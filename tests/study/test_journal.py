"""The journal of a sole writer: whole in the file, bare in memory, and as strict as Optuna's own."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import IntDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.study.journal import SoleJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of a journal with the study 0, which has two trials: the first complete, the second running."""
    storage = JournalStorage(SoleJournal(tmp_path / "journal.log"))
    assert storage.create_new_study([StudyDirection.MAXIMIZE], "one") == 0
    for number in range(2):
        assert asked(storage, number) == number
    storage.set_trial_system_attr(0, "outcome", {"state": "complete"})
    storage.set_trial_state_values(0, TrialState.COMPLETE, [0.5])
    return tmp_path / "journal.log"


def asked(storage: JournalStorage, width: int) -> int:
    """The id of a new trial with contents."""
    template = FrozenTrial(
        number=-1, trial_id=-1, state=TrialState.RUNNING, value=None, datetime_start=datetime.now(), datetime_complete=None,
        params={"width": width}, distributions={"width": IntDistribution(0, 9)}, user_attrs={},
        system_attrs={"asked": {"width": width}}, intermediate_values={},
    )  # fmt: skip
    return storage.create_new_trial(0, template)


def trials(storage: JournalStorage) -> list[FrozenTrial]:
    return storage.get_all_trials(0, deepcopy=False)


def written(path: Path) -> list[FrozenTrial]:
    """As whoever opens the file reads it."""
    return trials(JournalStorage(JournalFileBackend(str(path))))


def test_the_file_has_everything(path: Path) -> None:
    done, running = written(path)
    assert (done.number, done.state, done.values) == (0, TrialState.COMPLETE, [0.5])
    assert (done.params, done.distributions) == ({"width": 0}, {"width": IntDistribution(0, 9)})
    assert done.system_attrs == {"asked": {"width": 0}, "outcome": {"state": "complete"}}
    assert (running.number, running.state, running.params) == (1, TrialState.RUNNING, {"width": 1})


def test_the_writer_remembers_numbers_and_states_alone(path: Path) -> None:
    storage = JournalStorage(SoleJournal(path))
    storage.set_trial_system_attr(1, "curve", list(range(1000)))
    for one, whole in zip(trials(storage), written(path), strict=True):
        assert (one.number, one._trial_id, one.state) == (whole.number, whole._trial_id, whole.state)
        assert (one.params, one.distributions, one.values) == ({}, {}, None)
        assert not any(one.system_attrs.values())


def test_the_studys_own_attributes_are_remembered(path: Path) -> None:
    JournalStorage(SoleJournal(path)).set_study_system_attr(0, "settings", {"seed": 3})
    assert JournalStorage(SoleJournal(path)).get_study_system_attrs(0) == {"settings": {"seed": 3}}


def test_it_goes_on_where_it_was(path: Path) -> None:
    before = path.read_bytes()
    storage = JournalStorage(SoleJournal(path))
    assert path.read_bytes() == before, "to open it writes nothing"
    storage.set_trial_state_values(1, TrialState.PRUNED)
    assert asked(storage, 2) == 2
    assert path.read_bytes().startswith(before)
    assert [one.state for one in trials(storage)] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING]
    assert [(one.number, one.state) for one in written(path)] == [(one.number, one.state) for one in trials(storage)]
    assert [one.params for one in written(path)] == [{"width": width} for width in range(3)]


def test_a_lock_that_a_killed_process_left_keeps_nobody_out(path: Path) -> None:
    lock = path.with_name("journal.log.lock")
    lock.symlink_to(path)
    assert asked(JournalStorage(SoleJournal(path)), 2) == 2
    assert lock.is_symlink()


@pytest.mark.parametrize("journal", [SoleJournal, lambda path: JournalFileBackend(str(path))], ids=["sole", "optuna's"])
def test_what_cannot_be_is_refused(path: Path, journal: Any) -> None:
    storage = JournalStorage(journal(path))
    with pytest.raises(DuplicatedStudyError):
        storage.create_new_study([StudyDirection.MAXIMIZE], "one")
    with pytest.raises(UpdateFinishedTrialError, match=r"Trial#0 has already finished"):
        storage.set_trial_state_values(0, TrialState.COMPLETE, [0.9])
    with pytest.raises(UpdateFinishedTrialError, match=r"Trial#0 has already finished"):
        storage.set_trial_system_attr(0, "outcome", {})
    with pytest.raises(KeyError, match="Record does not exist"):
        storage.set_trial_system_attr(7, "outcome", {})
    assert len(written(path)) == 2
    assert written(path)[0].values == [0.5]


def test_a_line_that_is_not_json_is_refused(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{]\n", *lines[2:]]))
    with pytest.raises(json.JSONDecodeError):
        JournalStorage(SoleJournal(path))


def test_what_was_not_written_is_not_remembered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = JournalStorage(SoleJournal(path))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(JournalFileBackend, "append_logs", full)
        with pytest.raises(OSError, match="No space left"):
            asked(storage, 2)
    assert len(trials(storage)) == 2
    assert asked(storage, 2) == 2
    assert len(written(path)) == 3
