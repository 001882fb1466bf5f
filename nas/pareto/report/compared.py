"""The comparison of several searches as one offline HTML file, which can be read without any script."""

from __future__ import annotations

from html import escape
from pathlib import Path

from nas.errors import ParetoError
from nas.pareto import numbers, palette
from nas.pareto.curves import attainment_plane, ordered
from nas.pareto.report.analysis import CHANCE, contest_table, control_table
from nas.pareto.report.charts import Frame, Series, chart
from nas.pareto.report.elements import dot, head, resource, spread, table
from nas.pareto.several import Several

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
MOST_COVERED = 12
"""Searches beyond which nobody reads a table of every pair."""


def write_comparison(found: Several, path: str | Path) -> Path:
    """Write the comparison as one self-contained HTML file and give its path.

    Raises: ParetoError: the file cannot be written.
    """
    path = Path(path)
    try:
        path.write_text(_html(found), encoding="utf-8")
    except OSError as error:
        raise ParetoError(f"cannot write {path}: {error.strerror}; check the folder and its permissions") from None
    return path


def _html(found: Several) -> str:
    record = found.fronts[0].record
    goals = " against ".join(numbers.spoken(one.name) for one in found.objectives)
    title = f"{len(found.fronts)} searches on {record.task}"
    best = max(found.arms, key=lambda arm: found.spread(arm).mean)
    lede = f"Frontiers of {escape(goals)}, measured against one reference."
    if len(found.arms) > 1:
        lede += f" The largest hypervolume on average has <b>{escape(best.name)}</b>."
    body = "".join(
        (_attainment(found), _arms(found), _searches(found), _coverage(found), _families(found), _chance(found))
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="hourglass-nas">
<title>{escape(title)}</title>
<style>{resource("report.css")}{_shades(found)}</style>
</head>
<body>
<div id="page">
<header><div class="bar"><span class="eyebrow">Architecture searches compared</span></div>
<h1>{escape(title)}</h1><p class="lede">{lede}</p></header>
<main>{body}</main>
<footer><p>Made by hourglass-nas. This file is complete: it loads nothing and sends nothing.</p></footer>
</div>
</body>
</html>
"""


def _shades(found: Several) -> str:
    names = [arm.name for arm in found.arms]
    light, dark = palette.shades(names), palette.shades(names, dark=True)
    pairs = (f"--f{i}:light-dark({light[name]},{dark[name]})" for i, name in enumerate(names))
    return "\n:root{" + ";".join(pairs) + "}\n"


def _attainment(found: Several) -> str:
    """The surfaces of every arm; for other than two objectives there is no picture."""
    if len(found.objectives) != 2:
        return ""
    plane = attainment_plane(found)
    swap = found.objectives[0].name == plane.y.name
    series = []
    for i, arm in enumerate(found.arms):
        best, median, worst = (ordered(points, plane, swap) for points in found.surfaces(arm).values())
        area = (best, worst) if len(arm.searches) > 1 else None
        series.append(Series(f"{arm.name} ({len(arm.searches)})", f"var(--f{i})", line=median, area=area))
    frame = Frame(
        plane.x.title(),
        plane.y.title(upright=True),
        "The frontiers that the searches attain: the median of each arm, and the quarters around it",
        x_log=plane.x.log,
        x_maximize=plane.x.direction == "maximize",
        y_maximize=plane.y.direction == "maximize",
        height=400,
    )
    text = (
        "The line bounds what half of the searches of an arm attain, the shade what a quarter and three quarters of them do. "
        "Of one search, the line is its frontier."
    )
    return f'<section id="attainment"><h2>Attainment</h2><p>{text}</p>{chart(series, frame)}</section>'


def _arms(found: Several) -> str:
    headings = [head("arm"), head("searches", True), head("hypervolume", True), head("share of all together", True)]
    places = numbers.decimals([found.joint])
    rows = []
    for i, arm in enumerate(found.arms):
        one = found.spread(arm)
        share = f"{one.mean / found.joint:.1%}" if found.joint else numbers.DASH
        rows.append([dot(i) + escape(arm.name), str(len(arm.searches)), spread(one, places), share])
    reference = ", ".join(
        f"{numbers.spoken(one.name)} {numbers.short(value)}"
        for one, value in zip(found.objectives, found.reference, strict=True)
    )
    text = (
        "Searches that differ only in their seeds are one arm: mean ± standard deviation over them. Counts are measured in "
        f"decades; the reference is {escape(reference)}."
    )
    html = f'<section id="arms"><h2>Hypervolume</h2><p>{text}</p>' + table("Hypervolume by arm", headings, rows)
    tests = found.contests()
    if tests:
        html += "<h3>Arm against arm, paired by study seed</h3>" + contest_table(tests)
    elif len(found.arms) > 1:
        html += '<p class="aside">No two arms have two study seeds in common, so no difference is tested.</p>'
    return html + "</section>"


def _searches(found: Several) -> str:
    headings = [head("search"), head("arm"), head("seed", True), head("candidates", True), head("complete", True)]
    headings += [head("on frontier", True), head("hypervolume", True), head("compute", True)]
    volumes = numbers.column(found.hypervolumes)
    of = {i: place for place, arm in enumerate(found.arms) for i in arm.searches}
    rows = []
    for i, (label, front) in enumerate(zip(found.labels, found.fronts, strict=True)):
        took = numbers.duration(sum(trial.seconds for trial in front.record.trials))
        row = [escape(label), dot(of[i]) + escape(found.arms[of[i]].name), str(front.record.seed)]
        row += [f"{n:,}" for n in (len(front.record.trials), len(front.candidates), len(front.members))]
        rows.append([*row, volumes[i], took])
    return '<section id="searches"><h2>Searches</h2>' + table("The searches", headings, rows) + "</section>"


def _coverage(found: Several) -> str:
    if not 2 <= len(found.fronts) <= MOST_COVERED:
        return ""
    headings = [head("search"), *(head(f"covers {label}", True) for label in found.labels)]
    rows = []
    for i, (label, shares) in enumerate(zip(found.labels, found.coverages(), strict=True)):
        rows.append([escape(label), *(numbers.DASH if i == j else f"{share:.0%}" for j, share in enumerate(shares))])
    text = "The share of the frontier of the search in the column that the frontier of the one in the row equals or dominates."
    return f'<section id="coverage"><h2>Coverage</h2><p>{text}</p>' + table("Coverage", headings, rows) + "</section>"


def _families(found: Several) -> str:
    parts = []
    for arm in found.arms:
        tests = found.family_contests(arm)
        if tests:
            title = f"<h3>{escape(arm.name)}</h3>" if len(found.arms) > 1 else ""
            parts.append(title + contest_table(tests))
    if not parts:
        return ""
    text = "Hypervolume of each family's own frontier, family against family, paired by search."
    return f'<section id="families"><h2>Families</h2><p>{text}</p>{"".join(parts)}</section>'


def _chance(found: Several) -> str:
    rows = [(escape(label), one) for label, all_ in found.controls().items() for one in all_]
    if not rows:
        return ""
    return f'<section id="chance"><h2>Against chance</h2><p>{CHANCE}</p>{control_table(rows, "search")}</section>'
