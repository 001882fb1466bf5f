"""The frontier as a picture for a paper: SVG, PDF or PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.pareto.families import families
from nas.pareto.palette import shades
from nas.pareto.paper import INK, MUTED, furniture, limits, picture
from nas.pareto.plane import Plane, Point, plane_of, staircase
from nas.pareto.published import LABEL, PublishedPoint

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front


def draw_frontier(
    front: Front,
    path: str | Path,
    *,
    published: Sequence[PublishedPoint] = (),
    confirmation: Confirmation | None = None,
    x: str | None = None,
    y: str | None = None,
    title: str = "",
    width_mm: float = 150,
    height_mm: float = 96,
) -> Path:
    """Draw `front` and give the path written.

    All candidates are faint dots in their family's colour, the frontier's members full ones on the line that bounds what
    they dominate; the knee is ringed. Confirmed members appear a second time where retraining put their mean on the test
    split, with one standard deviation up and down. Published figures are hollow diamonds under their own names. Counts
    have a logarithmic scale. The same study gives the same bytes.

    Args:
        path: its ending chooses the format: .svg, .pdf or .png.
        published: drawn if they have both quantities.
        x, y: names of the axes, as in `nas.pareto.plane.plane_of`.
        title: stands above the picture; nothing by default, since papers have captions.
        width_mm, height_mm: size of the picture.
    Raises: ParetoError: another ending, an axis that no candidate has, or the file cannot be written.
    """
    plane = plane_of(front, x, y)
    with picture(path, width_mm, height_mm) as figure:
        figure.subplots_adjust(left=0.075, right=0.965, top=0.80 if title else 0.86, bottom=0.125)
        axes = figure.add_subplot()
        colours = shades(families(front.record, front.decision))
        shown = [point for point in published if {plane.x.name, plane.y.name} <= point.values.keys()]
        _limits(axes, front, plane, shown, confirmation)
        _candidates(axes, front, plane, colours)
        _frontier(axes, front, plane, colours)
        if confirmation is not None:
            _confirmed(axes, front, plane, confirmation, colours)
        _published(axes, front, plane, shown)
        furniture(axes, plane.x.title(), plane.y.title(upright=True), plane.x.log, plane.y.log)
        _key(figure, axes, colours, confirmation, bool(shown), title)
    return Path(path)


def _limits(
    axes: Any, front: Front, plane: Plane, published: Sequence[PublishedPoint], confirmation: Confirmation | None
) -> None:
    points = plane.points(front.candidates)
    points += [(one.values[plane.x.name], one.values[plane.y.name]) for one in published]
    points += [(a, b + sign * spread) for a, b, spread, _ in _means(plane, front, confirmation) for sign in (-1, 1)]
    limits(axes, [p[0] for p in points], [p[1] for p in points], plane.x.log, plane.y.log)


def _candidates(axes: Any, front: Front, plane: Plane, colours: Mapping[str, str]) -> None:
    placed = [(plane.point(trial), colours[front.family(trial)]) for trial in front.candidates]
    found = [(point, colour) for point, colour in placed if point is not None]
    many = len(found) > 1000
    axes.scatter(
        *zip(*(point for point, _ in found), strict=True),
        c=[colour for _, colour in found],
        s=4 if many else 7,
        alpha=0.2 if many else 0.38,
        linewidths=0,
        zorder=2,
        rasterized=many,
    )


def _frontier(axes: Any, front: Front, plane: Plane, colours: Mapping[str, str]) -> None:
    line = plane.frontier(plane.points(front.candidates))
    if line:
        corners = [*staircase(line)]
        # From the worst y up to the first member, and from the last one out to the worst x: both bound what is dominated.
        floor = axes.get_ylim()[0 if plane.y.direction == "maximize" else 1]
        wall = axes.get_xlim()[1 if plane.x.direction == "minimize" else 0]
        corners = [(corners[0][0], floor), *corners, (wall, corners[-1][1])]
        axes.plot(*zip(*corners, strict=True), color=INK, linewidth=0.8, solid_joinstyle="miter", zorder=3)
    for trial in front.members:
        point = plane.point(trial)
        if point is not None:
            axes.plot(*point, "o", color=colours[front.family(trial)], ms=4.2, mec="white", mew=0.6, zorder=5)
    knee = plane.point(front.knee())
    if knee is not None:
        axes.plot(*knee, "o", ms=8.5, mfc="none", mec=INK, mew=0.9, zorder=6)
        left = axes.transAxes.inverted().transform(axes.transData.transform(knee))[0] > 0.2
        axes.annotate(
            "knee", knee, xytext=(-6 if left else 6, 6), textcoords="offset points", fontsize=7.5, fontstyle="italic",
            ha="right" if left else "left", va="bottom", zorder=7,
        )  # fmt: skip


def _means(plane: Plane, front: Front, confirmation: Confirmation | None) -> list[tuple[float, float, float, str]]:
    """(x, mean y, standard deviation of y or 0, family) of every confirmed candidate, on the test split."""
    if confirmation is None:
        return []
    found = []
    for trial in front.record.trials:
        one = confirmation.candidate(trial.number)
        if one is None:
            continue
        x, y = one.spread(plane.x.name, "test"), one.spread(plane.y.name, "test")
        if x.n and y.n:
            found.append((x.mean, y.mean, y.std if y.n > 1 else 0.0, front.family(trial)))
    return found


def _confirmed(axes: Any, front: Front, plane: Plane, confirmation: Confirmation, colours: Mapping[str, str]) -> None:
    for x, mean, std, family in _means(plane, front, confirmation):
        axes.errorbar(
            x, mean, yerr=std, fmt="s", ms=3.6, mfc="white", mec=colours[family], mew=0.9, ecolor=colours[family],
            elinewidth=0.9, capsize=1.8, capthick=0.9, zorder=6,
        )  # fmt: skip


def _published(axes: Any, front: Front, plane: Plane, published: Sequence[PublishedPoint]) -> None:
    """Hollow diamonds, each named on the side where the frontier is farther away."""
    from matplotlib.patheffects import withStroke

    point_size = axes.figure.dpi / 72
    places = axes.transData.transform(plane.points(front.members) or [(0, 0)])
    right_end = axes.transAxes.transform((0.85, 0))[0]
    for one in published:
        point: Point = (one.values[plane.x.name], one.values[plane.y.name])
        axes.plot(*point, "D", ms=4.6, mfc="white", mec=INK, mew=0.8, zorder=8)
        x, y = axes.transData.transform(point)
        beside = [a - x for a, b in places if abs(b - y) < 9 * point_size]
        room_right = min((gap for gap in beside if gap >= 0), default=1e9)
        room_left = min((-gap for gap in beside if gap < 0), default=1e9)
        left = x > right_end or (room_right < 40 * point_size and room_right < room_left)
        axes.annotate(
            one.label, point, xytext=(-6 if left else 6, 0), textcoords="offset points", fontsize=7.5,
            ha="right" if left else "left", va="center", zorder=8,
            path_effects=[withStroke(linewidth=2, foreground="white")],
        )  # fmt: skip


def _key(
    figure: Any,
    axes: Any,
    colours: Mapping[str, str],
    confirmation: Confirmation | None,
    has_published: bool,
    title: str,
) -> None:
    """A word for everything that is drawn: families on a line of their own, other marks at the right above the axes."""
    from matplotlib.lines import Line2D

    def mark(label: str, **style: Any) -> Any:
        return Line2D([], [], linestyle="none", label=label, **style)

    style: dict[str, Any] = {"frameon": False, "fontsize": 7.5, "handletextpad": 0.1, "handlelength": 1.2}
    style |= {"columnspacing": 1.0, "borderaxespad": 0}
    if len(colours) > 1:
        entries = [mark(name, marker="o", color=colour, ms=4.2, mew=0) for name, colour in colours.items()]
        place = (0.062, 0.925 if title else 0.99)
        figure.legend(handles=entries, loc="upper left", bbox_to_anchor=place, ncols=min(len(entries), 8), **style)
    others = []
    if confirmation is not None:
        label = f"retrained: test mean ± s.d. of {len(confirmation.seeds)} seeds"
        others.append(mark(label, marker="s", mfc="white", mec=MUTED, mew=0.9, ms=3.6))
    if has_published:
        others.append(mark(LABEL, marker="D", mfc="white", mec=INK, mew=0.8, ms=4.2))
    if others:
        axes.legend(handles=others, loc="lower right", bbox_to_anchor=(1, 1.02), ncols=len(others), **style)
    if title:
        figure.text(0.075, 0.985, title, fontsize=10, fontweight="bold", ha="left", va="top")
