"""Dropout: every member draws its own masks, the same as it draws when it trains alone."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Clock, Made, Site
from evaluators.cohorts.values import Value, together
from evaluators.randomness import draw_seed


def dropout(site: Site) -> Made:
    """y = m ⊙ x / (1 − rate), m fresh in each step; y = x in evaluation."""
    x, y = site.inputs[0], site.output
    if not site.training:
        return [partial(out.copy_, part) for out, part in together(y, x)], list
    masks = Value(y.shapes, y.batch, like=y.tensor)
    forward: Calls = []
    for place, mask in enumerate(masks.parts):
        rate = float(dict(site.nodes[place].attrs)["rate"])  # type: ignore[arg-type]
        drawn = torch.empty(mask.shape, dtype=mask.dtype, device=mask.device)
        forward.append(partial(_draw, site.clock, site.members[place], site.draws, 1 - rate, drawn, mask))
    forward += [partial(torch.mul, part, mask, out=out) for out, part, mask in together(y, x, masks)]

    def backward() -> Calls:
        into = site.gradient()
        if into is None:
            return []
        return into.through(lambda g, mask, out: partial(torch.mul, g, mask, out=out), y.gradient, masks)

    return forward, backward


def _draw(clock: Clock, member: int, place: int, keep: float, drawn: Tensor, mask: Tensor) -> None:
    generator = torch.Generator(drawn.device).manual_seed(draw_seed(clock.seeds[member], clock.steps[member], place))
    drawn.bernoulli_(keep, generator=generator)
    torch.div(drawn, keep, out=mask)
