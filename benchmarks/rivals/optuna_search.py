"""Optuna on a flat space written by hand: numbers in rising order as integers, everything else as categories."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from rivals.problem import Losses, Problem, Proposed, Trace, drive


def search(
    problem: Problem,
    algorithm: str,
    seed: int,
    trials: int,
    enough: Callable[[Sequence[int]], bool] = lambda rows: False,
) -> Trace:
    """One study with two objectives to minimize, one trial at a time; `enough`: as `drive` has it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some options are experimental
        study = optuna.create_study(directions=["minimize", "minimize"], sampler=_sampler(algorithm, seed))

        def ask() -> Proposed:
            trial = study.ask()
            places = [
                trial.suggest_int(one.name, 0, len(one.values) - 1)
                if one.ordered
                else trial.suggest_categorical(one.name, one.places)
                for one in problem.decisions
            ]
            return places, trial

        def tell(trial: Any, losses: Losses) -> None:
            study.tell(trial, losses)

        return drive(problem, seed, trials, ask, tell, enough)


def _sampler(algorithm: str, seed: int) -> BaseSampler:
    made: dict[str, Any] = {
        "random": lambda: RandomSampler(seed=seed),
        "tpe": lambda: TPESampler(seed=seed),
        "mtpe": lambda: TPESampler(seed=seed, multivariate=True, group=True, constant_liar=False),
        "nsga2": lambda: NSGAIISampler(seed=seed),
        "gp": lambda: GPSampler(seed=seed),
    }
    sampler: BaseSampler = made[algorithm]()
    return sampler
