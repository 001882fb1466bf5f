"""Families of architectures: the values of one top-level decision, such as `family`, compared with each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.study.objectives import Objective
    from nas.study.records import StudyRecord, TrialRecord

NONE = "all"
"""The one family of a study whose space has no decision that tells families apart."""

_PREFERRED = ("family", "kind", "shape", "model", "architecture")
_MOST = 12


def family_decision(*records: StudyRecord) -> str | None:
    """The top-level decision that tells families apart in all these records together, or None.

    `family` where the space has it, then `kind`, `shape`, `model` or `architecture`; otherwise the first top-level
    decision, in the order read, that every candidate has and that is a word of 2 to 12 different values.
    """
    genotypes = [trial.genotype for record in records for trial in record.trials if trial.genotype]
    if not genotypes:
        return None
    top = [path for path in genotypes[0] if "." not in path and "[" not in path]
    ordered = sorted(top, key=lambda path: _PREFERRED.index(path) if path in _PREFERRED else len(_PREFERRED))
    for path in ordered:
        values = {genotype.get(path) for genotype in genotypes}
        if all(isinstance(value, str) for value in values) and (path == "family" or 2 <= len(values) <= _MOST):
            return path
    return None


def family_of(trial: TrialRecord, decision: str | None) -> str:
    """The family of `trial`: what it decided for `decision`; `all` where there are no families.

    >>> from types import SimpleNamespace
    >>> family_of(SimpleNamespace(genotype={"family": "mixer", "depth": 3}), "family")
    'mixer'
    """
    if decision is None:
        return NONE
    value = trial.genotype.get(decision)
    return NONE if value is None else str(value)


def families(record: StudyRecord, decision: str | None) -> list[str]:
    """The families of all trials, in alphabetical order: the order of colours everywhere."""
    return sorted({family_of(trial, decision) for trial in record.trials})


@dataclass(frozen=True)
class FamilySummary:
    """How one family did.

    Args:
        name: the family.
        proposed: its candidates of any outcome.
        complete: those that completed and satisfy the constraints.
        members: those on the frontier of all families.
        best: the best value of the first objective that is not a cost, or None.
        by_size: the best such value within each bound of `Comparison.bounds`, None where no candidate is that small.
    """

    name: str
    proposed: int
    complete: int
    members: int
    best: float | None
    by_size: tuple[float | None, ...]


@dataclass(frozen=True)
class Comparison:
    """Families against each other.

    Args:
        quality: the objective that `best` and `by_size` speak of, or None where all objectives are costs.
        size: the cost that `bounds` bound: the first objective that is a cost, or else `params`.
        bounds: rising upper bounds of `size`, at most 8 of them; 1 and 3 in each decade.
    """

    quality: Objective | None
    size: str
    bounds: tuple[float, ...]
    rows: tuple[FamilySummary, ...]


def compare(
    record: StudyRecord, candidates: Sequence[TrialRecord], members: Sequence[TrialRecord], decision: str | None
) -> Comparison:
    """The families of `record`, alphabetically.

    Args:
        candidates: the complete and feasible trials.
        members: the frontier's.
        decision: as `family_decision` gives it.
    """
    at = next((i for i, one in enumerate(record.objectives) if one.is_learned), None)
    quality = None if at is None else record.objectives[at]
    size = next((one.name for one in record.objectives if one.is_cost), "params")
    bounds = size_bounds([trial.costs[size] for trial in candidates if size in trial.costs])

    def best(trials: Sequence[TrialRecord]) -> float | None:
        found = [trial.values[at] for trial in trials if at is not None and trial.values is not None]
        if quality is None or not found:
            return None
        return max(found) if quality.direction == "maximize" else min(found)

    def own(trials: Sequence[TrialRecord], name: str) -> list[TrialRecord]:
        return [trial for trial in trials if family_of(trial, decision) == name]

    rows = []
    for name in families(record, decision):
        mine = own(candidates, name)
        within = tuple(best([t for t in mine if t.costs.get(size, math.inf) <= bound]) for bound in bounds)
        rows.append(
            FamilySummary(name, len(own(record.trials, name)), len(mine), len(own(members, name)), best(mine), within)
        )
    return Comparison(quality, size, bounds, tuple(rows))


def size_bounds(sizes: Sequence[float]) -> tuple[float, ...]:
    """Round upper bounds, 1 and 3 in each decade, from the first that holds a size to the first that holds all.

    Where that makes more than 8, whole decades, and of those the largest 8.

    >>> size_bounds([120, 950, 4000])
    (300.0, 1000.0, 3000.0, 10000.0)
    """
    positive = [size for size in sizes if size > 0]
    if not positive:
        return ()
    first, last = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    fine = [float(digit * 10**power) for power in range(first, last + 1) for digit in (1, 3)]
    for grid in (fine, fine[::2]):
        start = next(i for i, bound in enumerate(grid) if bound >= min(positive))
        end = next(i for i, bound in enumerate(grid) if bound >= max(positive))
        if end - start < 8:
            return tuple(grid[start : end + 1])
    return tuple(grid[end - 7 : end + 1])
