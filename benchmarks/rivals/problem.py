"""A recorded table as any optimizer can search it, and the loop that all rivals are run in.

Needs numpy alone: side environments have no more of this project than the files of this folder.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Losses = tuple[float, float]
Proposed = tuple[Sequence[int], Any]

ASKS_A_TRIAL = 5  # so many proposals for each trial wanted; who repeats himself more often has ended


@dataclass(frozen=True)
class Decision:
    """One decision: `ordered` ones are numbers in rising order. Optimizers choose a place among `values`."""

    name: str
    values: tuple[Any, ...]
    ordered: bool

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(range(len(self.values)))


@dataclass(frozen=True)
class Problem:
    """A table with two losses: its quality, turned so that less is better, and decades of parameters.

    Args:
        losses: `(n, seeds)`, NaN where a seed was not recorded; the rows are the product of all decisions.
        params: `(n,)`.
    """

    name: str
    decisions: tuple[Decision, ...]
    losses: np.ndarray
    params: np.ndarray

    def row(self, places: Sequence[int]) -> int:
        """Of the design with these places of values."""
        row = 0
        for decision, place in zip(self.decisions, places, strict=True):
            row = row * len(decision.values) + int(place)
        return row

    def observe(self, row: int, seed: int) -> Losses:
        """What a search with this seed sees of a design, however often it asks: one of the recorded trainings."""
        recorded = int(np.isfinite(self.losses[row]).sum())
        column = int(np.random.default_rng((seed, row)).integers(recorded))
        return float(self.losses[row, column]), float(np.log10(1 + self.params[row]))

    def write(self, path: Path) -> None:
        decisions = json.dumps([[one.name, list(one.values), one.ordered] for one in self.decisions])
        np.savez(path, name=self.name, decisions=decisions, losses=self.losses, params=self.params)

    @classmethod
    def read(cls, path: Path) -> Problem:
        with np.load(path) as stored:
            decisions = tuple(
                Decision(name, tuple(values), ordered) for name, values, ordered in json.loads(str(stored["decisions"]))
            )
            return cls(str(stored["name"]), decisions, stored["losses"], stored["params"])


@dataclass
class Trace:
    """What a search proposed, in order, repetitions too.

    Args:
        rows: of the table. losses: as observed. seconds: that the optimizer took for it, until it could be asked again.
    """

    rows: list[int]
    losses: list[float]
    seconds: list[float]

    def note(self, row: int, loss: float, seconds: float) -> None:
        self.rows.append(row)
        self.losses.append(round(loss, 7))
        self.seconds.append(round(seconds, 6))


def drive(
    problem: Problem,
    seed: int,
    trials: int,
    ask: Callable[[], Proposed],
    tell: Callable[[Any, Losses], None],
    enough: Callable[[Sequence[int]], bool] = lambda rows: False,
) -> Trace:
    """Ask and tell until `trials` different designs are known, or the rows so far are `enough`.

    A design that is proposed again is answered again, with the same value, for a table costs nothing; whether that counts
    as a trial is for the report to say.

    Args:
        ask: gives the places of a design's values and what `tell` needs to know it by.
    """
    trace = Trace([], [], [])
    seen: set[int] = set()
    while len(seen) < trials and len(trace.rows) < ASKS_A_TRIAL * trials and not enough(trace.rows):
        began = time.perf_counter()
        places, known_as = ask()
        asked = time.perf_counter() - began
        row = problem.row(places)
        losses = problem.observe(row, seed)
        began = time.perf_counter()
        tell(known_as, losses)
        trace.note(row, losses[0], asked + time.perf_counter() - began)
        seen.add(row)
    return trace


def serve(search: Callable[[Problem, str, int, int], Trace]) -> None:
    """The command line of a rival: PROBLEM ALGORITHM SEED TRIALS OUT."""
    problem, algorithm, seed, trials, out = sys.argv[1:]
    trace = search(Problem.read(Path(problem)), algorithm, int(seed), int(trials))
    Path(out).write_text(json.dumps(vars(trace)), encoding="utf-8")
