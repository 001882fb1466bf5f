"""Inputs that stay in `.npy` files, for data that memory does not hold: what is read is a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluators.tasks.task import Array, Shape, Standardised
from nas.errors import TaskError

if TYPE_CHECKING:
    from torch import Tensor

CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Stored:
    """Samples `start` to `stop` of the array in a file. It travels between processes as the file's name.

    Args:
        shape: `(stop - start, ...)`.
    """

    path: Path
    shape: Shape
    start: int
    stop: int

    @classmethod
    def of(cls, path: Path, kinds: str = "buif") -> Stored:
        """All samples of a file; `kinds`: of numpy's types, numbers unless said otherwise.

        Raises: TaskError: it is no array of these with a sample in each row.
        """
        array = _mapped(path)
        if array.dtype.kind not in kinds or array.ndim == 0 or array.size == 0:
            raise TaskError(
                f"{path}: expected numbers, one sample a row, got {array.dtype} of shape {list(array.shape)}"
            )
        return cls(path, array.shape, 0, len(array))

    def __len__(self) -> int:
        return self.stop - self.start

    def part(self, start: int, stop: int) -> Stored:
        """Samples `start` to `stop` of these."""
        return Stored(self.path, (stop - start, *self.shape[1:]), self.start + start, self.start + stop)

    def opened(self) -> Array:
        """The array, memory-mapped: what is not read takes no memory. Writing to it changes no file.

        Raises: TaskError: the file is gone or another one.
        """
        found = _mapped(self.path)[self.start : self.stop]
        if found.shape != self.shape:
            raise TaskError(
                f"{self.path}: has changed while it was used: {list(found.shape)} instead of {list(self.shape)}"
            )
        return found

    def standardised(self, columns: bool) -> Standardised:
        """Mean and spread over these samples, column by column or of all numbers together, read in pieces.

        Raises: TaskError: a number is not finite.
        """
        array = self.opened()
        axis = 0 if columns else None
        per_sample = 8 * max(1, int(np.prod(self.shape[1:])))
        count, mean, squares = 0, np.zeros(()), np.zeros(())
        for start in range(0, len(array), max(1, CHUNK_BYTES // per_sample)):
            piece = array[start : start + max(1, CHUNK_BYTES // per_sample)].astype(np.float64)
            if not np.isfinite(piece).all():
                row = self.start + start + int(np.argwhere(~np.isfinite(piece))[0][0])
                raise TaskError(f"{self.path}: sample {row} has a value that is not finite; leave such samples out")
            size = piece.shape[0] if columns else piece.size
            # Chan, Golub and LeVeque 1983: moments of pieces, joined
            ahead = piece.mean(axis) - mean
            squares = squares + ((piece - piece.mean(axis)) ** 2).sum(axis) + ahead**2 * count * size / (count + size)
            mean, count = mean + ahead * size / (count + size), count + size
        spread = np.sqrt(squares / count)
        flat = spread <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
        return Standardised(mean, np.where(flat, 1.0, spread))


class Prepared:
    """Makes stored inputs those that a model sees: on its device, in float32, standardised, in the task's shapes."""

    def __init__(self, standardised: Sequence[Standardised], shapes: Sequence[Shape], device: str) -> None:
        import torch

        self._shapes, self._device = shapes, device
        self._moments = [
            None
            if one.mean is None or one.spread is None
            else tuple(torch.as_tensor(moment, dtype=torch.float32, device=device) for moment in (one.mean, one.spread))
            for one in standardised
        ]

    def __call__(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        import torch

        found = []
        for x, moments, shape in zip(inputs, self._moments, self._shapes, strict=True):
            x = x.to(self._device).to(torch.float32)
            if moments is not None:
                mean, spread = moments
                x = (x - mean) / spread
            found.append(x.reshape(len(x), *shape))
        return tuple(found)


def _mapped(path: Path) -> Array:
    try:
        found: Array = np.load(path, mmap_mode="c", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise TaskError(f"{path}: not a readable .npy file, as np.save writes it ({error})") from None
    return found
