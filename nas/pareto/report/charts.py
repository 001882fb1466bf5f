"""Charts of the report as SVG that needs no script: steps, bands, marks. Colours are the page's own, so they follow its theme."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from nas.pareto import numbers
from nas.pareto.plane import Point, staircase, ticks


@dataclass(frozen=True)
class Series:
    """One thing that a chart shows.

    Args:
        label: in the key above the chart; empty for what needs no name.
        colour: any colour that CSS knows, such as `var(--f0)`.
        line: points from best to worst x, joined by stairs that bound what they dominate.
        area: two such lines; what lies between is shaded.
        dots: marks of their own.
        titles: what each dot says when pointed at.
    """

    label: str
    colour: str
    line: Sequence[Point] = ()
    area: tuple[Sequence[Point], Sequence[Point]] | None = None
    dots: Sequence[Point] = ()
    titles: Sequence[str] = field(default=())

    def points(self) -> list[Point]:
        """All that must be inside the chart."""
        return [*self.line, *(point for line in self.area or () for point in line), *self.dots]


@dataclass(frozen=True)
class Frame:
    """The axes of a chart.

    Args:
        x, y: their names, with arrows.
        said: what the picture shows, for those who do not see it.
        x_log: whether x has a logarithmic scale.
        x_maximize, y_maximize: whether larger is better; decides on which sides stairs run to the edge.
        width, height: in units of the drawing, CSS pixels where there is room, smaller by a fifth where there is not.
    """

    x: str
    y: str
    said: str
    x_log: bool = False
    x_maximize: bool = False
    y_maximize: bool = True
    width: int = 900
    height: int = 330


_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 26, 40


def chart(series: Sequence[Series], frame: Frame, key: bool = True) -> str:
    """The chart as a figure; its key is a list above it."""
    points = [point for one in series for point in one.points()]
    low, high = _limits([p[0] for p in points], frame.x_log), _limits([p[1] for p in points], False)
    right, bottom = frame.width - _RIGHT, frame.height - _BOTTOM

    def place(point: Point) -> Point:
        x = math.log10(point[0]) if frame.x_log else point[0]
        across = _LEFT + (x - low[0]) / (low[1] - low[0]) * (right - _LEFT)
        return across, bottom - (point[1] - high[0]) / (high[1] - high[0]) * (bottom - _TOP)

    parts = [f'<text class="name" x="0" y="12">{escape(frame.y)}</text>']
    for level in ticks(*high, max(2, frame.height // 55), False):
        y = place((1.0, level))[1]
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{numbers.short(level)}</text>')
    ends = (10 ** low[0], 10 ** low[1]) if frame.x_log else low
    for mark in ticks(*ends, max(2, frame.width // 90), frame.x_log):
        x = place((mark, 0.0))[0]
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{numbers.short(mark)}</text>')
    parts.append(
        f'<text class="name" x="{right}" y="{frame.height - 4}" text-anchor="end">{escape(frame.x)}</text>'
        f'<line class="base" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
    )
    wall = _LEFT if frame.x_maximize else right
    floor = bottom if frame.y_maximize else _TOP

    def outline(line: Sequence[Point]) -> list[Point]:
        placed = [place(point) for point in line]
        return [(placed[0][0], floor), *staircase(placed), (wall, placed[-1][1])]

    for one in series:
        if one.area is not None and all(one.area):
            upper, lower = map(outline, one.area)
            parts.append(f'<path class="area" fill="{one.colour}" d="M{_path([*upper, *reversed(lower)])}Z"/>')
    for one in series:
        if one.line:
            parts.append(f'<path class="step" stroke="{one.colour}" d="M{_path(outline(one.line)[1:])}"/>')
        for i, dot in enumerate(one.dots):
            x, y = place(dot)
            title = f"<title>{escape(one.titles[i])}</title>" if i < len(one.titles) else ""
            parts.append(f'<circle class="mark" fill="{one.colour}" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>')
    named = [one for one in series if one.label] if key else []
    listed = "".join(f'<li><i style="background:{one.colour}"></i>{escape(one.label)}</li>' for one in named)
    return (
        '<div class="picture">'
        + (f'<ul class="key">{listed}</ul>' if listed else "")
        + f'<svg role="img" aria-label="{escape(frame.said)}" viewBox="0 0 {frame.width} {frame.height}" '
        f'style="max-width:{frame.width}px;min-width:{frame.width * 4 // 5}px">{"".join(parts)}</svg></div>'
    )


def _limits(values: Sequence[float], log: bool) -> tuple[float, float]:
    low, high = (math.log10(end) if log else end for end in (min(values), max(values)))
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin


def _path(points: Sequence[Point]) -> str:
    return "L".join(f"{x:.1f},{y:.1f}" for x, y in points)
