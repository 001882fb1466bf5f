"""A trained model in ONNX predicts what its search has on record, without torch."""

from __future__ import annotations

from pathlib import Path

import onnxruntime
import pytest
from closed_form import write_space

import nas
from evaluators.tasks import Task


@pytest.mark.slow
def test_onnx_repeats_the_metric_on_record(tmp_path: Path) -> None:
    found = nas.search(
        write_space(tmp_path), task="digits", trials=2, budget={"epochs": 2}, seed=7, directory=str(tmp_path / "run")
    )
    best = found.front().knee()
    written = best.export(tmp_path / "best.py", formats=["onnx", "safetensors"])
    task = found.prepared.evaluator.subject
    assert isinstance(task, Task)
    data = task.resident("cpu").validation
    session = onnxruntime.InferenceSession(written.formats[0].path, providers=["CPUExecutionProvider"])
    (inputs,) = data.inputs
    (outputs,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    accuracy = (outputs.argmax(1) == data.targets.numpy()).mean()
    assert accuracy == pytest.approx(best.metrics["accuracy"], abs=1e-6)
