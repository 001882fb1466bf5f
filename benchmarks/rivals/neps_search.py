"""NePS: Bayesian optimization, which takes several objectives by noisy expected hypervolume improvement.

What else it has for several objectives, PriMO and MOASHA, needs a fidelity, and the tables hold the end of training only; its
regularized evolution has one objective.
"""

from __future__ import annotations

import logging
import random
import warnings
from typing import Any

from problem import Losses, Problem, Proposed, Trace, drive, serve


def search(problem: Problem, algorithm: str, seed: int, trials: int) -> Trace:
    import neps
    import numpy as np
    import torch

    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    space = neps.SearchSpace(
        {
            one.name: neps.HPOInteger(0, len(one.values) - 1)
            if one.ordered
            else neps.HPOCategorical(list(map(str, one.places)))
            for one in problem.decisions
        }
    )
    found = neps.AskAndTell(neps.algorithms.bayesian_optimization(space))

    def ask() -> Proposed:
        trial = found.ask()
        return [int(trial.config[one.name]) for one in problem.decisions], trial

    def tell(trial: Any, losses: Losses) -> None:
        found.tell(trial, {"objective_to_minimize": list(losses)})

    return drive(problem, seed, trials, ask, tell)


if __name__ == "__main__":
    serve(search)
