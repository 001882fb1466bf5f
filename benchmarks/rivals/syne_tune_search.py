"""Syne Tune, by its ask-and-tell interface: multi-objective regularized evolution.

Of the others it has for several objectives, MOASHA needs a fidelity, which the tables do not have; random scalarizations cannot
be imported in this version; and EHVI has a fixed reference point, at losses of -2, and on spaces of categories and integers
proposes the same design again and again, even with losses scaled to it.
"""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

from problem import Losses, Problem, Proposed, Trace, drive, serve

os.environ["SYNETUNE_FOLDER"] = os.environ.get("TMPDIR", ".")
METRICS = ["loss", "decades"]


def search(problem: Problem, algorithm: str, seed: int, trials: int) -> Trace:
    from syne_tune.config_space import choice, randint
    from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler
    from syne_tune.optimizer.schedulers.multiobjective import MultiObjectiveRegularizedEvolution
    from syne_tune.optimizer.schedulers.single_fidelity_scheduler import SingleFidelityScheduler

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    space = {
        one.name: randint(0, len(one.values) - 1) if one.ordered else choice(list(one.places))
        for one in problem.decisions
    }
    searcher = MultiObjectiveRegularizedEvolution(space, random_seed=seed)
    scheduler = AskTellScheduler(SingleFidelityScheduler(space, METRICS, True, searcher, seed))

    def ask() -> Proposed:
        trial = scheduler.ask()
        return [trial.config[one.name] for one in problem.decisions], trial

    def tell(trial: Any, losses: Losses) -> None:
        scheduler.tell(trial, dict(zip(METRICS, losses, strict=True)))

    return drive(problem, seed, trials, ask, tell)


if __name__ == "__main__":
    serve(search)
