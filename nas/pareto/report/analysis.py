"""The report's conclusions: what moves with size, which decisions mattered, what families reach, how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from nas.errors import ParetoError
from nas.pareto import numbers
from nas.pareto.confirmation import Spread
from nas.pareto.contest import confirmed_volumes, family_fronts
from nas.pareto.control import ITSELF, Control, advice, is_chance, random_control
from nas.pareto.families import families
from nas.pareto.importance import MOST, importances
from nas.pareto.paired import Contest, contests
from nas.pareto.report.charts import Frame, Series, chart
from nas.pareto.report.elements import dot, head, opener, spread, table
from nas.pareto.sealed import sealed
from nas.pareto.trends import LEAST, size_of, trends
from nas.pareto.uncertainty import Band, frontier_band

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.study.records import StudyRecord

MOST_TRENDS = 6
PREDICTABLE = 0.1
"""Share of the variance that a forest must predict before it is asked what mattered."""


def band_chart(front: Front, confirmation: Confirmation) -> str:
    """The confidence band of the retrained frontier, and its numbers as a table; nothing where there is none."""
    split = confirmation.split
    band = frontier_band(confirmation, front.record.objectives, split)
    if band is None or len(band.at) < 2:
        return ""
    x, y = numbers.spoken(band.x.name), numbers.spoken(band.y.name)
    maximize = band.y.direction == "maximize"
    names = families(front.record, front.decision)
    family = {trial.number: front.family(trial) for trial in front.record.trials}
    marks, means = [], []
    for name in names:
        own = [one for one in confirmation.candidates if family.get(one.number) == name]
        placed = [(one, one.spread(band.x.name, split).mean, one.spread(band.y.name, split).mean) for one in own]
        known = [(one, a, b) for one, a, b in placed if math.isfinite(a) and math.isfinite(b)]
        if known:
            titles = [f"Candidate {one.number}: {y} {b:.4g}, {a:,.0f} {x}" for one, a, b in known]
            dots = [(a, b) for _, a, b in known]
            means += [b for _, _, b in known]
            marks.append(
                Series(name if len(names) > 1 else "", f"var(--f{names.index(name)})", dots=dots, titles=titles)
            )
    low, high = band.drawn(means)
    upper, lower = (_pairs(band, side) for side in ((high, low) if maximize else (low, high)))
    middle = Series("", "var(--ink)", line=_pairs(band, band.middle), area=(upper, lower))
    frame = Frame(
        f"{_arrow(band.x.direction, False)}{x}{_arrow(band.x.direction, True)}",
        f"{'↑' if maximize else '↓'} {y}, {split}",
        f"{y} against {x} of the retrained candidates with the {band.level:.0%} confidence band of their frontier",
        x_log=band.x.is_cost and min(band.at) > 0,
        x_maximize=band.x.direction == "maximize",
        y_maximize=maximize,
    )
    rows = [
        [numbers.short(at), *(numbers.fixed(v, 4) for v in row)]
        for at, *row in zip(band.at, band.low, band.middle, band.high, strict=True)
    ]
    headings = [head(f"{x} up to" if frame.x_maximize is False else f"{x} from", True)]
    headings += [head(text, True) for text in ("from", "median", "to")]
    text = _BAND.format(y=escape(y), level=f"{band.level:.0%}")
    if (low, high) != (band.low, band.high):
        text += " The shade is wider than is drawn: the numbers below say how wide."
    return (
        f'<h3>The frontier with its {band.level:.0%} band</h3><p class="aside">{text}</p>'
        + chart([middle, *marks], frame)
        + "<details><summary>The band in numbers</summary>"
        + table(f"The band of the frontier of {y}", headings, rows)
        + "</details>"
    )


_BAND = (
    "Dots are means over seeds. The line is the median of the best {y} reached with at most so much; the shade holds {level} of "
    "what it may truly be, size by size, as Student's t says of so few seeds. Where several candidates are "
    "close, the best of them looks a little too good."
)


def sealed_table(front: Front, confirmation: Confirmation) -> str:
    """What the test split said of all retrained candidates together; nothing where there is none."""
    found = sealed(front.record, confirmation)
    if not found:
        return ""
    headings = [head("objective"), head("candidates", True), head("search to retrained", True)]
    headings += [
        head("validation to test", True),
        head("τ, validation with test", True),
        head("τ, search with test", True),
    ]
    rows = [
        [
            escape(numbers.spoken(one.objective.name)),
            str(one.drop.n),
            _worse(one.luck),
            _worse(one.drop),
            _two(one.tau),
            _two(one.tau_search),
        ]
        for one in found
    ]
    text = (
        "By how much values become worse, mean ± standard deviation over candidates: from the search's own training to the mean "
        "of others, and from validation to test. Kendall's τ is 1 where the order is kept; size alone keeps much of it."
    )
    return f'<h3>From search to test</h3><p class="aside">{text}</p>' + table("From search to test", headings, rows)


def families_reach(front: Front, confirmation: Confirmation | None) -> str:
    """What each family dominates by itself, whom it covers, and the paired tests over seeds where it was retrained."""
    found = family_fronts(front)
    if len(found) < 2:
        return ""
    names = families(front.record, front.decision)
    places = numbers.decimals([one.hypervolume for one in found])
    headings = [head(front.decision or "family"), head("own frontier", True), head("hypervolume", True)]
    headings += [head("lost without it", True), *(head(f"covers {one.name}", True) for one in found)]
    rows = []
    for one in found:
        row = [
            dot(names.index(one.name)) + escape(one.name),
            f"{one.members:,}",
            numbers.fixed(one.hypervolume, places),
        ]
        row.append(numbers.fixed(one.unique, places))
        rows.append([*row, *(_percent(one.covers.get(other.name)) for other in found)])
    html = (
        '<h3>What each reaches alone</h3><p class="aside">Hypervolume of the family\'s own frontier, what all would lose without '
        "the family, and the share of another family's frontier that its own equals or dominates.</p>"
        + table("What each family reaches alone", headings, rows)
    )
    tests = contests(confirmed_volumes(front, confirmation)) if confirmation is not None else ()
    if tests:
        html += (
            '<h3>Retrained, family against family</h3><p class="aside">Hypervolume on test, seed by seed, of the retrained candidates. '
            "It is about these candidates, not about families in another search.</p>" + contest_table(tests)
        )
    return html


def contest_table(tests: Sequence[Contest]) -> str:
    """Paired tests: the difference with its interval, p, and the least p that so many pairs can give."""
    headings = [head("first"), head("second"), head("pairs", True), head("difference", True)]
    headings += [head("95 % interval", True), head("p", True), head("least p", True)]
    places = numbers.decimals([one.test.mean for one in tests], 3)
    rows = [
        [
            escape(one.first),
            escape(one.second),
            str(one.test.n),
            _signed(one.test.mean, places),
            f"{_signed(one.test.low, places)} … {_signed(one.test.high, places)}",
            f"{one.test.p:.3g}",
            f"{one.test.least_p:.3g}",
        ]
        for one in tests
    ]
    text = "Sign-flip permutation test, two-sided; <i>least p</i> is what it can reach with so few pairs. No correction for several tests."
    return table("Paired differences in hypervolume", headings, rows) + f'<p class="aside">{text}</p>'


def trends_section(front: Front) -> str:
    """How decisions move along the frontier; nothing where nothing can be said."""
    found = trends(front)
    if not found:
        return ""
    size, names = numbers.spoken(size_of(front)), families(front.record, front.decision)
    headings = [
        head("decision"),
        head("members", True),
        head("rank correlation", True),
        head("p", True),
        head("with size"),
    ]
    rows = []
    for one in found:
        path = f"<span class=path>{escape(one.decision)}</span>"
        rows.append([path, str(one.n), _signed(one.rho, 2), f"{one.p:.2g}", one.verdict])
    pictures = []
    at = {name: i for i, name in enumerate(names)}
    members = {
        (float(trial.costs[size_of(front)])): front.family(trial)
        for trial in front.members
        if size_of(front) in trial.costs
    }
    for one in found[:MOST_TRENDS]:
        marks = [
            Series("", f"var(--f{at[name]})", dots=[p for p in one.points if members[p[0]] == name]) for name in names
        ]
        frame = Frame(
            size, one.decision, f"{one.decision} of the members of the frontier against {size}",
            x_log=one.points[0][0] > 0, width=340, height=190,
        )  # fmt: skip
        pictures.append(chart(marks, frame))
    text = (
        f"Numeric decisions of the frontier's members against {escape(size)}: Spearman's rank correlation and its permutation test, for "
        f"decisions that at least {LEAST} of them take. <span class=path>[·]</span> is the mean over layers. <i>p</i> is two-sided and allows for "
        "all the decisions looked at (Holm); one rises or falls where it is at most 0.05, and <i>too few members</i> could not "
        "reach that in any order. Members are neighbours on one frontier: what is clear here is a fact about this frontier."
    )
    return (
        f'<section id="trends"><h2>Trends</h2><p>{text}</p><div class="multiples">{"".join(pictures)}</div>'
        + table("How decisions move along the frontier", headings, rows)
        + "</section>"
    )


def importance_section(front: Front) -> str:
    """Which decisions mattered, by group of candidates."""
    try:
        found = importances(front)
    except ParetoError as missing:
        return f'<section id="decisions"><h2>Decisions</h2><p>{escape(str(missing))}</p></section>'
    if not found:
        return ""
    parts = []
    for one in (one for one in found if one.fit >= PREDICTABLE):
        name = numbers.spoken(one.objective.name)
        facts = f"{one.n:,} candidates; the forest predicts {one.fit:.0%} of the variance"
        title = f"{escape(name)}, {escape(one.group)} <small>{facts}</small>"
        rows = [
            [
                f"<span class=path>{escape(path)}</span>",
                f'<i class="meter" style="width:{min(share, 1):.1%}"></i>',
                f"{share:.0%}",
            ]
            for path, share in one.shares.items()
        ]
        left = f"<p class=aside>Only some of them decide: {escape(_listed(one.left_out))}.</p>" if one.left_out else ""
        headings = [head("decision"), head(""), head("share of variance", True)]
        parts.append(f"<h3>{title}</h3>" + table(f"Decisions for {name}, {one.group}", headings, rows) + left)
    vague = [f"{numbers.spoken(one.objective.name)} of {one.group}" for one in found if one.fit < PREDICTABLE]
    if vague:
        parts.append(
            f"<p class=aside>Too little can be predicted to say which decisions matter for {escape(', '.join(vague))}.</p>"
        )
    text = (
        "By how much a random forest, grown on other candidates, errs more when it is told another candidate's decision, as a share of the "
        "variance: alone or together with other decisions; what always goes together shares what it explains. Shares are total effects, estimated on shuffled predictions: "
        "they overlap, and one of them or all together may come to more than the forest predicts. It speaks of candidates trained to the end, over the values tried, and a search "
        f"tries good ones more often. At most {MOST:,} of a group are looked at."
    )
    return f'<section id="decisions" class="decisions"><h2>Decisions</h2><p>{text}</p>{"".join(parts)}</section>'


def control_section(front: Front, confirmation: Confirmation | None, control: StudyRecord | None) -> str:
    """The best candidate against the average random one; how to get a control where there is none."""
    found = random_control(front, confirmation, control)
    enough = [one for one in found if one.is_enough]
    if not found:
        return ""
    if is_chance(front):
        return f'<section id="chance"><h2>Against chance</h2><p>{ITSELF.capitalize()}.</p></section>'
    if not enough:
        return f'<section id="chance"><h2>Against chance</h2><p>{escape(advice(found))}.</p></section>'
    body = control_table([(opener(one.best), one) for one in enough], "best")
    return f'<section id="chance"><h2>Against chance</h2><p>{CHANCE}</p>{body}</section>'


CHANCE = (
    "The best candidate, whatever its size, against the average of those that chance proposed, on validation: (best − mean)/mean, after "
    "Yang et al. 2020. Candidates that a rule stopped have no final value; they were the worse ones, so the improvement is rather "
    "understated."
)


def control_table(found: Sequence[tuple[str, Control]], first: str) -> str:
    """Controls, one in a row, each after its cell of the column `first`."""
    headings = [head(first), head("objective"), head("its value", True), head("random, mean", True)]
    headings += [head("random candidates", True), head("not trained to the end", True), head("improvement", True)]
    rows = []
    for cell, one in found:
        places = numbers.decimals([one.shown, one.random.mean])
        note = "" if math.isnan(one.retrained) else " <small>retrained</small>"
        row = [cell, escape(numbers.spoken(one.objective.name)), numbers.fixed(one.shown, places) + note]
        of = f" <small>of {escape(one.source)}</small>" if one.source else ""
        row += [spread(one.random, places), f"{one.random.n}{of}", str(one.unfinished)]
        rows.append([*row, f"{one.improvement:+.1%}".replace("-", "−")])
    return table("Against chance", headings, rows)


def _pairs(band: Band, side: Sequence[float]) -> list[tuple[float, float]]:
    return list(zip(band.at, side, strict=True))


def _arrow(direction: str, after: bool) -> str:
    if direction == "maximize":
        return " →" if after else ""
    return "" if after else "← "


def _worse(found: Spread) -> str:
    if not found.n:
        return numbers.DASH
    places = numbers.decimals([abs(found.mean), 0 if math.isnan(found.std) else found.std], 2)
    extra = "" if math.isnan(found.std) else f" <small>± {numbers.fixed(found.std, places)}</small>"
    return _signed(found.mean, places) + extra


def _signed(value: float, places: int) -> str:
    return numbers.fixed(value, places).replace("-", "−")


def _two(value: float) -> str:
    return _signed(value, 2)


def _percent(value: float | None) -> str:
    return numbers.DASH if value is None else f"{value:.0%}"


def _listed(paths: Sequence[str], most: int = 6) -> str:
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + more
