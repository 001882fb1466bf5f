"""What a task is: its shapes, its criterion, its data in three parts, of which the test part stays sealed.

Nothing here imports torch until tensors are asked for, so that names and shapes cost nothing.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.criteria import Criterion, Direction
from nas.errors import TaskError

if TYPE_CHECKING:
    from torch import Generator, Tensor

Array = NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Split:
    """One part of the data: `inputs`, each `(n, ...)` float32 or `Stored`, and `targets`, `(n,)` int64 or `(n, ...)` float32."""

    inputs: tuple[Any, ...]
    targets: Array

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        return f"Split({len(self)} samples)"


@dataclass(frozen=True)
class Opening:
    """A record that the test part was looked at: why, and when (seconds since the epoch)."""

    reason: str
    when: float


class SealedSplit:
    """The test part. Nothing reads it but `open`, which wants a reason and keeps it in `openings`."""

    def __init__(self, split: Split) -> None:
        self.__split = split
        self.openings: list[Opening] = []

    def __len__(self) -> int:
        return len(self.__split)

    def __repr__(self) -> str:
        state = f"opened {len(self.openings)} times" if self.openings else "sealed"
        return f"SealedSplit({len(self)} samples, {state})"

    def open(self, reason: str) -> Split:
        """The test part, for `reason`.

        Raises: TaskError: the reason is empty.
        """
        if not reason.strip():
            raise TaskError("the test split is sealed: say why it is opened, as in open_test('confirm trial 12')")
        self.openings.append(Opening(reason, time.time()))
        return self.__split


@dataclass(frozen=True, eq=False)
class Standardised:
    """What turned an input's raw numbers into those of the splits: `(x - mean) / spread`.

    Args:
        mean: float64, `()` or of one sample's shape; None where numbers stayed as they were.
        spread: likewise.
        fill: what took the place of NaN before, of one sample's shape; None where there were none.
    """

    mean: Array | None = None
    spread: Array | None = None
    fill: Array | None = None


@dataclass(frozen=True, eq=False)
class Data:
    """The three parts of a task's data, and what was done to the raw numbers.

    Args:
        target_scale: what one unit of a regression target is in the user's units, `()` or the targets' shape.
        target_mean: what 0 of a regression target is in the user's units; None where nothing was subtracted.
        standardised: one for each input; empty where inputs are as they came.
    """

    train: Split
    validation: Split
    test: SealedSplit
    target_scale: Array = field(default_factory=lambda: np.ones((), np.float32))
    target_mean: Array | None = None
    standardised: tuple[Standardised, ...] = ()


@dataclass(frozen=True, eq=False)
class Tensors:
    """A part of the data as tensors, on a device unless inputs stay in their files.

    Args:
        inputs: as they are kept.
        targets: on the device.
        prepared: makes of some samples' inputs, as they are kept, what a model sees, on the device; None: they are that already.
    """

    inputs: tuple[Tensor, ...]
    targets: Tensor
    prepared: Callable[[tuple[Tensor, ...]], tuple[Tensor, ...]] | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def seen(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Some samples' inputs as a model sees them."""
        return inputs if self.prepared is None else self.prepared(inputs)

    def slices(self, size: int) -> Iterator[tuple[Tensor, ...]]:
        """All inputs as a model sees them, so many samples at a time."""
        for start in range(0, len(self), size):
            yield self.seen(tuple(x[start : start + size] for x in self.inputs))


@dataclass(frozen=True, eq=False)
class Resident:
    """What training needs of a task, held on one device: no test part is in here."""

    train: Tensors
    validation: Tensors
    target_scale: Tensor


