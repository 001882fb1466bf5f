"""The frontier as a LaTeX table for a paper: booktabs, nothing else."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from nas.pareto import numbers
from nas.pareto.uncertainty import stability

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation
    from nas.pareto.front import Front
    from nas.study.records import TrialRecord

_SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "²": "$^2$", "·": r"$\cdot$", "–": "--",
}  # fmt: skip
_PATTERN = re.compile("|".join(map(re.escape, _SPECIAL)))


def escaped(text: str) -> str:
    """`text` as LaTeX prints it.

    >>> escaped("gated_mlp 50%")
    'gated\\\\_mlp 50\\\\%'
    """
    return _PATTERN.sub(lambda found: _SPECIAL[found[0]], text)


def latex_table(front: Front, confirmation: Confirmation | None = None) -> str:
    """The members best first: family, objectives, and where they were retrained mean ± standard deviation on test.

    Below a line, others that were retrained. The knee is set in italics. The table needs `\\usepackage{booktabs}`; caption and
    label are for the paper to give.
    """
    goals = front.record.objectives
    retrained = {one.number: one for one in confirmation.candidates} if confirmation is not None else {}
    tested = [g for g in goals if g.is_learned and any(one.values(g.name, "test") for one in retrained.values())]
    share = stability(confirmation, goals) if confirmation is not None and tested else {}
    members = {trial.number for trial in front.members}
    beside = [trial for trial in front.candidates if trial.number in retrained and trial.number not in members]
    shown = [*front.members, *beside]
    headings, columns = ["candidate"], [[_marked(front, trial, str(trial.number)) for trial in shown]]
    if front.decision is not None:
        headings.append(front.decision)
        columns.append([escaped(front.family(trial)) for trial in shown])
    for i, goal in enumerate(goals):
        said = ", validation" if goal.is_learned and tested else ""
        headings.append(numbers.spoken(goal.name) + said)
        cells = numbers.column([(trial.values or ())[i] for trial in shown])
        columns.append([cell.replace(",", r"\,") for cell in cells])
    for goal in tested:
        headings.append(f"{numbers.spoken(goal.name)}, test")
        spreads = [retrained[t.number].spread(goal.name, "test") if t.number in retrained else None for t in shown]
        places = numbers.decimals([one.mean for one in spreads if one is not None and one.n])
        cells = []
        for one in spreads:
            known = one is not None and one.n > 0
            error = f" \\pm {one.std:.{places}f}" if one is not None and known and not math.isnan(one.std) else ""
            cells.append(f"${one.mean:.{places}f}{error}$" if one is not None and known else "--")
        columns.append(cells)
    if share:
        headings.append("stays")
        columns.append([f"{share[t.number]:.0%}".replace("%", r"\,\%") if t.number in share else "--" for t in shown])
    rows = [" & ".join(row) + r" \\" for row in zip(*columns, strict=True)]
    if beside:
        rows.insert(len(front.members), "\\midrule")
    words = {"candidate": "r", front.decision: "l"}
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{{''.join(words.get(heading, 'r') for heading in headings)}}}",
        "\\toprule",
        " & ".join(map(escaped, headings)) + r" \\",
        "\\midrule",
        *rows,
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _marked(front: Front, trial: TrialRecord, text: str) -> str:
    return f"\\textit{{{text}}}" if trial is front.knee() else text
