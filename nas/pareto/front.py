"""The frontier of a study: its members, what they dominate, where to stop paying, as a table or as data."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas.errors import ParetoError
from nas.pareto import geometry, numbers
from nas.pareto.families import family_decision, family_of
from nas.pareto.spent import spent

if TYPE_CHECKING:
    from nas.study.records import StudyRecord, TrialRecord

# Column of the CSV → what drew that energy.
_ENERGY = {"cpu_joules": "cpu", "gpu_joules": "gpu"}


@dataclass(frozen=True)
class Front:
    """The nondominated ones among a study's complete candidates that satisfy its constraints.

    Args:
        record: the study.
        candidates: complete and feasible, with finite objective values, in the order of their numbers; at least one.
        members: the nondominated ones, best first by the first objective. Different candidates with equal values are all
            members; the same architecture under the same recipe twice is one.
    """

    record: StudyRecord = field(repr=False)
    candidates: tuple[TrialRecord, ...] = field(repr=False)
    members: tuple[TrialRecord, ...]

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        from nas.pareto.notebook import front_html

        return front_html(self)

    @cached_property
    def directions(self) -> tuple[str, ...]:
        """`minimize` or `maximize` for each objective."""
        return tuple(one.direction for one in self.record.objectives)

    @cached_property
    def log(self) -> tuple[bool, ...]:
        """Which objectives are counts, judged in decades: a candidate's costs are, its metrics are not."""
        return tuple(one.is_cost for one in self.record.objectives)

    @cached_property
    def decision(self) -> str | None:
        """The top-level decision that tells families apart, or None."""
        return family_decision(self.record)

    def family(self, trial: TrialRecord) -> str:
        """The family that `trial` belongs to; `all` where the space has none."""
        return family_of(trial, self.decision)

    def losses(self, trials: Sequence[TrialRecord]) -> geometry.Array:
        """Objective values of `trials`, all minimised, counts in decades, `(n, m)`."""
        return geometry.oriented([_values(trial) for trial in trials], self.directions, self.log)

    def reference(self) -> tuple[float, ...]:
        """The default reference point, in the objectives' own units.

        Slightly worse than the worst value of each objective over all candidates: by 10 % of its range, which for counts
        is a range in decades. See `geometry.reference_point`.
        """
        return self.stated(geometry.reference_point(self.losses(self.candidates)))

    def stated(self, losses: Sequence[float] | geometry.Array) -> tuple[float, ...]:
        """One point of `losses` back in the objectives' own units."""
        signed = (
            -value if direction == "maximize" else value
            for value, direction in zip(losses, self.directions, strict=True)
        )
        return tuple(float(10**value if log else value) for value, log in zip(signed, self.log, strict=True))

    def oriented(self, values: Sequence[float]) -> geometry.Array:
        """One point in the objectives' own units as losses; the inverse of `stated`."""
        point: geometry.Array = geometry.oriented([values], self.directions, self.log)[0]
        return point

    def hypervolume(self, reference: Sequence[float] | None = None) -> float:
        """Volume that the frontier dominates up to `reference`; counts are measured in decades.

        Args:
            reference: one value per objective in its own unit, as a user states it; `self.reference()` by default. Give
                one to compare studies, since the default depends on what this study saw.
        Returns: the volume; for accuracy against parameters, in accuracy x decades of parameters.
        Raises: ParetoError: the number of values is not that of the objectives, or one is not finite.
        """
        return geometry.hypervolume(self.losses(self.members), reference=self._bound(reference))

    def history(self, reference: Sequence[float] | None = None) -> list[tuple[int, float]]:
        """The hypervolume after each candidate: pairs (number, volume), in the order of numbers.

        Args: as `hypervolume`; one fixed reference for the whole history.
        """
        volumes = geometry.hypervolume_history(self.losses(self.candidates), reference=self._bound(reference))
        return [(trial.number, float(volume)) for trial, volume in zip(self.candidates, volumes, strict=True)]

    def knee(self) -> TrialRecord:
        """The member after which a better value of one objective costs the most of another.

        Farthest beyond the chord between the frontier's extremes, counts in decades; see `geometry.knee`.
        """
        return self.members[geometry.knee(self.losses(self.members))]

    def table(self, width: int | None = None) -> str:
        """The frontier as aligned text: rank, trial, objectives, costs, the decisions in which members differ.

        Args:
            width: of the terminal; decisions that do not fit are left out, the deepest first.
        """
        return _Table(self).text(width)

    def to_csv(self) -> str:
        """One line per member with every objective, cost and metric, and its genotype as JSON."""
        names = _names(self)
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(
            ["rank", "number", "family", *names, "seconds", *_ENERGY, "seed", "digest", "origin", "genotype"]
        )
        for rank, trial in enumerate(self.members, 1):
            known = _quantities(self, trial)
            row = [rank, trial.number, self.family(trial), *(known.get(name, "") for name in names)]
            row += [trial.seconds, *(trial.joules.get(source, "") for source in _ENERGY.values())]
            row += [trial.seed, trial.digest, trial.origin, json.dumps(trial.genotype)]
            writer.writerow(row)
        return out.getvalue()

    def to_json(self) -> str:
        """The frontier as JSON: study, objectives, reference, hypervolume, the knee's number, what each outcome took in
        seconds and joules, members best first; how latency was measured, where it was."""
        data = {
            "study": self.record.name,
            "objectives": [str(one) for one in self.record.objectives],
            "candidates": len(self.candidates),
            "reference": list(self.reference()),
            "hypervolume": self.hypervolume(),
            "knee": self.knee().number,
            "spent": [asdict(one) for one in spent(self.record)],
            **{key: self.record.experiment[key] for key in ("latency",) if key in self.record.experiment},
            "members": [self._member(rank, trial) for rank, trial in enumerate(self.members, 1)],
        }
        return json.dumps(data, indent=2) + "\n"

    def _member(self, rank: int, trial: TrialRecord) -> dict[str, Any]:
        return {
            "rank": rank,
            "number": trial.number,
            "family": self.family(trial),
            "values": dict(zip((one.name for one in self.record.objectives), _values(trial), strict=True)),
            "metrics": {name: value for name, value in trial.metrics.items() if math.isfinite(value)},
            **{
                key: getattr(trial, key)
                for key in ("costs", "genotype", "recipe", "digest", "seconds", "joules", "seed", "origin")
            },
        }

    def _bound(self, reference: Sequence[float] | None) -> geometry.Array:
        point = self.reference() if reference is None else tuple(reference)
        if len(point) != len(self.directions):
            names = ", ".join(one.name for one in self.record.objectives)
            raise ParetoError(f"a reference point has one value per objective ({names}), got {len(point)}")
        return self.oriented(point)


