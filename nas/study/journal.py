"""The journal as its only writer holds it: all of it on disk, and in memory no more than Optuna needs to write on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend, JournalFileBackend, JournalFileOpenLock

# What of a trial only readers need. The writer has its own entries; Optuna's copies of them would be most of its memory.
_CONTENTS = ("params", "distributions", "user_attrs", "system_attrs", "intermediate_values", "value", "values")


class SoleJournal(BaseJournalBackend):
    """A journal that no other process writes. Trials read from it have their numbers and states, and nothing else.

    Whoever wants their contents opens the file with Optuna's own `JournalFileBackend`.
    """

    def __init__(self, path: Path) -> None:
        self._file = JournalFileBackend(str(path), _Held(str(path)))
        # Optuna remembers where each line begins; the backend that reads what is there already is dropped with that.
        self._unread: Iterable[dict[str, Any]] = JournalFileBackend(str(path)).read_logs(0)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """What was written since the last call; Optuna has read on from where it was."""
        unread, self._unread = self._unread, []
        return map(_bare, unread)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write to the file, with a sync."""
        self._file.append_logs(logs)
        self._unread = [*self._unread, *logs]


class _Held(JournalFileOpenLock):
    """The study's own lock already keeps a second driver out, and unlike Optuna's it dies with its process."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        return


def _bare(log: dict[str, Any]) -> dict[str, Any]:
    """A line of the journal without the contents of a trial."""
    if "trial_id" in log:
        kept = {key: None if key == "values" else value for key, value in log.items()}
        return {**kept, "system_attr": {"": None}} if "system_attr" in log else kept
    return {key: value for key, value in log.items() if key not in _CONTENTS}
