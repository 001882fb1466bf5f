"""Decisions as columns that candidates share: repeated ones summarised, so that networks of different depth can be compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MIXED = "mixed"
"""The value of a repeated word that is not the same everywhere."""

_INDEX = re.compile(r"\[\d+\]")


def features(genotype: Mapping[str, Any]) -> dict[str, float | str]:
    """The decisions of a candidate, one value for each.

    What is decided once for each of several layers, `stage[0].hidden`, `stage[1].hidden`, becomes `stage[·].hidden`: the mean of
    its numbers, or the word that all of them have, or `mixed`. True and false are words.

    >>> features({"depth": 2, "stage[0].hidden": 8, "stage[1].hidden": 16, "stage[0].act": "relu", "stage[1].act": "gelu"})
    {'depth': 2.0, 'stage[·].hidden': 12.0, 'stage[·].act': 'mixed'}
    """
    grouped: dict[str, list[Any]] = {}
    for path, value in genotype.items():
        grouped.setdefault(_INDEX.sub("[·]", path), []).append(value)
    return {path: _summary(values) for path, values in grouped.items()}


def _summary(values: list[Any]) -> float | str:
    if all(is_number(value) for value in values):
        return sum(map(float, values)) / len(values)
    words = {str(value).lower() if isinstance(value, bool) or value is None else str(value) for value in values}
    return words.pop() if len(words) == 1 else MIXED


def is_number(value: object) -> bool:
    """Whether `value` is a number and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
