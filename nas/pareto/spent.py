"""What a search took: time and energy, by how its candidates ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nas.pareto import numbers

if TYPE_CHECKING:
    from nas.study.records import StudyRecord, TrialRecord

OUTCOMES = {
    "complete": "complete",
    "stopped": "stopped early",
    "diverged": "diverged",
    "out_of_memory": "out of memory",
    "timeout": "timed out",
    "crashed": "crashed",
    "lost": "worker lost",
    "running": "running",
}
SOURCES = {"cpu": "processor", "gpu": "GPU"}
"""What draws energy, as people call it."""


def outcome(state: str) -> str:
    """How an outcome is called in running text."""
    return OUTCOMES.get(state, state.replace("_", " "))


@dataclass(frozen=True)
class Spent:
    """What the candidates of one outcome took, all together.

    Args:
        joules: by what drew them.
        measured: the candidates of which that is known; fewer than all where a machine could not tell.
    """

    state: str
    candidates: int
    seconds: float
    joules: dict[str, float]
    measured: dict[str, int]


def spent(record: StudyRecord) -> list[Spent]:
    """What each outcome took, the longest first; candidates that are being evaluated are in none."""
    groups: dict[str, list[TrialRecord]] = {}
    for trial in record.trials:
        if trial.state != "running":
            groups.setdefault(trial.state, []).append(trial)
    return sorted((_of_outcome(state, trials) for state, trials in groups.items()), key=lambda one: -one.seconds)


def sources(all_spent: Iterable[Spent]) -> list[str]:
    """What energy was measured of, anywhere, in the order in which to show it."""
    found = {source for one in all_spent for source in one.joules}
    return [*(source for source in SOURCES if source in found), *sorted(found - SOURCES.keys())]


def time_spent(record: StudyRecord) -> str:
    """How long candidates of each outcome took, all together; empty where nothing took any time.

    A line such as `complete 2 h 3 min (90 %), diverged 14 min (10 %)`, the longest first.
    """
    found = spent(record)
    total = sum(one.seconds for one in found)
    return ", ".join(
        f"{outcome(one.state)} {numbers.duration(one.seconds)} ({one.seconds / total:.0%})"
        for one in found
        if one.seconds
    )


def energy_spent(record: StudyRecord) -> str:
    """What candidates of each outcome drew: a line for each source, such as `energy, processor: complete 12 kJ`."""
    found = spent(record)
    lines = []
    for source in sources(found):
        parts = (f"{outcome(one.state)} {energy_of(one, source)}" for one in found if source in one.joules)
        lines.append(f"energy, {SOURCES.get(source, source)}: {', '.join(parts)}")
    return "\n".join(lines) or "energy: not measured"


def energy_of(one: Spent, source: str) -> str:
    """The energy that `source` drew; where not all candidates were measured, of how many it is."""
    n = one.measured.get(source, 0)
    if not n:
        return numbers.DASH
    return numbers.energy(one.joules[source]) + (f" ({n:,} of {one.candidates:,})" if n < one.candidates else "")


def energy_of_all(record: StudyRecord) -> str:
    """The energy of the whole search; empty unless whatever was measured was so of every candidate."""
    whole = together(spent(record))
    if not whole.joules or any(n < whole.candidates for n in whole.measured.values()):
        return ""
    return " + ".join(f"{energy_of(whole, source)} ({SOURCES.get(source, source)})" for source in sources([whole]))


def together(found: Sequence[Spent]) -> Spent:
    """All outcomes as one, `all`."""
    return Spent(
        "all",
        sum(one.candidates for one in found),
        sum(one.seconds for one in found),
        {source: sum(one.joules.get(source, 0.0) for one in found) for source in sources(found)},
        {source: sum(one.measured.get(source, 0) for one in found) for source in sources(found)},
    )


def _of_outcome(state: str, trials: Sequence[TrialRecord]) -> Spent:
    measured = Counter(source for trial in trials for source in trial.joules)
    joules = {source: sum(trial.joules.get(source, 0.0) for trial in trials) for source in measured}
    return Spent(state, len(trials), sum(trial.seconds for trial in trials), joules, dict(measured))
