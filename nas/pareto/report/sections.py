"""The report's text and tables as HTML. They can be read and printed without any script; `report.js` adds the rest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from nas.pareto import numbers
from nas.pareto.families import NONE, compare, families, family_decision, family_of
from nas.pareto.front import breaches_note, telling_decisions
from nas.pareto.published import LABEL, PublishedPoint
from nas.pareto.report.elements import dot, head, opener, spread, table, word
from nas.pareto.spent import OUTCOMES, SOURCES, energy_of, energy_of_all, outcome, sources, spent, together
from nas.pareto.uncertainty import stability
from nas.study.correlation import rung_correlations, warning
from nas.study.latency import protocol_of

if TYPE_CHECKING:
    from nas.pareto.confirmation import Confirmation, Confirmed
    from nas.pareto.front import Front
    from nas.study.records import StudyRecord, TrialRecord

BESIDE = "not on the search's frontier"
_GOOD = ("complete", "stopped", "running")


def lede(record: StudyRecord, front: Front | None) -> str:
    """The study in two sentences."""
    total = len(record.trials)
    if front is None:
        return f"None of the {total:,} candidates has been trained to the end within the constraints yet."
    goals = " against ".join(numbers.spoken(one.name) for one in record.objectives)
    within = " within the constraints" if record.constraints else ""
    share = f"<b>{len(front.candidates):,}</b> of {total:,} candidates were trained to the end{within}"
    if said := breaches_note(record):
        share += f" ({escape(said)})"
    text = f"{share}; <b>{len(front.members)}</b> of them make up the frontier of {escape(goals)}."
    knee = front.knee()
    values = ", ".join(
        f"{numbers.fixed(value, numbers.decimals([value]))} {escape(numbers.spoken(one.name))}"
        if one.is_cost
        else f"{escape(numbers.spoken(one.name))} {numbers.fixed(value, numbers.decimals([value]))}"
        for one, value in zip(record.objectives, knee.values or (), strict=False)
    )
    family = f", of the family <b>{escape(front.family(knee))}</b>" if front.decision else ""
    return f"{text} Its knee is {opener(knee.number, f'candidate {knee.number}')}{family}: {values}, on the validation split."


def facts(record: StudyRecord, front: Front | None) -> str:
    """The strip of facts under the title."""
    settings = record.experiment
    pairs = [
        ("Task", record.task),
        ("Space", record.space_name),
        ("Objectives", ", ".join(str(one) for one in record.objectives)),
        ("Constraints", ", ".join(map(str, record.constraints))),
        ("Sampler", _named(settings.get("sampler"), "name")),
        ("Stopping", _named(settings.get("stopping"), "rule")),
        ("Budget", ", ".join(f"{value} {key}" for key, value in (settings.get("budget") or {}).items())),
        ("Latency", protocol_of(settings)),
        ("Compute", numbers.duration(sum(trial.seconds for trial in record.trials))),
        ("Energy", energy_of_all(record)),
        ("Hypervolume", f"{front.hypervolume():.4g}" if front is not None else None),
    ]
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs if value)


def front_table(front: Front) -> str:
    """The members, best first."""
    members, knee = front.members, front.knee()
    headings = [head("rank", True), head("candidate", True)]
    marks = ["<i class=knee>knee</i> " if trial is knee else "" for trial in members]
    columns = [[f"{mark}{rank}" for rank, mark in enumerate(marks, 1)], [opener(trial.number) for trial in members]]
    if front.decision is not None:
        headings.append(head(front.decision))
        columns.append([_family(front, trial) for trial in members])
    objectives = [one.name for one in front.record.objectives]
    names = [*objectives, *(n for n in ("params", "macs", "activation_bytes") if n not in objectives)]
    for name in names:
        values = [{**trial.metrics, **trial.costs}.get(name) for trial in members]
        if any(value is not None for value in values):
            headings.append(head(numbers.spoken(name), True, name in objectives))
            columns.append(numbers.column(values))
    for path in [p for p in telling_decisions(members) if p != front.decision and not set(p) & set(".[")][:4]:
        values_ = [trial.genotype.get(path) for trial in members]
        right = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values_ if v is not None)
        headings.append(head(path, right))
        columns.append([numbers.DASH if v is None else escape(word(v)) for v in values_])
    return table(
        "Members of the frontier, best first", headings, zip(*columns, strict=True), [t.number for t in members]
    )


def confirmed_table(front: Front, confirmation: Confirmation) -> str:
    """The retrained candidates: mean ± standard deviation on both splits, the drop, and what stays on the frontier."""
    goals = front.record.objectives
    quality = [goal for goal in goals if goal.is_learned]
    timed = [goal for goal in goals if not goal.is_cost and not goal.is_learned]
    share = stability(confirmation, goals)
    trials, members = {trial.number: trial for trial in front.record.trials}, {one.number for one in front.members}
    headings = [head("candidate", True)] + ([head(front.decision)] if front.decision else [])
    headings += [head(numbers.spoken(goal.name), True) for goal in goals if goal.is_cost]
    headings += [head(f"{numbers.spoken(goal.name)}, {part}", True) for goal in timed for part in ("search", "again")]
    for goal in quality:
        name = numbers.spoken(goal.name)
        headings += [head(f"{name}, {part}", True) for part in ("search", "validation", "test")]
        headings.append(head("drop", True))
    headings += [head("seeds", True), head("stays on the frontier", True)]
    rows = []
    for one in confirmation.candidates:
        trial = trials.get(one.number)
        beside = "" if one.number in members else f' <i class="tag">{BESIDE}</i>'
        row = [opener(one.number) + beside] + ([_family(front, trial) if trial else ""] if front.decision else [])
        row += [numbers.fixed(one.costs.get(goal.name), 0) for goal in goals if goal.is_cost]
        for goal in timed:
            searched, again = trial.metrics.get(goal.name) if trial else None, one.spread(goal.name, "test")
            places = numbers.decimals([v for v in (searched, again.mean) if v is not None])
            row += [numbers.fixed(searched, places), spread(again, places)]
        for goal in quality:
            validation, test = one.spread(goal.name, "validation"), one.spread(goal.name, "test")
            searched = trial.metrics.get(goal.name) if trial else None
            places = numbers.decimals([v for v in (searched, test.mean) if v is not None])
            row += [numbers.fixed(searched, places), spread(validation, places), f"<b>{spread(test, places)}</b>"]
            row.append(numbers.fixed(one.drop(goal), places).replace("-", "−"))
        row += [_seeds(one), f"{share[one.number]:.0%}"]
        rows.append(row)
    return table("Retrained candidates", headings, rows, [one.number for one in confirmation.candidates])


def families_table(front: Front) -> str:
    """The families against each other; the best of each size in bold."""
    found = compare(front.record, front.candidates, front.members, front.decision)
    headings = [head(front.decision or "family"), head("candidates", True), head("complete", True)]
    headings.append(head("on frontier", True))
    name = numbers.spoken(found.quality.name) if found.quality else ""
    columns: list[list[float | None]] = []
    if found.quality is not None:
        headings.append(head(f"best {name}", True))
        headings += [head(f"≤ {numbers.short(bound)}", True) for bound in found.bounds]
        columns = [[row.best for row in found.rows]]
        columns += [[row.by_size[i] for row in found.rows] for i in range(len(found.bounds))]
    places = numbers.decimals([value for values in columns for value in values if value is not None])
    cells = [
        _best_in_bold(values, places, found.quality.direction == "maximize") for values in columns if found.quality
    ]
    rows = []
    for i, row in enumerate(found.rows):
        label = dot(i) + escape(row.name)
        rows.append(
            [label, f"{row.proposed:,}", f"{row.complete:,}", f"{row.members:,}", *(column[i] for column in cells)]
        )
    return table(f"Families, and their best {name} within bounds on {numbers.spoken(found.size)}", headings, rows)


def outcomes(record: StudyRecord) -> str:
    """How the candidates ended: a bar of shares, and what the failures say."""
    groups: dict[str, list[TrialRecord]] = {}
    for trial in record.trials:
        groups.setdefault(trial.state, []).append(trial)
    known = list(OUTCOMES)
    order = sorted(groups, key=lambda state: known.index(state) if state in known else len(known))
    bar = "".join(f'<i class="{escape(state)}" style="flex-grow:{len(groups[state])}"></i>' for state in order)
    key = "".join(
        f'<li><i class="{escape(state)}"></i>{escape(outcome(state))} <b>{len(groups[state]):,}</b></li>'
        for state in order
    )
    html = f'<div class="shares" aria-hidden="true">{bar}</div><ul class="key">{key}</ul>'
    rows = []
    for state in (state for state in order if state not in _GOOD):
        messages: dict[str, list[TrialRecord]] = {}
        for trial in groups[state]:
            messages.setdefault(trial.message or "no message", []).append(trial)
        for message, trials in sorted(messages.items(), key=lambda item: -len(item[1])):
            some = " ".join(opener(trial.number) for trial in trials[:6]) + (" …" if len(trials) > 6 else "")
            took = numbers.duration(sum(trial.seconds for trial in trials))
            rows.append([escape(outcome(state)), str(len(trials)), took, f"<code>{escape(message)}</code>", some])
    html += _spent(record)
    if any(record.counts.values()):
        unmade = ", ".join(f"{count:,} {escape(reason)}" for reason, count in record.counts.items() if count)
        html += f'<p class="aside">Proposals that never became candidates: {unmade}.</p>'
    if not rows:
        return html + '<p class="aside">No candidate failed.</p>' + _rungs(record)
    headings = [head("failure"), head("count", True), head("time", True), head("what it says"), head("candidates")]
    return html + "<h3>Failures by kind</h3>" + table("Failures by kind", headings, rows) + _rungs(record)


def _spent(record: StudyRecord) -> str:
    """What the candidates of each outcome took; nothing where none has ended."""
    found = spent(record)
    if not found:
        return ""
    measured = sources(found)
    headings = [head("outcome"), head("candidates", True), head("time", True), head("share of time", True)]
    headings += [head(f"energy, {SOURCES.get(source, source)}", True) for source in measured]
    whole = together(found)
    rows = []
    for one in [*found, whole] if len(found) > 1 else found:
        share = f"{one.seconds / whole.seconds:.0%}" if whole.seconds else numbers.DASH
        name = "<b>all</b>" if one is whole else escape(outcome(one.state))
        row = [name, f"{one.candidates:,}", numbers.duration(one.seconds), share]
        rows.append([*row, *(energy_of(one, source) for source in measured)])
    said = _ENERGY if measured else "Energy was not measured: the machine did not say what it drew."
    return "<h3>What they took</h3>" + table("What they took", headings, rows) + f'<p class="aside">{said}</p>'


_ENERGY = (
    "Time is wall-clock time, all workers together. Energy is what the hardware counted while a candidate was evaluated: of "
    "processors and memory by its share of the work done there, of GPUs by the share it was given."
)


def _rungs(record: StudyRecord) -> str:
    """How well the rungs predict the end, and a warning where they do not; nothing where nobody can say."""
    found = rung_correlations(record)
    if not found:
        return ""
    headings = [head("objective"), *(head(name, True) for name in ("rung", "rank correlation", "candidates"))]
    rows = [
        [escape(numbers.spoken(one.objective)), str(one.rung), f"{one.rho:.2f}".replace("-", "−"), str(one.n)]
        for one in found
    ]
    words = warning(found)
    said = f'<p class="aside"><b>Warning:</b> {escape(words)}.</p>' if words else ""
    title = "How the rungs predict the end (Spearman, candidates trained to the end)"
    return f"<h3>{title}</h3>" + table(title, headings, rows) + said


def published_table(published: Sequence[PublishedPoint]) -> str:
    """The published figures, each with its source."""
    names = dict.fromkeys(name for one in published for name in one.values)
    headings = [head("model"), *(head(numbers.spoken(name), True) for name in names), head("source"), head("note")]
    columns = [numbers.column([one.values.get(name) for one in published], 3) for name in names]
    rows = []
    for i, one in enumerate(published):
        label = f'{escape(one.label)} <i class="tag">{LABEL}</i>'
        rows.append([label, *(column[i] for column in columns), escape(one.source), escape(one.note)])
    return table("Published figures", headings, rows)


def origin(record: StudyRecord, provenance: Mapping[str, Any]) -> str:
    """Where the numbers come from: versions, the experiment, the space."""
    pairs = "".join(f"<div><dt>{escape(str(k))}</dt><dd>{escape(word(v))}</dd></div>" for k, v in provenance.items())
    html = f'<dl class="pairs">{pairs}</dl>' if pairs else ""
    experiment = record.experiment_text or json.dumps(record.experiment, indent=2, default=str, ensure_ascii=False)
    for title, text in (("Experiment", experiment), ("Search space", record.space_text)):
        if text.strip():
            html += f"<details><summary>{title}</summary><pre tabindex=0>{escape(text)}</pre></details>"
    return html


def legend(record: StudyRecord) -> str:
    """The families as buttons that show and hide their candidates; nothing where there is one."""
    decision = family_decision(record)
    names = families(record, decision)
    if names == [NONE] or len(names) < 2:
        return ""
    counts = [sum(family_of(trial, decision) == name for trial in record.trials) for name in names]
    return "".join(
        f'<button type="button" data-family="{i}" aria-pressed="true">{dot(i)}{escape(name)} <small>{count:,}</small></button>'
        for i, (name, count) in enumerate(zip(names, counts, strict=True))
    )


def _family(front: Front, trial: TrialRecord) -> str:
    names = families(front.record, front.decision)
    return dot(names.index(front.family(trial))) + escape(front.family(trial))


def _seeds(one: Confirmed) -> str:
    done = len(one.runs) - len(one.failures)
    if not one.failures:
        return str(done)
    why = "; ".join(f"seed {run.seed}: {outcome(run.state)}, {run.message}" for run in one.failures)
    return f'<abbr title="{escape(why)}">{done} of {len(one.runs)}</abbr>'


def _best_in_bold(values: Sequence[float | None], places: int, maximize: bool) -> list[str]:
    found = [value for value in values if value is not None]
    best = (max(found) if maximize else min(found)) if found else None
    shown = [numbers.fixed(value, places) for value in values]
    return [
        f"<b>{text}</b>" if value == best and value is not None else text
        for value, text in zip(values, shown, strict=True)
    ]


def _named(setting: object, key: str) -> str:
    """A setting as its name and what else it says: `{"name": "nsga2", "population": 20}` is `nsga2 (population 20)`."""
    if not isinstance(setting, Mapping):
        return "" if setting is None else str(setting)
    rest = ", ".join(f"{name} {word(value)}" for name, value in setting.items() if name != key and value is not None)
    return " ".join(part for part in (str(setting.get(key, "")), f"({rest})" if rest else "") if part)
