"""The table in a user's `.csv` file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from evaluators.tasks.table import Table, Words, listed, number
from nas.errors import Fault, Place, TaskError


@dataclass(frozen=True)
class Record:
    """Cells of one row and the line of the file on which it ends."""

    cells: list[str]
    line: int


def read_csv(path: Path, delimiter: str | None = None) -> Table:
    """The table in the file; its first line names the columns.

    Args:
        path: the file, UTF-8.
        delimiter: between cells; None: what the first line suggests, of comma, semicolon and tab.
    Raises: TaskError: the file cannot be read, names no columns or has rows of other lengths.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = delimiter or max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            records = [Record(cells, reader.line_num) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (OSError, csv.Error, TypeError) as error:
        raise TaskError(f"{path}: not a readable .csv file ({error})") from None
    if len(records) < 2:
        raise TaskError(
            f"{path}: needs a first line with the columns' names and rows below it, has {len(records)} lines"
        )
    header, rows = [name.strip() for name in records[0].cells], records[1:]
    if all(number(name) is not None for name in header):
        raise TaskError(f"{path}: its first line should name the columns, and it holds numbers: {listed(header)}")
    separator = delimiter

    @cache
    def read(column: str) -> Words:
        where = header.index(column)
        return np.array([row.cells[where].strip() for row in rows], object)

    def place(row: int, column: str) -> Place:
        """The caret is exact unless the line has quotes."""
        cells, where = rows[row].cells, header.index(column)
        start = len(separator.join([*cells[:where], ""])) + 1
        return Place(str(path), rows[row].line, start, separator.join(cells), max(1, len(cells[where])))

    table = Table(path, header, read, np.arange(len(rows)), place)
    ragged = [row for row in rows if len(row.cells) != len(header)]
    if ragged:
        text = separator.join(ragged[0].cells)
        message = f"a row has {len(header)} cells like the first line, this one has {len(ragged[0].cells)}"
        raise TaskError(Fault(message, Place(str(path), ragged[0].line, 1, text, len(text))))
    return table
