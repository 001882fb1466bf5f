"""What a task did to its data, for the file of an exported model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluators.tasks import Task
from evaluators.tasks.criteria import CrossEntropy
from nas.codegen import Preprocessing, Scaling


def described(task: Task, members: int = 1, names: Sequence[str] = ()) -> Preprocessing:
    """Standardisation and names of `task`, whose shapes are those of a model with so many members and inputs of these names."""
    data = task.data
    inputs: tuple[Scaling, ...] = ()
    if data.standardised:
        known = zip(data.standardised, task.inputs, data.train.inputs, strict=True)
        inputs = tuple(
            Scaling(_nested(one.mean), _nested(one.spread), _nested(one.fill), _other(shape, array.shape[1:]))
            for one, shape, array in known
        )
    target = None
    if data.target_mean is not None:
        own = data.train.targets.shape[1:]
        view = _other(own, task.outputs[0] if len(task.outputs) == 1 else own)
        target = Scaling(_nested(data.target_mean), _nested(data.target_scale), shape=view)
    is_classification = isinstance(task.criterion, CrossEntropy)
    return Preprocessing(inputs, target, task.features, task.classes, members, is_classification, tuple(names))


def _other(shape: Sequence[int], own: Sequence[int]) -> tuple[int, ...] | None:
    """`shape`, where it is not `own`."""
    return None if tuple(shape) == tuple(own) else tuple(shape)


def _nested(array: Any) -> Any:
    """An array as nested lists, or its one number."""
    return None if array is None else array.tolist()
