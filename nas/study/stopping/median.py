"""The median rule: a candidate ends when it is worse, in everything that training decides, than the middle of the others.

Of every other candidate that reached the rung, the mean of each uncertain objective over its rungs so far is taken, and
the median of these means. A candidate whose best values so far are dominated by the medians ends, unless it is of rank 0
at the rung, costs included: a small network whose accuracy nobody of its size beats goes on.

Source: Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2, for one objective.
"""

from __future__ import annotations

import numpy as np

from nas.study.ranking import Losses, ranks
from nas.study.stopping.base import Rule, Rungs


class Median(Rule):
    """See the module. Setting: `peers`, others that must have reached the rung before anybody is stopped there."""

    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        others = sorted(one for one in rungs.at(rung) if one != number)
        if not self.uncertain or len(others) < self.stopping.settings["peers"]:
            return False
        curves = self._curves(rungs, [number, *others], rung)
        medians = np.median(np.nanmean(curves[:, 1:], axis=0), axis=0)
        best = np.nanmin(curves[:, 0], axis=0)
        if not ((medians <= best).all() and (medians < best).any()):
            return False
        losses = np.array([rungs.at(rung)[one] for one in (number, *others)])
        return bool(ranks(losses)[0] > 0)

    def _curves(self, rungs: Rungs, numbers: list[int], last: int) -> Losses:
        """Uncertain losses `(rungs, candidates, objectives)` up to the rung `last`; nan where one did not report."""
        nowhere = (float("nan"),) * len(self.objectives)
        steps = [rungs.at(rung) for rung in rungs.stopping.rungs if rung <= last]
        return np.array([[step.get(number, nowhere) for number in numbers] for step in steps])[:, :, self.uncertain]
