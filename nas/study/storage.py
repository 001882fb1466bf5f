"""The durable record: an Optuna study with one trial for each candidate.

A candidate is one write (a template with everything in it), a rung report one, an outcome two. Whatever the moment at
which the process is killed, the record is a prefix of these writes: `load` finishes what lacks its last write.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from nas.errors import StudyError, WorkFailed
from nas.space.domains import Domain
from nas.study.candidate import Outcome, Report, State
from nas.study.directory import Settings
from nas.study.distributions import distribution, to_optuna
from nas.study.entry import Entry, Owner, Written
from nas.study.journal import SoleJournal
from nas.study.leases import alive
from nas.study.objectives import Objective
from nas.study.turn import turn_at

if TYPE_CHECKING:
    from nas.study.database import Database

    Storage = JournalStorage | Database

optuna.logging.set_verbosity(optuna.logging.WARNING)

ASKED, CURVE, OUTCOME, OWNER = "nas:candidate", "nas:curve", "nas:outcome", "nas:owner"  # of a trial
SETTINGS, DRIVER = "nas:settings", "nas:driver:"  # of the study
_STATES: dict[State, TrialState] = {"complete": TrialState.COMPLETE, "stopped": TrialState.PRUNED}


class Record:
    """One Optuna study. Where it is a database, several drivers may write; each does so in a `turn`.

    Args:
        location: path of a journal file, or the URL of an Optuna storage.
        name: the study's, in that storage.
        objectives: give the directions.
        new: whether the study is just being made here; then one that is there already is joined if it has these settings.
        settings: all that drivers of one study must agree on; None where one driver is all there can be.
    Raises: StudyError: the storage cannot be opened or read, or holds another study of that name.
    """

    def __init__(
        self,
        location: str | Path,
        name: str,
        objectives: Sequence[Objective],
        new: bool,
        settings: Settings | None = None,
    ) -> None:
        self._location = location
        if isinstance(location, Path):
            repair(location)
        self._storage = open_storage(location, write=True)
        self._turn = turn_at(location, name)
        self._ids: dict[int, int] = {}
        self._open: dict[int, int] = {}  # candidates whose trials were open when they were last read → trials' ids
        self._last_id = -1
        with self.turn(), self._writing():
            self._study_id = self._begun(name, objectives, new, settings)

    def _begun(self, name: str, objectives: Sequence[Objective], new: bool, settings: Settings | None) -> int:
        """The study's id, after making it, or making sure that it is this one."""
        directions = [
            StudyDirection.MAXIMIZE if one.direction == "maximize" else StudyDirection.MINIMIZE for one in objectives
        ]
        known = {study.study_name: study for study in self._storage.get_all_studies()}
        if name not in known:
            study_id = self._storage.create_new_study(directions, name)
            self._storage.set_study_system_attr(study_id, "study:metric_names", [one.name for one in objectives])
        else:
            study_id = known[name]._study_id
        written = self._storage.get_study_system_attrs(study_id).get(SETTINGS)
        if name in known and ((new and written is None) or known[name].directions != directions):
            raise StudyError(
                f"{_shown(self._location)} already holds another study named `{name}`; choose another name"
            )
        if settings is not None:
            if written is None:
                self._storage.set_study_system_attr(study_id, SETTINGS, settings.agreed())
            else:
                self._require_same(written, settings)
        return study_id

    def _require_same(self, written: Mapping[str, Any], settings: Settings) -> None:
        differing = Settings.from_json(written).differences(Settings.from_json(settings.agreed()))
        if differing:
            raise StudyError(
                f"{_shown(self._location)} already holds a study named `{settings.name}` with other settings; to work on "
                "it together they must agree, for a search of its own choose another name. What differs:\n  "
                + "\n  ".join(differing)
            )

    @contextmanager
    def turn(self) -> Iterator[None]:
        """While it lasts, no other driver is in its turn. Raises: WorkFailed: the database does not answer."""
        with ExitStack() as stack:
            with self._writing():
                stack.enter_context(self._turn())
            yield

    def load(self) -> list[Entry]:
        """Candidates that are new since the last call, in order of number, and before them those that were open then.

        Of a journal, all of them: nobody else writes it.
        """
        with self._writing():
            whole = open_storage(self._location) if isinstance(self._location, Path) else self._storage
            written = _written(whole, self._study_id, self._last_id, self._open.values())
        entries = []
        for trial in written:
            self._last_id = max(self._last_id, trial.trial_id)
            if ASKED not in trial.attributes:
                continue
            entry = _entry(trial.attributes)
            number = entry.candidate.number
            if self._ids.setdefault(number, trial.trial_id) != trial.trial_id:
                continue  # its driver lost its turn in the middle; whoever wrote the number first has it
            if trial.closed:
                self._open.pop(number, None)
            else:
                self._open[number] = trial.trial_id
            entries.append(entry)
        return entries

    def unclosed(self, entries: Sequence[Entry]) -> list[Entry]:
        """Of entries just loaded, those with an outcome whose trial is open: killed between the two writes of an outcome."""
        return [entry for entry in entries if entry.outcome is not None and entry.candidate.number in self._open]

    def ask(self, entry: Entry, domains: Mapping[str, Domain], values: Sequence[float] | None = None) -> None:
        """Write a new candidate down, in one write, with its outcome where it has one.

        Args:
            domains: those of all its parameters.
            values: its objectives, where they are known.
        """
        candidate, outcome, now = entry.candidate, entry.outcome, datetime.now()
        state = TrialState.RUNNING if outcome is None else _STATES.get(outcome.state, TrialState.FAIL)
        known: dict[str, Any] = {} if outcome is None else {OUTCOME: outcome.to_json()}
        if entry.owner is not None:
            known[OWNER] = asdict(entry.owner)
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
        self._open.pop(number, None)

    def own(self, number: int, owner: Owner) -> None:
        """Give a candidate to another driver."""
        with self._writing():
            self._storage.set_trial_system_attr(self._ids[number], OWNER, asdict(owner))

    def end(self) -> None:
        """Let go of the database."""
        self._turn.close()
        _close(self._storage)

    def beat(self, driver: str, place: str, count: int | None) -> None:
        """See `nas.study.leases`."""
        with self._writing():
            self._storage.set_study_system_attr(self._study_id, DRIVER + driver, [place, count])

    def beats(self) -> dict[str, tuple[str, int | None]]:
        """See `nas.study.leases`."""
        with self._writing():
            return _beats(self._storage.get_study_system_attrs(self._study_id))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            from nas.study.database import NOT_FOUND_MSG

            if error.args != (NOT_FOUND_MSG,):
                raise
            raise WorkFailed(f"the study is gone: somebody removed it from {_shown(self._location)}") from None
        except (OSError, _database_error(), optuna.exceptions.StorageInternalError) as error:
            cause = error.__cause__ or error  # Optuna's own words are the same whatever happened
            reason = getattr(error, "strerror", None) or str(cause).strip().splitlines()[0]
            raise WorkFailed(
                f"the study's record {_shown(self._location)} cannot be written: {reason}. "
                "What was told before is safe; make room and resume the study"
            ) from error


