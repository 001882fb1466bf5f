"""The samplers by name, what each is for, and which spaces it can serve."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nas.errors import ExperimentError, nearest
from nas.study.samplers.base import Exhausted, Proposal, Sampler, SamplerEntry, Setting
from nas.study.samplers.ray_tune import PREFIX, ray_sampler

if TYPE_CHECKING:
    from nas.space import Space
    from nas.study.objectives import Goal

__all__ = [
    "SAMPLERS",
    "Exhausted",
    "Proposal",
    "Sampler",
    "SamplerEntry",
    "Setting",
    "make_sampler",
    "parse_sampler",
    "unlimited",
]


def _made(module: str, name: str, **more: Any) -> Callable[[Space, Goal, Mapping[str, Any]], Sampler]:
    """Makes the sampler `name` of a module here, which is imported only then."""

    def make(space: Space, goal: Goal, settings: Mapping[str, Any]) -> Sampler:
        kind = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        made: Sampler = kind(space, goal, settings, **more)
        return made

    return make


_STARTUP = Setting(10, "results at random before it starts to model", 1)
_POOL = Setting(24, "unseen designs built for each result, to choose from", 1)
_FIRST = Setting(20, "results at random before it sets out", 1)
_CROSSOVER = Setting(0.5, "share of children that have two parents", 0, 1)

SAMPLERS: dict[str, SamplerEntry] = {
    entry.name: entry
    for entry in (
        SamplerEntry(
            "frontier",
            "Models quality over decisions, graph and costs, and knows costs exactly; for every space; the best first choice.",
            _made("frontier", "Frontier"),
            {"startup": _STARTUP, "pool": _POOL},
        ),
        SamplerEntry(
            "bowl",
            "As frontier, from graphs and costs alone (as NAS-BOWL): for spaces in which many genotypes are one graph.",
            _made("frontier", "Frontier", decisions=False),
            {"startup": _STARTUP, "pool": _POOL},
        ),
        SamplerEntry(
            "predictor",
            "As frontier, without doubt: many at random, then those a regression expects to be best, also from `scores` (as Neural Predictor).",
            _made("frontier", "Frontier", greedy=True),
            {"startup": Setting(40, "results at random that the regression is fitted to first", 1), "pool": _POOL},
        ),
        SamplerEntry(
            "random", "Independent draws, as the space's weights and scales say.", _made("plain", "RandomSearch")
        ),
        SamplerEntry(
            "tpe",
            "Tree-structured Parzen estimator (Optuna): multivariate, grouped, for every space.",
            _made("tpe", "Tpe"),
            {"startup": _STARTUP},
        ),
        SamplerEntry(
            "nsga2",
            "Evolution of genotypes by non-dominated rank and crowding, for every space, recursive ones too.",
            _made("nsga2", "Nsga2"),
            {
                "population": Setting(12, "parents kept, and results at random before the first child", 2),
                "crossover": _CROSSOVER,
            },
        ),
        SamplerEntry(
            "nsga3",
            "As nsga2, spread over reference directions instead of by crowding: for three objectives and more.",
            _made("nsga3", "Nsga3"),
            {
                "population": Setting(12, "parents kept, and results at random before the first child", 2),
                "crossover": _CROSSOVER,
            },
            n_objectives=2,
        ),
        SamplerEntry(
            "evolution",
            "Regularized evolution: mutations of the winners of tournaments in a population that ages.",
            _made("evolution", "Evolution"),
            {
                "population": Setting(32, "the last results, of which parents are taken", 2),
                "tournament": Setting(8, "how many of them are drawn for one parent", 1),
            },
        ),
        SamplerEntry(
            "local-search",
            "Unknown neighbours of the frontier, one decision away; a new start at random where there are none.",
            _made("neighbours", "LocalSearch"),
            {"startup": _FIRST},
        ),
        SamplerEntry(
            "tabu",
            "A walk to the best of some neighbours, even if worse, that leaves decisions alone which it has just changed.",
            _made("neighbours", "Tabu"),
            {
                "startup": _FIRST,
                "neighbourhood": Setting(3, "neighbours that are tried before a move", 1),
                "tenure": Setting(5, "moves for which a changed decision is left alone", 0),
                "patience": Setting(1, "moves off the frontier before it goes back there", 1),
            },
        ),
        SamplerEntry(
            "bohb",
            "tpe on the values at the highest rung that enough candidates reached: for `stopping: hyperband`.",
            _made("bohb", "Bohb"),
            {
                "startup": _STARTUP,
                "random": Setting(0.33, "share of proposals at random", 0, 1),
            },
            needs_rungs=True,
        ),
        SamplerEntry(
            "gp",
            "Gaussian processes (Optuna): sample-efficient on flat spaces of few decisions; slow beyond some 300 trials.",
            _made("tpe", "Gp"),
            {"startup": _STARTUP},
            flat_only=True,
        ),
        SamplerEntry(
            "grid",
            "Every design once, in order; for spaces of at most some 20,000 designs.",
            _made("plain", "Grid"),
            finite_only=True,
        ),
    )
}


def parse_sampler(settings: str | Mapping[str, Any]) -> tuple[SamplerEntry, dict[str, Any]]:
    """`tpe`, `{name: nsga2, population: 50}`, `optuna:CmaEsSampler`, `my_sampler.py:MySampler` or `my_package:MySampler`: the sampler and all its settings, defaults filled in.

    Raises: ExperimentError: an unknown sampler or setting, or a setting out of its range.
    """
    given = {"name": settings} if isinstance(settings, str) else dict(settings) if isinstance(settings, Mapping) else {}
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise ExperimentError(f"`sampler` is a name or {{name: nsga2, population: 50}}, here stands {settings!r}")
    entry = _entry(name)
    filled: dict[str, Any] = {key: setting.default for key, setting in entry.settings.items()}
    for key, value in given.items():
        if key not in filled:
            takes = " and ".join(f"`{one}`" for one in entry.settings) or "no settings"
            raise ExperimentError(f"the sampler `{name}` takes {takes}, not `{key}`{nearest(str(key), filled)}")
        filled[key] = entry.settings[key].checked(f"sampler `{name}`: `{key}`", value)
    return entry, filled


def _entry(name: str) -> SamplerEntry:
    """The sampler of that name, ours or another's. Raises: ExperimentError: there is none."""
    if name in SAMPLERS:
        return SAMPLERS[name]
    if name.startswith(PREFIX):
        return ray_sampler(name)
    if ":" in name:
        from nas.study.samplers.foreign import foreign_sampler

        return foreign_sampler(name)
    raise ExperimentError(f"there is no sampler `{name}` among {', '.join(SAMPLERS)}{nearest(name, SAMPLERS)}")


