"""Numbers as people read them, the same in tables, figures, the terminal and the report."""

from __future__ import annotations

import math
from collections.abc import Sequence

NAMES = {
    "params": "parameters",
    "active_params": "active parameters",
    "trainable_params": "trainable parameters",
    "frozen_params": "frozen parameters",
    "buffers": "buffer entries",
    "macs": "MACs",
    "activation_bytes": "activation bytes",
    "latency": "latency (ms)",
    "psnr": "PSNR (dB)",
    "rmse": "RMSE",
    "mse": "MSE",
    "mae": "MAE",
    "r2": "R²",
}
"""What an axis is called where its short name would puzzle a reader; other names keep their words."""

DASH = "–"


def spoken(name: str) -> str:
    """`name` as words.

    >>> spoken("activation_bytes"), spoken("top5_accuracy")
    ('activation bytes', 'top5 accuracy')
    """
    return NAMES.get(name, name.replace("_", " "))


def decimals(values: Sequence[float], significant: int = 4) -> int:
    """Decimal places that give the largest of `values` so many significant digits, at most 8; 0 for whole numbers.

    >>> decimals([0.93125, 0.5]), decimals([31.25]), decimals([12, 3])
    (4, 2, 0)
    """
    finite = [abs(value) for value in values if math.isfinite(value)]
    if not finite or all(value == int(value) for value in finite if value < 1e15):
        return 0
    top = max(finite)
    return 0 if top == 0 else min(8, max(0, significant - 1 - math.floor(math.log10(top))))


def fixed(value: float | None, places: int) -> str:
    """`value` with thousands separated and so many decimals; a dash for None and for nan.

    >>> fixed(12345, 0), fixed(0.93125, 4), fixed(None, 2)
    ('12,345', '0.9313', '–')
    """
    if value is None or math.isnan(value):
        return DASH
    if not math.isfinite(value) or abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{value:,.{places}f}"


def column(values: Sequence[float | None], significant: int = 4) -> list[str]:
    """A column of numbers with as many decimals in each row, so that the points stand under each other.

    >>> column([0.5, None, 0.93125])
    ['0.5000', '–', '0.9313']
    """
    places = decimals([value for value in values if value is not None], significant)
    return [fixed(value, places) for value in values]


def short(value: float) -> str:
    """`value` in few characters, for axes and lines: 1.2k, 3.4M, 0.931.

    >>> short(1234), short(2e6), short(0.93125), short(40), short(-0.5)
    ('1.23k', '2M', '0.931', '40', '-0.5')
    """
    if not math.isfinite(value):
        return str(value)
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def energy(joules: float) -> str:
    """Joules in the unit that suits their size, to three digits.

    >>> energy(0.25), energy(999.7), energy(12345), energy(3.6e6)
    ('0.25 J', '1 kJ', '12.3 kJ', '3.6 MJ')
    """
    for size, unit in ((1e9, "GJ"), (1e6, "MJ"), (1e3, "kJ")):
        if joules >= size * 0.9995:
            return f"{joules / size:.3g} {unit}"
    return f"{joules:.3g} J"


def duration(seconds: float) -> str:
    """Seconds as the two largest units that matter.

    >>> duration(0.5), duration(42.4), duration(95), duration(7260)
    ('0.5 s', '42 s', '1 min 35 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
