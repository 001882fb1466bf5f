"""Scores at initialisation: what a network, as it is drawn, says about what it would learn. Or does not; measure it.

Each takes a pass or two instead of a training. A score has a unit of its own and is good for ranks alone; how well these agree
with the ranks after training depends on space and task, and can be far below what the number of parameters achieves.

All are computed in float64 on the network with which training begins, and on the first samples that training sees, with
the training part's data alone.

Source: Abdelfattah et al. 2021, "Zero-Cost Proxies for Lightweight NAS", which compares all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from evaluators.batches import Batches
from evaluators.random_states import random_states, set_random_states
from evaluators.randomness import Noise
from evaluators.tasks.criteria import Criterion
from evaluators.tasks.ensembles import criterion_of
from evaluators.tasks.task import Task
from nas.errors import ExperimentError, nearest
from nas.study.candidate import Job, Report
from nas.study.scores import SCORES

BATCH = 64
"""Samples; all there are, where the training part has fewer."""
JITTER = 1e-5
"""Keeps the logarithm of an eigenvalue that is 0 finite."""

_NORMS = (nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

Inputs = tuple[Tensor, ...]
Score = Callable[[nn.Module, Inputs, Tensor, Criterion], float]


def zero_cost(
    source: str,
    task: Task,
    names: Iterable[str] = SCORES,
    *,
    seed: int = 0,
    order: int | None = None,
    members: int = 1,
    device: str = "cpu",
) -> dict[str, float]:
    """Scores of the untrained network that `source` defines; `nan` or infinite where a score has no finite value.

    On the CPU equal arguments give equal numbers, with one torch thread. Threads and random numbers of torch are put back.

    Args:
        source: as `nas.codegen.source` writes it, with a class `Model` for samples in the shapes of `task`.
        names: of `nas.study.scores.SCORES`.
        seed: for weights and noise, as of a `Job`.
        order: seed of the order of samples, of which the first 64 are taken; None: `seed`.
        members: predictions that the model returns side by side.
    Raises: ExperimentError: there is no score of that name. What goes wrong in the model itself is passed on.
    """
    from nas.codegen import build

    names = checked(names)
    threads, before = torch.get_num_threads(), random_states(device)
    torch.set_num_threads(1)
    try:
        torch.manual_seed(seed)
        part = task.resident(device).train
        inputs, target = next(Batches(part, BATCH, task.augment, seed if order is None else order, device).stream())
        inputs, target = tuple(map(_double, inputs)), _double(target)
        criterion = criterion_of(task, members)
        found = {}
        for name in names:
            torch.manual_seed(seed)
            module = build(source).to(device).double()
            Noise(module, seed).begin(1)
            with torch.enable_grad():
                found[name] = _FUNCTIONS[name](module, inputs, target, criterion)
        return found
    finally:
        set_random_states(device, before)
        torch.set_num_threads(threads)


def scored(names: Sequence[str], job: Job, task: Task, device: str, curve: Sequence[Report]) -> dict[str, float]:
    """These scores of a candidate: what its earlier reports say, else computed now."""
    if curve and all(name in curve[-1].metrics for name in names):
        return {name: curve[-1].metrics[name] for name in names}
    return zero_cost(job.source, task, names, seed=job.seed, order=job.order, members=job.members, device=device)


def checked(names: Iterable[str]) -> tuple[str, ...]:
    """Names of scores, each once. Raises: ExperimentError: one is none."""
    found = tuple(dict.fromkeys(names))
    for name in found:
        if name not in SCORES:
            raise ExperimentError(f"there is no score `{name}` among {', '.join(SCORES)}{nearest(name, SCORES)}")
    return found


def synflow(module: nn.Module, inputs: Inputs, target: Tensor, criterion: Criterion) -> float:
    """Σ |θ ∂R/∂θ| over trainable weights θ, where R is the sum of the outputs for one sample of ones under the weights |θ|.

    Modules that normalise pass their input on, as in Abdelfattah et al.; what normalises within an expression (`l2_norm`)
    stays. The theory is of layers without activations that bend or saturate.

    Args:
        inputs: give the shapes `(n, …)`; neither their numbers nor targets nor criterion matter.
    Returns: at least 0, in the outputs' unit; infinite or nan beyond 1e308, which many wide layers reach, and gates soon:
        what multiplies squares it.
    Source: Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow".
    """
    module.eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(weight.abs())
    for layer in module.modules():
        if isinstance(layer, _NORMS):
            layer.register_forward_hook(lambda _, given, made: given[0])
    ones = tuple(torch.ones_like(x[:1]) for x in inputs)
    return _saliency(module, _total(module(*ones)))


def grad_norm(module: nn.Module, inputs: Inputs, target: Tensor, criterion: Criterion) -> float:
    """‖∂L/∂θ‖₂ over all trainable weights θ together, of the loss L of the batch in training mode.

    Args:
        inputs: each `(n, …)`.
        target: `(n, …)`.
    Returns: at least 0, in the loss's unit per unit of weight.
    Source: Abdelfattah et al. 2021, who add up the norms of layers instead.
    """
    gradients = _gradients(module, criterion.loss(module(*inputs), target)).values()
    return math.sqrt(sum(float(one.abs().square().sum()) for one in gradients))


def snip(module: nn.Module, inputs: Inputs, target: Tensor, criterion: Criterion) -> float:
    """Σ |θ ∂L/∂θ| over all trainable weights θ, of the loss L of the batch in training mode.

    Args: as of `grad_norm`.
    Returns: at least 0, in the loss's unit.
    Source: Lee et al. 2019, "SNIP: Single-shot Network Pruning based on Connection Sensitivity", who divide by this sum.
    """
    return _saliency(module, criterion.loss(module(*inputs), target))


def jacob_cov(module: nn.Module, inputs: Inputs, target: Tensor, criterion: Criterion) -> float:
    """−Σ log(λ + k) + 1 / (λ + k), k = 1e-5, over the eigenvalues λ of the correlations between the samples' Jacobians.

    A sample's Jacobian is the gradient of the sum of all outputs with respect to it, in training mode. At best none are
    correlated: −n for n samples, about. Each sample beyond the numbers in one costs 1 / k, whatever the network.
    Inputs that are codes have no gradient, and are left out.

    Args:
        inputs: each `(n, …)`; targets and criterion do not matter.
    Returns: no unit; nan where a sample's Jacobian is constant, as in a network without a path from input to output, and
        in a linear network it tells nothing.
    Source: Mellor et al. 2020, "Neural Architecture Search without Training", arXiv:2006.04647v1. Their later score, of the
        codes that ReLUs make of samples, is left out: few activations here are ReLUs.
    """
    leaves = tuple(x.clone().requires_grad_() for x in inputs)
    output = _total(module(*leaves))
    if not output.requires_grad:
        return math.nan
    found = [one for one in torch.autograd.grad(output, leaves, allow_unused=True) if one is not None]
    if not found:
        return math.nan
    correlation = torch.corrcoef(torch.cat([one.flatten(1) for one in found], 1))
    if not correlation.isfinite().all():
        return math.nan
    shifted = torch.linalg.eigvalsh(correlation).clamp_min(0) + JITTER
    return -float((shifted.log() + 1 / shifted).sum())


_FUNCTIONS: dict[str, Score] = {"synflow": synflow, "grad_norm": grad_norm, "snip": snip, "jacob_cov": jacob_cov}


def _saliency(module: nn.Module, quantity: Tensor) -> float:
    """Σ |θ ∂quantity/∂θ|"""
    return sum(float((weight.detach() * slope).abs().sum()) for weight, slope in _gradients(module, quantity).items())


def _gradients(module: nn.Module, quantity: Tensor) -> dict[Tensor, Tensor]:
    """Trainable weight → the gradient, of those that `quantity` depends on."""
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    if not weights or not quantity.requires_grad:
        return {}
    slopes = torch.autograd.grad(quantity, weights, allow_unused=True)
    return {weight: slope for weight, slope in zip(weights, slopes, strict=True) if slope is not None}


def _total(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The sum of all numbers that a model returned."""
    return output.sum() if isinstance(output, Tensor) else sum((one.sum() for one in output), torch.zeros(()))


def _double(x: Tensor) -> Tensor:
    return x.double() if x.is_floating_point() else x
