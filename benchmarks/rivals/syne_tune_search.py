"""Syne Tune, by its ask-and-tell interface: multi-objective regularized evolution, and expected hypervolume improvement."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from problem import Losses, Problem, Proposed, Trace, drive, serve

os.environ["SYNETUNE_FOLDER"] = os.environ.get("TMPDIR", "/tmp")
METRICS = ["loss", "decades"]


def search(problem: Problem, algorithm: str, seed: int, trials: int) -> Trace:
    from syne_tune.config_space import choice, randint
    from syne_tune.optimizer.baselines import EHVI
    from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler
    from syne_tune.optimizer.schedulers.multiobjective import MultiObjectiveRegularizedEvolution
    from syne_tune.optimizer.schedulers.single_fidelity_scheduler import SingleFidelityScheduler

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    space = {
        one.name: randint(0, len(one.values) - 1) if one.ordered else choice(list(one.places))
        for one in problem.decisions
    }
    base: Any
    if algorithm == "evolution":
        searcher = MultiObjectiveRegularizedEvolution(space, random_seed=seed)
        base = SingleFidelityScheduler(space, METRICS, True, searcher, seed)
    else:
        import torch

        torch.set_default_dtype(torch.float64)  # it mixes precisions, which BoTorch refuses
        base = EHVI(space, METRICS, random_seed=seed)
    scheduler = AskTellScheduler(base)

    def ask() -> Proposed:
        trial = scheduler.ask()
        return [trial.config[one.name] for one in problem.decisions], trial

    def tell(trial: Any, losses: Losses) -> None:
        scheduler.tell(trial, dict(zip(METRICS, losses, strict=True)))

    return drive(problem, seed, trials, ask, tell)


if __name__ == "__main__":
    serve(search)
