"""Which drivers of a study are alive: each writes a count that rises, and the others look whether it moved.

A driver is gone once its count stood still for `LEASE_BEATS` of the *observer's* own beats. Nobody reads a clock, so neither
clocks that jump nor a machine that slept make anybody look gone, and who cannot reach the database judges nobody.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol

from nas.study.entry import Owner

HEARTBEAT_S = 5.0
LEASE_BEATS = 12  # a minute: longer than a database takes to start again


class Beats(Protocol):
    """Where counts are written: the study's record."""

    def beat(self, driver: str, place: str, count: int | None) -> None:
        """Write the count of a driver; None: it has ended, and what it left may be taken."""
        ...

    def beats(self) -> dict[str, tuple[str, int | None]]:
        """Driver → place and count."""
        ...


class Leases:
    """This driver's own beat, and what it makes of the others'."""

    def __init__(self, record: Beats, place: str) -> None:
        """`place`: of the driver's directory, for people and for the one who goes on there."""
        self._record = record
        self.driver, self.place = uuid.uuid4().hex[:12], place
        self._count = 0
        self._seen: dict[str, int | None] = {}
        self._still: dict[str, int] = {}  # driver → our beats since its count moved
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)

    def owner(self, before: Owner | None = None) -> Owner:
        """This driver, as the owner of a new candidate, or of one that was `before`'s."""
        return Owner(self.driver, self.place, 0 if before is None else before.edition + 1)

    def beat(self) -> None:
        """Write the next count and look at the others'."""
        self._count += 1
        self._record.beat(self.driver, self.place, self._count)
        seen = {driver: count for driver, (_, count) in self._record.beats().items()}
        self._still = {
            driver: self._still.get(driver, 0) + 1 if self._seen.get(driver, -1) == count else 0
            for driver, count in seen.items()
        }
        self._seen = seen

    def gone(self, owner: Owner) -> bool:
        """Whether the driver has ended or was silent for too long. One that came after our last beat is alive."""
        driver = owner.driver
        if driver == self.driver or driver not in self._seen:
            return False
        return self._seen[driver] is None or self._still[driver] >= LEASE_BEATS

    def begin(self) -> None:
        """Beat every `HEARTBEAT_S` from now on."""
        self._thread.start()

    def end(self) -> None:
        """Beat no more, and let others have at once what was left. Raises: WorkFailed: it cannot be written."""
        if not self._ended.is_set():
            self._ended.set()
            if self._thread.is_alive():
                self._thread.join()
            self._record.beat(self.driver, self.place, None)

    def _go_on(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            try:
                self.beat()
            except Exception:  # a beat that cannot be written is one that others miss; the next one may succeed
                continue


def alive(beats: Callable[[], dict[str, tuple[str, int | None]]], place: str) -> list[str]:
    """Places of the drivers whose counts move, but for `place`; takes two beats where there may be any.

    Args:
        beats: as `Beats.beats`.
    """

    def counts() -> dict[str, tuple[str, int | None]]:
        return {driver: one for driver, one in beats().items() if one[0] != place and one[1] is not None}

    before = counts()
    if not before:
        return []
    time.sleep(2 * HEARTBEAT_S)
    return [one[0] for driver, one in counts().items() if before.get(driver) != one]
