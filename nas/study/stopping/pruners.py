"""Optuna's own pruners, for one uncertain objective: they see each candidate's reports as a trial of a study in memory.

Costs among the objectives play no part, as Optuna prunes by one number only. The picture is built from the reports alone:
after a report was replaced it is drawn again from the first candidate on. Every report is shown to the pruner, also where
nobody may be stopped yet, for some of them note down what they saw.

Source: Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework".
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import optuna
from optuna import pruners
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from nas.study.objectives import Objective
from nas.study.stopping.base import Rule, Rungs, Stopping

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaPruner(Rule):
    """The pruner that the rule's name says after `optuna:`. Settings: Optuna's, under Optuna's names."""

    def __init__(self, stopping: Stopping, objectives: tuple[Objective, ...]) -> None:
        super().__init__(stopping, objectives)
        self._goal = objectives[self.uncertain[0]]
        self._draw()

    def stops(self, rungs: Rungs, rung: int, number: int) -> bool:
        return self._pruned[rung, number]

    def entered(self, rungs: Rungs, rung: int, number: int, again: bool) -> None:
        if not again:
            self._show(rung, number, rungs.at(rung)[number])
            return
        self._draw()
        for one in sorted({one for peers in rungs.reached.values() for one in peers} | set(rungs.finished)):
            for at, losses in rungs.curve(one, max(self.stopping.rungs)):
                self._show(at, one, losses)
            if one in rungs.finished:
                self.finished(rungs, one)

    def finished(self, rungs: Rungs, number: int) -> None:
        trial = self._trial(number)
        if not trial.state.is_finished():
            value = self._value(rungs.finished[number])
            self._storage.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [value])

    def _draw(self) -> None:
        """An empty picture."""
        direction = self._goal.direction
        self._pruner = make_pruner(self.stopping)
        self._storage = optuna.storages.InMemoryStorage()
        # Hyperband in Optuna goes by the study's name.
        self._study = optuna.create_study(storage=self._storage, direction=direction, study_name="stopping")
        self._pruned: dict[tuple[int, int], bool] = {}

    def _show(self, rung: int, number: int, losses: tuple[float, ...]) -> None:
        """Show the pruner one report and note down what it says."""
        place = self._trial(number)._trial_id
        self._storage.set_trial_intermediate_value(place, rung, self._value(losses))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of rungs that the best candidate has not: they are left out
            self._pruned[rung, number] = bool(self._pruner.prune(self._study, self._storage.get_trial(place)))

    def _value(self, losses: tuple[float, ...]) -> float:
        loss = losses[self.uncertain[0]]
        return -loss if self._goal.direction == "maximize" else loss

    def _trial(self, number: int) -> FrozenTrial:
        """The trial of that number; Optuna counts them itself, so those before it are made too."""
        while len(self._study.get_trials(deepcopy=False)) <= number:
            empty = optuna.trial.create_trial(state=TrialState.RUNNING)
            self._storage.create_new_trial(self._study._study_id, empty)
        return self._study.get_trials(deepcopy=False)[number]


def make_pruner(stopping: Stopping) -> BasePruner:
    """Optuna's pruner for these settings; `min_resource` is the first rung where none is given."""
    given: dict[str, Any] = {key: value for key, value in stopping.settings.items() if key not in ("warmup", "grace")}
    warmup = {"n_warmup_steps": stopping.settings["warmup"]}
    last = stopping.rungs[-1] if math.isinf(stopping.budget) else int(stopping.budget)
    if "min_resource" in given:
        given["min_resource"] = given["min_resource"] or stopping.rungs[0]
    makers: dict[str, Callable[[], BasePruner]] = {
        "successive-halving": lambda: pruners.SuccessiveHalvingPruner(**given),
        "hyperband": lambda: pruners.HyperbandPruner(max_resource=last, **given),
        "median": lambda: pruners.MedianPruner(**given, **warmup),
        "percentile": lambda: pruners.PercentilePruner(**given, **warmup),
        "patient": lambda: pruners.PatientPruner(None, **given),
        "threshold": lambda: pruners.ThresholdPruner(**given, **warmup),
        "wilcoxon": lambda: pruners.WilcoxonPruner(**given),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return makers[stopping.rule.removeprefix("optuna:")]()
