"""A task's inputs against those of a space."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from evaluators.tasks import OwnEvaluator, Task, file_of
from nas.errors import SpaceError
from nas.space import Space

MOST_COLUMNS = 6
TABLES = (".csv", ".parquet")


def bound_to(space: Space, subject: Task | OwnEvaluator, spec: str, options: Mapping[str, Any] | None = None) -> Space:
    """The space with the axis sizes of a task, or of a user's own evaluator.

    Args:
        spec, options: the task as the user wrote it, for messages.
    Raises: SpaceError: they do not fit.
    """
    if len(subject.inputs) != len(space.input_names):
        raise SpaceError(f"{space.file}: {_difference(space, subject)}; {_way(space, subject, spec, options or {})}")
    return space.bind(subject.inputs, subject.outputs)


def _difference(space: Space, subject: Task | OwnEvaluator) -> str:
    own, given = space.input_names, subject.inputs
    columns = subject.columns if isinstance(subject, Task) else ()
    shown = [str(list(shape)) for shape in given]
    if columns:
        shown = [f"{shape} of {_listed(names)}" for shape, names in zip(shown, columns, strict=True)]
    return f"the space has {_count(len(own))} ({', '.join(own)}), the task {_count(len(given))}: {' and '.join(shown)}"


def _way(space: Space, subject: Task | OwnEvaluator, spec: str, options: Mapping[str, Any]) -> str:
    library, file, _ = file_of(spec)
    own, count = space.input_names, len(subject.inputs)
    if len(own) > count:
        lacking = f"the task has no `{own[count]}`"
        if file.endswith(TABLES):
            return f"{lacking}: words become codes with `task: {{name: {json.dumps(spec)}, fields: [COLUMN]}}`, or take another space"
        return f"{lacking}: codes come from the option `fields` of a table; take another space"
    another = "take a space that names one for each, such as `inputs: {x: [features], y: [steps]}`"
    columns = subject.columns if isinstance(subject, Task) else ()
    if library == "hf:" and columns:
        return f"say which columns to predict from, `task: {{name: {json.dumps(spec)}, x: [{', '.join(columns[0])}]}}`, or {another}"
    if options.get("fields"):
        return f"words become columns with `categorical` in place of `fields`, or {another.replace('y: [steps]', 'codes: [fields]')}"
    return another


def _count(count: int) -> str:
    return "one input" if count == 1 else f"{count} inputs"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_COLUMNS
    return ", ".join(f"`{name}`" for name in names[:MOST_COLUMNS]) + (f" and {more} more" if more > 0 else "")
