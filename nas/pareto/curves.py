"""Further pictures for a paper: progress, the band of a retrained frontier, attainment of several searches, trends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import ParetoError
from nas.pareto import numbers
from nas.pareto.families import families
from nas.pareto.palette import shades
from nas.pareto.paper import INK, MUTED, furniture, limits, picture
from nas.pareto.plane import Plane, Point, axis_of, plane_of, staircase
from nas.pareto.trends import size_of, trends
from nas.pareto.uncertainty import frontier_band

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.pareto.several import Several

_KEY: dict[str, Any] = {
    "frameon": False, "fontsize": 7.5, "handlelength": 1.4, "handletextpad": 0.5, "columnspacing": 1.2, "borderaxespad": 0,
}  # fmt: skip


def draw_history(front: Front, path: str | Path, *, width_mm: float = 110, height_mm: float = 62) -> Path:
    """Hypervolume of the frontier after each candidate.

    Args: as `draw_frontier`. Raises: as `nas.pareto.paper.picture`.
    """
    history = front.history()
    with picture(path, width_mm, height_mm) as figure:
        figure.subplots_adjust(left=0.1, right=0.97, top=0.87, bottom=0.19)
        axes = figure.add_subplot()
        limits(axes, [float(number) for number, _ in history], [volume for _, volume in history], False, False)
        axes.step(*zip(*history, strict=True), where="post", color=INK, linewidth=1.0)
        furniture(axes, "candidate", "hypervolume", False, False, (6, 5))
    return Path(path)


def draw_band(
    front: Front, confirmation: Confirmation, path: str | Path, *, width_mm: float = 130, height_mm: float = 84
) -> Path:
    """The retrained frontier on the test split with its 95 % band, and the candidates' means in their families' colours.

    Args: as `draw_frontier`.
    Raises: ParetoError: there is no band, since no candidate was measured on test or there is one objective; or as
        `nas.pareto.paper.picture`.
    """
    band = frontier_band(confirmation, front.record.objectives)
    if band is None:
        raise ParetoError("there is no band to draw: it takes two objectives and retrained candidates measured on test")
    colours = shades(families(front.record, front.decision))
    family = {trial.number: front.family(trial) for trial in front.record.trials}
    means = [
        (one.spread(band.x.name, "test").mean, one.spread(band.y.name, "test").mean, family[one.number])
        for one in confirmation.candidates
        if one.number in family and one.values(band.y.name, "test")
    ]
    plane = Plane(axis_of(front, band.x.name), axis_of(front, band.y.name))
    below, beyond = band.drawn([y for _, y, _ in means])
    lines = [list(zip(band.at, side, strict=True)) for side in (below, band.middle, beyond)]
    with picture(path, width_mm, height_mm) as figure:
        figure.subplots_adjust(left=0.085, right=0.97, top=0.83, bottom=0.145)
        axes = figure.add_subplot()
        points = [point for line in lines for point in line] + [(x, y) for x, y, _ in means]
        limits(axes, [p[0] for p in points], [p[1] for p in points], plane.x.log, plane.y.log)
        low, middle, high = (_outline(axes, plane, line) for line in lines)
        axes.fill(*zip(*high, *reversed(low), strict=True), color=INK, alpha=0.12, linewidth=0, zorder=2)
        axes.plot(*zip(*middle[1:], strict=True), color=INK, linewidth=0.9, zorder=3)
        for x, y, name in means:
            axes.plot(x, y, "o", color=colours[name], ms=4.2, mec="white", mew=0.6, zorder=4)
        title = plane.y.title(upright=True).replace(", validation", ", test")
        furniture(axes, plane.x.title(), title, plane.x.log, plane.y.log)
        shown = {name: colours[name] for name in colours if any(name == own for _, _, own in means)}
        _key(
            figure,
            shown if len(colours) > 1 else {},
            f"{band.level:.0%} band over {len(confirmation.seeds)} seeds",
            dots=True,
        )
    return Path(path)


def draw_attainment(found: Several, path: str | Path, *, width_mm: float = 140, height_mm: float = 90) -> Path:
    """What the searches of each arm attain: the median as a line, the quarters around it as a shade.

    An arm of one search is its frontier. Two objectives.

    Args: as `draw_frontier`.
    Raises: ParetoError: there are not two objectives; or as `nas.pareto.paper.picture`.
    """
    plane, surfaces = attainment_plane(found), {arm.name: found.surfaces(arm) for arm in found.arms}
    swap = found.objectives[0].name == plane.y.name
    colours = shades(list(surfaces))
    lines = {name: [ordered(points, plane, swap) for points in one.values()] for name, one in surfaces.items()}
    with picture(path, width_mm, height_mm) as figure:
        figure.subplots_adjust(left=0.08, right=0.97, top=0.83, bottom=0.135)
        axes = figure.add_subplot()
        points = [point for one in lines.values() for line in one for point in line]
        limits(axes, [p[0] for p in points], [p[1] for p in points], plane.x.log, plane.y.log)
        for name, one in lines.items():
            best, median, worst = (_outline(axes, plane, line) for line in one)
            axes.fill(
                *zip(*best, *reversed(worst), strict=True), color=colours[name], alpha=0.18, linewidth=0, zorder=2
            )
            axes.plot(*zip(*median[1:], strict=True), color=colours[name], linewidth=1.1, zorder=3)
        furniture(axes, plane.x.title(), plane.y.title(upright=True), plane.x.log, plane.y.log)
        many = any(len(arm.searches) > 1 for arm in found.arms)
        named = {f"{arm.name} ({len(arm.searches)})": colours[arm.name] for arm in found.arms}
        _key(
            figure,
            named,
            "line: median; shade: what 25 to 75 % of the searches attain" if many else "",
        )
    return Path(path)


def attainment_plane(found: Several) -> Plane:
    """The plane in which attainment of two objectives is shown. Raises: ParetoError: there are not two objectives."""
    if len(found.objectives) != 2:
        listed = ", ".join(one.name for one in found.objectives)
        raise ParetoError(f"attainment is drawn for two objectives, these searches have {listed}; state two of them")
    whole = max(found.fronts, key=lambda front: len(front.candidates))
    names = [one.name for one in found.objectives]
    plane = plane_of(whole)
    return (
        plane
        if {plane.x.name, plane.y.name} == set(names)
        else Plane(axis_of(whole, names[1]), axis_of(whole, names[0]))
    )


def ordered(points: Sequence[Sequence[float]], plane: Plane, swap: bool) -> list[Point]:
    """Points of two objectives as points of the plane, from best to worst x."""
    placed = [(point[1], point[0]) if swap else (point[0], point[1]) for point in points]
    return sorted(placed, reverse=plane.x.direction == "maximize")


def draw_trends(front: Front, path: str | Path, *, most: int = 6, width_mm: float = 160) -> Path:
    """The clearest trends of decisions along the frontier, one small picture each.

    Args: as `draw_frontier`; `most` is how many.
    Raises: ParetoError: there is no decision to draw; or as `nas.pareto.paper.picture`.
    """
    found = trends(front)[:most]
    if not found:
        raise ParetoError("there is no trend to draw: too few members of the frontier take one numeric decision")
    across = min(3, len(found))
    down = -(-len(found) // across)
    size, colours = size_of(front), shades(families(front.record, front.decision))
    family = {float(trial.costs[size]): front.family(trial) for trial in front.members if size in trial.costs}
    with picture(path, width_mm, 8 + 44 * down) as figure:
        figure.subplots_adjust(
            left=0.055, right=0.98, top=1 - 9 / (8 + 44 * down), bottom=11 / (8 + 44 * down), hspace=0.75, wspace=0.24
        )
        for i, one in enumerate(found):
            axes = figure.add_subplot(down, across, i + 1)
            log = one.points[0][0] > 0
            limits(axes, [p[0] for p in one.points], [p[1] for p in one.points], log, False)
            for x, y in one.points:
                axes.plot(x, y, "o", color=colours[family[x]], ms=3.6, mec="white", mew=0.5)
            name = one.decision if len(one.decision) <= 32 else "…" + one.decision[-31:]
            furniture(axes, numbers.spoken(size), name, log, False, (3, 4))
            rho = f"ρ = {one.rho:.2f}, p = {one.p:.2g}".replace("-", "−")
            place: Any = {"xycoords": "axes fraction", "xytext": (0, -18), "textcoords": "offset points"}
            axes.annotate(rho, (0, 0), **place, va="top", color=MUTED)
    return Path(path)


def _outline(axes: Any, plane: Plane, line: Sequence[Point]) -> list[Point]:
    """The line's stairs from the floor up to its first point and out to the wall on the side of worse x."""
    floor = axes.get_ylim()[0 if plane.y.direction == "maximize" else 1]
    wall = axes.get_xlim()[0 if plane.x.direction == "maximize" else 1]
    return [(line[0][0], floor), *staircase(line), (wall, line[-1][1])]


def _key(figure: Any, colours: dict[str, str], note: str, dots: bool = False) -> None:
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "ms": 4.2, "mew": 0} if dots else {"linewidth": 2.4}

    if colours:
        entries = [Line2D([], [], color=colour, label=name, **style) for name, colour in colours.items()]
        figure.legend(
            handles=entries, loc="upper left", bbox_to_anchor=(0.07, 0.985), ncols=min(len(entries), 6), **_KEY
        )
    if note:
        figure.text(0.97, 0.86, note, ha="right", va="bottom", fontsize=7.5, color=MUTED)
