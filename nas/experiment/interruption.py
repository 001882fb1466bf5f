"""What the end of a long work from outside says: nothing is lost, and with which command to go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Interrupted(KeyboardInterrupt):
    """A search or a confirmation was interrupted; `command` goes on with it."""

    def __init__(self, command: str) -> None:
        super().__init__(f"interrupted; go on with: {command}")
        self.command = command


@contextmanager
def resumable(command: str) -> Iterator[None]:
    """Interrupts inside become `Interrupted`: Ctrl-C, and SIGTERM, with which schedulers announce the end of a job.

    Where the process ends inside and cannot say anything any more, its standard error says it nevertheless.
    """
    try:
        with _last_words(command), _terminated_as_interrupted():
            yield
    except KeyboardInterrupt:
        raise Interrupted(command) from None


@contextmanager
def _last_words(command: str) -> Iterator[None]:
    """A shell that hears when this process is gone: killed, or ended by Ray, which does so as soon as its raylet is."""
    words = (
        f"this process was ended from outside: killed, out of memory, or as Ray's own had died; go on with: {command}"
    )
    if sys.stderr.isatty():  # whose cursor a live view may have hidden, behind its last line
        words = f"\n\x1b[?25h{words}"
    script = 'read -r _ || printf "%s\n" "$1" >&2'
    with subprocess.Popen(["sh", "-c", script, "sh", words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as shell:
        try:
            yield
        finally:
            shell.communicate(b"\n")


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Only the main thread may say what a signal means; elsewhere SIGTERM stays as it is."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        # None: somebody outside Python had set it, and Python cannot set that again.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)
