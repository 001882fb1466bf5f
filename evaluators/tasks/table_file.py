"""A user's table, a `.csv` or `.parquet` file, as a task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.arrays import Kind, Standardise, task_from_arrays
from evaluators.tasks.csv_file import read_csv
from evaluators.tasks.parquet_file import read_parquet
from evaluators.tasks.table import Table, listed, number
from evaluators.tasks.task import Task
from nas.errors import Fault, TaskError, nearest

WHOLE = re.compile(r"\s*[+-]?\d{1,15}\s*")
MOST_FAULTS = 5


def task_from_table(
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
    """A task over the columns of `path`.

    Args:
        path: a `.parquet` file, or a `.csv` file, whose first line names the columns.
        target: column to predict.
        features: columns to predict from; None: all others.
        drop: columns to leave out.
        categorical: columns of words, turned into one column per word.
        fields: columns of words, turned into codes for embeddings: the last input, beside that of the other features.
        groups: column with the group of each row; a group stays in one part.
        split: column of `train`, `validation`, `test`.
        missing: what to do with empty feature cells: say so (`error`), `drop` their rows, or put the column's `mean`
            there (over the training rows).
        delimiter: between the cells of a `.csv` file; None: what its first line suggests.
        kind, test, validation, split_seed, standardise: as in `task_from_arrays`.
    Raises: TaskError: the file, a column or a cell is missing or unreadable, or what `task_from_arrays` finds.
    """
    if missing not in ("error", "drop", "mean"):
        raise TaskError(
            f"{path.name}: `missing` is one of error, drop, mean, got {missing!r}{nearest(str(missing), ['error'])}"
        )
    for option, columns in {"features": features, "drop": drop, "categorical": categorical, "fields": fields}.items():
        if columns is not None and not (isinstance(columns, Sequence) and not isinstance(columns, str)):
            raise TaskError(
                f"{path.name}: `{option}` is a list of columns, such as `{option}: [{columns}]`, got {columns!r}"
            )
    if path.suffix == ".csv":
        table = read_csv(path, delimiter)
    elif delimiter is None:
        table = read_parquet(path)
    else:
        raise TaskError(f"{path.name}: `delimiter` is what stands between the cells of a .csv file")
    if target is None:
        raise TaskError(
            f"{path}: say which column to predict: `{path.name}:{table.header[-1]}`; it has {listed(table.header)}"
        )
    special = [column for column in (target, groups, split) if column is not None]
    for column in [*special, *(features or ()), *drop, *categorical, *fields]:
        table.require(column)
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
            f"{path}: `features` are one or more columns other than the target `{target}`, got {listed(features)}"
        )
    table = _filled(table, [target, *features, *fields], target, missing)
    numbers, names = _columns(table, features, set(categorical))
    task = task_from_arrays(
        np.concatenate(numbers, axis=1) if numbers else (),
        _target(table, target, kind),
        name=path.name,
        kind=kind,
        groups=None if groups is None else np.array(table.words(groups)),
        split=None if split is None else np.array(table.words(split)),
        test=test,
        validation=validation,
        split_seed=split_seed,
        standardise=standardise,
        missing="mean" if missing == "mean" else "error",
        features=() if fields else names,
        fields={field: np.array(table.words(field)) for field in fields} or None,
    )
    return replace(task, columns=tuple(tuple(one) for one in (features, fields) if one))


def _filled(table: Table, columns: Sequence[str], target: str, missing: str) -> Table:
    """The table without rows that have an empty cell where they are to be dropped.

    Raises: TaskError: an empty cell is not allowed, or no row is left.
    """
    empty = {column: gaps for column in columns if (gaps := table.empty(column)).any()}
    if not empty:
        return table
    if missing == "drop":
        table = table.without(np.any(list(empty.values()), axis=0))
        if not len(table):
            raise TaskError(
                f"{table.path}: every row has an empty cell, so `missing: drop` leaves none; try `missing: mean`"
            )
    elif missing == "error" or target in empty:
        raise TaskError(_missing_fault(table, empty, target))
    return table


def _missing_fault(table: Table, empty: dict[str, NDArray[np.bool_]], target: str) -> Fault:
    bad = {target: empty[target]} if target in empty else empty
    way = "`missing: drop` leaves such rows out"
    if target not in bad:
        way += ", `missing: mean` puts the column's mean there"
    column, gaps = next(iter(bad.items()))
    count = sum(int(gaps.sum()) for gaps in bad.values())
    total = f"; {count} empty cells in all, in {listed(list(bad))}" if count > 1 else ""
    return table.fault(int(np.argmax(gaps)), column, f"no value{total}. {way}")


def _columns(
    table: Table, features: Sequence[str], categorical: set[str]
) -> tuple[list[NDArray[np.float64]], list[str]]:
    """Columns of numbers `(n, k)`, and the name of each: `city=Oslo` for a word of a categorical one."""
    names: list[str] = []
    faults: list[Fault] = []
    columns = []
    for feature in features:
        if feature in categorical:
            words = table.words(feature)
            kinds = sorted(set(words))
            names += [f"{feature}={kind}" for kind in kinds]
            columns.append(np.array([[float(word == kind) for kind in kinds] for word in words]))
            continue
        try:
            columns.append(table.numbers(feature)[:, None])
        except TaskError as error:
            faults += error.faults  # one per column: a column of words would fill the screen
        if table.empty(feature).all():
            faults.append(Fault(f"{table.path}: column `{feature}` is empty; leave it out with `drop: [{feature}]`"))
        names.append(feature)
    if faults:
        raise TaskError(*faults[:MOST_FAULTS])
    return columns, names


def _target(table: Table, target: str, kind: Kind | None) -> NDArray[Any]:
    cells = table.cells(target)
    if cells.dtype.kind != "O":
        return cells
    words = table.words(target)
    if all(WHOLE.fullmatch(word) for word in words):
        return np.array([int(word) for word in words])
    numbers = [number(word) for word in words]
    if any(number is None for number in numbers):
        if kind == "regression":
            row = numbers.index(None)
            raise TaskError(table.fault(row, target, f"regression needs a number, got {words[row]!r}"))
        return np.array(words)
    return np.array(numbers, np.float64)
