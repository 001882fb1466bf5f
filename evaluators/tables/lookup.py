"""An evaluator that looks a candidate's training up instead of doing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from evaluators.tables.table import Table
from nas.errors import ExperimentError, TaskError
from nas.study.candidate import Job
from nas.study.objectives import Direction

if TYPE_CHECKING:
    from nas.space import Space

N_DRAWS = 20  # of a space, looked up before its search begins


@dataclass(eq=False)
class Lookup:
    """What a table says of each candidate. The recipe and the budget are the table's own, whatever a job says.

    Of the trainings recorded for a design, the last `held_out` are for confirming. Which of the others a search sees is
    a function of the candidate's seed, and so of the search's seed and the candidate's number.

    Args:
        name: of the task.
        inputs, outputs: shapes of the data that the table's authors trained on.
        metrics: the headline first; the last is `train_seconds`.
        measured: all metrics but the last, from the table's quality.
        read: gives the table; called when it is first needed.
        confirming: whether it is the trainings held out that are looked up.
    """

    name: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    metrics: Mapping[str, Direction]
    measured: Callable[[float], dict[str, float]]
    read: Callable[[], Table] = field(repr=False)
    held_out: int = 1
    confirming: bool = False

    @cached_property
    def table(self) -> Table:
        """Raises: TaskError: its package is not installed, or `held_out` leaves a search nothing to see."""
        table = self.read()
        most = int(np.isfinite(table.quality).sum(axis=1).min()) - 1
        given = self.held_out
        if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
            raise TaskError(f"task `{self.name}`: `held_out` is a whole number from 1 to {most}, got {given!r}")
        return table

    def evaluate(self, job: Job) -> dict[str, float]:
        """The candidate's metrics, at the end of a training.

        Raises: TaskError: it is not in the table.
        """
        row = self.table.index(job.genotype)
        n_seen = self.table.trainings(row) - self.held_out
        column = n_seen + job.seed % self.held_out if self.confirming else job.seed % n_seen
        measured = self.measured(float(self.table.quality[row, column]))
        return {**measured, "train_seconds": float(self.table.seconds[row, column])}

    def check(self, space: Space, rungs: Sequence[int]) -> None:
        """Whether a search of `space`, bound to this task, is one of this table; by a few of its designs.

        Raises: TaskError: a design is not in the table, or is another network there. ExperimentError: there are rungs.
        """
        from nas.space import load_space

        if rungs:
            raise ExperimentError(
                f"stopping: `{self.name}` holds only what trainings came to at their end, so none can be stopped at "
                f"{', '.join(map(str, rungs))}; take `none`"
            )
        own, rng = load_space(self.table.space).bind(self.inputs, self.outputs), Random(0)
        for _ in range(N_DRAWS):
            drawn = space.sample(rng)
            there = own.replay(self.table.genotype(self.table.index(drawn.genotype)))
            if (drawn.digest, drawn.recipe) != (there.digest, there.recipe):
                raise TaskError(
                    f"`{self.name}` is a table of the space `{own.name}`, and `{space.name}` makes another network or "
                    f"recipe of {drawn.genotype}"
                )

    def held(self) -> Lookup:
        """The same, for confirming."""
        return replace(self, confirming=True)
