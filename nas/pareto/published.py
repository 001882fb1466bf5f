"""Figures that papers report, to stand beside ours: always labelled *paper-reported*, never mixed with what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field

LABEL = "paper-reported"
"""The words that stand beside every published figure, in pictures and in tables."""


@dataclass(frozen=True)
class PublishedPoint:
    """One model's figures as its authors report them.

    Args:
        label: what to call it, in a few letters, such as `CNN`.
        values: name of a cost or metric → value, by the study's own names, such as `{"accuracy": 0.94, "params": 5210}`.
        source: where it stands: authors, year, table.
        note: what makes the comparison unequal, such as another split or another number of steps.
    """

    label: str
    values: dict[str, float]
    source: str
    note: str = field(default="")
