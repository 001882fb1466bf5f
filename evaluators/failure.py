"""What went wrong in a candidate's training, as a state and a message: a failure is data."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from nas.study.candidate import State

LAST_LINES = 8
OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


class Diverged(Exception):
    """A loss or a metric is not finite."""


class OutOfTime(Exception):
    """The candidate's seconds are used up."""


def classify(error: Exception) -> tuple[State, str]:
    """The state that `error` amounts to, and a message: one line, and for a crash where it happened below it."""
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
    frames = traceback.extract_tb(error.__traceback__)
    # What torch does inside, and the loop around, say less than the line of the model.
    own = [frame for frame in frames if not _is_ours(frame.filename)] or frames
    text = "".join(traceback.format_list(own)).rstrip().splitlines()
    return "crashed", "\n".join([summary, *text[-LAST_LINES:]])


def _is_ours(file: str) -> bool:
    return "/torch/" in file.replace(os.sep, "/") or Path(file).parent == Path(__file__).parent
