"""`torch.export`: a graph of torch's own operators, which needs no source; read with `torch.export.load(path).module()`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, final

from nas.codegen.formats.format import Format, as_tuple

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.codegen.formats.format import Function


@final
class TorchExport:
    """A `.pt2` archive. It calls the kernels that the model calls, so mostly it repeats every bit."""

    name: ClassVar[str] = "torch-export"
    title: ClassVar[str] = "torch.export"
    packages: ClassVar[tuple[str, ...]] = ()
    tolerance: ClassVar[float] = 1e-6

    def write(self, model: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
        import torch

        shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs)
        torch.export.save(torch.export.export(model, inputs, dynamic_shapes=shapes), path)

    def load(self, path: Path, fresh: Callable[[], nn.Module]) -> Function:
        import torch

        model = torch.export.load(path).module()
        return lambda *inputs: as_tuple(model(*inputs))


FORMAT: Final[Format] = TorchExport()
