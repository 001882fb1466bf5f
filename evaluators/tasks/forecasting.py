"""Series as windows: so many steps to see, and those after them to forecast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluators.tasks.splits import divide_in_order
from evaluators.tasks.task import Data, SealedSplit, Split
from nas.errors import TaskError


def forecasting(
    series: NDArray[Any], time: int, horizon: int, *, test: float = 0.2, validation: float = 0.2, name: str = "series"
) -> Data:
    """Windows of `(time, k)` steps with the `(horizon, k)` steps that follow, from each step on.

    The steps are divided first, the earliest for training and the latest for the test, and no window reaches into
    another part. Each series has zero mean and unit spread over the training steps; these are the units of the metrics.

    Args:
        series: `(steps, k)`.
        test: share of all steps.
        validation: share of what is not test.
    Raises: TaskError: shares out of range; a part is shorter than a window.
    """
    parts = divide_in_order(len(series), test=test, validation=validation, name=name)
    known = series[parts["train"]]
    standard = ((series - known.mean(0)) / known.std(0)).astype(np.float32)
    splits = {}
    for part, steps in parts.items():
        if len(steps) < time + horizon:
            raise TaskError(
                f"{name}: the {part} part has {len(steps)} steps, and one window has {time} + {horizon}; "
                "change `test` or `validation`"
            )
        windows = np.lib.stride_tricks.sliding_window_view(standard[steps], time + horizon, axis=0).swapaxes(1, 2)
        splits[part] = Split((windows[:, :time].copy(),), windows[:, time:].copy())
    return Data(splits["train"], splits["validation"], SealedSplit(splits["test"]))
