"""A frontier in a terminal: candidates as dots, the frontier as a line, its knee as a diamond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from nas.errors import ParetoError
from nas.pareto import numbers
from nas.pareto.plane import Axis, Plane, Point, plane_of, staircase, ticks

if TYPE_CHECKING:
    from nas.pareto.front import Front
    from nas.study.records import StudyRecord

SMALLEST = (24, 6)
N_RUNGS = 4  # that are told where no rule says which matter
"""Columns and rows below which no sketch is drawn."""

# Braille cells are 2 x 4 dots; the bit of each dot by (row, column).
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
# Joints of a line by the sides that it leaves a cell through.
_JOINTS = {"lr": "─", "du": "│", "dr": "╭", "dl": "╮", "ru": "╰", "lu": "╯", "l": "─", "r": "─", "u": "│", "d": "│"}
_PLAIN = {"─": "-", "│": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "●": "o", "◆": "#", "┤": "|", "└": "+", "┬": "+"}
_PLAIN |= {"↑": "^", "↓": "v", "→": ">", "←": "<", "–": "-", "⁻": "-"}
_INK = {"dots": "2", "line": "36", "member": "1;36", "knee": "1;33"}


@dataclass(frozen=True)
class _Window:
    """The part of the plane that is shown, and the cells that it is shown in."""

    plane: Plane
    low: Point
    high: Point
    columns: int
    rows: int

    def cell(self, point: Point) -> tuple[int, int]:
        """Column and row, from the top, of the cell that holds `point`."""
        x, y = self.fraction(point)
        return min(int(x * self.columns), self.columns - 1), min(int((1 - y) * self.rows), self.rows - 1)

    def dot(self, point: Point) -> tuple[int, int, int]:
        """Column, row and braille bit of `point`."""
        x, y = self.fraction(point)
        across = min(int(x * self.columns * 2), self.columns * 2 - 1)
        down = min(int((1 - y) * self.rows * 4), self.rows * 4 - 1)
        return across // 2, down // 4, _DOTS[down % 4][across % 2]

    def fraction(self, point: Point) -> Point:
        """`point` as shares of the window, (0, 0) at the lower left."""
        shares = []
        for axis, value, low, high in zip((self.plane.x, self.plane.y), point, self.low, self.high, strict=True):
            share = (axis.place(value) - axis.place(low)) / (axis.place(high) - axis.place(low))
            shares.append(min(max(share, 0.0), 1.0))
        return shares[0], shares[1]


def sketch(
    front: Front,
    width: int = 72,
    height: int = 18,
    *,
    x: str | None = None,
    y: str | None = None,
    colour: bool = False,
    unicode: bool = True,
) -> str:
    """`front` drawn with characters.

    Args:
        width, height: of the whole sketch in columns and lines; never more is used.
        x, y: names of the axes, as in `plane_of`.
        colour: whether to add ANSI colours (`rich.text.Text.from_ansi` reads them).
        unicode: False for terminals that have ASCII only.
    Raises: ParetoError: fewer than 24 columns or 6 lines, or an axis that no candidate has.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        raise ParetoError(
            f"a sketch needs at least {SMALLEST[0]} columns and {SMALLEST[1]} lines, got {width} x {height}"
        )
    plane = plane_of(front, x, y)
    candidates = plane.points(front.candidates)
    low, high = _limits(plane.x, [p[0] for p in candidates]), _limits(plane.y, [p[1] for p in candidates])
    levels = ticks(*high, max(2, height // 5), plane.y.log)
    labels = [numbers.short(level) for level in levels]
    gutter = max(map(len, labels)) + 2
    window = _Window(plane, (low[0], high[0]), (low[1], high[1]), width - gutter, height - 4)
    cells = _cells(window, front, candidates)

    rows = {window.cell((low[0], level))[1]: label for level, label in zip(levels, labels, strict=True)}
    lines = [plane.y.title(upright=True)[:width]]
    for row in range(window.rows):
        label = rows.get(row, "")
        edge = "┤" if label else "│"
        inside = "".join(_painted(cells.get((column, row)), colour) for column in range(window.columns))
        lines.append(f"{label:>{gutter - 1}}{edge}{inside}".rstrip())
    lines.extend(_foot(window, gutter))
    text = "\n".join(lines)
    return text if unicode else "".join(_ascii(character) for character in text)


def rungs_note(record: StudyRecord) -> str:
    """How well the rungs predict the end, in a line, and a warning where they do not; empty where nobody can say."""
    from nas.study.correlation import rung_correlations, warning

    found = rung_correlations(record)
    if not found:
        return ""
    words = warning(found)
    stopping = record.experiment.get("stopping")
    if not (isinstance(stopping, dict) and stopping.get("rungs")):
        rungs = sorted({one.rung for one in found})
        shown = {rungs[len(rungs) * i // N_RUNGS] for i in range(N_RUNGS)}
        found = tuple(one for one in found if one.rung in shown)
    parts = (f"{one.objective} at {one.rung}: {one.rho:.2f} (n {one.n})" for one in found)
    line = f"rank correlation of the rungs with the end: {', '.join(parts)}"
    return f"{line}\nwarning: {words}" if words else line


def _cells(window: _Window, front: Front, candidates: Sequence[Point]) -> dict[tuple[int, int], tuple[str, str]]:
    """Cell → (kind, character); what matters more is drawn over what matters less."""
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    dots: dict[tuple[int, int], int] = {}
    for point in candidates:
        column, row, bit = window.dot(point)
        dots[column, row] = dots.get((column, row), 0) | bit
    cells.update((cell, ("dots", chr(0x2800 + bits))) for cell, bits in dots.items())
    line = window.plane.frontier(candidates)
    sides: dict[tuple[int, int], set[str]] = {}
    corners = [window.cell(corner) for corner in staircase(line)]
    for start, end in pairwise(corners):
        _walk(start, end, sides)
    cells.update((cell, ("line", _JOINTS.get("".join(sorted(found)), "┼"))) for cell, found in sides.items())
    members = window.plane.points(front.members)
    cells.update((window.cell(point), ("member", "●")) for point in members)
    knee = window.plane.point(front.knee())
    if knee is not None:
        cells[window.cell(knee)] = ("knee", "◆")
    return cells


def _walk(start: tuple[int, int], end: tuple[int, int], sides: dict[tuple[int, int], set[str]]) -> None:
    """Mark the sides through which a straight line leaves the cells between `start` and `end`."""
    column, row = start
    while (column, row) != end:
        right, down = (end[0] > column) - (end[0] < column), (end[1] > row) - (end[1] < row)
        leave, enter = ("r", "l") if right > 0 else ("l", "r") if right < 0 else ("d", "u") if down > 0 else ("u", "d")
        sides.setdefault((column, row), set()).add(leave)
        column, row = (column + right, row) if right else (column, row + down)
        sides.setdefault((column, row), set()).add(enter)


def _limits(axis: Axis, values: Sequence[float]) -> Point:
    """The range to show: that of `values`, and a little on both sides."""
    low, high = min(values), max(values)
    if axis.log:
        return low / 1.15, high * 1.15
    margin = 0.04 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def _foot(window: _Window, gutter: int) -> list[str]:
    """The lower axis, its labels, its name."""
    axis, low, high = window.plane.x, window.low[0], window.high[0]
    edge, below = ["─"] * window.columns, [" "] * (window.columns + gutter)
    free = 0
    for level in ticks(low, high, max(2, window.columns // 12), axis.log):
        column, label = window.cell((level, window.low[1]))[0], numbers.short(level)
        start = min(max(gutter + column - len(label) // 2, free), len(below) - len(label))
        if start < free:
            continue
        edge[column] = "┬"
        below[start : start + len(label)] = label
        free = start + len(label) + 1
    whole = window.columns + gutter
    name = axis.title()[:whole].rjust(whole)
    return [" " * (gutter - 1) + "└" + "".join(edge), "".join(below).rstrip(), name]


def _painted(cell: tuple[str, str] | None, colour: bool) -> str:
    if cell is None:
        return " "
    kind, character = cell
    return f"\x1b[{_INK[kind]}m{character}\x1b[0m" if colour else character


def _ascii(character: str) -> str:
    if "\u2800" <= character <= "\u28ff":
        return "."
    return character if character.isascii() else _PLAIN.get(character, "?")
