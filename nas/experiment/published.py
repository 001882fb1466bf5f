"""Published points to stand beside ours: of shipped tasks, or from a user's CSV. Always labelled as reported by a paper."""

from __future__ import annotations

import csv
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

from nas.errors import ExperimentError
from nas.pareto.published import PublishedPoint

_TEXTS = ("label", "source", "note")


def published_points(task: str, file: str | None = None, folder: Path = Path()) -> tuple[PublishedPoint, ...]:
    """The points of a CSV with the columns label, source, note, and one for each cost or metric.

    Args:
        task: the task's name; shipped tasks may have a file of their own.
        file: a user's file instead, relative to `folder`.
    Raises: ExperimentError: the file cannot be read, or a cell is no number.
    """
    if file is not None:
        path = folder / file
    else:
        path = Path(str(files("evaluators") / "published" / f"{task.replace('/', '-')}.csv"))
        if not path.is_file():
            return ()
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else problem
        raise ExperimentError(f"published points: {path} cannot be read: {reason}") from None
    return tuple(_point(row, path, number) for number, row in enumerate(rows, start=2))


def _point(row: dict[Any, Any], path: Path, line: int) -> PublishedPoint:
    if None in row or None in row.values():
        raise ExperimentError(f"{path}:{line}: a row has {len([c for c in row if c])} cells like the first line")
    values: dict[str, float] = {}
    for column, cell in row.items():
        if column in _TEXTS or not (cell or "").strip():
            continue
        try:
            values[column] = float(cell)
        except ValueError:
            raise ExperimentError(f"{path}:{line}: `{column}` is a number, got '{cell}'") from None
        if not math.isfinite(values[column]):
            raise ExperimentError(f"{path}:{line}: `{column}` is a finite number, got '{cell}'")
    if not row.get("label") or not values:
        raise ExperimentError(f"{path}:{line}: a published point needs `label`, `source` and at least one number")
    return PublishedPoint(row["label"], values, row.get("source") or "", row.get("note") or "")
