"""A step of a cohort as one launch on a GPU: its calls are recorded once, then replayed.

What runs on memory that never moves and asks the host for nothing can be recorded. This is the one part of cohorts that
only a GPU can run.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

# Torch's advice: libraries choose their kernels and make their workspaces in the first runs.
WARM_UP = 3


class Recorded:
    """Calls `compute`, at first as it is, then as a recording of what it launched.

    Args:
        compute: reads and writes tensors at fixed places only.
        device: a CUDA device.
    """

    def __init__(self, compute: Callable[[], None], device: torch.device) -> None:
        self.compute, self.device, self.runs = compute, device, 0
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        if self.graph is not None:
            self.graph.replay()
            return
        if self.runs < WARM_UP:
            self.runs += 1
            aside = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
            aside.wait_stream(torch.cuda.current_stream(self.device))
            with torch.cuda.stream(aside):
                self.compute()
            torch.cuda.current_stream(self.device).wait_stream(aside)
            return
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):  # records, and does not run
            self.compute()
        self.graph.replay()
