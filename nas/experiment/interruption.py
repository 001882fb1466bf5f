"""What an interrupt of a long work says: nothing is lost, and with which command to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Interrupted(KeyboardInterrupt):
    """A search or a confirmation was interrupted; `command` goes on with it."""

    def __init__(self, command: str) -> None:
        super().__init__(f"interrupted; go on with: {command}")
        self.command = command


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """Interrupts inside become `Interrupted`."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(command) from None
