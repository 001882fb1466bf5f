"""Optimisers of a recipe, fused into one kernel where torch can."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from evaluators.recipe import Recipe

FUSED_ON = ("cpu", "cuda")


def make_optimizer(module: nn.Module, recipe: Recipe) -> Optimizer | None:
    """The recipe's optimiser over the trainable weights; None where there are none.

    Weight decay acts on weights of two or more axes only: on norms, biases and scales it pulls towards nothing useful.
    """
    trained = [weight for weight in module.parameters() if weight.requires_grad]
    if not trained:
        return None
    groups = [
        {"params": [weight for weight in trained if weight.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [weight for weight in trained if weight.ndim < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    fused = all(weight.device.type in FUSED_ON and torch.is_floating_point(weight) for weight in trained)
    if recipe.optimizer == "sgd":
        return SGD(groups, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.nesterov, fused=fused)
    kind = AdamW if recipe.optimizer == "adamw" else Adam
    return kind(groups, lr=recipe.lr, betas=(recipe.beta1, recipe.beta2), fused=fused)
