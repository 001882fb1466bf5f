"""The table in a user's `.parquet` file, read by pyarrow."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evaluators.tasks.installed import installed
from evaluators.tasks.table import Numbers, Table, Words
from nas.errors import TaskError

INDEX = re.compile(r"__index_level_\d+__")  # row labels that pandas keeps where a frame's rows were chosen; no data


def read_parquet(path: Path) -> Table:
    """The table in the file. A column is converted when it is asked for, so that one of another type hurts nobody else.

    Raises: TaskError: pyarrow is not installed, the file cannot be read, or has no rows or columns.
    """
    arrow = installed("pyarrow", "pyarrow", f"task `{path.name}`")
    parquet = installed("pyarrow.parquet", "pyarrow", f"task `{path.name}`")
    try:
        with parquet.ParquetFile(path) as file:
            stored = file.read()
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise TaskError(f"{path}: not a readable .parquet file ({error})") from None
    header = [name for name in stored.column_names if not INDEX.fullmatch(name)]
    if not header or not stored.num_rows:
        raise TaskError(f"{path}: needs rows and columns, has {stored.num_rows} rows of {len(header)} columns")
    return Table(
        path, header, cache(lambda name: _column(arrow, stored.column(name), name, path)), np.arange(stored.num_rows)
    )


def _column(arrow: Any, column: Any, name: str, path: Path) -> Words | Numbers:
    """Numbers where the file's type is one. Whole numbers and truth values with gaps are words, as in a `.csv` file."""
    types = arrow.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_floating(kind) or types.is_decimal(kind):
        floats: Numbers = column.cast(arrow.float64()).fill_null(float("nan")).to_numpy()
        return floats
    if (types.is_integer(kind) or types.is_boolean(kind)) and not column.null_count:
        whole: Numbers = column.to_numpy()
        return whole
    if (
        types.is_nested(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
    ):
        raise TaskError(
            f"{path}: column `{name}` holds {kind}, and a cell is a number or a word; leave it out with `drop: [{name}]`"
        )
    return np.array(["" if cell is None else str(cell).strip() for cell in column.to_pylist()], object)
