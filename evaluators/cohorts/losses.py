"""The losses of all members and their gradients, by as few calls as the criterion allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.values import Value, in_memory
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
    """Classification, all members at once: their logits are `(members, classes, batch)` in memory."""

    def __init__(self, criterion: CrossEntropy, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> None:
        super().__init__(criterion, outputs, target, smoothing)
        batch, count, classes = outputs.batch, len(outputs), criterion.n_classes
        logits, grown = (value.memory.view(count, classes, batch) for value in (outputs, outputs.gradient))
        log_p = torch.empty_like(logits)
        shares = logits.new_zeros(1, classes, batch)  # −1 / batch at the targets
        share = logits.new_full((1, 1, batch), -1 / batch)
        self.calls: list[Callable[[], object]] = [
            partial(torch._log_softmax, logits, 1, False, out=log_p),
            partial(torch.exp, log_p, out=grown),
            shares.zero_,
            partial(shares.scatter_, 1, self.target.view(1, 1, batch), share),
            partial(torch.mv, log_p.view(count, -1), shares.view(-1), out=self.now),
        ]
        if any(self.smoothing):
            smooth = logits.new_tensor(self.smoothing)
            own, even = logits.new_empty(logits.shape), smooth / (classes * batch)
            self.calls += [
                partial(torch.mul, shares, (1 - smooth).view(-1, 1, 1), out=own),
                partial(own.sub_, even.view(-1, 1, 1)),
                partial(log_p.mul_, own),
                partial(torch.sum, log_p, (1, 2), out=self.now),
            ]
            shares = own
        self.calls += [partial(torch.add, shares, grown, alpha=1 / batch, out=grown), partial(self.sum.add_, self.now)]

    def step(self) -> None:
        for call in self.calls:
            call()


class SquaredErrorLosses(Losses):
    """Regression and reconstruction: one difference for all members, `(members, last, …, batch)`."""

    def __init__(self, criterion: Criterion, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> None:
        super().__init__(criterion, outputs, target, smoothing)
        batch, count = outputs.batch, len(outputs)
        shape = outputs.shapes[0]
        self.results, self.grown = (
            value.memory.view(count, *in_memory(shape, batch)) for value in (outputs, outputs.gradient)
        )
        self.wanted = self.target.view(batch, *shape).transpose(0, -1)

    def step(self) -> None:
        torch.sub(self.results, self.wanted, out=self.grown)
        numbers = self.wanted.numel()
        torch.div(self.grown.square().flatten(1).sum(1), numbers, out=self.now)
        self.grown.mul_(2 / numbers)
        self.sum += self.now


def make_losses(criterion: Criterion, outputs: Value, target: Tensor, smoothing: Sequence[float]) -> Losses:
    """The losses of `criterion`; those that have no form of their own here take torch's gradients, member by member."""
    alike = outputs.side and len(set(outputs.shapes)) == 1
    if alike and type(criterion) is CrossEntropy and outputs.shapes[0] == (criterion.n_classes,):
        return CrossEntropyLosses(criterion, outputs, target, smoothing)
    if (
        alike
        and type(criterion) in (SquaredError, Reconstruction)
        and outputs.shapes[0] in ((target[0].numel(),), target.shape[1:])
    ):
        return SquaredErrorLosses(criterion, outputs, target, smoothing)
    return Losses(criterion, outputs, target, smoothing)
