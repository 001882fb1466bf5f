"""Stopping early with several objectives: who is dominated at a rung, and by how many, decides.

Candidates are compared *at the same rung*, each against all that have reached it so far, whether they went on or not.
Nobody waits for anybody (asynchronous). Rank 0, the non-dominated ones, always goes on; of those below it, the best
1/eta. Costs among the objectives count at every rung, for they are known: a small network is never stopped for being
less accurate than a large one. One objective is the special case in which rank 0 is the best so far.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA); Schmucker et al. 2021,
"Multi-objective Asynchronous Successive Halving".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from nas.errors import ExperimentError, nearest
from nas.study.ranking import crowding, ranks


@dataclass(frozen=True)
class Stopping:
    """The settings. `rungs` are amounts of the budget's unit, rising; `eta` > 1: one in `eta` survives below rank 0.

    No rungs: nobody is ever stopped.
    """

    rungs: tuple[int, ...] = ()
    eta: float = 3.0

    def to_json(self) -> dict[str, Any]:
        if not self.rungs:
            return {"rule": "none"}
        return {"rule": "pareto-halving", "rungs": list(self.rungs), "eta": self.eta}


@dataclass
class Rungs:
    """What is known at each rung, and the decision. `reached[rung][number]` are the losses of candidate `number` there."""

    rule: Stopping
    reached: dict[int, dict[int, tuple[float, ...]]] = field(default_factory=dict)

    def enter(self, rung: int, number: int, losses: tuple[float, ...]) -> None:
        """Write down the losses of candidate `number` at `rung`; a second time replaces the first."""
        if rung in self.rule.rungs:
            self.reached.setdefault(rung, {})[number] = losses

    def goes_on(self, rung: int, number: int) -> bool:
        """Whether candidate `number` may go on beyond `rung`; always where `rung` is none of the rule's."""
        peers = self.reached.get(rung, {})
        if number not in peers:
            return True
        return survives(np.array(list(peers.values())), list(peers).index(number), self.rule.eta)


def survives(losses: np.ndarray[Any, np.dtype[np.float64]], index: int, eta: float) -> bool:
    """Whether point `index` of `losses` `(n, m)` is on the front, or among the best `floor(below / eta)` below it.

    Ties of rank are broken by crowding distance, the lonelier first, then by who came first.
    """
    rank = ranks(losses)
    if rank[index] == 0:
        return True
    below = np.flatnonzero(rank > 0)
    order = below[np.lexsort((below, -crowding(losses, rank)[below], rank[below]))]
    return int(np.flatnonzero(order == index)[0]) < int(len(below) / eta)


def parse_stopping(settings: str | Mapping[str, Any] | None, budget: Mapping[str, float]) -> Stopping:
    """`none`, or `{rule: pareto-halving, rungs: [10, 30], eta: 3}`.

    Args:
        budget: the whole budget of a candidate; its first entry gives the unit of the rungs.
    Raises: ExperimentError: an unknown rule or key, rungs that do not rise or lie beyond the budget, an eta of 1 or less.
    """
    if settings is None or settings == "none":
        return Stopping()
    given: dict[str, Any] = {"rule": settings} if isinstance(settings, str) else {}
    if isinstance(settings, Mapping):
        given = dict(settings)
    if "rule" not in given:
        raise ExperimentError(
            f"`stopping` is `none` or {{rule: pareto-halving, rungs: [10, 30], eta: 3}}, here stands {settings!r}"
        )
    rule = given.pop("rule")
    if rule not in ("none", "pareto-halving"):
        known = ("none", "pareto-halving")
        raise ExperimentError(
            f"stopping: there is no rule `{rule}` among {', '.join(known)}{nearest(str(rule), known)}"
        )
    allowed = ("rungs", "eta") if rule == "pareto-halving" else ()
    for key in given:
        if key not in allowed:
            takes = " and ".join(f"`{name}`" for name in allowed) or "no settings"
            raise ExperimentError(f"stopping: `{rule}` takes {takes}, not `{key}`{nearest(str(key), allowed)}")
    if rule == "none":
        return Stopping()
    return Stopping(_rungs(given.get("rungs"), budget), _eta(given.get("eta", 3)))


def _rungs(rungs: object, budget: Mapping[str, float]) -> tuple[int, ...]:
    if not isinstance(rungs, Sequence) or isinstance(rungs, str) or not rungs or not all(map(_is_whole, rungs)):
        raise ExperimentError(
            f"stopping: `rungs` is a list of whole amounts of the budget, such as [10, 30], here stands {rungs!r}"
        )
    if rungs[0] < 1 or any(a >= b for a, b in pairwise(rungs)):
        raise ExperimentError(f"stopping: `rungs` start at 1 or more and rise, here stands {list(rungs)}")
    unit, whole = next(iter(budget.items()), ("", None))
    if whole is not None and rungs[-1] > whole:
        raise ExperimentError(
            f"stopping: the rung {rungs[-1]} lies beyond the budget of {whole:g} {unit}; drop it or raise the budget"
        )
    return tuple(rungs)


def _eta(eta: object) -> float:
    if isinstance(eta, bool) or not isinstance(eta, int | float) or not 1 < eta < 1e6:
        raise ExperimentError(f"stopping: `eta` is a number greater than 1 (one in eta survives), here stands {eta!r}")
    return eta


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
