"""What went wrong in a candidate's training, as a state and a message: a failure is data."""

from __future__ import annotations

import traceback

from nas.study.candidate import State

LAST_LINES = 12
OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


class Diverged(Exception):
    """A loss or a metric is not finite."""


class OutOfTime(Exception):
    """The candidate's seconds are used up."""


def classify(error: Exception) -> tuple[State, str]:
    """The state that `error` amounts to, and a message: one line, and for a crash the end of the traceback below it."""
    if isinstance(error, Diverged):
        return "diverged", str(error)
    if isinstance(error, OutOfTime):
        return "timeout", str(error)
    first = (str(error).strip().splitlines() or [""])[0]
    summary = f"{type(error).__name__}: {first}" if first else type(error).__name__
    words = str(error).lower()
    # Torch's own error for a full GPU is a RuntimeError too; for a full main memory it has none.
    full = isinstance(error, RuntimeError) and any(sign in words for sign in OUT_OF_MEMORY)
    if full or isinstance(error, MemoryError):
        return "out_of_memory", summary
    text = "".join(traceback.format_exception(error)).rstrip().splitlines()
    return "crashed", "\n".join([summary, *text[-LAST_LINES:]])