@dataclass(frozen=True)
class Field:
    """A categorical column: its code `i`, from 0, stands for `words[i]`."""

    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Task:
    """Something to learn, and how well it was learnt.

    Args:
        name: as the user wrote it.
        doc: one line for people.
        kind: `classification`, `regression`, `forecasting`, `denoising`, `super-resolution` or `generation`.
        inputs: shapes of one sample of each model input, without the batch.
        outputs: shapes of one sample of each model output; `(k,)` logits for k classes.
        criterion: loss and metrics; its first metric is the headline.
        load: makes the data; called once, when tensors or splits are first asked for.
        augment: makes an epoch's training inputs afresh from the stored ones, such as new noise; None: they are used as
            they are.
        classes: names of the classes in the order of the logits.
        features: names of the columns of the only input.
        columns: the user's columns in each input; empty: their data name none.
        fields: the columns of the last input, which holds codes as whole numbers; empty: no input holds codes.
        source: where the data come from, for people.
        streams: inputs of the splits are `Stored`: they stay in their files, and are read batch by batch.
    """

    name: str
    doc: str
    kind: str
    inputs: tuple[Shape, ...]
    outputs: tuple[Shape, ...]
    criterion: Criterion
    load: Callable[[], Data] = field(repr=False)
    augment: Callable[[tuple[Tensor, ...], Generator], tuple[Tensor, ...]] | None = None
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    columns: tuple[tuple[str, ...], ...] = ()
    fields: tuple[Field, ...] = ()
    source: str = ""
    streams: bool = False

    @property
    def metrics(self) -> Mapping[str, Direction]:
        """Metric → `maximize` or `minimize`, the headline first. `train_loss` comes with every report as well."""
        return self.criterion.metrics

    @property
    def headline(self) -> str:
        """The metric to optimise when nobody says which."""
        return next(iter(self.metrics))

    @property
    def vocabulary(self) -> tuple[int, ...]:
        """How many words each of the `fields` has; an embedding needs as many rows."""
        return tuple(len(field.words) for field in self.fields)

    @cached_property
    def data(self) -> Data:
        """The splits as arrays; the test part is sealed."""
        return self.load()

    def open_test(self, reason: str) -> Split:
        """The test part; `reason` is recorded in `task.data.test.openings`."""
        return self.data.test.open(reason)

    @cached_property
    def _residents(self) -> dict[str, Resident]:
        return {}

    def resident(self, device: str = "cpu") -> Resident:
        """Train and validation parts as tensors on `device`, in the shapes of `inputs`; made once per device."""
        if device not in self._residents:
            import torch

            self._residents[device] = Resident(
                self.tensors(self.data.train, device),
                self.tensors(self.data.validation, device),
                torch.as_tensor(self.data.target_scale, dtype=torch.float32).to(device),
            )
        return self._residents[device]

    def tensors(self, split: Split, device: str = "cpu") -> Tensors:
        """`split` as tensors on `device`, each input viewed as `(n, *shape)`; inputs that are streamed stay in their files."""
        import torch

        targets = torch.from_numpy(split.targets).to(device)
        if self.streams:
            from evaluators.tasks.stored import Prepared

            kept = tuple(torch.from_numpy(array.opened()) for array in split.inputs)
            return Tensors(kept, targets, Prepared(self.data.standardised, self.inputs, device))
        shapes = zip(split.inputs, self.inputs, strict=True)
        return Tensors(
            tuple(torch.from_numpy(array.reshape(len(array), *shape)).to(device) for array, shape in shapes), targets
        )

    def reshaped(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> Task:
        """The same task with samples viewed as `inputs` and model outputs accepted as `outputs`, of equal sizes.

        Raises: TaskError: another number of tensors, or of numbers in one of them.
        """
        return dataclasses.replace(
            self,
            inputs=self._viewed("input", self.inputs, inputs),
            outputs=self._viewed("output", self.outputs, outputs),
        )

    def _viewed(self, what: str, own: tuple[Shape, ...], wanted: Sequence[Sequence[int]]) -> tuple[Shape, ...]:
        shapes = tuple(tuple(shape) for shape in wanted)
        if [math.prod(shape) for shape in shapes] != [math.prod(shape) for shape in own]:
            raise TaskError(
                f"task `{self.name}` has {what} shapes {shown(own)}, which cannot be viewed as {shown(shapes)}: "
                "the number of tensors and of numbers in each must agree"
            )
        return shapes

    def __getstate__(self) -> dict[str, Any]:
        """Without data and tensors: a task travels light and loads again where it arrives."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}


def shown(shapes: Sequence[Shape]) -> str:
    """Shapes for people.

    >>> shown([(28, 28, 1), (10,)])
    '[28, 28, 1] and [10]'
    """
    return " and ".join(str(list(shape)) for shape in shapes) or "none"
