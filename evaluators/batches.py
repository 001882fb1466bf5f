"""The order in which training samples come: batches without end, which can go on in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from evaluators.random_states import random_states, set_random_states
from evaluators.tasks.task import Tensors

# Batches are gathered together while they stay below this: one gather per epoch for small data.
GATHERED_BYTES = 64 * 2**20

Inputs = tuple[Tensor, ...]


class Batches:
    """Inputs and targets of one step after the other; each epoch in an order of its own.

    Args:
        part: the samples.
        size: of a batch; what is left over at an epoch's end is left out.
        augment: as of a task.
        seed: of the orders.
        device: that training runs on.
    """

    def __init__(
        self,
        part: Tensors,
        size: int,
        augment: Callable[[Inputs, torch.Generator], Inputs] | None,
        seed: int,
        device: str,
    ) -> None:
        self.part, self.size, self.augment, self.device = part, min(size, len(part)), augment, device
        self.order = torch.Generator(device).manual_seed(seed)
        self.epoch: dict[str, Any] = {}
        self.taken = 0

    def position(self) -> dict[str, Any]:
        """Where the last batch was: the random states in which its epoch began, and how many of it were taken."""
        return {**self.epoch, "taken": self.taken}

    def stream(self, position: Mapping[str, Any] | None = None) -> Iterator[tuple[Inputs, Tensor]]:
        """The batches behind `position`; None: from the first one on.

        The position's epoch is drawn again as it was, also by an `augment` that uses torch's own random numbers, which are
        moved by that: whoever wants them in another state sets them afterwards.
        """
        drawn = self._drawn()
        if position is not None:
            self.order.set_state(position["order"])
            set_random_states(self.device, position["random"])
            for _ in range(position["taken"]):
                next(drawn)
        return drawn

    def _drawn(self) -> Iterator[tuple[Inputs, Tensor]]:
        part, n, size = self.part, len(self.part), self.size
        per_sample = sum(x[0].nbytes for x in (*part.inputs, part.targets))
        together = size * max(1, GATHERED_BYTES // max(1, size * per_sample))
        while True:
            self.epoch, self.taken = {"order": self.order.get_state(), "random": random_states(self.device)}, 0
            inputs = part.inputs if self.augment is None else self.augment(part.inputs, self.order)
            shuffled = torch.randperm(n, generator=self.order, device=self.device)[: n - n % size]
            for chosen in torch.split(shuffled, together):
                some = part.seen(tuple(x.index_select(0, chosen.to(x.device)) for x in inputs))
                gathered = [torch.split(x, size) for x in (*some, part.targets.index_select(0, chosen))]
                for *xs, target in zip(*gathered, strict=True):
                    self.taken += 1
                    yield tuple(xs), target