def unlimited() -> list[str]:
    """Samplers that serve every space and every goal."""
    return [
        entry.name
        for entry in SAMPLERS.values()
        if not (entry.flat_only or entry.finite_only or entry.needs_rungs) and entry.n_objectives == 1
    ]


def make_sampler(
    settings: str | Mapping[str, Any], space: Space, goal: Goal, rungs: Sequence[int] | None = None
) -> Sampler:
    """The sampler for this space and goal.

    Args:
        rungs: of the stopping rule, empty where nobody is stopped; None: they come from elsewhere.
    Raises: ExperimentError: the settings are wrong, or this sampler cannot serve this search; says which can.
    """
    entry, filled = parse_sampler(settings)
    others = f"take one of {', '.join(unlimited())}"
    if entry.flat_only and not space.is_flat:
        raise ExperimentError(
            f"the sampler `{entry.name}` models only decisions that every design has, and those of `{space.name}` "
            f"depend on one another; on such a space it would draw at random. For this space {others}"
        )
    if len(goal.objectives) < entry.n_objectives:
        raise ExperimentError(
            f"the sampler `{entry.name}` spreads over at least {entry.n_objectives} objectives, here is "
            f"{len(goal.objectives)} ({goal.objectives[0]}); {others}"
        )
    if entry.needs_rungs and rungs is not None and not rungs:
        raise ExperimentError(
            f"the sampler `{entry.name}` learns from rungs, and here nobody is ever stopped; add "
            f"`stopping: {{rule: hyperband, rungs: [3, 10]}}`, or {others}"
        )
    return entry.make(space, goal, filled)
