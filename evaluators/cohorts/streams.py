"""The batches that members of a crew see together, and where they are in them."""

from __future__ import annotations

import torch
from torch import Tensor

from evaluators.batches import Batches
from evaluators.budget import Plan
from evaluators.checkpoint import Saved
from evaluators.random_states import random_states, set_random_states


class Stream:
    """Members that are at the same step of the same plan and see the same batches. Making one moves torch's random numbers.

    Args:
        number: by which cohorts know it.
        batches: of an order of its own.
        plan: of its members.
        seed: of torch's own random numbers, which an `augment` may draw.
        saved: where it goes on from; None: from the first batch.
    """

    def __init__(self, number: int, batches: Batches, plan: Plan, seed: int, saved: Saved | None = None) -> None:
        self.number, self.plan, self.batches = number, plan, batches
        self.step = 0 if saved is None else saved.step
        self.counted = 0  # steps since the last mark
        if saved is None:
            torch.manual_seed(seed)
            self.random, self._coming = random_states(batches.device), batches.stream()
        else:
            self.random, self._coming = saved.random, batches.stream(saved.position)

    @property
    def is_over(self) -> bool:
        return self.step == self.plan.steps

    @property
    def steps_to_mark(self) -> int:
        return min(mark for mark in self.plan.marks if mark > self.step) - self.step

    def take(self, steps: int) -> list[tuple[tuple[Tensor, ...], Tensor]]:
        """The batches of the next `steps` steps; torch's own random numbers stay where they are."""
        before = random_states(self.batches.device)
        set_random_states(self.batches.device, self.random)
        try:
            return [next(self._coming) for _ in range(steps)]
        finally:
            self.random = random_states(self.batches.device)
            set_random_states(self.batches.device, before)
