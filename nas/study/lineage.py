"""A study with an edited space takes over what an earlier one found, where that still means the same.

A result belongs when its genotype builds the same network here (same digest), trained in the same way: same recipe, task
and budget. Everything else is listed with the reason why it was left behind.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.errors import SpaceError
from nas.space import Rejected
from nas.study.directory import Settings, location, read_settings
from nas.study.entry import Entry
from nas.study.objectives import Goal
from nas.study.parameters import Parameters

if TYPE_CHECKING:
    from nas.space import Architecture, Space

FILE = "lineage.json"
ORIGIN = "carried over from"


@dataclass(frozen=True)
class Lineage:
    """Where a study's first results come from.

    Args:
        study, directory: the earlier one.
        carried: its numbers, each with the number that the candidate has here.
        left: numbers of the others, each with the reason.
    """

    study: str
    directory: str
    carried: tuple[tuple[int, int], ...]
    left: tuple[tuple[int, str], ...]

    def summary(self, most: int = 5) -> str:
        """One line on what was carried over, and the most frequent reasons for the rest."""
        text = f"carried over from {self.study}: {len(self.carried)} of {len(self.carried) + len(self.left)} candidates"
        reasons = Counter(reason for _, reason in self.left).most_common()
        lines = [f"  {count} left behind: {reason}" for reason, count in reasons[:most]]
        if len(reasons) > most:
            lines.append(f"  {sum(count for _, count in reasons[most:])} left behind for other reasons, see {FILE}")
        return "\n".join([text, *lines])


def read_lineage(directory: Path) -> Lineage | None:
    """What a study in `directory` took over; None where it began from nothing."""
    path = directory / FILE
    if not path.exists():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    pairs = {key: tuple((number, other) for number, other in data[key]) for key in ("carried", "left")}
    return Lineage(data["study"], str((directory / data["directory"]).resolve()), **pairs)


def write_lineage(lineage: Lineage, directory: Path) -> None:
    """Write it down, with the way from here to the earlier study, which holds where both are moved together."""
    way = Path(os.path.relpath(lineage.directory, directory.resolve())).as_posix()
    lineage = replace(lineage, directory=way)
    (directory / FILE).write_text(json.dumps(asdict(lineage), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def earlier(directory: Path) -> tuple[Settings, list[Entry]]:
    """Settings and candidates of the study in `directory`. Raises: StudyError: there is none, or it cannot be read."""
    from nas.study.storage import read_entries

    settings = read_settings(directory)
    return settings, read_entries(location(directory, settings), settings.name)


def judged(
    entries: list[Entry],
    before: Settings,
    now: Settings,
    space: Space,
    goal: Goal,
    recipe: Callable[[Architecture], dict[str, Any]],
) -> Iterator[tuple[Entry, Architecture | str]]:
    """Each entry with its architecture in `space`, or with the reason why it does not belong there.

    Args:
        recipe: gives the effective recipe that the study would train an architecture with.
    """
    apart = _apart(before, now)
    for entry in entries:
        reason = apart or _unfit(entry, goal, before.stopping == now.stopping)
        if reason:
            yield entry, reason
            continue
        candidate = entry.candidate
        try:
            design = space.replay(candidate.genotype)
        except Rejected as refused:
            yield entry, f"the rule `{refused.rule}` rejects it"
            continue
        except SpaceError as misfit:
            yield entry, misfit.faults[0].message
            continue
        broken = goal.broken(design.costs.as_dict())
        if design.digest != candidate.digest:
            yield entry, "its decisions build another network now"
        elif broken is not None:
            yield entry, f"it violates the constraint `{broken}`"
        elif (mine := recipe(design)) != candidate.recipe:
            yield entry, _difference("recipe", candidate.recipe, mine)
        else:
            yield entry, design


def carried_over(old: Entry, design: Architecture, number: int, study: str, parameters: Parameters) -> Entry:
    """The same result as candidate `number`; it keeps the seed that it was trained with."""
    candidate = replace(
        old.candidate,
        number=number,
        costs=design.costs.as_dict(),
        solved=dict(design.solved),
        origin=f"{ORIGIN} {study} {old.candidate.number}",
    )
    known = len(parameters.domains)
    values = parameters.named(design.genotype, design.domains)
    domains = dict(islice(parameters.domains.items(), known, None))
    return Entry(candidate, values, domains, curve=list(old.curve), outcome=old.outcome)


def _apart(before: Settings, now: Settings) -> str:
    """Why no result of one study can be one of the other; empty where it can."""
    if before.task != now.task:
        return f"the task was {before.task}, here it is {now.task}"
    # A digest names operators; what a user's own operator computes stands in its file.
    for file in sorted({*before.operators, *now.operators}):
        if before.operators.get(file) != now.operators.get(file):
            return f"`{file}` defines other operators now"
    for name, old, new in (
        ("the task's options", before.task_options, now.task_options),
        ("budget", before.budget, now.budget),
        ("latency", before.latency if now.latency else {}, now.latency),
    ):
        if old != new:
            return _difference(name, old, new)
    return ""


def _unfit(entry: Entry, goal: Goal, same_stopping: bool) -> str:
    """Why this outcome says nothing about the candidate in another study; empty where it does."""
    outcome = entry.outcome
    if outcome is None:
        return "it is still running"
    if outcome.state == "stopped" and not same_stopping:
        return "it was stopped early by another rule"
    if outcome.state in ("out_of_memory", "timeout", "crashed", "lost"):
        return f"it ended as {outcome.state.replace('_', ' ')}, which it may not do again"
    missing = goal.missing(outcome.metrics) if outcome.state == "complete" else ()
    return f"it was not measured by `{missing[0]}`, which the goal needs" if missing else ""


def _difference(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    shown = ", ".join(f"{key} was {old.get(key, 'not given')}, here it is {new.get(key, 'not given')}" for key in keys)
    return f"{what}: {shown}"
