"""All candidates of a study as one driver knows them: what it wrote, what others wrote, and what follows from both.

Only in a turn does a driver propose, tell or take a candidate over, and it reads first what the others wrote since. So all
drivers number the same candidates, none proposes what another one has, and of two that were at one candidate, because the
first was silent for too long, only the second is heard: a candidate's owner has an edition, and an earlier one is refused.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import StudyError, WorkFailed
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.directory import Settings, location, named
from nas.study.entry import Entry
from nas.study.knowledge import Knowledge
from nas.study.leases import Leases
from nas.study.objectives import Goal
from nas.study.storage import Record

if TYPE_CHECKING:
    from nas.space import Space

logger = logging.getLogger(__name__)


class Ledger:
    """The candidates of the study in `directory`.

    Args:
        new: whether the study is just being made here.
    Attributes:
        entries: every candidate in order of number.
        finished: numbers of those with an outcome, in the order in which it became known here.
        knowledge: what samplers and stopping rules learn from.
        left: those that an earlier process of this directory left running, to be evaluated again.
    """

    def __init__(self, directory: Path, settings: Settings, space: Space, goal: Goal, new: bool) -> None:
        """Raises: StudyError: the record cannot be opened, or belongs to another study."""
        self.entries: list[Entry] = []
        self.finished: list[int] = []
        self.left: list[Candidate] = []
        self.knowledge = Knowledge(settings, space, goal)
        self._goal = goal
        shared = settings if settings.shared else None
        self._record = Record(location(directory, settings), settings.name, goal.objectives, new, shared)
        self._leases = Leases(self._record, named(directory)) if shared else None
        with self.turn():
            if self._leases is not None:
                self._leases.beat()
            self._read(begun=True)

    def begin(self) -> None:
        """Let the others know from now on that this driver is alive."""
        if self._leases is not None:
            self._leases.begin()

    def end(self) -> None:
        """Let the others have what is still running."""
        try:
            if self._leases is not None:
                self._leases.end()
        except WorkFailed as silent:  # then they find out when its lease is over
            logger.warning("%s", silent)
        finally:
            self._record.end()

    def turn(self) -> AbstractContextManager[None]:
        """While it lasts, no other driver changes the study. Raises: WorkFailed: the database does not answer."""
        return self._record.turn()

    # ------------------------------------------------------------------ in a turn

    def catch_up(self) -> None:
        """Take note of what other drivers wrote since the last time."""
        if self._leases is not None:
            self._read()

    def add(self, entry: Entry) -> None:
        """A new candidate of this driver, perhaps with an outcome."""
        entry.owner = None if self._leases is None else self._leases.owner()
        values = None if entry.outcome is None else self._values(entry)
        self._record.ask(entry, self.knowledge.mirror.parameters.domains, values)
        self.entries.append(entry)
        self.knowledge.enter(entry)
        if entry.outcome is not None:
            self.finished.append(entry.candidate.number)

    def inherited(self) -> Candidate | None:
        """A candidate whose driver is gone, this one's from now on."""
        if self._leases is not None:
            for entry in self.entries:
                if entry.outcome is None and entry.owner is not None and self._leases.gone(entry.owner):
                    return self._take(entry)
        return None

    def held(self, candidate: Candidate) -> Entry | None:
        """The entry of a candidate that is being evaluated; None: another driver has taken it over meanwhile.

        Raises: StudyError: it is not being evaluated.
        """
        number = candidate.number
        if not 0 <= number < len(self.entries):
            raise StudyError(f"candidate {number} was never asked for in this study")
        entry = self.entries[number]
        if entry.edition != candidate.edition:
            return None
        if entry.outcome is not None:
            raise StudyError(f"candidate {number} was told already: {entry.outcome.state}")
        return entry

    def report(self, entry: Entry) -> None:
        """Write the curve of a candidate that is held."""
        self._record.report(entry.candidate.number, entry.curve)

    def tell(self, entry: Entry, outcome: Outcome) -> None:
        """Write how a candidate that is held ended."""
        entry.outcome = outcome
        try:
            self._record.tell(entry.candidate.number, outcome, self._values(entry))
        except BaseException:
            entry.outcome = None
            raise
        self._settle(entry)

    # ------------------------------------------------------------------ inside

    def _read(self, begun: bool = False) -> None:
        """Mirror and rungs learn what is new in the order of the candidates.

        With `begun`, what an earlier process of this directory left running is asked for again: it is dead, for the
        directory is locked.
        """
        entries = self._record.load()
        for entry in self._record.unclosed(entries):
            assert entry.outcome is not None
            self._record.close(entry.candidate.number, entry.outcome, self._values(entry))
        for entry in entries:
            if entry.candidate.number < len(self.entries):
                self._renew(self.entries[entry.candidate.number], entry)
                continue
            self.entries.append(entry)
            self.knowledge.read_back(entry)
            if entry.outcome is not None:
                self.finished.append(entry.candidate.number)
            elif begun and self._left_here(entry):
                self.left.append(self._take(entry))
            else:
                self._learn(entry.candidate, entry.curve)

    def _renew(self, known: Entry, read: Entry) -> None:
        """What another driver made of a candidate since."""
        mine = self._leases is not None and read.owner is not None and read.owner.driver == self._leases.driver
        if mine or known.outcome is not None:
            return
        known.owner, known.curve, known.outcome = read.owner, read.curve, read.outcome
        if known.outcome is None:
            self._learn(known.candidate, known.curve)
        else:
            self._settle(known)

    def _learn(self, candidate: Candidate, curve: list[Report]) -> None:
        for report in curve:
            self.knowledge.report(candidate, report)

    def _settle(self, entry: Entry) -> None:
        self.knowledge.settle(entry)
        self.finished.append(entry.candidate.number)
        entry.curve = []  # the outcome has it
        entry.candidate = replace(entry.candidate, architecture=None)  # graphs of all candidates would fill the memory

    def _left_here(self, entry: Entry) -> bool:
        return self._leases is None or entry.owner is None or entry.owner.place == self._leases.place

    def _take(self, entry: Entry) -> Candidate:
        """Begin again what another process was at."""
        entry.curve.clear()
        if self._leases is not None:
            entry.owner = self._leases.owner(entry.owner)
            self._record.own(entry.candidate.number, entry.owner)
            entry.candidate = replace(entry.candidate, edition=entry.edition)
        return entry.candidate

    def _values(self, entry: Entry) -> tuple[float, ...] | None:
        assert entry.outcome is not None
        return self._goal.values(entry.candidate.costs, entry.outcome.metrics)
