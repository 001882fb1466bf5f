"""The losses of all members and their gradients, by as few calls as the criterion allows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from evaluators.cohorts.values import Value
from evaluators.tasks.criteria import Criterion, CrossEntropy, Reconstruction, SquaredError


class Losses:
    """The mean loss of each member over its batch, and the gradient of it in `outputs.gradient`.

    Args:
        criterion: of the task.
        outputs: of the members.
        target: the batch's, which is copied to before each step.
        smoothing: of each member's labels.
    """

    def __init__(self, criterion: Criterion, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> None:
        self.criterion, self.outputs, self.target = criterion, outputs, target
        self.smoothing = tuple(smoothing)
        like = outputs.tensor
        self.now = torch.zeros(len(outputs), dtype=like.dtype, device=like.device)
        self.sum = torch.zeros_like(self.now)

    def step(self) -> None:
        """Compute losses and gradients, and add to `sum`."""
        with torch.enable_grad():
            parts = [part.detach().requires_grad_() for part in self.outputs.parts]
            losses = [
                self.criterion.loss(part, self.target, smoothing)
                for part, smoothing in zip(parts, self.smoothing, strict=True)
            ]
        for out, gradient in zip(
            self.outputs.gradient.parts, torch.autograd.grad(losses, parts, materialize_grads=True), strict=True
        ):
            out.copy_(gradient)
        torch.stack([loss.detach() for loss in losses], out=self.now)
        self.sum += self.now


class CrossEntropyLosses(Losses):
    """Classification, all members at once in `(classes, batch, members)`, so that no reduction runs over a short last axis."""

    def __init__(self, criterion: CrossEntropy, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> None:
        super().__init__(criterion, outputs, target, smoothing)
        batch, count, classes = outputs.batch, len(outputs), criterion.n_classes
        self.logits = outputs.tensor.view(batch, count, classes).permute(2, 0, 1)
        self.grown = outputs.gradient.tensor.view(batch, count, classes).permute(2, 0, 1)
        self.log_p = self.logits.new_empty(classes, batch, count)
        self.p = torch.empty_like(self.log_p)
        self.right = self.log_p.new_zeros(classes, batch, 1)  # 1 at the targets
        self.ones = torch.ones_like(self.right[:1])
        self.smooth = torch.tensor(self.smoothing, dtype=self.log_p.dtype, device=self.log_p.device)
        self.sharp = 1 - self.smooth

    def step(self) -> None:
        classes, batch, count = self.log_p.shape
        self.p.copy_(self.logits)
        torch._log_softmax(self.p, 0, False, out=self.log_p)
        torch.exp(self.log_p, out=self.p)
        self.right.zero_().scatter_(0, self.target.view(1, batch, 1), self.ones)
        torch.mv(self.log_p.view(-1, count).t(), self.right.view(-1), out=self.now)
        if any(self.smoothing):
            self.now.mul_(self.sharp).addcmul_(self.log_p.sum((0, 1)), self.smooth, value=1 / classes)
            self.p.addcmul_(self.right, self.sharp, value=-1).sub_(self.smooth / classes)
        else:
            self.p.sub_(self.right)
        self.now.div_(-batch)
        torch.mul(self.p, 1 / batch, out=self.grown)
        self.sum += self.now


class SquaredErrorLosses(Losses):
    """Regression and reconstruction: one difference for all members, `(batch, members, numbers)`."""

    def __init__(self, criterion: Criterion, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> None:
        super().__init__(criterion, outputs, target, smoothing)
        batch, count = outputs.batch, len(outputs)
        self.results = outputs.tensor.view(batch, count, -1)
        self.grown = outputs.gradient.tensor.view(batch, count, -1)
        self.wanted = target.view(batch, 1, -1)

    def step(self) -> None:
        torch.sub(self.results, self.wanted, out=self.grown)
        numbers = self.grown.shape[0] * self.grown.shape[2]
        torch.div(self.grown.square().sum((0, 2)), numbers, out=self.now)
        self.grown.mul_(2 / numbers)
        self.sum += self.now


def make_losses(criterion: Criterion, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> Losses:
    """The losses of `criterion`; those that have no form of their own here take torch's gradients, member by member."""
    flat = outputs.side and all(len(shape) == 1 for shape in outputs.shapes) and len(set(outputs.shapes)) == 1
    if flat and type(criterion) is CrossEntropy and outputs.shapes[0] == (criterion.n_classes,):
        return CrossEntropyLosses(criterion, outputs, target, smoothing)
    numbers = target[0].numel()
    if flat and type(criterion) in (SquaredError, Reconstruction) and outputs.shapes[0] == (numbers,):
        return SquaredErrorLosses(criterion, outputs, target, smoothing)
    return Losses(criterion, outputs, target, smoothing)
