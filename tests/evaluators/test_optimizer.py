"""Optimisers against torch's own classes: bit for bit where torch can fuse them too."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from evaluators.optimizer import make_optimizer
from evaluators.recipe import Recipe

# Also of the bias of `norm`: the first that matches counts; the last matches nothing.
FACTORS = {"norm.*": 6.0, "*.bias": 0.1, "attention.*": 3.0}


class Net(torch.nn.Module):
    """With a frozen weight, one that is used from the third step on, and one that is never used."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.norm, self.b = torch.nn.Linear(3, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 2)
        self.late, self.never = torch.nn.Linear(2, 2), torch.nn.Linear(5, 5)
        self.a.weight.requires_grad_(False)

    def forward(self, x: torch.Tensor, step: int) -> torch.Tensor:
        y: torch.Tensor = self.b(torch.tanh(self.norm(self.a(x))))
        return y if step < 2 else self.late(y)


def theirs(net: Net, recipe: Recipe) -> torch.optim.Optimizer:
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [w for w in weights if w.ndim >= 2], "weight_decay": recipe.weight_decay},
        {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
    ]
    if recipe.lr_factors:
        groups = [
            {"params": [net.norm.weight, net.norm.bias], "weight_decay": recipe.weight_decay / 2, "factor": 6.0},
            {"params": [net.b.weight, net.late.weight, net.never.weight], "weight_decay": recipe.weight_decay},
            {"params": [net.a.bias, net.b.bias, net.late.bias, net.never.bias], "weight_decay": 0.0, "factor": 0.1},
        ]
    if recipe.optimizer == "sgd":
        # Torch's fused SGD fails where a weight gets its first gradient later than others; ours must not.
        return torch.optim.SGD(groups, recipe.lr, recipe.momentum, nesterov=recipe.nesterov, foreach=False)
    kind = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, recipe.lr, (recipe.beta1, recipe.beta2), fused=True)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe("adamw", 0.02, 0.3, beta1=0.8),
        Recipe("adam", 0.02, 0.3, beta2=0.9),
        Recipe("sgd", 0.05, 0.3),
        Recipe("sgd", 0.05, 0.3, nesterov=False),
        Recipe("sgd", 0.05, 0.0, momentum=0.0, nesterov=False),
        Recipe("adamw", 0.02, 0.3, FACTORS, {"norm*": 0.5}),
        Recipe("sgd", 0.02, 0.3, FACTORS, {"norm*": 0.5}),
    ],
)
def test_the_same_weights_after_each_step(recipe: Recipe) -> None:
    one, two = Net(), Net()
    ours, reference = make_optimizer(one, recipe), theirs(two, recipe)
    assert ours is not None
    assert ours.fused
    for step in range(6):
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(step))
        lr = recipe.lr / (step + 1)
        for net in (one, two):
            net(x, step).square().mean().backward()
        ours.step(lr)
        for group in reference.param_groups:
            group["lr"] = lr * group.get("factor", 1.0)
        reference.step()
        reference.zero_grad()
        assert all(weight.grad is None for weight in one.parameters())
        for mine, other in zip(one.parameters(), two.parameters(), strict=True):
            near = {"rtol": 1e-5, "atol": 1e-7} if recipe.optimizer == "sgd" else {"rtol": 0.0, "atol": 0.0}
            torch.testing.assert_close(mine, other, **near)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_weight_decay_spares_vectors(optimizer: Any) -> None:
    made = make_optimizer(
        torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4)), Recipe(optimizer, weight_decay=0.3)
    )
    assert made is not None
    assert [(len(group.weights), group.weight_decay) for group in made.groups] == [(1, 0.3), (3, 0.0)]


def test_one_group_for_each_pair_of_settings() -> None:
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4), torch.nn.Linear(4, 4))
    recipe = Recipe(weight_decay=0.5, lr_factors={"2.*": 2.0}, weight_decay_factors={"*.bias": 0.1, "2.weight": 0.0})
    made = make_optimizer(net, recipe)
    assert made is not None
    assert {(group.weight_decay, group.lr_factor): len(group.weights) for group in made.groups} == {
        (0.5, 1.0): 1,  # 0.weight
        (0.0, 2.0): 1,  # 2.weight
        (0.05, 1.0): 2,  # 0.bias, 1.bias
        (0.0, 1.0): 1,  # 1.weight
        (0.05, 2.0): 1,  # 2.bias
    }


def test_nothing_to_train() -> None:
    assert make_optimizer(torch.nn.Linear(3, 4).requires_grad_(False), Recipe()) is None


def test_torchs_compiler_stays_out() -> None:
    program = (
        "import sys, torch\nfrom evaluators.optimizer import make_optimizer\nfrom evaluators.recipe import Recipe\n"
        "m = torch.nn.Linear(2, 2)\nfor name in ('adamw', 'adam', 'sgd'):\n    m(torch.ones(1, 2)).sum().backward()\n"
        "    make_optimizer(m, Recipe(name)).step(0.1)\nprint('torch._dynamo' in sys.modules, 'sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
