"""Model: [features=40] → [channels=10], 1,082 parameters.

space: families
task: mnist1d
trial: 236 of the search mnist1d-families, seed 282119853
decisions: family=gated, family.gated.gated_patch=5, family.gated.gated_dim=12,
family.gated.gated_depth=2, family.gated.gate=8
parameters: 1,082
validation: accuracy 0.785, balanced_accuracy 0.78466, error 0.215, loss 0.592242, train_loss 0.53849
test: accuracy 0.745 ± 0.021 over 5 seeds
inputs: standardised; call prepare(x) on raw data
outputs: one logit for each of CLASSES
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SpatialGate(nn.Module):
    """y = x₁ ⊙ (W LN(x₂) + b) for x = [x₁; x₂] of shape (…, tokens, 2·channels); W mixes the tokens.

    It starts close to y = x₁: W ≈ 0, b = 1.

    Source: Liu et al. 2021, "Pay Attention to MLPs", arXiv:2105.08050.
    """

    def __init__(self, channels: int, tokens: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.mix = nn.Linear(tokens, tokens)
        nn.init.normal_(self.mix.weight, std=1e-6)
        nn.init.ones_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        passed, gate = x.chunk(2, -1)
        mixed: Tensor = self.mix(self.norm(gate).transpose(-2, -1))
        return passed * mixed.transpose(-2, -1)


class Model(nn.Module):
    """[features=40] → [channels=10], 1,082 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1 = nn.Linear(5, 12)  # y = W x + b
        self.layer_norm1 = nn.LayerNorm(12)  # y = γ ⊙ (x − mean x) / √(var x + ε) + β
        self.linear2 = nn.Linear(12, 16)  # y = W x + b
        self.spatial_gate1 = SpatialGate(8, 8)  # y = x₁ ⊙ (W LN(x₂) + b) of x = [x₁; x₂], W along the tokens
        self.linear3 = nn.Linear(8, 12)  # y = W x + b
        self.layer_norm2 = nn.LayerNorm(12)  # y = γ ⊙ (x − mean x) / √(var x + ε) + β
        self.linear4 = nn.Linear(12, 16)  # y = W x + b
        self.spatial_gate2 = SpatialGate(8, 8)  # y = x₁ ⊙ (W LN(x₂) + b) of x = [x₁; x₂], W along the tokens
        self.linear5 = nn.Linear(8, 12)  # y = W x + b
        self.layer_norm3 = nn.LayerNorm(12)  # y = γ ⊙ (x − mean x) / √(var x + ε) + β
        self.linear6 = nn.Linear(12, 10)  # y = W x + b

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear1(x.reshape(-1, 8, 5))  # [tokens=8, channels=12]
        h = F.gelu(self.linear2(self.layer_norm1(x)))  # [tokens=8, channels=16]
        x = x + self.linear3(self.spatial_gate1(h))
        h = F.gelu(self.linear4(self.layer_norm2(x)))  # [tokens=8, channels=16]
        x = self.layer_norm3(x + self.linear5(self.spatial_gate2(h)))
        return self.linear6(x.mean(1))  # [channels=10]


CLASSES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
INPUT_MEAN = 0.0018541655611927265
INPUT_SCALE = 0.9994935696366003


def load(path: str = "") -> Model:
    """The model with the weights saved at `path`, by default beside this file, ready to predict."""
    model = Model()
    path = path or __file__.removesuffix(".py") + ".pt"
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return model.eval()


def prepare(x: Tensor) -> Tensor:
    """Raw inputs, samples first, as the model was trained on them."""
    x = (x.double() - INPUT_MEAN) / INPUT_SCALE
    return x.float()


if __name__ == "__main__":
    model = load()
    print(model)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")
