"""DeepHyper: centralized Bayesian optimization with extra trees, its default, which scalarizes objectives by Chebyshev's norm."""

from __future__ import annotations

import tempfile
import warnings
from typing import Any

from problem import Losses, Problem, Proposed, Trace, drive, serve


def search(problem: Problem, algorithm: str, seed: int, trials: int) -> Trace:
    from deephyper.hpo import CBO, HpProblem

    warnings.simplefilter("ignore")
    space = HpProblem()
    for one in problem.decisions:
        space.add_hyperparameter((0, len(one.values) - 1) if one.ordered else list(map(str, one.places)), one.name)
    with tempfile.TemporaryDirectory() as folder:
        found = CBO(space, random_state=seed, log_dir=folder, checkpoint_history_to_csv=False)

        def ask() -> Proposed:
            (config,) = found.ask(1)
            return [int(config[one.name]) for one in problem.decisions], config

        def tell(config: Any, losses: Losses) -> None:
            found.tell([(config, tuple(-loss for loss in losses))])  # it maximizes

        return drive(problem, seed, trials, ask, tell)


if __name__ == "__main__":
    serve(search)
