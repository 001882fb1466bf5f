"""The figure of `hourglass_study.py`: our frontiers above, the paper's below, one column for each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.experiment.published import published_points
from nas.pareto.confirmation import Confirmation
from nas.pareto.palette import shades
from nas.pareto.paper import INK, MUTED, furniture, limits, picture
from nas.pareto.plane import Point, staircase
from nas.pareto.published import LABEL
from nas.pareto.uncertainty import Band, frontier_band
from nas.study.records import StudyRecord

Searches = tuple[Mapping[str, Sequence[StudyRecord]], Mapping[str, Confirmation]]
PAPER = {"H": "hourglass", "C": "conventional"}
"""Label of a published point → the arm that it belongs to."""


def draw(studies: Mapping[str, Searches], path: Path, *, width_mm: float = 180, height_mm: float = 116) -> None:
    """Draw the studies, title → searches and confirmations of each arm, to an .svg, .png or .pdf."""
    colours = shades(list(next(iter(studies.values()))[0]))
    published = [published_points(next(iter(records.values()))[0].task) for records, _ in studies.values()]
    paper = [
        {arm: [(one.values["params"], one.values["psnr"]) for one in points if PAPER[one.label] == arm]
         for arm in PAPER.values()}
        for points in published
    ]  # fmt: skip
    bands = [_bands(*searches) for searches in studies.values()]
    sizes = [x for own in paper for line in own.values() for x, _ in line]
    sizes += [x for own in bands for band in own.values() for x in band.at]
    with picture(path, width_mm, height_mm) as figure:
        figure.subplots_adjust(left=0.06, right=0.985, top=0.815, bottom=0.1, hspace=0.42, wspace=0.2)
        for column, (title, (_, confirmations)) in enumerate(studies.items()):
            top = figure.add_subplot(2, len(studies), column + 1)
            heights = [y for band in bands[column].values() for line in (band.low, band.high) for y in line]
            limits(top, sizes, heights or [0.0], True, False)
            for arm, band in bands[column].items():
                _band(top, band, colours[arm], confirmations[arm])
            furniture(top, "parameters", "↑ PSNR (dB), test", True, False, (4, 5))
            top.text(0, 1.14, title, transform=top.transAxes, fontsize=9, fontweight="bold", va="bottom")
            below = figure.add_subplot(2, len(studies), len(studies) + column + 1)
            limits(below, sizes, [y for line in paper[column].values() for _, y in line], True, False)
            for arm, line in paper[column].items():
                _published(below, line, colours[arm])
            furniture(below, "parameters", "↑ PSNR (dB), another data set", True, False, (4, 5))
            marks = below.get_yticks()
            below.yaxis.set_ticks(marks, [f"{mark:.{2 if max(marks) - min(marks) < 1 else 0}f}" for mark in marks])
        _key(figure, colours, max((len(c.seeds) for _, found in studies.values() for c in found.values()), default=0))


def _bands(records: Mapping[str, Sequence[StudyRecord]], confirmations: Mapping[str, Confirmation]) -> dict[str, Band]:
    found = {arm: frontier_band(one, records[arm][0].objectives) for arm, one in confirmations.items()}
    return {arm: band for arm, band in found.items() if band is not None}


def _band(axes: Any, band: Band, colour: str, confirmation: Confirmation) -> None:
    wall = axes.get_xlim()[1]
    at, low, middle, high = ([*line, line[-1]] for line in (band.at, band.low, band.middle, band.high))
    at[-1] = wall
    axes.fill_between(at, low, high, step="post", color=colour, alpha=0.16, linewidth=0, zorder=2)
    axes.step(at, middle, where="post", color=colour, linewidth=1.0, zorder=3)
    means = [(one.costs[band.x.name], one.spread(band.y.name, "test")) for one in confirmation.candidates]
    for x, spread in means:
        if spread.n:
            axes.plot(x, spread.mean, "o", color=colour, ms=3.2, mec="white", mew=0.5, zorder=4)


def _published(axes: Any, line: list[Point], colour: str) -> None:
    ordered = sorted(line)
    corners = [(ordered[0][0], axes.get_ylim()[0]), *staircase(ordered), (axes.get_xlim()[1], ordered[-1][1])]
    axes.plot(*zip(*corners, strict=True), color=colour, linewidth=0.8, linestyle=(0, (4, 2)), zorder=3)
    axes.plot(*zip(*ordered, strict=True), "D", mfc="white", mec=colour, mew=0.8, ms=3.2, linestyle="none", zorder=4)


def _key(figure: Any, colours: Mapping[str, str], seeds: int) -> None:
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {
        "frameon": False,
        "fontsize": 7.5,
        "handlelength": 1.4,
        "handletextpad": 0.5,
        "columnspacing": 1.2,
    }
    entries = [Line2D([], [], color=colour, label=name, linewidth=2.4) for name, colour in colours.items()]
    entries.append(
        Line2D(
            [], [], linestyle="none", marker="D", mfc="white", mec=INK, mew=0.8, ms=3.6, label=f"{LABEL}, full MNIST"
        )
    )
    figure.legend(handles=entries, loc="upper left", bbox_to_anchor=(0.055, 0.995), ncols=len(entries), **style)
    note = f"upper row: points are means of {seeds} seeds, shades 95 % bands of the frontiers"
    figure.text(0.06, 0.935, note, va="center", fontsize=7.5, color=MUTED)
