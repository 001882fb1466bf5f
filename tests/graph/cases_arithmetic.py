"""Cases of the operators that calculate with fixed numbers."""

from __future__ import annotations

from case import FLAT, IMAGE, MERGED, SEQUENCE, Case, cases

ARITHMETIC: list[Case] = [
    *cases("times", FLAT, IMAGE, by=0.5),
    *cases("times", SEQUENCE, by=-1),
    *cases("plus", FLAT, IMAGE, by=1.0),
    *cases("plus", SEQUENCE, by=-0.25),
    *cases("plus", SEQUENCE, by=0),
    Case("divide", (FLAT, FLAT), {}),
    Case("divide", (SEQUENCE, MERGED), {}),
    *cases("power", FLAT, IMAGE, by=2),
    *cases("power", SEQUENCE, by=3),
    *cases("power", FLAT, by=-1),
]
