"""Hyperband: several brackets of halving, each of which begins to stop at another rung, against misleading early rungs.

With rungs r1 < … < rk there are k + 1 brackets: bracket b stops nobody before its rung b + 1, the last one nobody at
all. Candidates go to the brackets by their number, a round of Hyperband at a time, the most aggressive bracket first, and
are compared within their bracket. What survives there is as in halving by rank.

Source: Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", algorithm 1 for the
sizes of the brackets; without its synchronous rounds, as in Li et al. 2020.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

from nas.study.objectives import Objective
from nas.study.stopping.base import Rule, Rungs, Stopping
from nas.study.stopping.halving import survives_among


class Hyperband(Rule):
    """See the module. Settings: `eta` and `tie` as of halving, `brackets`: how many of them, 0 for all."""

    def __init__(self, stopping: Stopping, objectives: tuple[Objective, ...]) -> None:
        super().__init__(stopping, objectives)
        sizes = bracket_sizes(len(stopping.rungs) + 1, stopping.settings["eta"])
        self._ends = list(accumulate(sizes[: stopping.settings["brackets"] or None]))

    def bracket(self, number: int) -> int:
        """The bracket of candidate `number`."""
        return bisect_right(self._ends, number % self._ends[-1])

    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        bracket = self.bracket(number)
        if self.stopping.rungs.index(rung) < bracket:
            return False
        peers = {one: losses for one, losses in rungs.at(rung).items() if self.bracket(one) == bracket}
        return not survives_among(peers, number, self.stopping.settings["eta"], self.stopping.settings["tie"])


def bracket_sizes(n_brackets: int, eta: float) -> list[int]:
    """Candidates of each bracket in one round, the most aggressive bracket first.

    >>> bracket_sizes(3, 3)
    [9, 5, 3]
    """
    return [math.ceil(n_brackets / (s + 1) * eta**s) for s in reversed(range(n_brackets))]
