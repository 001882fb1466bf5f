"""What goes wrong, said once and well: a message, the place it happened, and the way out.

Every mistake a user can make ends as a `NasError`. The command line prints it without a traceback and leaves with
`exit_status`: 2 when the input was wrong, 1 when the work itself failed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_LINE = 200  # characters of a line that are shown


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a text file: 1-based `line` and `column`, the `text` of that line, `width` characters to underline."""

    file: str
    line: int
    column: int
    text: str = ""
    width: int = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `message` says what was expected and what stood there, `place` where.

    >>> print(Fault("`depth` is not known; did you mean `width`?", Place("a.yaml", 3, 7, "  z = depth", 5)))
    a.yaml:3:7
      z = depth
          ^^^^^
      `depth` is not known; did you mean `width`?
    """

    message: str
    place: Place | None = None

    def __str__(self) -> str:
        message = _printable(self.message)
        if self.place is None:
            return message
        place = self.place
        lines = [f"{place.file}:{place.line}:{place.column}"]
        if place.text.strip():
            indent = len(place.text) - len(place.text.lstrip())
            caret = max(place.column - 1 - indent, 0)
            shown = _printable(place.text.strip())
            if len(shown) > _LINE:  # of a line nobody wrote by hand, what stands around the caret
                start = max(0, min(caret - _LINE // 2, len(shown) - _LINE))
                shown, caret = shown[start : start + _LINE], caret - start
            lines.append(f"  {shown}")
            lines.append("  " + " " * caret + "^" * max(1, min(place.width, len(shown) - caret)))
        lines.extend(f"  {line}" for line in message.splitlines())
        return "\n".join(lines)


def _printable(text: str) -> str:
    """The text with nothing in it that a terminal obeys."""
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class NasError(Exception):
    """Bad input, as one or several faults; `str()` is the whole text to show."""

    exit_status = 2

    def __init__(self, *faults: Fault | str) -> None:
        self.faults = tuple(Fault(fault) if isinstance(fault, str) else fault for fault in faults)
        super().__init__("\n\n".join(str(fault) for fault in self.faults))

    def __reduce__(self) -> tuple[type[NasError], tuple[Fault, ...]]:
        return type(self), self.faults


class SpaceError(NasError):
    """A search space file is wrong."""


class ShapeError(NasError):
    """An operator cannot take these tensors or arguments. Says both types; the caller adds the equation's place."""


class TaskError(NasError):
    """A task, or the data it reads, is wrong."""


class ExperimentError(NasError):
    """An experiment file, or a setting given on the command line, is wrong."""


class StudyError(NasError):
    """A study's directory or its settings are wrong."""


class ParetoError(NasError):
    """Points that no frontier can be computed from."""


class WorkFailed(NasError):
    """The input was right and the work failed all the same."""

    exit_status = 1


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as "; did you mean `width`?", or nothing when no known name is near.

    >>> nearest("widht", ["width", "depth"])
    '; did you mean `width`?'
    """
    for close in difflib.get_close_matches(name, sorted(set(known)), n=3, cutoff=0.6):
        # a slip seldom changes the first letter: `width` is not meant for `idct`; leaving something out does
        if close[:1] == name[:1] or name in close or difflib.SequenceMatcher(None, close, name).ratio() >= 0.7:
            return f"; did you mean `{close}`?"
    return ""
