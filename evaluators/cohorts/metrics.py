"""The metrics of all members at once, where the criterion has a form for that."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evaluators.tasks.criteria import Criterion, CrossEntropy


def measured(criterion: Criterion, outputs: Sequence[Tensor], target: Tensor, scale: Tensor) -> list[dict[str, float]]:
    """What `criterion.measure` gives for each of `outputs`, which hold all samples of a split."""
    if type(criterion) is CrossEntropy and not criterion.auc and len(outputs) > 1:
        return _classified(criterion, outputs, target)
    return [criterion.measure(output, target, scale) for output in outputs]


def _classified(criterion: CrossEntropy, outputs: Sequence[Tensor], target: Tensor) -> list[dict[str, float]]:
    classes, samples = criterion.n_classes, len(target)
    # samples last, so that every reduction runs over an outer axis
    logits = torch.stack([output.reshape(samples, classes).t() for output in outputs])
    right = (
        logits.max(1).indices == target
    ).double()  # the first of equal ones, as `argmax`, which takes five times as long
    seen = torch.bincount(target, minlength=classes).double()
    hits = torch.zeros(len(outputs), classes, dtype=torch.float64, device=target.device).index_add_(1, target, right)
    occurs = seen > 0
    recall = (hits[:, occurs] / seen[occurs]).mean(1)
    wanted = target.expand(len(outputs), 1, samples)
    losses = (logits.logsumexp(1) - logits.gather(1, wanted)[:, 0]).mean(1).double()
    rows = torch.stack([right.mean(1), recall, losses], 1).tolist()
    return [
        {"accuracy": accuracy, "balanced_accuracy": balanced, "error": 1.0 - accuracy, "loss": loss}
        for accuracy, balanced, loss in rows
    ]
