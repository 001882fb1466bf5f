"""Learning rates over time, as shares of the peak rate."""

from __future__ import annotations

import math

from evaluators.recipe import Recipe

# One-cycle (Smith & Topin 2018): where it starts, and how long it rises when `warmup` does not say; torch's own values.
ONE_CYCLE_START = 1 / 25
ONE_CYCLE_RISE = 0.3


def rate(recipe: Recipe, step: int, steps: int) -> float:
    """Learning rate of `step` (from 0) of `steps`.

    >>> rate(Recipe(lr=1.0, schedule="linear"), 50, 100)
    0.5
    """
    share = step / max(1, steps)
    if recipe.schedule == "one-cycle":
        return recipe.lr * _one_cycle(share, recipe.warmup or ONE_CYCLE_RISE)
    if share < recipe.warmup:
        # Counted from step 1, for a first step at rate 0 would be wasted.
        return recipe.lr * min(1.0, (step + 1) / (recipe.warmup * steps))
    rest = (share - recipe.warmup) / (1 - recipe.warmup)
    if recipe.schedule == "constant":
        return recipe.lr
    left = SHAPES[recipe.schedule](rest)
    return recipe.lr * (recipe.final_lr + (1 - recipe.final_lr) * left)


def _cosine(share: float) -> float:
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * share))


def _linear(share: float) -> float:
    return 1 - share


def _coslog4(share: float) -> float:
    """Four waves from 0 to 1 and back, each twice as long as the one before.

    Source: Holzmüller, Grinsztajn & Steinwart 2024, "Better by Default", arXiv:2407.04491 (RealMLP).
    """
    return 0.5 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * share)))


def _one_cycle(share: float, rise: float) -> float:
    if share < rise:
        return 1 - (1 - ONE_CYCLE_START) * _cosine(share / rise)
    return _cosine((share - rise) / (1 - rise))


# Schedule → share of the whole budget → share of the way from `final_lr` to the peak.
SHAPES = {"cosine": _cosine, "linear": _linear, "coslog4": _coslog4}
