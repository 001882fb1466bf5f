"""The report's section on motifs: patterns of the graph that go with better or worse values."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from nas.errors import ParetoError
from nas.pareto import numbers
from nas.pareto.motifs import MOST, SURE, Motifs, motifs
from nas.pareto.report.elements import head, table

if TYPE_CHECKING:
    from nas.graph.graph import Graph
    from nas.pareto.front import Front
    from nas.study.records import TrialRecord

SHOWN = 6
"""Motifs of each sign."""
PREDICTABLE = 0.1
"""Share of the variance that the model must predict before its motifs are shown."""

_TEXT = (
    "Patterns of the graph, an operator with what it reads one or two steps deep; <span class=path>_</span> is the network's input, and "
    "<i>with</i> joins patterns that always occur together. The effect is by how much the value is better (+) or worse (−) in candidates that have a pattern "
    "one standard deviation (over the candidates) more often, other patterns and the number of parameters being equal, with its 95 % interval. It is what "
    "a Gaussian process with a Weisfeiler–Lehman kernel learnt, as in NAS-BOWL (Ru et al. 2021): an association "
    "among candidates that the search chose, not an experiment."
)


def motifs_section(front: Front, graphs: Callable[[TrialRecord], Graph | None]) -> str:
    """Motifs with a clear effect, for every objective that training decides; nothing where there are too few candidates."""
    try:
        found = motifs(front, graphs)
    except ParetoError as missing:
        return f'<section id="motifs"><h2>Motifs</h2><p>{escape(str(missing))}</p></section>'
    if not found:
        return ""
    body = "".join(map(_one, found))
    how = f"<p>{_TEXT} At most {MOST} candidates are looked at.</p>" if any(map(_shows, found)) else ""
    return f'<section id="motifs"><h2>Motifs</h2>{how}{body}</section>'


def _shows(found: Motifs) -> bool:
    return found.fit >= PREDICTABLE and any(one.is_clear for one in found.found)


def _one(found: Motifs) -> str:
    name = numbers.spoken(found.objective.name)
    if found.fit < PREDICTABLE:
        return f"<p class=aside>Patterns and size predict too little of {escape(name)} to say which matter.</p>"
    clear = [one for one in found.found if one.is_clear]
    if not clear:
        return f"<p class=aside>No pattern by itself has a clear effect on {escape(name)}.</p>"
    better, worse = ([one for one in clear if (one.effect > 0) is up] for up in (True, False))
    shown = [*better[:SHOWN], *reversed(worse[:SHOWN])]
    places = numbers.decimals([one.effect for one in shown])
    rows = [
        [
            f"<span class=path>{escape(one.name)}</span>",
            f"{one.n:,}",
            _signed(one.effect, places),
            f"{_signed(one.effect - SURE * one.deviation, places)} … {_signed(one.effect + SURE * one.deviation, places)}",
        ]
        for one in shown
    ]
    facts = f"{found.n:,} candidates; patterns and size predict {found.fit:.0%} of the variance"
    headings = [head("pattern"), head("candidates", True), head("effect", True), head("95 % interval", True)]
    return f"<h3>{escape(name)} <small>{facts}</small></h3>" + table(f"Motifs for {name}", headings, rows)


def _signed(value: float, places: int) -> str:
    return f"{value:+.{places}f}".replace("-", "−")
