"""The figure of `token_mixing_study.py`: the frontiers on both data sets above, what the shuffle takes from each family below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from token_mixing_study_data import DATA, NAMES, Estimate, Family, Retrained, difference

from nas.pareto.palette import shades
from nas.pareto.paper import INK, MUTED, furniture, limits, picture

RANGE = (200.0, 20_000.0)
"""Parameters that every space allows."""
_TITLES = {"intact": "features in order", "shuffled": "features shuffled"}
_DASHES: dict[bool, Any] = {True: "-", False: (0, (4, 1.4))}
"""By whether a family mixes tokens, so that the two kinds are told apart without colours, too."""

Line = list[tuple[float, Estimate]]


def draw(families: Sequence[Family], path: Path, *, width_mm: float = 180, height_mm: float = 140) -> None:
    """Draw the confirmed families to an .svg, .png or .pdf."""
    colours = shades([family.name for family in families])
    with picture(path, width_mm, height_mm) as figure:
        rows = figure.add_gridspec(
            2, 1, left=0.058, right=0.985, top=0.865, bottom=0.105, hspace=0.5, height_ratios=(1.5, 1)
        )
        _frontiers(figure, rows[0].subgridspec(1, len(DATA), wspace=0.13), families, colours)
        _worths(figure, rows[1].subgridspec(1, len(families), wspace=0.12), families, colours)
        _key(figure, families, colours)


def _frontiers(figure: Any, places: Any, families: Sequence[Family], colours: dict[str, str]) -> None:
    lines = {
        data: {family.name: _reached(family.retrained[data]) for family in families if family.retrained}
        for data in DATA
    }
    heights = [end for own in lines.values() for line in own.values() for _, one in line for end in (one.low, one.high)]
    for column, data in enumerate(DATA):
        axes = figure.add_subplot(places[column])
        limits(axes, list(RANGE), heights or [0.0, 1.0], True, False)
        for family in families:
            if family.retrained:
                _step(axes, lines[data][family.name], colours[family.name], _DASHES[family.mixes_tokens])
                _members(axes, family.retrained[data], colours[family.name])
        furniture(axes, "parameters", "↑ accuracy, test", True, False, (7, 6))
        _over(axes, 1.13, _TITLES[data], fontsize=9, fontweight="bold")


def _worths(figure: Any, places: Any, families: Sequence[Family], colours: dict[str, str]) -> None:
    lines = {family.name: _lost(family) for family in families}
    searches = {family.name: _of_searches(family) for family in families}
    heights = [end for line in lines.values() for _, one in line for end in (one.low, one.high)]
    heights += [gap for own in searches.values() for line in own for _, gap in line]
    for column, family in enumerate(families):
        axes = figure.add_subplot(places[column])
        limits(axes, list(RANGE), [0.0, *(heights or [0.1])], True, False)
        axes.axhline(0, color=INK, linewidth=0.7, zorder=2.5)
        for searched in searches[family.name]:
            axes.plot(*zip(*searched, strict=True), drawstyle="steps-post", color=MUTED, linewidth=0.6, zorder=2.7)
        _step(axes, lines[family.name], colours[family.name], "-")
        furniture(axes, "parameters" if column == len(families) - 1 else "", "", True, False, (3, 5))
        if column:
            axes.tick_params(labelleft=False)
        _over(axes, 1.04, NAMES[family.name], colour=colours[family.name], fontsize=8, fontweight="bold")
        if column == 0:
            _over(axes, 1.22, "lost by the shuffle, accuracy", fontsize=9, fontweight="bold")
        elif family.mixes_tokens != families[column - 1].mixes_tokens:
            _over(axes, 1.22, "order cannot matter to these: the noise of the study", colour=MUTED, fontsize=8)


def _over(axes: Any, height: float, text: str, *, colour: str = INK, **style: Any) -> None:
    axes.text(0, height, text, transform=axes.transAxes, color=colour, va="bottom", **style)


def _reached(retrained: Retrained) -> Line:
    found = [(size, retrained.estimate(size)) for size in retrained.sizes]
    return [(size, one) for size, one in found if one is not None]


def _lost(family: Family) -> Line:
    if not family.retrained:
        return []
    both = [family.retrained[data] for data in DATA]
    found = [(size, difference(both[0], both[1], size)) for size in sorted({*both[0].sizes, *both[1].sizes})]
    return [(size, one) for size, one in found if one is not None]


def _of_searches(family: Family) -> list[list[tuple[float, float]]]:
    """For each pair of searches with one seed, its validation gap at every size at which one of them improves."""
    sizes = {
        float(t.costs["params"])
        for own in family.records.values()
        for r in own
        for t in r.trials
        if t.state == "complete"
    }
    ends = sorted({*sizes, RANGE[1]})
    count = len(family.gaps(RANGE[1]))
    rows = [(size, gaps) for size in ends if len(gaps := family.gaps(size)) == count]
    return [[(size, gaps[i]) for size, gaps in rows] for i in range(count)]


def _step(axes: Any, line: Line, colour: str, dashes: Any) -> None:
    if not line:
        return
    line = [*line, (axes.get_xlim()[1], line[-1][1])]
    sizes = [size for size, _ in line]
    low, middle, high = ([getattr(one, side) for _, one in line] for side in ("low", "middle", "high"))
    axes.fill_between(sizes, low, high, step="post", color=colour, alpha=0.18, linewidth=0, zorder=2)
    axes.step(sizes, middle, where="post", color=colour, linewidth=1.2, linestyle=dashes, zorder=3)


def _members(axes: Any, retrained: Retrained, colour: str) -> None:
    for place, one in enumerate(retrained.members):
        axes.plot(one.costs["params"], retrained.mean(place), "o", color=colour, ms=3.0, mec="white", mew=0.5, zorder=4)


def _key(figure: Any, families: Sequence[Family], colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D(
            [], [], color=colours[one.name], label=NAMES[one.name], linewidth=1.6, linestyle=_DASHES[one.mixes_tokens]
        )
        for one in families
    ]
    figure.legend(
        handles=entries, loc="upper left", bbox_to_anchor=(0.052, 1.0), ncols=len(entries), frameon=False, fontsize=8,
        handlelength=2.2, handletextpad=0.5, columnspacing=1.4, borderaxespad=0.3,
    )  # fmt: skip
    counts = [len(run.runs) for one in families for own in one.retrained.values() for run in own.members]
    note = f"points: means of {max(counts, default=0)} trainings; shades: their 95 % intervals; thin gray: each study seed's search, on validation"
    figure.text(0.985, 0.012, note, ha="right", va="bottom", fontsize=6.5, color=MUTED)
