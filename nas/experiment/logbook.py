"""`search.log` in a search's directory: what it has to say beside its record, such as who trains alone, and why."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOG = "search.log"
_LOGGERS = ("nas", "evaluators")


class _Dispensable(logging.FileHandler):
    """A log that cannot be written is done without: of a full disk the record itself speaks."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Nothing."""


@contextmanager
def logbook(directory: Path) -> Iterator[None]:
    """Inside, what our modules log from INFO on is written to the file, which is there once something is.

    Warnings go where they went before, too.
    """
    file = _Dispensable(directory / LOG, encoding="utf-8", delay=True)
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handlers: list[logging.Handler] = [file]
    if not logging.root.handlers and logging.lastResort is not None:
        handlers.append(logging.lastResort)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(min(logger.level or logging.INFO, logging.INFO))
        for handler in handlers:
            logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            for handler in handlers:
                logger.removeHandler(handler)
        file.close()
