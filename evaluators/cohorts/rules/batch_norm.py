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

    def places(value: Value) -> list[Tensor]:
        """What is normalised by the same calls, `(channels, numbers)`."""
        return [value.columns] if whole else value.part_columns

    norms = [
        _Norm(given, out, [_of(slot, i, whole) for slot in slots], training=site.training, eps=eps)
        for i, (given, out) in enumerate(zip(places(x), places(y), strict=True))
    ]
    forward: Calls = [call for norm in norms for call in norm.forward]
    if site.training:
        forward.append(partial(site.weights["num_batches_tracked"].whole.add_, 1))

    def backward() -> Calls:
        into = site.gradient()
        calls: Calls = [] if into is None else list(into.before)
        tied = weight is not None and weight.tied
        targets = [None] * len(norms) if into is None else places(into.value)
        for i, (norm, gradient, target) in enumerate(zip(norms, places(y.gradient), targets, strict=True)):
            outs = (target, _grown(weight, i, whole), _grown(bias, i, whole))
            calls.append(partial(norm.backward, gradient, outs, (into is not None and into.holds, tied, tied)))
        return calls

    return forward, backward


class _Norm:
    """Channels as rows. Torch's kernel is slow at sums along the samples, for which a product with a vector serves."""

    def __init__(self, x: Tensor, out: Tensor, weights: list[Tensor | None], *, training: bool, eps: float) -> None:
        self.x, self.out, self.weights, self.eps = x, out, weights, eps
        self.mean, self.scale = (x.new_empty(len(x)) for _ in range(2))
        self.forward = self._training() if training else self._evaluation()

    def _training(self) -> Calls:
        x, out, mean, scale = self.x, self.out, self.mean, self.scale
        _, _, running_mean, running_var = self.weights
        assert running_mean is not None and running_var is not None
        squares, samples = torch.empty_like(x), x.shape[1]
        share = x.new_full((samples,), 1 / samples)
        return [
            partial(torch.mv, x, share, out=mean),
            partial(running_mean.lerp_, mean, MOMENTUM),
            partial(torch.sub, x, mean.unsqueeze(1), out=out),
            partial(torch.mul, out, out, out=squares),
            partial(torch.mv, squares, share, out=scale),
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
        if (
            weight is not None and bias is not None
        ):  # two calls, as `addcmul` is slow where numbers are the same in a row
            calls += [partial(out.mul_, weight.unsqueeze(1)), partial(out.add_, bias.unsqueeze(1))]
        return calls

    def backward(self, gradient: Tensor, outs: tuple[Tensor | None, ...], added: tuple[bool, ...]) -> None:
        weight, _, running_mean, running_var = self.weights
        found, *others = _aten.native_batch_norm_backward(
            gradient.unsqueeze(0), self.x.unsqueeze(0), weight, running_mean, running_var,
            self.mean, self.scale, True, self.eps, [out is not None for out in outs],
        )  # fmt: skip
        _put([found if outs[0] is None else found[0], *others], outs, added)


def _of(slot: Slot | None, place: int, whole: bool) -> Tensor | None:
    return None if slot is None else slot.whole if whole else slot.parts[place]


def _grown(slot: Slot | None, place: int, whole: bool) -> Tensor | None:
    return None if slot is None or slot.gradient is None else slot.gradient if whole else slot.gradients[place]


def _put(found: Sequence[Tensor], outs: Sequence[Tensor | None], added: Sequence[bool]) -> None:
    for out, gradient, add in zip(outs, found, added, strict=True):
        if out is not None:
            out.add_(gradient) if add else out.copy_(gradient)
