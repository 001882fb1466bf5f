"""Assembles the report: template, style, script and data become one file that loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import ParetoError
from nas.pareto import numbers, palette
from nas.pareto.families import families
from nas.pareto.front import Front, frontier
from nas.pareto.near import retrained_note
from nas.pareto.published import PublishedPoint
from nas.pareto.report import analysis, sections
from nas.pareto.report.data import DETAILED, Artifact, payload
from nas.pareto.report.elements import resource
from nas.pareto.report.motifs import motifs_section
from nas.pareto.trends import size_of

if TYPE_CHECKING:
    from nas.graph.graph import Graph
    from nas.pareto.confirmation import Confirmation
    from nas.study.records import StudyRecord, TrialRecord

SCRIPTS = ("scales.js", "lines.js", "scatter.js", "candidate.js", "report.js")


def write_report(
    record: StudyRecord,
    path: str | Path,
    *,
    artifacts: Callable[[TrialRecord], Artifact | None] = lambda trial: None,
    graphs: Callable[[TrialRecord], Graph | None] = lambda trial: None,
    published: Sequence[PublishedPoint] = (),
    confirmation: Confirmation | None = None,
    control: StudyRecord | None = None,
    provenance: Mapping[str, Any] | None = None,
    n_detailed: int = DETAILED,
) -> Path:
    """Write the report of `record` as one self-contained HTML file and give its path.

    The file loads nothing: style, script and data are inside, and its own content policy forbids every connection. A study
    of which no candidate is complete gets a report of its failures.

    Args:
        artifacts: gives a candidate's drawing and source, or None; called for the frontier, the confirmed candidates and
            the nearest others, `n_detailed` in all (see `nas.pareto.report.data.detailed`).
        graphs: gives a candidate's graph, or None; called for those whose motifs are counted.
        published: figures from papers, shown as such.
        confirmation: the retrained frontier, if there is one.
        control: random candidates to hold the best against, as `nas.study.control.read_control` gives them.
        provenance: versions, commit, date and the like, in the order to show.
        n_detailed: how many candidates carry graph and code.
    Raises: ParetoError: the file cannot be written.
    """
    path = Path(path)
    try:
        path.write_text(
            html(record, artifacts, graphs, published, confirmation, control, provenance or {}, n_detailed),
            encoding="utf-8",
        )
    except OSError as error:
        raise ParetoError(f"cannot write {path}: {error.strerror}; check the folder and its permissions") from None
    return path


def html(
    record: StudyRecord,
    artifacts: Callable[[TrialRecord], Artifact | None],
    graphs: Callable[[TrialRecord], Graph | None],
    published: Sequence[PublishedPoint],
    confirmation: Confirmation | None,
    control: StudyRecord | None,
    provenance: Mapping[str, Any],
    n_detailed: int,
) -> str:
    """The text of the report; arguments as `write_report`."""
    front = _front_or_none(record)
    script = '"use strict";\n' + "\n".join(resource(name) for name in SCRIPTS)
    data = payload(record, front, artifacts, published, confirmation, n_detailed)
    filled = {
        "policy": _policy(script),
        "title": escape(record.name),
        "style": resource("report.css") + _shades(record, front),
        "lede": sections.lede(record, front),
        "facts": sections.facts(record, front),
        "legend": sections.legend(record),
        "figure_hidden": "" if front else "hidden",
        "front": sections.front_table(front) if front else "",
        "confirmed": _confirmed(front, confirmation),
        "families": _families(front, confirmation),
        "trends": analysis.trends_section(front) if front else "",
        "decisions": analysis.importance_section(front) if front else "",
        "motifs": motifs_section(front, graphs) if front else "",
        "chance": analysis.control_section(front, confirmation, control) if front else "",
        "outcomes": sections.outcomes(record),
        "published": _published(published),
        "origin": sections.origin(record, provenance),
        "n_detailed": f"{len(data.get('details', ())):,}",
        "data": as_script(data),
        "script": script,
    }
    filled["contents"] = _contents(filled, front is not None)
    # One pass, so that nothing that was filled in is looked at again, whatever it contains.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: filled[found[1]], resource("template.html"))


def as_script(data: Any) -> str:
    """`data` as JSON that may stand in a script element: nothing in it can end the element or start a comment.

    >>> as_script("</script><!--")
    '"\\\\u003c/script\\\\u003e\\\\u003c!--"'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


_CONFIRMED = (
    "The frontier of a search is its luckiest trainings. These candidates were trained again with {n} seeds, and only then "
    "was the test split opened. Values are mean ± standard deviation; <i>drop</i> is how much worse test is than validation; "
    "the last column is the probability that the candidate is on the frontier of these, given the noise between seeds."
)


_SECTIONS = {
    "front": "Frontier",
    "confirmed": "Retrained",
    "families": "Families",
    "trends": "Trends",
    "decisions": "Decisions",
    "motifs": "Motifs",
    "progress": "Progress",
    "chance": "Against chance",
    "outcomes": "Outcomes",
    "published": "Published figures",
    "origin": "Provenance",
}


def _contents(filled: Mapping[str, str], has_front: bool) -> str:
    """Links to the sections that are there."""
    there = {**filled, "progress": "a picture" if has_front else "", "origin": "always"}
    return "".join(f'<a href="#{name}">{title}</a>' for name, title in _SECTIONS.items() if there[name])


def _confirmed(front: Front | None, confirmation: Confirmation | None) -> str:
    if front is None or confirmation is None or not confirmation.candidates:
        return ""
    prose = _CONFIRMED.format(n=len(confirmation.seeds))
    parts = (sections.confirmed_table, analysis.band_chart, analysis.sealed_table)
    body = "".join(part(front, confirmation) for part in parts)
    note = retrained_note(front, confirmation)
    prose += f" <b>{escape(note)}.</b>" if note else ""
    return f'<section id="confirmed"><h2>Retrained</h2><p>{prose}</p>{body}</section>'


def _families(front: Front | None, confirmation: Confirmation | None) -> str:
    if front is None or front.decision is None:
        return ""
    size = numbers.spoken(size_of(front))
    text = f"How often each family was tried, and its best result within a bound on {escape(size)}; the best of a column in bold."
    body = sections.families_table(front) + analysis.families_reach(front, confirmation)
    return f'<section id="families"><h2>Families</h2><p>{text}</p>{body}</section>'


def _published(published: Sequence[PublishedPoint]) -> str:
    if not published:
        return ""
    text = "Paper-reported: as the authors state it, under their protocol. None of it was reproduced here."
    return f'<section id="published"><h2>Published figures</h2><p>{text}</p>{sections.published_table(published)}</section>'


def _front_or_none(record: StudyRecord) -> Front | None:
    try:
        return frontier(record)
    except ParetoError:
        return None


def _shades(record: StudyRecord, front: Front | None) -> str:
    """The families' colours as style variables."""
    names = families(record, front.decision if front else None)
    light, dark = palette.shades(names), palette.shades(names, dark=True)
    pairs = (f"--f{i}:light-dark({light[name]},{dark[name]})" for i, name in enumerate(names))
    return "\n:root{" + ";".join(pairs) + "}\n"


def _policy(script: str) -> str:
    """What the file may do: run this very script, use its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
