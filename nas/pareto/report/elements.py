"""The small vocabulary of the report's HTML: tables, headings, buttons that open a candidate, marks of families."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from nas.pareto import numbers

if TYPE_CHECKING:
    from nas.pareto.confirmation import Spread


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], opens: Sequence[int] = ()) -> str:
    """A table in a box that scrolls sideways; row i opens candidate `opens[i]`."""
    right = ["class=n" in heading for heading in headings]
    body = []
    for i, row in enumerate(rows):
        cells = "".join(f"<td{' class=n' if n else ''}>{cell}</td>" for cell, n in zip(row, right, strict=True))
        body.append(f"<tr data-row={opens[i]}>{cells}</tr>" if opens else f"<tr>{cells}</tr>")
    return (
        f'<div class="table"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{''.join(headings)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def head(text: str, number: bool = False, strong: bool = False) -> str:
    """A heading of a column, `strong` for an objective."""
    return f"<th scope=col{' class=n' if number else ''}>{f'<b>{escape(text)}</b>' if strong else escape(text)}</th>"


def opener(number: int, label: str = "") -> str:
    """A button that opens a candidate."""
    return f'<button type="button" class="link" data-open="{number}">{escape(label) or number}</button>'


def dot(family: int) -> str:
    """The mark of a family, by its place in the order of colours."""
    return f'<i class="dot" style="--c:var(--f{family})"></i>'


def spread(found: Spread, places: int) -> str:
    """Mean ± standard deviation."""
    if not found.n:
        return numbers.DASH
    mean = numbers.fixed(found.mean, places)
    return mean if math.isnan(found.std) else f"{mean} <small>± {numbers.fixed(found.std, places)}</small>"


def word(value: object) -> str:
    """A setting's value, as its author would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(word, value))
    return value if isinstance(value, str) else json.dumps(value, default=str)


def resource(name: str) -> str:
    """A file that is part of the report: its style, its scripts, its template."""
    return resources.files("nas.pareto.report").joinpath(name).read_text(encoding="utf-8")
