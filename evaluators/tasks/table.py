"""Named columns of words or numbers, whatever file they come from. Every bad cell is named with its row and column."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.errors import Fault, Place, TaskError, nearest

MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "-"}

Words = NDArray[np.object_]
Numbers = NDArray[np.bool_] | NDArray[np.integer] | NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a file.

    Args:
        path: the file.
        header: names of the columns.
        read: a column by its name, whole: words, stripped, or numbers, truth values or floats with NaN for none.
        rows: which rows of the file these are, from 0.
        place: where the cell of a row of the file stands; None: the file is no text.
    Raises: TaskError: two columns share a name, or there is no row.
    """

    path: Path
    header: Sequence[str]
    read: Callable[[str], Words | Numbers]
    rows: NDArray[np.intp]
    place: Callable[[int, str], Place] | None = None

    def __post_init__(self) -> None:
        for name in self.header:
            if self.header.count(name) > 1:
                raise TaskError(f"{self.path}: two columns are named `{name}`")

    def __len__(self) -> int:
        return len(self.rows)

    def require(self, column: str) -> None:
        """Raises: TaskError: no column has this name."""
        if column not in self.header:
            raise TaskError(
                f"{self.path}: no column `{column}`{nearest(str(column), self.header)}; it has {listed(self.header)}"
            )

    def cells(self, column: str) -> Words | Numbers:
        """Words, or numbers where the file says that they are."""
        return self.read(column)[self.rows]

    def words(self, column: str) -> list[str]:
        return [str(cell) for cell in self.cells(column).tolist()]

    def empty(self, column: str) -> NDArray[np.bool_]:
        """Which cells hold no value."""
        cells = self.cells(column)
        if cells.dtype.kind == "O":
            return np.array([word.lower() in MISSING for word in cells], bool)
        return np.isnan(cells) if cells.dtype.kind == "f" else np.zeros(len(cells), bool)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """The cells as numbers, NaN where they are empty.

        Raises: TaskError: a cell holds something else.
        """
        cells = self.cells(column)
        if cells.dtype.kind == "O":
            read = [math.nan if word.lower() in MISSING else number(word) for word in cells]
            values = np.array([math.inf if value is None else value for value in read])
        else:
            values = cells.astype(np.float64)
        wrong = np.flatnonzero(np.isinf(values))
        if len(wrong):
            row = int(wrong[0])
            message = f"expected a finite number, got {cells[row : row + 1].tolist()[0]!r}"
            if cells.dtype.kind == "O":
                message += f". A column of words goes into `categorical: [{column}]` or `drop: [{column}]`"
            raise TaskError(self.fault(row, column, message))
        return values

    def without(self, gone: NDArray[np.bool_]) -> Table:
        return replace(self, rows=self.rows[~gone])

    def fault(self, row: int, column: str, message: str) -> Fault:
        """What is wrong with a cell, with its row in the file, and its place where the file is text."""
        where = int(self.rows[row])
        message = f"row {where + 1}, column `{column}`: {message}"
        if self.place is None:
            return Fault(f"{self.path}: {message}")
        return Fault(message, self.place(where, column))


def number(word: str) -> float | None:
    """What the word says, or None where it is no number.

    >>> number("1e3"), number("one"), number("1_000")
    (1000.0, None, None)
    """
    try:
        return float(word) if "_" not in word else None
    except ValueError:
        return None


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names for people, not all where there are many.

    >>> listed(["a", "b", "c"], most=2)
    '`a`, `b` and 1 more'
    """
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "") if names else "none"
