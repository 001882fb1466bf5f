"""The searches of `hourglass_study.py` as values: arms on a task, their contests, and how probably one is above another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from studies import compared, confirmations, read_searches

from nas.pareto.confirmation import Confirmation
from nas.pareto.paired import Contest
from nas.pareto.several import Several
from nas.pareto.uncertainty import drawn_means
from nas.study.records import StudyRecord

TASKS = {
    "generate": "classification as generation",
    "denoise": "denoising",
    "super-resolution": "super-resolution",
}
ARMS = ("hourglass", "hourglass-frozen", "conventional")
PAIRS = (("hourglass", "conventional"), ("hourglass-frozen", "hourglass"))
SIZES = (1e5, 2e5, 5e5, 1e6, 2e6, 3e6)


@dataclass(frozen=True)
class Advantage:
    """How far the best of one arm within a size is above that of another on the test split.

    Args:
        middle, low, high: of the difference in dB, with the central 95 %.
        probability: that it is positive, given the noise between seeds.
    """

    size: float
    middle: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True)
class OnTask:
    """The searches on one task.

    Args:
        records: arm → its searches, the one of the first seed first.
    """

    task: str
    records: dict[str, list[StudyRecord]]

    @property
    def together(self) -> list[StudyRecord]:
        return [record for arm in ARMS for record in self.records[arm]]

    def compared(self, objectives: Sequence[str] = ()) -> Several:
        """As `nas compare` does, perhaps by other objectives than the searches had."""
        return compared(self.records, objectives)

    def volumes(self) -> dict[str, dict[int, float]]:
        """Arm → study seed → hypervolume, as a share of what all searches on the task reach together."""
        found = self.compared()
        shares = [volume / found.joint for volume in found.hypervolumes]
        given = iter(shares)
        return {arm: {record.seed: next(given) for record in self.records[arm]} for arm in ARMS}

    def contest(self, first: str, second: str, objectives: Sequence[str] = ()) -> Contest | None:
        """The hypervolumes of two arms, paired by seed; None where one seed is all there is."""
        found = self.compared(objectives)
        names = {arm.name.removeprefix("space "): arm.name for arm in found.arms}
        for one in found.contests():
            if (one.first, one.second) == (names[first], names[second]):
                return one
            if (one.second, one.first) == (names[first], names[second]):
                turned = replace(one.test, mean=-one.test.mean, low=-one.test.high, high=-one.test.low)
                return Contest(one.second, one.first, turned)
        return None

    @cached_property
    def confirmations(self) -> dict[str, Confirmation]:
        """Of each arm's first search, where there is one."""
        return confirmations(self.records)

    def advantages(self, first: str, second: str) -> list[Advantage]:
        """Of the retrained candidates of `first` over those of `second`, at the sizes where both have one."""
        mine, theirs = (_drawn(self.confirmations[arm], seed) for seed, arm in enumerate((first, second)))
        found = []
        for size in SIZES:
            best = [means[:, sizes <= size].max(axis=1, initial=-np.inf) for sizes, means in (mine, theirs)]
            if np.isfinite(best).all():
                gap = best[0] - best[1]
                low, middle, high = np.quantile(gap, [0.025, 0.5, 0.975])
                found.append(Advantage(size, float(middle), float(low), float(high), float((gap > 0).mean())))
        return found


def _drawn(confirmation: Confirmation, seed: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Parameters of the retrained candidates, `(n,)`, and draws of their true mean PSNR on test, `(draws, n)`."""
    known = [one for one in confirmation.candidates if one.values("psnr", "test")]
    samples = [np.array(one.values("psnr", "test"))[:, None] for one in known]
    return np.array([one.costs["params"] for one in known], float), drawn_means(samples, seed=seed)[:, :, 0]


def read(out: Path) -> list[OnTask]:
    """The study in `out`, as far as it has been begun. Raises: as `studies.read_searches`."""
    return [OnTask(task, records) for task, records in read_searches(out, TASKS, ARMS).items()]
