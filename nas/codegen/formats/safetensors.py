"""safetensors: the weights alone, in a file that cannot run code; read with `model.load_state_dict(load_file(path))`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, final

from nas.codegen.formats.format import Format, as_tuple

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.codegen.formats.format import Function


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@final
class Safetensors:
    """Every tensor of the state dict under its own name; a shared one is written under each of its names."""

    name: ClassVar[str] = "safetensors"
    title: ClassVar[str] = "safetensors"
    packages: ClassVar[tuple[str, ...]] = ("safetensors",)
    tolerance: ClassVar[float] = 0.0

    def write(self, model: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
        from safetensors.torch import save_file

        # Copies, for the format refuses tensors that share memory, as those of shared weights do.
        save_file({key: one.detach().clone().contiguous() for key, one in model.state_dict().items()}, path)
        path.chmod(0o666 & ~_umask())  # the package writes it for its owner alone

    def load(self, path: Path, fresh: Callable[[], nn.Module]) -> Function:
        from safetensors.torch import load_file

        model = fresh()
        model.load_state_dict(load_file(path))
        model.eval()
        return lambda *inputs: as_tuple(model(*inputs))


FORMAT: Final[Format] = Safetensors()
