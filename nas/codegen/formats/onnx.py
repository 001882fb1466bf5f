"""ONNX, for runtimes other than torch; tried with onnxruntime alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, final

from nas.codegen.formats.format import Format
from nas.codegen.naming import Names

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nas.codegen.formats.format import Function

_ERRORS_ONLY = 3


@final
class Onnx:
    """One self-contained file; its inputs have the names that they have in the space, its outputs are `output`, `output2`, …"""

    name: ClassVar[str] = "onnx"
    title: ClassVar[str] = "ONNX"
    packages: ClassVar[tuple[str, ...]] = ("onnx", "onnxscript", "onnxruntime")
    tolerance: ClassVar[float] = 1e-4

    def write(self, model: nn.Module, inputs: tuple[Tensor, ...], path: Path) -> None:
        import torch

        names = list(inspect.signature(model.forward).parameters)
        free = Names(names)
        with torch.no_grad():
            outputs = model(*inputs)
        count = len(outputs) if isinstance(outputs, tuple) else 1
        program = torch.onnx.export(
            model,
            inputs,
            dynamo=True,
            dynamic_shapes=tuple({0: torch.export.Dim("batch")} for _ in inputs),
            input_names=names,
            output_names=[free.claim("output") for _ in range(count)],
            verbose=False,
        )
        assert program is not None
        program.save(path, external_data=False)

    def load(self, path: Path, fresh: Callable[[], nn.Module]) -> Function:
        import onnxruntime
        import torch

        options = onnxruntime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        names = [one.name for one in session.get_inputs()]

        def run(*inputs: Tensor) -> tuple[Tensor, ...]:
            given = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
            return tuple(torch.from_numpy(array) for array in session.run(None, given))

        return run


FORMAT: Final[Format] = Onnx()
