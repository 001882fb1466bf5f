"""Dropout: every member draws its own masks, the same as it draws when it trains alone."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Clock, Made, Site
from evaluators.cohorts.values import Value, together
from evaluators.randomness import draw_seed, kept


def dropout(site: Site) -> Made:
    """y = m ⊙ x / (1 − rate), m fresh in each step; y = x in evaluation."""
    x, y = site.inputs[0], site.output
    if not site.training:
        return [partial(out.copy_, part) for out, part in together(y, x)], list
    masks = Value(y.shapes, y.batch, like=y.tensor)
    forward: Calls = []
    for place, mask in enumerate(masks.part_memories):
        rate = float(dict(site.nodes[place].attrs)["rate"])  # type: ignore[arg-type]
        forward.append(partial(_draw, site.clock, site.members[place], site.draws, 1 - rate, mask))
    forward += [partial(torch.mul, part, mask, out=out) for out, part, mask in together(y, x, masks)]

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        return into.through(lambda g, mask, out: partial(torch.mul, g, mask, out=out), y.gradient, masks)

    return forward, backward


def _draw(clock: Clock, member: int, place: int, keep: float, mask: Tensor) -> None:
    kept(draw_seed(clock.seeds[member], clock.steps[member], place), keep, mask)