def open_storage(location: str | Path, write: bool = False) -> Storage:
    """The Optuna storage at a journal's path or a URL.

    Raises: StudyError: it cannot be opened or read.
    """
    try:
        if isinstance(location, Path):
            return JournalStorage(SoleJournal(location) if write else JournalFileBackend(str(location)))
        from nas.study.database import Database

        if not write:
            return Database(location)
        with closing(turn_at(location, "tables")) as turn, turn():  # the first one makes them; no two can at once
            return Database(location)
    except json.JSONDecodeError as error:
        raise StudyError(
            f"the study's record {_shown(location)} is damaged: a line in it is not JSON ({error.msg}). "
            "Restore it from a copy, or cut the file before that line"
        ) from None
    except ImportError as error:
        name = f" `{error.name}`" if error.name else ""
        raise StudyError(
            f"the study's record {_shown(location)} cannot be opened: the database's driver{name} is not installed; "
            "for postgresql+psycopg://… pip install 'psycopg[binary]', for mysql+pymysql://… pip install 'pymysql[rsa]'"
        ) from None
    except Exception as error:
        # Database drivers have exceptions of their own; whatever they say, the place is what the user gave.
        reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StudyError(f"the study's record {_shown(location)} cannot be opened: {reason}") from error


def check_storage(location: str | Path) -> None:
    """Open it to write, and close it again. Raises: StudyError: it cannot be opened."""
    _close(open_storage(location, write=True))


def read_entries(location: str | Path, name: str) -> list[Entry]:
    """Every candidate in the record, without writing; an empty list where the study was not begun."""
    storage = open_storage(location)
    try:
        studies = {study.study_name: study._study_id for study in storage.get_all_studies()}
        written = _written(storage, studies[name]) if name in studies else []
    finally:
        _close(storage)
    entries: dict[int, Entry] = {}
    for trial in written:
        if ASKED in trial.attributes:
            entry = _entry(trial.attributes)
            entries.setdefault(entry.candidate.number, entry)
    return list(entries.values())


def forget(location: str, name: str, place: str) -> None:
    """Remove a study from a database for the driver at `place`; nothing where it is not there.

    Raises: StudyError: it cannot be opened, or other drivers are at work on it.
    """
    storage = open_storage(location, write=True)
    try:
        found = {study.study_name: study._study_id for study in storage.get_all_studies()}.get(name)
        if found is None:
            return
        others = alive(lambda: _beats(storage.get_study_system_attrs(found)), place)
        if others:
            raise StudyError(
                f"others are at work on the study `{name}` in {_shown(location)}: {', '.join(others)}; stop them first"
            )
        storage.delete_study(found)
    finally:
        _close(storage)


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


def _written(storage: Storage, study_id: int, after: int = -1, also: Collection[int] = ()) -> list[Written]:
    """See `Database.written`; of a journal, all."""
    if not isinstance(storage, JournalStorage):
        return storage.written(study_id, after, also)
    trials = storage.get_all_trials(study_id, deepcopy=False)
    return [Written(one._trial_id, one.state.is_finished(), one.system_attrs) for one in trials]


def _close(storage: Storage) -> None:
    if not isinstance(storage, JournalStorage):
        storage.engine.dispose()


def _database_error() -> type[Exception]:
    """Of SQLAlchemy, which takes a quarter of a second to import and which a journal does not need."""
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError


def _beats(attributes: Mapping[str, Any]) -> dict[str, tuple[str, int | None]]:
    return {key.removeprefix(DRIVER): tuple(value) for key, value in attributes.items() if key.startswith(DRIVER)}


def _entry(attributes: Mapping[str, Any]) -> Entry:
    return Entry.from_json(attributes[ASKED], *(attributes.get(key) for key in (CURVE, OUTCOME, OWNER)))


def _shown(location: str | Path) -> str:
    """A location for a message, without the password that a URL may hold."""
    text = str(location)
    scheme, separator, rest = text.partition("://")
    if not separator or "@" not in rest:
        return text
    return f"{scheme}://…@{rest.rpartition('@')[2]}"
