"""The optimisers of a cohort: torch's fused kernels over stretches of the flat weights that have the same settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import accumulate
from math import prod

import torch
from torch import Tensor

from evaluators.cohorts.weights import Weights
from evaluators.optimizer import EPS, factor
from evaluators.recipe import Recipe


@dataclass(frozen=True)
class _Setting:
    """What weights must agree on to be stepped by one call. `member` stands for what changes from step to step."""

    member: int
    lr_factor: float
    decay: float


class Steps:
    """A step of every member's optimiser.

    Args:
        weights: of the cohort.
        recipes: of the members.
        phases: of the members; those with equal numbers take the same step of the same schedule, so where their recipes
            agree too, one call serves them.
    """

    def __init__(self, weights: Weights, recipes: Sequence[Recipe], phases: Sequence[int]) -> None:
        self.recipes, self.weights = list(recipes), weights
        self.first = torch.zeros_like(weights.flat)
        self.second = torch.zeros_like(weights.flat)
        same: dict[tuple[str, int], int] = {}
        self.leader = [same.setdefault((repr(r), p), m) for m, (r, p) in enumerate(zip(recipes, phases, strict=True))]
        self.taken = torch.zeros(len(recipes), device=weights.flat.device)  # steps, of those in `leader`
        self.counts = list(self.taken)
        stretches: dict[_Setting, list[tuple[int, int]]] = {}
        for slot in weights.slots():
            if slot.gradient is None:
                continue
            ends = [0, *accumulate(map(prod, slot.shapes))]
            start = int(slot.gradient.storage_offset())
            for i, (name, shape) in enumerate(zip(slot.names, slot.shapes, strict=True)):
                member = slot.members[i]
                recipe = recipes[member]
                decay = recipe.weight_decay * factor(recipe.weight_decay_factors, name, float(len(shape) >= 2))
                setting = _Setting(self.leader[member], factor(recipe.lr_factors, name, 1.0), decay)
                stretches.setdefault(setting, []).append((start + ends[i], start + ends[i + 1]))
        self.calls = [(setting, self._call(setting, _merged(found))) for setting, found in stretches.items()]

    def step(self, rates: Mapping[int, float] | Sequence[float]) -> None:
        """Change the weights along the gradients.

        Args:
            rates: learning rates by place, at least those of `leader`, who stand for all with their settings.
        """
        self.taken += 1
        for setting, call in self.calls:
            call(lr=rates[setting.member] * setting.lr_factor)

    def clip(self, place: int, limit: float) -> None:
        """Shorten a member's gradient to the norm `limit` where it is longer, as `clip_grad_norm_` does."""
        gradients = self.gradients[place]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))

    @cached_property
    def gradients(self) -> list[list[Tensor]]:
        """Of each member, where the gradients of its weights go."""
        return [
            [self.weights.gradient[low:high] for _, _, low, high in self._places(place)]
            for place in range(len(self.recipes))
        ]

    def moments(self, place: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Weight → the two running sums of a member's optimiser: views of what steps change."""
        return {
            name: (self.first[low:high].view(shape), self.second[low:high].view(shape))
            for name, shape, low, high in self._places(place)
        }

    def load(self, place: int, steps: int, moments: Mapping[str, tuple[Tensor, Tensor]]) -> None:
        """Go on from where a member's optimiser was after `steps` steps."""
        self.counts[self.leader[place]].fill_(steps)
        for name, (first, second) in self.moments(place).items():
            first.copy_(moments[name][0])
            second.copy_(moments[name][1])

    def _places(self, place: int) -> Iterator[tuple[str, tuple[int, ...], int, int]]:
        """Name and shape of each weight of a member that learns, and where it lies in the flat tensor."""
        for slot in self.weights.slots():
            if slot.gradient is not None and place in slot.members:
                at = slot.members.index(place)
                low = int(slot.gradients[at].storage_offset())
                yield slot.names[at], slot.shapes[at], low, low + prod(slot.shapes[at])

    def _call(self, setting: _Setting, stretches: list[tuple[int, int]]) -> Callable[..., object]:
        """The kernel on stretches of the weights with one setting; what is left to give is `lr`."""
        recipe, count = self.recipes[setting.member], self.counts[setting.member]
        whole = (self.weights.flat, self.weights.gradient, self.first, self.second)
        weights, gradients, first, second = ([one[low:high] for low, high in stretches] for one in whole)
        if recipe.optimizer == "sgd":
            # A buffer that begins at zero gives the same first step as torch's, which copies the gradient.
            return partial(
                torch._fused_sgd_, weights, gradients, first if recipe.momentum else [], weight_decay=setting.decay,
                momentum=recipe.momentum, dampening=0.0, nesterov=recipe.nesterov, maximize=False, is_first_step=False,
            )  # fmt: skip
        return partial(
            torch._fused_adamw_ if recipe.optimizer == "adamw" else torch._fused_adam_,
            weights, gradients, first, second, [], [count] * len(weights),
            amsgrad=False, beta1=recipe.beta1, beta2=recipe.beta2, weight_decay=setting.decay, eps=EPS, maximize=False,
        )  # fmt: skip


def _merged(stretches: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours as one."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(stretches):
        if merged and merged[-1][1] == low:
            merged[-1] = (merged[-1][0], high)
        else:
            merged.append((low, high))
    return merged
