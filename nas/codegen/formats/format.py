"""What a format is, and what is known of a file that was written in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

    Function = Callable[..., tuple[Tensor, ...]]


class Format(Protocol):
    """One format.

    Args:
        name: as it is asked for; a key of `FORMATS`.
        title: as people call it.
        packages: what it needs besides torch.
        tolerance: how far its outputs may be from the PyTorch model's, relative to the largest of them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    tolerance: ClassVar[float]

    def write(self, model: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
        """Write the model, in evaluation mode, to `path`. `inputs` are examples; their first axis is the batch, of any size.

        Raises: Exception: whatever the format's own package says of a model that it cannot hold.
        """
        ...

    def load(self, path: Path, fresh: Callable[[], nn.Module]) -> Function:
        """What the file computes, from tensors to tensors. `fresh` makes the model anew, with other weights."""
        ...


@dataclass(frozen=True)
class Written:
    """A file that was compared with the PyTorch model.

    Args:
        difference: the largest that was found on random inputs, relative to the largest output; 0 where all are equal.
        tolerance: the largest that would have been accepted.
    """

    format: str
    path: Path
    difference: float
    tolerance: float


def as_tuple(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)
