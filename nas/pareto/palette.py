"""Colours of families: told apart by colour-blind readers too, the same in pictures and in the report.

Source: Okabe & Ito 2008, "Color Universal Design", as recommended by Wong 2011, "Color blindness", Nature Methods 8:441; the
yellow, too pale for a dot on white, is darkened, and the dark theme has lighter shades of the same hues.
"""

from __future__ import annotations

from collections.abc import Sequence

LIGHT = ("#0072b2", "#d55e00", "#009e73", "#c15a97", "#e69f00", "#4aa8df", "#8a7a00")
DARK = ("#4ba3e3", "#f08a4b", "#2cc497", "#e08fc0", "#f2bd4a", "#8fcdf2", "#d6c64a")
OTHER_LIGHT, OTHER_DARK = "#8a8f98", "#8d939c"
"""Grey, for families beyond the seventh."""


def shades(names: Sequence[str], dark: bool = False) -> dict[str, str]:
    """Family → colour, in the order of `names`; the eighth and later ones share a grey.

    >>> shades(["kan", "mlp"])
    {'kan': '#0072b2', 'mlp': '#d55e00'}
    """
    colours, other = (DARK, OTHER_DARK) if dark else (LIGHT, OTHER_LIGHT)
    if len(names) < 2:
        return dict.fromkeys(names, colours[0])
    return {name: colours[i] if i < len(colours) else other for i, name in enumerate(names)}
