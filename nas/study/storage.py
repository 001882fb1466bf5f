"""The durable record: an Optuna study with one trial for each candidate.

A candidate is one write (a template with everything in it), a rung report one, an outcome two. Whatever the moment at
which the process is killed, the record is a prefix of these writes: `load` finishes what lacks its last write.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.errors import StudyError, WorkFailed
from nas.space.domains import Domain
from nas.study.candidate import Outcome, Report, State
from nas.study.distributions import distribution, to_optuna
from nas.study.entry import Entry
from nas.study.objectives import Objective

optuna.logging.set_verbosity(optuna.logging.WARNING)

ASKED, CURVE, OUTCOME = "nas:candidate", "nas:curve", "nas:outcome"
_STATES: dict[State, TrialState] = {"complete": TrialState.COMPLETE, "stopped": TrialState.PRUNED}


class _Held(JournalFileOpenLock):
    """The study's own lock already keeps a second driver out, and unlike Optuna's it dies with its process."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return


class Record:
    """One Optuna study. Only the process that holds the lock of the study's directory writes.

    Args:
        location: path of a journal file, or the URL of an Optuna storage.
        name: the study's, in that storage.
        objectives: give the directions.
        new: whether the study is just being made.
    Raises: StudyError: the storage cannot be opened or read, or holds another study of that name.
    """

    def __init__(self, location: str | Path, name: str, objectives: Sequence[Objective], new: bool) -> None:
        self._location = location
        if isinstance(location, Path):
            repair(location)
        self._storage = open_storage(location, write=True)
        directions = [
            StudyDirection.MAXIMIZE if one.direction == "maximize" else StudyDirection.MINIMIZE for one in objectives
        ]
        known = {study.study_name: study for study in self._storage.get_all_studies()}
        if name not in known:
            with self._writing():
                self._study_id = self._storage.create_new_study(directions, name)
                self._storage.set_study_system_attr(
                    self._study_id, "study:metric_names", [one.name for one in objectives]
                )
        elif new or known[name].directions != directions:
            raise StudyError(f"{_shown(location)} already holds another study named `{name}`; choose another name")
        else:
            self._study_id = known[name]._study_id
        self._ids: dict[int, int] = {}

    def load(self) -> list[Entry]:
        """Every candidate in order of number; trials that have an outcome but are not closed are closed now."""
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        entries = []
        for trial in trials:
            if ASKED not in trial.system_attrs:
                continue
            entry = _entry(trial)
            self._ids[entry.candidate.number] = trial._trial_id
            entries.append(entry)
        return entries

    def unclosed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Entries with an outcome whose trial is still open: killed between the two writes of an outcome."""
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        states = {trial._trial_id: trial.state for trial in trials}
        return [
            entry
            for entry in entries
            if entry.outcome is not None and not states[self._ids[entry.candidate.number]].is_finished()
        ]

    def ask(self, entry: Entry, domains: Mapping[str, Domain], values: Sequence[float] | None = None) -> None:
        """Write a new candidate down, in one write, with its outcome where it has one.

        Args:
            domains: those of all its parameters.
            values: its objectives, where they are known.
        """
        candidate, outcome, now = entry.candidate, entry.outcome, datetime.now()
        state = TrialState.RUNNING if outcome is None else _STATES.get(outcome.state, TrialState.FAIL)
        known = {} if outcome is None else {OUTCOME: outcome.to_json()}
        template = FrozenTrial(
            number=-1,
            trial_id=-1,
            state=state,
            value=None,
            values=list(values) if values is not None and state is TrialState.COMPLETE else None,
            datetime_start=now,
            datetime_complete=None if outcome is None else now,
            params={name: to_optuna(domains[name], value) for name, value in entry.values.items()},
            distributions={name: distribution(domains[name]) for name in entry.values},
            user_attrs={"origin": candidate.origin, "digest": candidate.digest, **candidate.costs},
            system_attrs={ASKED: entry.asked_to_json(), **known},
            intermediate_values={},
        )
        with self._writing():
            self._ids[candidate.number] = self._storage.create_new_trial(self._study_id, template)

    def report(self, number: int, curve: Sequence[Report]) -> None:
        """Write the whole curve so far, in one write."""
        with self._writing():
            self._storage.set_trial_system_attr(self._ids[number], CURVE, [report.to_json() for report in curve])

    def tell(self, number: int, outcome: Outcome, values: Sequence[float] | None) -> None:
        """Write an outcome and close the trial; Optuna takes values of complete trials only."""
        with self._writing():
            self._storage.set_trial_system_attr(self._ids[number], OUTCOME, outcome.to_json())
        self.close(number, outcome, values)

    def close(self, number: int, outcome: Outcome, values: Sequence[float] | None) -> None:
        """The second write of `tell`."""
        state = _STATES.get(outcome.state, TrialState.FAIL)
        shown = list(values) if values is not None and state is TrialState.COMPLETE else None
        with self._writing():
            self._storage.set_trial_state_values(self._ids[number], state, shown)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, optuna.exceptions.StorageInternalError) as error:
            reason = getattr(error, "strerror", None) or str(error).strip().splitlines()[0]
            raise WorkFailed(
                f"the study's record {_shown(self._location)} cannot be written: {reason}. "
                "What was told before is safe; make room and resume the study"
            ) from error


def open_storage(location: str | Path, write: bool = False) -> BaseStorage:
    """The Optuna storage at a journal's path or a URL.

    Raises: StudyError: it cannot be opened or read.
    """
    try:
        if isinstance(location, Path):
            lock = _Held(str(location)) if write else None
            return JournalStorage(JournalFileBackend(str(location), lock))
        return optuna.storages.get_storage(location)
    except json.JSONDecodeError as error:
        raise StudyError(
            f"the study's record {_shown(location)} is damaged: a line in it is not JSON ({error.msg}). "
            "Restore it from a copy, or cut the file before that line"
        ) from None
    except ImportError as error:
        name = f" `{error.name}`" if error.name else ""
        raise StudyError(
            f"the study's record {_shown(location)} cannot be opened: the database's driver{name} is not installed; "
            "for PostgreSQL: pip install 'psycopg[binary]', for MySQL: pip install mysqlclient"
        ) from None
    except Exception as error:
        # Database drivers have exceptions of their own; whatever they say, the place is what the user gave.
        reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StudyError(f"the study's record {_shown(location)} cannot be opened: {reason}") from error


def read_entries(location: str | Path, name: str) -> list[Entry]:
    """Every candidate in the record, without writing; an empty list where the study was not begun."""
    storage = open_storage(location)
    studies = {study.study_name: study._study_id for study in storage.get_all_studies()}
    if name not in studies:
        return []
    trials = storage.get_all_trials(studies[name], deepcopy=False)
    return [_entry(trial) for trial in trials if ASKED in trial.system_attrs]


def forget(location: str, name: str) -> None:
    """Remove a study from a database; nothing where it is not there. Raises: StudyError: it cannot be opened."""
    storage = open_storage(location, write=True)
    for study in storage.get_all_studies():
        if study.study_name == name:
            storage.delete_study(study._study_id)


def repair(journal: Path) -> int:
    """Cut off a last line that a killed process or a full disk left unfinished; returns how many bytes that were.

    The write of that line never returned, so nobody relies on it.
    """
    if not journal.exists():
        return 0
    with journal.open("rb+") as file:
        data = file.read()
        keep = data.rfind(b"\n") + 1
        if keep < len(data):
            file.truncate(keep)
    return len(data) - keep


def _entry(trial: FrozenTrial) -> Entry:
    attributes: dict[str, Any] = trial.system_attrs
    return Entry.from_json(attributes[ASKED], attributes.get(CURVE), attributes.get(OUTCOME))


def _shown(location: str | Path) -> str:
    """A location for a message, without the password that a URL may hold."""
    text = str(location)
    scheme, separator, rest = text.partition("://")
    if not separator or "@" not in rest:
        return text
    return f"{scheme}://…@{rest.rpartition('@')[2]}"
