"""Images from smaller ones: half the height and width, by the bicubic filter that image libraries use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.task import Data, SealedSplit, Split

SHARPNESS = -0.5
"""Keys' a, as PIL has it and torch where it antialiases."""


def super_resolution(images: NDArray[Any], labels: NDArray[Any], parts: dict[str, NDArray[np.int64]]) -> Data:
    """Images to be found from those of half their height and width, `(n, h, w, channels)` from `(n, h/2, w/2, channels)`.

    Source: the protocol of arXiv:2510.01796, bicubic ÷ 2.
    """
    small = halved(images).astype(np.float32)
    large = images.astype(np.float32)
    splits = {part: Split((small[where],), large[where]) for part, where in parts.items()}
    return Data(splits["train"], splits["validation"], SealedSplit(splits["test"]))


def halved(images: NDArray[Any]) -> NDArray[np.float64]:
    """`images` from 0 to 1, `(n, h, w, channels)` of even h and w, at half their height and width.

    Where the filter, which has negative lobes, goes below 0 or above 1, that is clamped, as in files of bytes.

    Source: Keys 1981, "Cubic Convolution Interpolation for Digital Image Processing", widened by the factor against aliasing.
    """
    _, height, width, _ = images.shape
    rows, columns = _weights(height), _weights(width)
    found: NDArray[np.float64] = np.einsum("ih,jw,nhwc->nijc", rows, columns, images, optimize=True)
    return found.clip(0.0, 1.0)


def _weights(size: int) -> NDArray[np.float64]:
    """`(size / 2, size)`: what each pixel counts for each one that is half as fine; every row adds up to 1."""
    centres = 2 * np.arange(size // 2) + 0.5
    at = np.abs(np.arange(size) - centres[:, None]) / 2
    near = ((SHARPNESS + 2) * at - (SHARPNESS + 3)) * at**2 + 1
    far = SHARPNESS * (((at - 5) * at + 8) * at - 4)
    weights = np.where(at < 1, near, np.where(at < 2, far, 0.0))
    return np.asarray(weights / weights.sum(1, keepdims=True))
