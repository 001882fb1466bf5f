"""Halving by rank: the non-dominated go on, and of those below them the best one in `eta`.

Costs among the objectives count at every rung, for they are known: a small network is never stopped for being less
accurate than a large one. One objective is the special case in which rank 0 is the best so far.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning" (ASHA); Schmucker et al. 2021,
"Multi-objective Asynchronous Successive Halving", also for the epsilon-net.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nas.study.ranking import Losses, crowding, epsilon_net, ranks
from nas.study.stopping.base import Rule, Rungs


class ParetoHalving(Rule):
    """See the module. Settings: `eta`, and `tie`, which orders those of equal rank."""

    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        return not survives_among(rungs.at(rung), number, self.stopping.settings["eta"], self.stopping.settings["tie"])


def survives_among(peers: Mapping[int, tuple[float, ...]], number: int, eta: float, tie: str) -> bool:
    """`survives` for candidate `number` among `peers`, which have an order of their own: that of their numbers."""
    numbers = sorted(peers)
    return survives(np.array([peers[one] for one in numbers]), numbers.index(number), eta, tie)


def survives(losses: Losses, index: int, eta: float, tie: str = "crowding") -> bool:
    """Whether point `index` of `losses` `(n, m)` is on the front, or among the best `floor(below / eta)` below it.

    Args:
        tie: orders points of equal rank: `crowding`, the lonelier first, then as they stand; `epsilon-net`.
    """
    rank = ranks(losses)
    if rank[index] == 0:
        return True
    equals = np.flatnonzero(rank == rank[index])
    before = int(np.count_nonzero((rank > 0) & (rank < rank[index])))
    order = (
        epsilon_net(losses[equals])
        if tie == "epsilon-net"
        else np.argsort(-crowding(losses[equals], rank[equals]), kind="stable")
    )
    place = before + int(np.flatnonzero(equals[order] == index)[0])
    return place < int(np.count_nonzero(rank > 0) / eta)
