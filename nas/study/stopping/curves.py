"""Extrapolation: a candidate ends when its curve, drawn to the end with a margin, is beaten by what was finished.

Each uncertain objective is taken to fall as a power of the budget spent, f(t) = e + b ((t/T)^-c - 1), with e the loss at
the end T; e, b >= 0 and c are fitted by least squares to the reports so far. From e a margin is taken off in the
candidate's favour; if a completed candidate that satisfies all constraints then dominates it, costs included, it ends.

Source: Domhan et al. 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
Learning Curves" (pow3); Viering and Loog 2021, "The Shape of Learning Curves: a Review", on why a power law.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nas.study.stopping.base import Rule, Rungs

STEEPNESS = np.geomspace(0.01, 3.0, 100)
"""The values of c: from all but logarithmic to over at once."""


class LearningCurve(Rule):
    """See the module. Settings: `points` to fit at least, and `margin`, a share of the spread of what was finished."""

    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        front = np.array([losses for one, losses in sorted(rungs.finished.items()) if one not in rungs.infeasible])
        curve = rungs.curve(number, rung)
        if not self.uncertain or not len(front) or len(curve) < self.stopping.settings["points"]:
            return False
        spent = [at for at, _ in curve]
        hoped = np.array(curve[-1][1])
        for i in self.uncertain:
            end = extrapolate(spent, [losses[i] for _, losses in curve], self.stopping.budget)
            hoped[i] = end - self.stopping.settings["margin"] * np.ptp(front[:, i])
        return bool(((front <= hoped).all(axis=1) & (front < hoped).any(axis=1)).any())


def extrapolate(spent: Sequence[float], losses: Sequence[float], budget: float) -> float:
    """The loss at `budget` of the power law that fits best, by least squares.

    For a given c the law is linear, and its e and b >= 0 have a closed form; so only c is searched for, on a fine grid.

    Args:
        spent: rising amounts of the budget, `(n,)`, n >= 2.
        losses: at these, `(n,)`.
    Source: Golub and Pereyra 1973, "The Differentiation of Pseudo-Inverses and Nonlinear Least Squares Problems Whose
        Variables Separate".
    """
    seen = np.asarray(losses, dtype=float)
    share = np.asarray(spent, dtype=float) / budget
    terms = share ** -STEEPNESS[:, None] - 1
    means = terms.mean(axis=1)
    centred, aims = terms - means[:, None], seen - seen.mean()
    heights = np.maximum(centred @ aims / (centred**2).sum(axis=1), 0.0)
    missed = ((aims - heights[:, None] * centred) ** 2).sum(axis=1)
    best = int(np.argmin(missed))
    return float(seen.mean() - heights[best] * means[best])
