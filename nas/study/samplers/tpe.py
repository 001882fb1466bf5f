"""Optuna's samplers that model what was told: TPE for every space, Gaussian processes for flat ones."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import TYPE_CHECKING, Any

import optuna

from nas.errors import ExperimentError
from nas.space.deciders import Random as Draw
from nas.study.mirror import Mirror
from nas.study.samplers.base import Proposal, Sampler
from nas.study.samplers.view import Suggest, View, asking, quietly

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal


class Tpe(Sampler):
    """Tree-structured Parzen estimator, multivariate and grouped: decisions always read together are modelled together.

    Groups are sampled when the equations first read one of their decisions, so a recursive space pays for the branches
    it takes and not for all that were ever seen.

    Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; Ozaki et al. 2022, "Multiobjective
    Tree-Structured Parzen Estimator"; Watanabe 2023, "Tree-Structured Parzen Estimator: Understanding Its Algorithm
    Components".
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        self._space = space
        self._n_objectives = len(goal.objectives)
        self._n_startup = int(settings["startup"])
        self._view: View | None = None

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        if mirror.results < self._n_startup:
            return Proposal(self._space.build(Draw(Random(seed))), "random")
        if self._view is None:
            self._view = View(mirror, self._n_objectives)
        # Without pending candidates the liar changes nothing but costs a copy of all trials.
        liar = any(point.state == "pending" for point in mirror.points)
        sampler = quietly(
            optuna.samplers.TPESampler,
            {"seed": seed, "multivariate": True, "constant_liar": liar, "n_startup_trials": 1},
        )
        view, study, trial = self._view, self._view.study(sampler), asking(len(mirror.points))

        def joint(name: str) -> Mapping[str, Any]:
            return sampler.sample_relative(study, trial, view.together(name))

        return Proposal(self._space.build(Suggest(mirror.parameters, joint, Random(seed))))


class Gp(Sampler):
    """Gaussian processes, with expected (hypervolume) improvement; for flat spaces, since it models common decisions only.

    Source: Optuna's `GPSampler`; Daulton et al. 2020, "Differentiable Expected Hypervolume Improvement".
    """

    def __init__(self, space: Space, goal: Goal, settings: Mapping[str, Any]) -> None:
        try:
            import scipy  # noqa: F401
            import torch  # noqa: F401
        except ImportError as error:
            raise ExperimentError(
                f"the sampler `gp` needs {error.name}: run `pip install {error.name}`, or take `tpe`"
            ) from None
        self._space = space
        self._n_objectives = len(goal.objectives)
        self._n_startup = int(settings["startup"])

    def propose(self, mirror: Mirror, seed: int) -> Proposal:
        if mirror.results < self._n_startup:
            return Proposal(self._space.build(Draw(Random(seed))), "random")
        # The worst losses stand in for refused points and change with every result, hence a new view each time.
        view = View(mirror, self._n_objectives, complete=True)
        sampler = quietly(
            optuna.samplers.GPSampler, {"seed": seed, "n_startup_trials": 1, "warn_independent_sampling": False}
        )
        study, trial = view.study(sampler), asking(len(mirror.points))
        decided = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
        return Proposal(self._space.build(Suggest(mirror.parameters, lambda name: decided, Random(seed))))
