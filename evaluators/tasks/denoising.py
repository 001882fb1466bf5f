"""Images from noisy ones: fresh noise in training, fixed noise where candidates are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.task import Data, SealedSplit, Split

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class GaussianNoise:
    """Adds `spread · N(0, 1)` to every number and clamps to [0, 1]; fresh at each call, from the generator alone."""

    spread: float

    def __call__(self, inputs: tuple[Tensor, ...], generator: Generator) -> tuple[Tensor, ...]:
        import torch

        def noisy(x: Tensor) -> Tensor:
            noise = torch.empty_like(x).normal_(0.0, self.spread, generator=generator)
            return noise.add_(x).clamp_(0.0, 1.0)

        return tuple(map(noisy, inputs))

    def fixed(self, split: Split, seed: int) -> Split:
        """`split` with noise that is always the same for one `seed`, so that candidates are compared on one set."""
        rng = np.random.default_rng(seed)
        noisy = (np.clip(x + self.spread * rng.standard_normal(x.shape), 0, 1).astype(np.float32) for x in split.inputs)
        return Split(tuple(noisy), split.targets)


def denoising(
    images: NDArray[Any], labels: NDArray[Any], parts: dict[str, NDArray[np.int64]], *, noise: GaussianNoise
) -> Data:
    """Clean images to be found; as inputs of the training part too, for `noise` is added there in every epoch."""
    clean = images.astype(np.float32)
    splits = {part: Split((clean[where],), clean[where]) for part, where in parts.items()}
    test = SealedSplit(noise.fixed(splits["test"], 2))
    return Data(splits["train"], noise.fixed(splits["validation"], 1), test)
