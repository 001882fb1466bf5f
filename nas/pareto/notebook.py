"""What a notebook shows of a study: the frontier as a picture, its table below, in the notebook's own colours."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from nas.errors import ParetoError
from nas.pareto import numbers, palette
from nas.pareto.families import families
from nas.pareto.front import Front, frontier
from nas.pareto.plane import plane_of
from nas.pareto.report.charts import Frame, Series, chart

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.study.records import StudyRecord

MOST = 12
"""Members in the table; the picture shows all."""

# `currentColor` and grey in between serve light notebooks and dark ones.
_STYLE = """
.nas svg{display:block;width:100%;overflow:visible;font:12px sans-serif;fill:currentColor}
.nas .grid{stroke:currentColor;opacity:.15}.nas .base{stroke:currentColor;opacity:.4}
.nas .step{fill:none;stroke-width:1.4}.nas .mark{stroke:none}
.nas ul{display:flex;flex-wrap:wrap;gap:4px 20px;list-style:none;margin:6px 0;padding:0}
.nas li i{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px}
.nas table{border-collapse:collapse;font-variant-numeric:tabular-nums}.nas td,.nas th{text-align:right;padding:2px 10px}
"""


def study_html(record: StudyRecord, confirmation: Confirmation | None = None) -> str:
    """The study as of now: its frontier, or what there is so far where nothing is complete."""
    try:
        front = frontier(record)
    except ParetoError as nothing:
        return f"<p><b>{escape(record.name)}</b>: {escape(str(nothing))}</p>"
    return front_html(front, confirmation)


def front_html(front: Front, confirmation: Confirmation | None = None) -> str:
    """The frontier: candidates behind, members in front, their table."""
    record, total = front.record, len(front.record.trials)
    text = f"{len(front.members)} of {len(front.candidates):,} candidates trained to the end are on the frontier; {total:,} were tried"
    retrained = (
        ""
        if confirmation is None
        else f"; {len(confirmation.candidates)} are retrained with {len(confirmation.seeds)} seeds"
    )
    return (
        f'<div class="nas"><style>{_STYLE}</style><p><b>{escape(record.name)}</b>: {text}{retrained}.</p>'
        f"{_picture(front)}{_table(front)}</div>"
    )


def _picture(front: Front) -> str:
    if len(front.record.objectives) < 2:
        return ""
    plane, names = plane_of(front), families(front.record, front.decision)
    colours = palette.shades(names)
    line = plane.frontier(plane.points(front.candidates))
    series = [Series("", "currentColor", line=line)] if line else []
    for name in names:
        own = [trial for trial in front.candidates if front.family(trial) == name]
        series.append(Series("", f"{colours[name]}40", dots=plane.points(own)))
    for name in names:
        own = [trial for trial in front.members if front.family(trial) == name]
        titles = [f"candidate {trial.number}" for trial in own]
        label = name if len(names) > 1 else ""
        series.append(Series(label, colours[name], dots=plane.points(own), titles=titles))
    frame = Frame(
        plane.x.title(),
        plane.y.title(upright=True),
        f"The frontier of {front.record.name}",
        x_log=plane.x.log,
        x_maximize=plane.x.direction == "maximize",
        y_maximize=plane.y.direction != "minimize",
        width=720,
        height=320,
    )
    return chart(series, frame)


def _table(front: Front) -> str:
    members = front.members[:MOST]
    headings = ["candidate", *([front.decision] if front.decision else [])]
    headings += [numbers.spoken(one.name) for one in front.record.objectives]
    columns = [[f"{trial.number}{' ◆' if trial is front.knee() else ''}" for trial in members]]
    if front.decision:
        columns.append([escape(front.family(trial)) for trial in members])
    columns += [numbers.column([(t.values or ())[i] for t in members]) for i in range(len(front.record.objectives))]
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in zip(*columns, strict=True))
    left = len(front.members) - len(members)
    more = f"<p>… and {left} more: <code>search.front()</code> prints all.</p>" if left else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"
