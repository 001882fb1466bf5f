"""The searches of `token_mixing_study.py` as values: what a family reaches within a size, and what it loses by the shuffle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from studies import confirmations, read_searches

from nas.errors import ExperimentError
from nas.pareto.confirmation import Confirmation, Confirmed
from nas.pareto.paired import PairedTest, paired_test
from nas.pareto.uncertainty import drawn_means
from nas.study.records import StudyRecord

DATA = ("intact", "shuffled")
TOKENS = ("mixer", "gmlp")
"""Families that mix tokens: the order of the features can mean something to them."""
FAMILIES = (*TOKENS, "kan", "hourglass", "mlp")
NAMES = {"mixer": "Mixer", "gmlp": "gMLP", "kan": "KAN", "hourglass": "hourglass", "mlp": "plain MLP"}
SIZES = (500.0, 1e3, 2e3, 5e3, 1e4, 2e4)


@dataclass(frozen=True)
class Estimate:
    """A mean, and where it lies with 95 % given the noise between seeds."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, middle: float, draws: npt.NDArray[np.float64]) -> Estimate:
        low, high = np.quantile(draws, [0.025, 0.975])
        return cls(middle, float(low), float(high))

    @property
    def sign(self) -> int:
        """1 or −1 where the interval leaves out 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Retrained:
    """The frontier of a family on one data set, or those of several, retrained.

    Within a size the design is taken whose mean on the *validation* split is best, so that its test accuracy is not the best
    of several, which would be too good.

    Args:
        members: the candidates that have completed trainings.
        means: draws of their true mean test accuracy, `(draws, members)`.
    """

    members: tuple[Confirmed, ...]
    means: npt.NDArray[np.float64]

    @classmethod
    def of(cls, confirmation: Confirmation, seed: int) -> Retrained:
        """What one confirmation says; `seed` is of the draws."""
        members = tuple(one for one in confirmation.candidates if one.values("accuracy", "test"))
        samples = [np.array(one.values("accuracy", "test"))[:, None] for one in members]
        return cls(members, drawn_means(samples, seed=seed)[:, :, 0])

    @property
    def sizes(self) -> list[float]:
        """Parameters of the members, rising."""
        return sorted({float(one.costs["params"]) for one in self.members})

    def place(self, size: float) -> int | None:
        """Which member is the design for at most so many parameters; None where nothing is so small."""
        fitting = [i for i, one in enumerate(self.members) if one.costs["params"] <= size]
        return max(fitting, key=lambda i: self.members[i].spread("accuracy", "validation").mean, default=None)

    def mean(self, place: int) -> float:
        """Test accuracy of a member over its trainings."""
        return self.members[place].spread("accuracy", "test").mean

    def estimate(self, size: float) -> Estimate | None:
        """The test accuracy of the design within a size."""
        place = self.place(size)
        return None if place is None else Estimate.of(self.mean(place), self.means[:, place])


def difference(first: Retrained, second: Retrained, size: float) -> Estimate | None:
    """How far `first` is above `second` within a size, on test; None where one has nothing so small."""
    mine, theirs = first.place(size), second.place(size)
    if mine is None or theirs is None:
        return None
    return Estimate.of(first.mean(mine) - second.mean(theirs), first.means[:, mine] - second.means[:, theirs])


@dataclass(frozen=True)
class Worth:
    """What a family loses by the shuffle within a size: accuracy on the intact data − on the shuffled.

    Args:
        test: of the retrained designs of the first search; its interval is the noise of training.
        searches: validation accuracies of the best designs, paired by study seed; its interval is the noise of searching.
        gaps: of the single searches.
    """

    size: float
    test: Estimate
    searches: PairedTest
    gaps: tuple[float, ...]

    @property
    def verdict(self) -> int:
        """1: it loses, −1: it gains, beyond the noise of training and that of searching; 0: not significant, as from one search."""
        low, high = self.searches.low, self.searches.high
        return self.test.sign if self.test.sign == int(low > 0) - int(high < 0) else 0


@dataclass(frozen=True)
class Family:
    """The searches of one family.

    Args:
        records: data set → its searches, the one of the first seed first.
        retrained: data set → the frontier of the first search; empty where one of them was not confirmed.
    """

    name: str
    records: Mapping[str, Sequence[StudyRecord]]
    retrained: Mapping[str, Retrained]

    @property
    def mixes_tokens(self) -> bool:
        return self.name in TOKENS

    def worth(self, size: float) -> Worth | None:
        """None where it is not confirmed or has nothing so small in one of the searches."""
        if not self.retrained:
            return None
        intact, shuffled = (self.retrained[data] for data in DATA)
        test, gaps = difference(intact, shuffled, size), self.gaps(size)
        return Worth(size, test, paired_test(gaps), tuple(gaps)) if test is not None and gaps else None

    def gaps(self, size: float) -> list[float]:
        """Of each pair of searches with one seed, what the shuffle takes from the best validation accuracy within the size."""
        reached = [{one.seed: best(one, size) for one in self.records[data]} for data in DATA]
        both = [(reached[0][seed], reached[1][seed]) for seed in sorted(reached[0].keys() & reached[1].keys())]
        return [one - other for one, other in both if math.isfinite(one) and math.isfinite(other)]

    @cached_property
    def worths(self) -> list[Worth]:
        """At all the sizes of the tables that it has."""
        return [worth for worth in map(self.worth, SIZES) if worth is not None]


def best(record: StudyRecord, size: float) -> float:
    """The best validation accuracy that a search found within a size; −inf where nothing is so small."""
    fitting = [t.metrics["accuracy"] for t in record.trials if t.state == "complete" and t.costs["params"] <= size]
    return max(fitting, default=-math.inf)


def read(out: Path) -> list[Family]:
    """The study in `out`. Raises: ExperimentError: a search is missing."""
    found = read_searches(out, DATA, FAMILIES)
    for data in DATA:
        if data not in found:
            raise ExperimentError(f"{out} has no searches of the {data} data; run without --report first")
    families = []
    for i, name in enumerate(FAMILIES):
        records = {data: found[data][name] for data in DATA}
        confirmed = confirmations(records)
        retrained = {data: Retrained.of(one, seed=2 * i + k) for k, (data, one) in enumerate(confirmed.items())}
        complete = len(retrained) == len(DATA) and all(one.members for one in retrained.values())
        families.append(Family(name, records, retrained if complete else {}))
    return families


def together(families: Sequence[Family], data: str) -> Retrained | None:
    """Several families as one, on one data set; None where one of them is not confirmed."""
    known = [family.retrained[data] for family in families if family.retrained]
    if len(known) < len(families):
        return None
    members = tuple(member for one in known for member in one.members)
    return Retrained(members, np.hstack([one.means for one in known]))
