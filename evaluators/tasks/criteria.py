"""Criteria: what is minimised in training and what is measured afterwards. A user's own needs these three members.

Torch is imported by the methods, so that the names of metrics are known without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

Direction = Literal["maximize", "minimize"]
PSNR_BATCH = 128


@runtime_checkable
class Criterion(Protocol):
    """Loss and metrics of a task."""

    @property
    def metrics(self) -> Mapping[str, Direction]:
        """Metric → direction; the first is the headline."""
        ...

    def loss(self, output: Any, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
        """The mean over the batch, a scalar that can be differentiated. `output` is what the model returned."""
        ...

    def measure(self, output: Any, target: Tensor, scale: Tensor) -> dict[str, float]:
        """All metrics over a whole split. `scale`: what one unit of the target is in the user's units."""
        ...


@dataclass(frozen=True)
class CrossEntropy:
    """Classification: logits of any shape with `n_classes` numbers against class indices `(n,)`.

    `balanced_accuracy` is the mean recall of the classes that occur. With `auc`, of two classes, the area under the ROC
    curve is the headline: how often a sample of class 1 has the larger odds, of all pairs of one of each class; ½ where
    a class does not occur.
    """

    n_classes: int
    auc: bool = False

    @property
    def metrics(self) -> Mapping[str, Direction]:
        area: dict[str, Direction] = {"auc": "maximize"} if self.auc else {}
        return {
            **area,
            "accuracy": "maximize",
            "balanced_accuracy": "maximize",
            "error": "minimize",
            "loss": "minimize",
        }

    def loss(self, output: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
        from torch.nn.functional import cross_entropy

        return cross_entropy(output.reshape(-1, self.n_classes), target, label_smoothing=label_smoothing)

    def measure(self, output: Tensor, target: Tensor, scale: Tensor) -> dict[str, float]:
        import torch

        logits = output.reshape(-1, self.n_classes)
        right = logits.argmax(1) == target
        seen = torch.bincount(target, minlength=self.n_classes).double()
        hits = torch.bincount(target[right], minlength=self.n_classes).double()
        occurs = seen > 0
        recall = (hits[occurs] / seen[occurs]).mean()
        # One transfer from the device for all metrics.
        accuracy, balanced, loss = torch.stack(
            [right.double().mean(), recall, self.loss(logits, target).double()]
        ).tolist()
        area = {"auc": _area(logits[:, 1] - logits[:, 0], target == 1)} if self.auc else {}
        return {**area, "accuracy": accuracy, "balanced_accuracy": balanced, "error": 1.0 - accuracy, "loss": loss}


def _area(scores: Tensor, positive: Tensor) -> float:
    """Share of the pairs that `scores` put in their order, a tie counting ½ (Mann & Whitney 1947)."""
    import torch

    high, low = scores[positive], scores[~positive].sort().values
    if not len(high) or not len(low):
        return 0.5
    ranks = torch.searchsorted(low, high) + torch.searchsorted(low, high, right=True)
    return float(ranks.double().mean()) / (2 * len(low))


@dataclass(frozen=True)
class SquaredError:
    """Regression: numbers of the targets' size. `loss` is in standardised units, the others are in the user's own.

    `r2` is the mean over target columns; a column that never varies counts 0 there.
    """

    @property
    def metrics(self) -> Mapping[str, Direction]:
        return {"rmse": "minimize", "mae": "minimize", "r2": "maximize", "loss": "minimize"}

    def loss(self, output: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
        return (output.reshape_as(target) - target).square().mean()

    def measure(self, output: Tensor, target: Tensor, scale: Tensor) -> dict[str, float]:
        import torch

        wrong = (output.reshape_as(target) - target).double()
        spread = (target - target.mean(0)).double().square().sum(0)
        explained = 1 - wrong.square().sum(0) / spread
        r2 = torch.where(spread > 0, explained, torch.zeros_like(explained)).mean()
        own = wrong * scale
        numbers = [own.square().mean().sqrt(), own.abs().mean(), r2, wrong.square().mean()]
        return dict(zip(self.metrics, torch.stack(numbers).tolist(), strict=True))


@dataclass(frozen=True)
class Reconstruction:
    """Images from images: squared error; `psnr` in dB is the mean over batches of 128, `peak` the largest pixel value.

    Source: the evaluation protocol of arXiv:2510.01796.
    """

    peak: float = 1.0

    @property
    def metrics(self) -> Mapping[str, Direction]:
        return {"psnr": "maximize", "loss": "minimize"}

    def loss(self, output: Tensor, target: Tensor, label_smoothing: float = 0.0) -> Tensor:
        return (output.reshape_as(target) - target).square().mean()

    def measure(self, output: Tensor, target: Tensor, scale: Tensor) -> dict[str, float]:
        import torch

        wrong = (output.reshape_as(target) - target).double().square().reshape(len(target), -1).mean(1)
        batches = torch.stack([batch.mean() for batch in torch.split(wrong, PSNR_BATCH)])
        # A perfect batch counts 120 dB, so that the mean stays a number.
        psnr = (10 * torch.log10(self.peak**2 / batches.clamp_min(1e-12 * self.peak**2))).mean()
        return dict(zip(self.metrics, torch.stack([psnr, wrong.mean()]).tolist(), strict=True))
