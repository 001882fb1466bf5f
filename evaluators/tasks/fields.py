"""Categorical columns as codes, for models that look them up in embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.task import Field
from nas.errors import TaskError


def coded(columns: Mapping[str, Any], n: int, name: str) -> tuple[NDArray[np.int64], tuple[Field, ...]]:
    """`(n, fields)` codes, and what they stand for: numbers in their order, text alphabetically.

    Args:
        columns: name → `(n,)` words or whole numbers, or `(n, k)` for `k` fields `name[0]`, …
        n: number of samples.
        name: of the data, for messages.
    Raises: TaskError: this is no mapping; a column has another length or more axes, or holds neither words nor whole
        numbers.
    """
    if not isinstance(columns, Mapping) or not columns:
        raise TaskError(f"{name}: `fields` maps names to one word per sample each, got {type(columns).__name__}")
    codes, fields = [], []
    for key, column in columns.items():
        values = np.asarray(column)
        if values.ndim not in (1, 2) or len(values) != n or values.size == 0:
            raise TaskError(
                f"{name}: field `{key}` has shape {list(values.shape)}; it needs one word per sample: [{n}]"
            )
        words = _words(values, f"{name}: field `{key}`")
        for number, column_words in enumerate(words.reshape(n, -1).T):
            kinds, places = np.unique(column_words, return_inverse=True)
            codes.append(places)
            fields.append(Field(key if values.ndim == 1 else f"{key}[{number}]", tuple(map(str, kinds.tolist()))))
    return np.stack(codes, axis=1), tuple(fields)


def _words(values: NDArray[Any], what: str) -> NDArray[Any]:
    """`values` as text or whole numbers."""
    if values.dtype.kind == "f":
        wrong = np.argwhere(~np.isfinite(values) | (values != np.floor(values)))
        if len(wrong):
            found = values[tuple(wrong[0])]
            raise TaskError(f"{what} should hold words or whole numbers, got {found} for sample {wrong[0][0]}")
        return values.astype(np.int64)
    if values.dtype.kind not in "USObiu":
        raise TaskError(f"{what} should hold words or whole numbers, got {values.dtype}")
    return values.astype(str) if values.dtype.kind == "O" else values