def frontier(record: StudyRecord) -> Front:
    """The frontier of `record`.

    Raises: ParetoError: no candidate is complete, or none that is satisfies the constraints.
    """
    complete = [trial for trial in record.trials if trial.values is not None]
    if not complete:
        raise ParetoError(_nothing_yet(record))
    feasible = sorted(record.completed(), key=lambda trial: trial.number)
    if not feasible:
        rules = " and ".join(f"`{limit}`" for limit in record.constraints)
        raise ParetoError(
            f"none of the {len(complete)} complete candidates satisfies {rules}: relax that, or go on with `nas resume`"
        )
    losses = geometry.oriented([_values(trial) for trial in feasible], [one.direction for one in record.objectives])
    seen: set[str] = set()
    members = []
    for trial, loss, best in zip(feasible, losses, geometry.nondominated(losses), strict=True):
        identity = json.dumps([trial.digest, trial.recipe, list(loss)], sort_keys=True, default=str)
        if best and identity not in seen:
            seen.add(identity)
            members.append((tuple(loss), trial.number, trial))
    return Front(record, tuple(feasible), tuple(trial for _, _, trial in sorted(members, key=lambda one: one[:2])))


class _Table:
    """Lays out `Front.table`."""

    MOST_DECISIONS = 6

    def __init__(self, front: Front) -> None:
        self.front = front
        self.knee = front.knee()

    def text(self, width: int | None) -> str:
        fixed = self._numbers()
        decisions = self._decisions()
        all_paths = telling_decisions(self.front.members)
        while True:
            lines = _aligned(fixed + decisions)
            if width is None or not decisions or max(map(len, lines)) <= width:
                break
            decisions.pop()
        front = self.front
        count = f"{len(front.members)} of {len(front.candidates)} candidates are on the frontier"
        if said := breaches_note(front.record):
            count += f"; {said}"
        note = f"{count}; ◆ marks the knee; hypervolume {front.hypervolume():.4g}"
        left = all_paths[len(decisions) :]
        if left:
            shown = ", ".join(left[:4]) + (f" and {len(left) - 4} more" if len(left) > 4 else "")
            note += f"\nmembers differ in {shown} too: in the report, as csv or as json"
        return "\n".join([*lines, "", note])

    def _numbers(self) -> list[tuple[str, list[str], bool]]:
        """Columns (heading, cells, whether to align right)."""
        members = self.front.members
        marks = ["◆" if trial is self.knee else " " for trial in members]
        columns = [
            ("rank", [f"{mark} {rank}" for rank, mark in enumerate(marks, 1)], True),
            ("trial", [str(trial.number) for trial in members], True),
        ]
        for i, one in enumerate(self.front.record.objectives):
            columns.append((one.name, numbers.column([_values(trial)[i] for trial in members]), True))
        taken = {one.name for one in self.front.record.objectives}
        for name in ("params", "macs", "activation_bytes"):
            if name not in taken and any(name in trial.costs for trial in members):
                columns.append((name, numbers.column([trial.costs.get(name) for trial in members]), True))
        return columns

    def _decisions(self) -> list[tuple[str, list[str], bool]]:
        members = self.front.members
        columns = []
        for path in telling_decisions(members)[: self.MOST_DECISIONS]:
            cells = [_cell(trial.genotype[path]) if path in trial.genotype else numbers.DASH for trial in members]
            columns.append((path, cells, False))
        return columns


