"""Optimisers of a recipe: torch's functional ones, fused into one kernel per group of weights.

Torch's optimiser classes import its compiler and sympy when the first one is made, which costs each worker more time than
many a candidate trains. The functions under them are the same arithmetic.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from evaluators.recipe import Recipe

# What → weight's name → a tensor: Adam's `first` and `second` moment and its `steps`, the `momenta` of SGD; nothing of a
# weight that has had no gradient.
State = dict[str, dict[str, Tensor]]

FUSED_ON = ("cpu", "cuda")
EPS = 1e-8


@dataclass
class Group:
    """Weights, by name, with one weight decay and one factor on the learning rate."""

    names: list[str]
    weights: list[Tensor]
    weight_decay: float
    lr_factor: float = 1.0


class Optimizer(ABC):
    """Takes steps along the gradients; a weight without one stays as it is."""

    def __init__(self, groups: list[Group], recipe: Recipe) -> None:
        self.groups, self.recipe = groups, recipe
        self.weights = [weight for group in groups for weight in group.weights]
        self.fused = all(w.device.type in FUSED_ON and torch.is_floating_point(w) for w in self.weights)

    @torch.no_grad()
    def step(self, lr: float) -> None:
        """Change the weights, and forget the gradients."""
        for number, group in enumerate(self.groups):
            live = [place for place, weight in enumerate(group.weights) if weight.grad is not None]
            if live:
                self._update(number, group, live, lr * group.lr_factor)
        for weight in self.weights:
            weight.grad = None

    @property
    def state(self) -> State:
        """All that it remembers. Tensors are not copied."""
        return {
            what: {
                name: one
                for group, places in zip(self.groups, groups, strict=True)
                for name, one in zip(group.names, places, strict=True)
                if one is not None
            }
            for what, groups in self._remembered.items()
        }

    def restore(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Go on from the `state` of an optimiser of the same weights."""
        for what, groups in self._remembered.items():
            for group, places in zip(self.groups, groups, strict=True):
                kept = [state[what].get(name) for name in group.names]
                places[:] = [None if one is None else one.to(self.weights[0].device) for one in kept]

    @property
    @abstractmethod
    def _remembered(self) -> dict[str, list[list[Any]]]:
        """What → group → place → a tensor, or None where there is nothing yet."""

    @abstractmethod
    def _update(self, number: int, group: Group, live: list[int], lr: float) -> None:
        """Change the weights of group `number` at the places `live`, which have gradients."""


@final
class Adam(Optimizer):
    """Adam, and AdamW for the recipe's `adamw`."""

    def __init__(self, groups: list[Group], recipe: Recipe) -> None:
        super().__init__(groups, recipe)
        self.function = adamw if recipe.optimizer == "adamw" else adam
        self.first = [[torch.zeros_like(w) for w in group.weights] for group in groups]
        self.second = [[torch.zeros_like(w) for w in group.weights] for group in groups]
        self.steps = [[torch.zeros((), device=w.device) for w in group.weights] for group in groups]

    @property
    def _remembered(self) -> dict[str, list[list[Any]]]:
        return {"first": self.first, "second": self.second, "steps": self.steps}

    def _update(self, number: int, group: Group, live: list[int], lr: float) -> None:
        first, second, steps = self.first[number], self.second[number], self.steps[number]
        self.function(
            [group.weights[place] for place in live],
            [gradient for place in live if (gradient := group.weights[place].grad) is not None],
            [first[place] for place in live],
            [second[place] for place in live],
            [],
            [steps[place] for place in live],
            fused=self.fused,
            amsgrad=False,
            beta1=self.recipe.beta1,
            beta2=self.recipe.beta2,
            lr=lr,
            weight_decay=group.weight_decay,
            eps=EPS,
            maximize=False,
        )


@final
class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum unless that is 0."""

    def __init__(self, groups: list[Group], recipe: Recipe) -> None:
        super().__init__(groups, recipe)
        self.momenta: list[list[Tensor | None]] = [[None] * len(group.weights) for group in groups]

    @property
    def _remembered(self) -> dict[str, list[list[Any]]]:
        return {"momenta": self.momenta}

    def _update(self, number: int, group: Group, live: list[int], lr: float) -> None:
        momenta = [self.momenta[number][place] for place in live]
        # Fused, a first step and a later one cannot share a call.
        for begun in (False, True):
            chosen = [(place, m) for place, m in zip(live, momenta, strict=True) if (m is not None) == begun]
            if not chosen:
                continue
            buffers = [m for _, m in chosen]
            sgd(
                [group.weights[place] for place, _ in chosen],
                [gradient for place, _ in chosen if (gradient := group.weights[place].grad) is not None],
                buffers,
                fused=self.fused,
                weight_decay=group.weight_decay,
                momentum=self.recipe.momentum,
                lr=lr,
                dampening=0.0,
                nesterov=self.recipe.nesterov,
                maximize=False,
            )
            for (place, _), buffer in zip(chosen, buffers, strict=True):
                self.momenta[number][place] = buffer


def make_optimizer(module: nn.Module, recipe: Recipe) -> Optimizer | None:
    """The recipe's optimiser over the trainable weights; None where there are none.

    Weight decay acts on weights of two or more axes only, unless a glob says more: on norms, biases and scales it pulls
    towards nothing useful.
    """
    trained = [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]
    # One group for each pair of settings: a group is one kernel, however many weights it has.
    grouped: dict[tuple[float, float], list[tuple[str, Tensor]]] = {}
    for name, weight in sorted(trained, key=lambda named: named[1].ndim < 2):
        decay = recipe.weight_decay * factor(recipe.weight_decay_factors, name, float(weight.ndim >= 2))
        grouped.setdefault((decay, factor(recipe.lr_factors, name, 1.0)), []).append((name, weight))
    groups = [
        Group([name for name, _ in named], [weight for _, weight in named], decay, factor)
        for (decay, factor), named in grouped.items()
    ]
    if not groups:
        return None
    return Sgd(groups, recipe) if recipe.optimizer == "sgd" else Adam(groups, recipe)


def factor(factors: Mapping[str, float], name: str, default: float) -> float:
    """Of the first glob that matches `name`."""
    return next((factor for glob, factor in factors.items() if fnmatchcase(name, glob)), default)
