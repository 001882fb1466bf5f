"""The look of pictures for papers: one style, three formats, the same bytes for the same study. matplotlib is loaded only here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import log10
from pathlib import Path
from typing import Any

from nas.errors import ParetoError
from nas.pareto import numbers
from nas.pareto.plane import ticks

INK, MUTED, RULE = "#1b1e23", "#6b7280", "#d9dce1"
FORMATS = (".svg", ".pdf", ".png")
MILLIMETRE = 1 / 25.4

_STYLE: dict[str, Any] = {
    "font.size": 8,
    "axes.edgecolor": "#9aa0a8",
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "xtick.minor.size": 1.6,
    "ytick.major.size": 0,
    "xtick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "text.color": INK,
    "svg.fonttype": "path",
    "svg.hashsalt": "hourglass-nas",
    "pdf.fonttype": 42,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}
_FONTS = ("Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")


@contextmanager
def picture(path: str | Path, width_mm: float, height_mm: float) -> Iterator[Any]:
    """A matplotlib figure to draw on, which is written to `path` at the end.

    Args:
        path: its ending chooses the format: .svg, .pdf or .png.
        width_mm, height_mm: size of the picture.
    Raises: ParetoError: another ending, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ParetoError(f"a picture ends in {', '.join(FORMATS)}, got `{path.name}`")
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    installed = set(font_manager.get_font_names())
    style: Any = {**_STYLE, "font.family": [name for name in _FONTS if name in installed]}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width_mm * MILLIMETRE, height_mm * MILLIMETRE), dpi=300)
        FigureCanvasAgg(figure)
        yield figure
        # Nothing of the day or the machine, so that the same study gives the same bytes.
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}[path.suffix.lower()]
        try:
            figure.savefig(path, metadata=metadata)
        except OSError as error:
            raise ParetoError(f"cannot write {path}: {error.strerror}; check the folder and its permissions") from None


def furniture(axes: Any, x_title: str, y_title: str, x_log: bool, y_log: bool, n: tuple[int, int] = (7, 6)) -> None:
    """Scales and names: thin rules behind, the names of both axes where the eye starts to read.

    Args: `axes` has its limits and scales already; `n` is about how many marks each axis has.
    """
    for side, log, (low, high), count in (
        (axes.xaxis, x_log, axes.get_xlim(), n[0]),
        (axes.yaxis, y_log, axes.get_ylim(), n[1]),
    ):
        marks = ticks(low, high, count, log)
        side.set_ticks(marks, [numbers.short(mark) for mark in marks])
        side.set_ticks([], minor=True)
    axes.grid(axis="y", color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.text(0, 1.025, y_title, transform=axes.transAxes, ha="left", va="bottom", fontsize=8)
    axes.set_xlabel(x_title, fontsize=8, loc="right", labelpad=4)


def limits(axes: Any, xs: list[float], ys: list[float], x_log: bool, y_log: bool) -> None:
    """Set scales and limits that hold all values and a little more on every side."""
    for values, log, scale, limit in (
        (xs, x_log, axes.set_xscale, axes.set_xlim),
        (ys, y_log, axes.set_yscale, axes.set_ylim),
    ):
        scale("log" if log else "linear")
        low, high = (log10(end) if log else end for end in (min(values), max(values)))
        margin = 0.045 * (high - low) or 0.05 * abs(high) or 0.5
        ends = (low - margin, high + margin)
        limit(*(10**end for end in ends) if log else ends)
