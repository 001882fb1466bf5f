"""Ray Tune's own ASHA, for one uncertain objective: its scheduler sees each candidate's reports as results of a trial.

Its milestones are `grace_period` times powers of `reduction_factor`; a candidate is judged at its first report at or beyond
each. Costs among the objectives play no part. Reports come at our rungs only, so give those that it has, or more.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning".
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from types import SimpleNamespace
from typing import Any

from nas.errors import ExperimentError
from nas.study.objectives import Objective
from nas.study.stopping.base import Rule, Rungs, Stopping


class RayAsha(Rule):
    """`ray.tune.schedulers.ASHAScheduler` with one bracket. Raises: ExperimentError: Ray Tune is not installed."""

    def __init__(self, stopping: Stopping, objectives: tuple[Objective, ...]) -> None:
        super().__init__(stopping, objectives)
        if importlib.util.find_spec("ray.tune") is None:
            raise ExperimentError("stopping: `ray:asha` needs the package ray.tune: run `pip install 'ray[tune]'`")
        self._schedulers = importlib.import_module("ray.tune.schedulers")
        self._draw()

    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        return self._stopped[rung, number]

    def entered(self, rungs: Rungs, rung: int, number: int, again: bool) -> None:
        if not again:
            self._show(rung, number, rungs.at(rung)[number])
            return
        self._draw()
        for one in sorted({one for peers in rungs.reached.values() for one in peers}):
            for at, losses in rungs.curve(one, max(self.stopping.rungs)):
                self._show(at, one, losses)

    def _draw(self) -> None:
        """A scheduler that has seen nothing."""
        settings, rungs = self.stopping.settings, self.stopping.rungs
        self._scheduler = self._schedulers.ASHAScheduler(
            time_attr="rung",
            metric="loss",
            mode="min",
            max_t=rungs[-1] if math.isinf(self.stopping.budget) else int(self.stopping.budget),
            grace_period=settings["grace_period"] or rungs[0],
            reduction_factor=settings["reduction_factor"],
            stop_last_trials=False,
        )
        self._trials: dict[int, Any] = {}
        self._stopped: dict[tuple[int, int], bool] = {}

    def _show(self, rung: int, number: int, losses: tuple[float, ...]) -> None:
        """Show the scheduler one report and note down what it says."""
        if number not in self._trials:
            self._trials[number] = SimpleNamespace(trial_id=str(number))
            self._scheduler.on_trial_add(None, self._trials[number])
        result = {"rung": rung, "loss": losses[self.uncertain[0]]}
        said = self._scheduler.on_trial_result(None, self._trials[number], result)
        self._stopped[rung, number] = said == self._schedulers.TrialScheduler.STOP
