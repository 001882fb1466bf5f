"""The recipe: every setting of training, its default, its type and its range, in one place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin, get_type_hints

from nas.errors import ExperimentError, Fault, nearest


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a candidate is trained.

    Args:
        optimizer: `adamw`, `adam` or `sgd`.
        lr: peak learning rate.
        weight_decay: on weights of two or more axes; norms, biases and other vectors have none.
        lr_factors: glob over the names of weights, such as `"*.bias"` → factor on `lr`. The first glob that matches a
            weight counts; one that matches none is no mistake, for a recipe serves many architectures.
        weight_decay_factors: likewise on `weight_decay`; a weight that a glob matches has it whatever its axes.
        momentum: of `sgd`.
        nesterov: of `sgd` with momentum.
        beta1, beta2: of `adamw` and `adam`.
        batch_size: samples per step; what is left over at an epoch's end waits for another epoch's order.
        schedule: of the learning rate over the whole budget: `constant`; `cosine` or `linear` down to `final_lr`;
            `coslog4` (from `final_lr` up and down again four times, each time twice as slowly); or `one-cycle` (up for
            the warmup's share, by default 0.3, and down to nothing, both along a cosine).
        warmup: share of all steps in which the rate rises linearly to its peak.
        final_lr: where `cosine`, `linear` and `coslog4` end, as a share of `lr`.
        clip: largest gradient norm; None: gradients are left alone.
        label_smoothing: of classification.
        amp: `bf16`: training in bfloat16 on a GPU that has it; metrics are always measured in float32. `auto`: so for candidates
            that are large enough to gain by it (`evaluators.precision`). `off`: float32.
    """

    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.01
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    weight_decay_factors: Mapping[str, float] = field(default_factory=dict)
    momentum: float = 0.9
    nesterov: bool = True
    beta1: float = 0.9
    beta2: float = 0.999
    batch_size: int = 128
    schedule: Literal["constant", "cosine", "linear", "coslog4", "one-cycle"] = "cosine"
    warmup: float = 0.0
    final_lr: float = 0.0
    clip: float | None = None
    label_smoothing: float = 0.0
    amp: Literal["auto", "bf16", "off"] = "auto"


# Setting → smallest and largest value and whether the largest itself is allowed.
RANGES: dict[str, tuple[float, float, bool]] = {
    "lr": (0.0, math.inf, False),
    "weight_decay": (0.0, math.inf, False),
    "momentum": (0.0, 1.0, False),
    "beta1": (0.0, 1.0, False),
    "beta2": (0.0, 1.0, False),
    "batch_size": (1, math.inf, False),
    "warmup": (0.0, 1.0, False),
    "final_lr": (0.0, 1.0, True),
    "clip": (0.0, math.inf, False),
    "label_smoothing": (0.0, 1.0, False),
}
TYPES: dict[str, Any] = get_type_hints(Recipe)


def check_recipe(settings: Mapping[str, Any]) -> Recipe:
    """The whole recipe: `settings` over the defaults.

    Raises: ExperimentError: unknown settings, wrong types, values out of range; all of them at once.

    >>> check_recipe({"lr": 1e-2, "schedule": "constant"}).batch_size
    128
    """
    faults: list[Fault | str] = []
    values: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in TYPES:
            faults.append(
                f"recipe: no setting is called `{key}`{nearest(str(key), TYPES)}; there are {', '.join(TYPES)}"
            )
            continue
        values[key], wrong = _read(key, value)
        if wrong:
            faults.append(f"recipe: `{key}` {wrong}, got {value!r}")
    if not faults:
        recipe = Recipe(**values)
        if recipe.optimizer == "sgd" and recipe.momentum == 0:
            recipe = dataclasses.replace(recipe, nesterov=False)  # torch refuses Nesterov without momentum
        return recipe
    raise ExperimentError(*faults)


def _read(key: str, value: Any) -> tuple[Any, str]:
    """The value in its type, and what is wrong with it, if anything."""
    wanted = TYPES[key]
    if get_origin(wanted) is Literal:
        known = get_args(wanted)
        return value, "" if value in known else f"is one of {', '.join(known)}{nearest(str(value), known)}"
    if wanted is bool:
        return value, "" if isinstance(value, bool) else "is true or false"
    if get_origin(wanted) is Mapping:
        return _factors(value)
    optional = type(None) in get_args(wanted)
    if optional and value is None:
        return None, ""
    none = " or null" if optional else ""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return value, f"is a {'whole number' if wanted is int else 'number'}{none}"
    if wanted is int:
        if value != int(value):
            return value, "is a whole number"
        value = int(value)
    low, high, closed = RANGES[key]
    # A learning rate or a clipping norm of 0 would train nothing.
    positive = key in ("lr", "clip")
    if value < low or (positive and value == 0) or value > high or (value == high and not closed):
        top = "" if high == math.inf else f" and {'at most' if closed else 'below'} {high:g}"
        return value, f"is {'above' if positive else 'at least'} {low:g}{top}{none}"
    return value if wanted is int else float(value), ""


def _factors(value: Any) -> tuple[Any, str]:
    """Glob → factor as floats, in the order in which they were written."""
    if not isinstance(value, Mapping) or not all(isinstance(glob, str) for glob in value):
        return value, 'maps names of weights to factors, such as {"*.bias": 0.1}'
    for glob, factor in value.items():
        if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 <= factor < math.inf:
            return value, f"has factors of at least 0, and `{glob}` has {factor!r}"
    return {glob: float(factor) for glob, factor in value.items()}, ""
