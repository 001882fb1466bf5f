"""BOHB: Parzen estimators on what candidates reached at rungs, for use with Hyperband's stopping rule.

The model is that of `tpe`, fitted to the highest level of budget at which enough candidates have values: those of a rung, also
of candidates that still train, or final ones. Early on that is a low rung, where values come soon; later a higher one, where
they mean more. Some proposals are drawn at random, which keeps Hyperband's guarantee.

Source: Falkner et al. 2018, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from nas.space.deciders import Random as Draw
from nas.study.mirror import Mirror
from nas.study.samplers.base import Proposal, Sampler
from nas.study.samplers.tpe import Tpe

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal

Losses = tuple[float, ...]


class Bohb(Sampler):
    """See the module. Settings: `startup`, values that a level needs, and `random`, the share of proposals by chance."""

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space, self._goal = space, goal
        self._n_startup = int(settings["startup"])
        self._random = float(settings["random"])

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        rng = Random(seed)
        values = next((one for one in levels(mirror) if len(one) >= self._n_startup), None)
        if values is None or rng.random() < self._random:
            return Proposal(self._space.build(Draw(rng)), "random")
        model = Tpe(self._space, self._goal, {"startup": self._n_startup})
        return model.propose(at_level(mirror, values), rng.getrandbits(31))


def levels(mirror: Mirror) -> list[dict[int, Losses]]:
    """Losses by candidate's number at each level of budget, the whole budget first, then rung by rung downwards."""
    learnt = {point.number: point for point in mirror.points if point.state in ("told", "pending")}
    final = {
        number: point.losses
        for number, point in learnt.items()
        if number is not None and point.losses is not None and not point.stopped
    }
    rungs = sorted((rung for rung in mirror.reached if rung < mirror.budget), reverse=True)
    return [final, *({n: one for n, one in mirror.reached[rung].items() if n in learnt} for rung in rungs)]


def at_level(mirror: Mirror, values: Mapping[int, Losses]) -> Mirror:
    """The mirror as if training ended at one level. Who did not get there is not in it, unless it is refused or on its way."""
    seen = Mirror(mirror.parameters, results=len(values))
    for point in mirror.points:
        if point.number is not None and point.number in values:
            seen.add(replace(point, state="told", losses=values[point.number]))
        elif point.state in ("refused", "pending"):
            seen.add(point)
    return seen
