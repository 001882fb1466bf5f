"""Ensembles in one model (TabM): every member learns by itself, and their mean is what is measured.

Source: Gorishniy, Kotelnikov & Babenko 2025, "TabM", arXiv:2410.24210.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from evaluators.tasks.criteria import Criterion, Direction

if TYPE_CHECKING:
    from torch import Tensor

    from evaluators.tasks.task import Task


@final
@dataclass(frozen=True)
class Ensemble:
    """A task's criterion over models that return `(batch, members, …)` instead of `(batch, …)`, also several of them.

    Args:
        criterion: of one member's prediction.
        members: how many there are.
        probabilities: the numbers behind the members are logits, and the members' probabilities are averaged; else the
            numbers themselves are.
    """

    criterion: Criterion
    members: int
    probabilities: bool

    @property
    def metrics(self) -> Mapping[str, Direction]:
        return self.criterion.metrics

    def loss(self, output: Any, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """The mean over members of each one's loss: the loss of a batch in which each is a sample, with the same target.

        Raises: ValueError: the model does not return `members` predictions.
        """
        alone = self._parts(output, lambda part: part.flatten(0, 1))
        return self.criterion.loss(alone, target.repeat_interleave(self.members, 0), label_smoothing)

    def measure(self, output: Any, target: Tensor, scale: Tensor) -> dict[str, float]:
        """Metrics of the mean prediction.

        Raises: ValueError: the model does not return `members` predictions.
        """
        return self.criterion.measure(self._parts(output, self._mean), target, scale)

    def _mean(self, part: Tensor) -> Tensor:
        if not self.probabilities:
            return part.mean(1)
        # The logarithm of the mean probability is a logit of it.
        return part.flatten(2).log_softmax(-1).logsumexp(1) - math.log(self.members)

    def _parts(self, output: Any, change: Callable[[Tensor], Tensor]) -> Any:
        """`output` with each of its tensors changed."""
        if isinstance(output, tuple):
            return tuple(self._parts(part, change) for part in output)
        if output.ndim < 2 or output.shape[1] != self.members:
            raise ValueError(
                f"an ensemble of {self.members} returns (batch, {self.members}, …), and this model returned "
                f"{list(output.shape)}"
            )
        return change(output)


def criterion_of(task: Task, members: int) -> Criterion:
    """The task's criterion for models that return so many predictions side by side; 1: without an axis for them."""
    return task.criterion if members == 1 else Ensemble(task.criterion, members, task.kind == "classification")