def breaches_note(record: StudyRecord) -> str:
    """How many of those trained to the end break each constraint, `2 break latency <= 0.25`; empty where none does."""
    broken = Counter(
        str(one)
        for one in record.constraints
        for trial in record.trials
        if trial.state == "complete" and not one.holds({**trial.metrics, **trial.costs}.get(one.name, math.nan))
    )
    return ", ".join(f"{n:,} break{'s' if n == 1 else ''} {constraint}" for constraint, n in broken.items())


def telling_decisions(trials: Sequence[TrialRecord]) -> list[str]:
    """Paths of the decisions in which `trials` differ: shallow ones first, then those that most of them have.

    With one trial, all of its decisions.
    """
    paths: dict[str, None] = {path: None for trial in trials for path in trial.genotype}
    have = {path: [trial.genotype[path] for trial in trials if path in trial.genotype] for path in paths}
    # Types beside values: 1, 1.0 and True are three decisions that compare equal.
    differ = [path for path in paths if len(trials) == 1 or len({(type(v), v) for v in have[path]}) > 1]
    preferred = {"family": 0}
    order = {path: i for i, path in enumerate(paths)}
    return sorted(
        differ,
        key=lambda path: (preferred.get(path, 1), path.count(".") + path.count("["), -len(have[path]), order[path]),
    )


def _aligned(columns: Sequence[tuple[str, Sequence[str], bool]]) -> list[str]:
    lines = []
    widths = [max(map(len, [heading, *cells])) for heading, cells, _ in columns]
    rows = [[heading for heading, _, _ in columns], *zip(*(cells for _, cells, _ in columns), strict=True)]
    for row in rows:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, (_, _, right) in zip(row, widths, columns, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _cell(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _names(front: Front) -> list[str]:
    """Objectives, then costs, then other metrics, each once, in the order met."""
    names = dict.fromkeys(one.name for one in front.record.objectives)
    for trial in front.members:
        names.update(dict.fromkeys(trial.costs))
    for trial in front.members:
        names.update(dict.fromkeys(trial.metrics))
    return list(names)


def _quantities(front: Front, trial: TrialRecord) -> dict[str, float]:
    values = dict(zip((one.name for one in front.record.objectives), _values(trial), strict=True))
    return {**trial.metrics, **trial.costs, **values}


def _values(trial: TrialRecord) -> tuple[float, ...]:
    assert trial.values is not None, "only complete trials are asked for their values"
    return tuple(trial.values)


def _nothing_yet(record: StudyRecord) -> str:
    found = Counter(trial.state for trial in record.trials)
    if not found:
        return f"no candidate is complete yet: study `{record.name}` has no trials; run it, or go on with `nas resume`"
    states = ", ".join(f"{count} {str(state).replace('_', ' ')}" for state, count in found.most_common())
    return (
        f"no candidate is complete yet: study `{record.name}` has {states}; go on with `nas resume`, "
        "and see in `nas report` what the failures say"
    )
