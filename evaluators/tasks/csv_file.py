"""A user's `.csv` file as a task. Every bad cell is named with its line, its column and the way out."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.arrays import Kind, Standardise, task_from_arrays
from evaluators.tasks.task import Task
from nas.errors import Fault, Place, TaskError, nearest

MISSING = {"", "?", "na", "n/a", "nan", "null", "none", "-"}
WHOLE = re.compile(r"\s*[+-]?\d{1,15}\s*")
MOST_FAULTS = 5


def task_from_csv(
    path: Path,
    *,
    target: str | None = None,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    categorical: Sequence[str] = (),
    fields: Sequence[str] = (),
    groups: str | None = None,
    split: str | None = None,
    missing: Literal["error", "drop", "mean"] = "error",
    delimiter: str | None = None,
    kind: Kind | None = None,
    test: float = 0.2,
    validation: float = 0.2,
    split_seed: int = 0,
    standardise: Standardise | None = None,
) -> Task:
    """A task over the columns of `path`; its first line names them.

    Args:
        path: the file, UTF-8.
        target: column to predict.
        features: columns to predict from; None: all others.
        drop: columns to leave out.
        categorical: columns of words, turned into one column per word.
        fields: columns of words, turned into codes for embeddings: the last input, beside that of the other features.
        groups: column with the group of each row; a group stays in one part.
        split: column of `train`, `validation`, `test`.
        missing: what to do with empty feature cells: say so (`error`), `drop` their rows, or put the column's `mean`
            there (over the training rows).
        delimiter: between cells; None: what the first line suggests, of comma, semicolon and tab.
        kind, test, validation, split_seed, standardise: as in `task_from_arrays`.
    Raises: TaskError: the file, a column or a cell is missing or unreadable, or what `task_from_arrays` finds.
    """
    if missing not in ("error", "drop", "mean"):
        raise TaskError(
            f"{path.name}: `missing` is one of error, drop, mean, got {missing!r}{nearest(str(missing), ['error'])}"
        )
    table = _read(path, delimiter)
    if target is None:
        raise TaskError(
            f"{path}: say which column to predict: `target: {table.header[-1]}`; it has {_listed(table.header)}"
        )
    special = [column for column in (target, groups, split) if column is not None]
    for column in [*special, *(features or ()), *drop, *categorical, *fields]:
        table.number(column)
    for column in fields:
        other = {target: "target", groups: "groups", split: "split"} | {
            **dict.fromkeys(categorical, "categorical"),
            **dict.fromkeys(drop, "drop"),
        }
        if column in other:
            raise TaskError(f"{path}: column `{column}` cannot be among `fields` and `{other[column]}`; choose one")
    if features is None:
        features = [column for column in table.header if column not in special and column not in drop]
    features = [column for column in features if column not in fields]
    if not (features or fields) or target in features:
        raise TaskError(
            f"{path}: `features` are one or more columns other than the target `{target}`, got {_listed(features)}"
        )
    empty = _empty_cells(table, [target, *features, *fields])
    if empty and missing == "drop":
        gone = {row for row, _ in empty}
        table = Table(table.path, table.header, [r for i, r in enumerate(table.rows) if i not in gone], table.delimiter)
        if not table.rows:
            raise TaskError(f"{path}: every row has an empty cell, so `missing: drop` leaves none; try `missing: mean`")
    elif empty and (missing == "error" or any(column == target for _, column in empty)):
        raise TaskError(*_missing_faults(table, empty, target))
    columns, names = _columns(table, features, set(categorical))
    return task_from_arrays(
        np.concatenate(columns, axis=1) if columns else (),
        _target(table, target, kind),
        name=path.name,
        kind=kind,
        groups=None if groups is None else np.array(table.cells(groups)),
        split=None if split is None else np.array(table.cells(split)),
        test=test,
        validation=validation,
        split_seed=split_seed,
        standardise=standardise,
        missing="mean" if missing == "mean" else "error",
        features=() if fields else names,
        fields={field: np.array(table.cells(field)) for field in fields} or None,
    )


@dataclass(frozen=True)
class Row:
    """Cells of one record and the line of the file on which it ends."""

    cells: list[str]
    line: int


@dataclass(frozen=True)
class Table:
    path: Path
    header: list[str]
    rows: list[Row]
    delimiter: str

    def number(self, column: str) -> int:
        """Which column from 0 has this name."""
        if column not in self.header:
            raise TaskError(
                f"{self.path}: no column `{column}`{nearest(column, self.header)}; it has {_listed(self.header)}"
            )
        return self.header.index(column)

    def cells(self, column: str) -> list[str]:
        where = self.number(column)
        return [row.cells[where].strip() for row in self.rows]

    def place(self, row: int, column: str) -> Place:
        """Where a cell stands; the caret is exact unless the line has quotes."""
        record, where = self.rows[row], self.header.index(column)
        text = self.delimiter.join(record.cells)
        start = len(self.delimiter.join([*record.cells[:where], ""])) + 1
        return Place(str(self.path), record.line, start, text, max(1, len(record.cells[where])))


def _read(path: Path, delimiter: str | None) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = delimiter or max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            rows = [Row(cells, reader.line_num) for cells in reader if any(cell.strip() for cell in cells)]
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except (OSError, csv.Error, TypeError) as error:
        raise TaskError(f"{path}: not a readable .csv file ({error})") from None
    if len(rows) < 2:
        raise TaskError(f"{path}: needs a first line with the columns' names and rows below it, has {len(rows)} lines")
    header = [name.strip() for name in rows[0].cells]
    if all(_number(name) is not None for name in header):
        raise TaskError(f"{path}: its first line should name the columns, and it holds numbers: {_listed(header)}")
    for name in header:
        if header.count(name) > 1:
            raise TaskError(f"{path}: two columns are named `{name}`")
    ragged = [row for row in rows[1:] if len(row.cells) != len(header)]
    if ragged:
        text = delimiter.join(ragged[0].cells)
        message = f"a row has {len(header)} cells like the first line, this one has {len(ragged[0].cells)}"
        raise TaskError(Fault(message, Place(str(path), ragged[0].line, 1, text, len(text))))
    return Table(path, header, rows[1:], delimiter)


def _empty_cells(table: Table, columns: Iterable[str]) -> list[tuple[int, str]]:
    cells = ((column, table.cells(column)) for column in columns)
    return [(row, column) for column, words in cells for row, word in enumerate(words) if word.lower() in MISSING]


def _missing_faults(table: Table, empty: list[tuple[int, str]], target: str) -> list[Fault]:
    bad = [(row, column) for row, column in empty if column == target] or empty
    columns = list(dict.fromkeys(column for _, column in bad))
    way = "`missing: drop` leaves such rows out"
    if columns != [target]:
        way += ", `missing: mean` puts the column's mean there"
    row, column = bad[0]
    total = f"; {len(bad)} empty cells in all, in {_listed(columns)}" if len(bad) > 1 else ""
    return [Fault(f"row {row + 1}, column `{column}`: no value{total}. {way}", table.place(row, column))]


def _columns(
    table: Table, features: Sequence[str], categorical: set[str]
) -> tuple[list[NDArray[np.float64]], list[str]]:
    """Columns of numbers `(n, k)`, and the name of each: `city=Oslo` for a word of a categorical one."""
    names: list[str] = []
    faults: list[Fault] = []
    columns = []
    for feature in features:
        words = table.cells(feature)
        if feature in categorical:
            kinds = sorted(set(words))
            names += [f"{feature}={kind}" for kind in kinds]
            columns.append(np.array([[float(word == kind) for kind in kinds] for word in words]))
            continue
        numbers = [math.nan if word.lower() in MISSING else _number(word) for word in words]
        for row, number in enumerate(numbers):
            if number is None or math.isinf(number):
                message = (
                    f"row {row + 1}, column `{feature}`: expected a finite number, got {words[row]!r}. "
                    f"A column of words goes into `categorical: [{feature}]` or `drop: [{feature}]`"
                )
                faults.append(Fault(message, table.place(row, feature)))
                break  # one fault per column: a column of words would fill the screen
        column = np.array([math.nan if number is None else number for number in numbers])
        if all(word.lower() in MISSING for word in words):
            faults.append(Fault(f"{table.path}: column `{feature}` is empty; leave it out with `drop: [{feature}]`"))
        names.append(feature)
        columns.append(column[:, None])
    if faults:
        raise TaskError(*faults[:MOST_FAULTS])
    return columns, names


def _target(table: Table, target: str, kind: Kind | None) -> NDArray[Any]:
    words = table.cells(target)
    if all(WHOLE.fullmatch(word) for word in words):
        return np.array([int(word) for word in words])
    numbers = [_number(word) for word in words]
    if any(number is None for number in numbers):
        if kind == "regression":
            row = numbers.index(None)
            message = f"row {row + 1}, column `{target}`: regression needs a number, got {words[row]!r}"
            raise TaskError(Fault(message, table.place(row, target)))
        return np.array(words)
    return np.array(numbers, np.float64)


def _number(word: str) -> float | None:
    try:
        return float(word) if "_" not in word else None
    except ValueError:
        return None


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "") if names else "none"
