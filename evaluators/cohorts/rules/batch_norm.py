"""A batch norm is one call for all members, since every channel is normalised by itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from evaluators.cohorts.rules.base import Calls, Made, Site
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Slot

_aten = torch.ops.aten
MOMENTUM = 0.1


def batch_norm(site: Site) -> Made | None:
    """y = γ ⊙ (x − mean x) / √(var x + ε) + β, over the batch and all axes but the last."""
    if site.attrs["axis"] != site.types[0][0].names[-1]:
        return None
    x, y, eps = site.inputs[0], site.output, float(site.attrs["eps"])  # type: ignore[arg-type]
    whole = x.side and y.side
    weight, bias = site.weights.get("weight"), site.weights.get("bias")
    slots = (weight, bias, site.weights["running_mean"], site.weights["running_var"])
    kind = _Turned if x.turned and y.turned else _Rows

    def places(value: Value) -> list[Tensor]:
        """What is one call each, in the order of memory."""
        return [value.memory] if kind is _Turned else [value.rows] if whole else value.part_rows

    steps = [
        kind([given, out], [_of(slot, i, whole) for slot in slots], training=site.training, eps=eps)
        for i, (given, out) in enumerate(zip(places(x), places(y), strict=True))
    ]
    forward: Calls = [call for step in steps for call in step.forward]
    if site.training:
        forward.append(partial(site.weights["num_batches_tracked"].whole.add_, 1))

    def backward() -> Calls:
        into = site.gradient()
        calls: Calls = [] if into is None else list(into.before)
        tied = weight is not None and weight.tied
        targets = [None] * len(steps) if into is None else places(into.value)
        for i, (step, gradient, target) in enumerate(zip(steps, places(y.gradient), targets, strict=True)):
            outs = (target, _grown(weight, i, whole), _grown(bias, i, whole))
            calls.append(partial(step.backward, gradient, outs, (into is not None and into.holds, tied, tied)))
        return calls

    return forward, backward


class _Turned:
    """Features first. Torch's kernel is slow at sums along the samples and fast at the rest."""

    def __init__(self, memory: list[Tensor], weights: list[Tensor | None], *, training: bool, eps: float) -> None:
        self.x, self.out = memory
        self.weights, self.eps = weights, eps
        self.mean, self.scale = (self.x.new_empty(len(self.x)) for _ in range(2))
        self.forward = self._training() if training else self._evaluation()

    def _training(self) -> Calls:
        x, out, mean, scale = self.x, self.out, self.mean, self.scale
        _, _, running_mean, running_var = self.weights
        assert running_mean is not None and running_var is not None
        squares, samples = torch.empty_like(x), x.shape[1]
        return [
            partial(torch.mean, x, 1, out=mean),
            partial(running_mean.lerp_, mean, MOMENTUM),
            partial(torch.sub, x, mean.unsqueeze(1), out=out),
            partial(torch.mul, out, out, out=squares),
            partial(torch.mean, squares, 1, out=scale),
            partial(running_var.mul_, 1 - MOMENTUM),
            partial(running_var.add_, scale, alpha=MOMENTUM * samples / (samples - 1)),
            *self._scaled(),
        ]

    def _evaluation(self) -> Calls:
        _, _, running_mean, running_var = self.weights
        assert running_mean is not None and running_var is not None
        return [
            partial(torch.sub, self.x, running_mean.unsqueeze(1), out=self.out),
            partial(self.scale.copy_, running_var),
            *self._scaled(),
        ]

    def _scaled(self) -> Calls:
        weight, bias, *_ = self.weights
        scale, out = self.scale, self.out
        calls: Calls = [partial(scale.add_, self.eps), scale.rsqrt_, partial(out.mul_, scale.unsqueeze(1))]
        if weight is not None and bias is not None:
            calls.append(partial(torch.addcmul, bias.unsqueeze(1), out, weight.unsqueeze(1), out=out))
        return calls

    def backward(self, gradient: Tensor, outs: tuple[Tensor | None, ...], added: tuple[bool, ...]) -> None:
        weight, _, running_mean, running_var = self.weights
        found, *others = _aten.native_batch_norm_backward(
            gradient.unsqueeze(0), self.x.unsqueeze(0), weight, running_mean, running_var,
            self.mean, self.scale, True, self.eps, [out is not None for out in outs],
        )  # fmt: skip
        _put([found if outs[0] is None else found[0], *others], outs, added)


class _Rows:
    """Samples first: one call of torch's batch norm, on dense copies: on rows with gaps it reads past them (torch 2.13)."""

    def __init__(self, rows: list[Tensor], weights: list[Tensor | None], *, training: bool, eps: float) -> None:
        self.x, self.out = rows
        self.dense = [None if one.is_contiguous() else torch.empty_like(one).contiguous() for one in rows]
        self.weights, self.training, self.eps = weights, training, eps
        self.forward: Calls = [self._run]
        width = self.x.shape[1]
        self.mean, self.scale = self.x.new_empty(width), self.x.new_empty(width)

    def _run(self) -> None:
        x, out = self.dense
        if x is not None:
            x.copy_(self.x)
        _aten.native_batch_norm.out(
            self.x if x is None else x, *self.weights, self.training, MOMENTUM, self.eps,
            out=self.out if out is None else out, save_mean=self.mean, save_invstd=self.scale,
        )  # fmt: skip
        if out is not None:
            self.out.copy_(out)

    def backward(self, gradient: Tensor, outs: tuple[Tensor | None, ...], added: tuple[bool, ...]) -> None:
        weight, _, mean, spread = self.weights
        found = _aten.native_batch_norm_backward(
            gradient.contiguous(), self.x if self.dense[0] is None else self.dense[0], weight, mean, spread,
            self.mean, self.scale, True, self.eps, [out is not None for out in outs],
        )  # fmt: skip
        _put(found, outs, added)


def _of(slot: Slot | None, place: int, whole: bool) -> Tensor | None:
    return None if slot is None else slot.whole if whole else slot.parts[place]


def _grown(slot: Slot | None, place: int, whole: bool) -> Tensor | None:
    return None if slot is None or slot.gradient is None else slot.gradient if whole else slot.gradients[place]


def _put(found: Sequence[Tensor], outs: Sequence[Tensor | None], added: Sequence[bool]) -> None:
    for out, gradient, add in zip(outs, found, added, strict=True):
        if out is not None:
            out.add_(gradient) if add else out.copy_(gradient)
