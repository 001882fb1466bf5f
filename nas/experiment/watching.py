"""Whoever watches a search or a confirmation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from evaluators.engines import Observer
from nas.study.records import StudyRecord


class Watcher(Observer, Protocol):
    """An engine's observer that is also told what to expect."""

    def began(self, total: int | None, done: int, record: Callable[[], StudyRecord] | None) -> None:
        """Evaluations wanted in all (None: unknown), those done before, and how to read the study so far.

        Without the latter they are trainings beside the study: those of a confirmation, or of a control.
        """
        ...
