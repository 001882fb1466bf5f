"""The stopping rules by name, what each is for, and how settings become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from nas.errors import ExperimentError, nearest
from nas.study.objectives import Objective
from nas.study.stopping.base import Rule, RuleEntry, Rungs, Setting, Stopping, above, choice, number, whole

__all__ = ["RULES", "Rule", "RuleEntry", "Rungs", "Setting", "Stopping", "make_rungs", "parse_stopping"]

Objectives = tuple[Objective, ...]


def _halving(stopping: Stopping, objectives: Objectives) -> Rule:
    from nas.study.stopping.halving import ParetoHalving

    return ParetoHalving(stopping, objectives)


def _hyperband(stopping: Stopping, objectives: Objectives) -> Rule:
    from nas.study.stopping.hyperband import Hyperband

    return Hyperband(stopping, objectives)


def _median(stopping: Stopping, objectives: Objectives) -> Rule:
    from nas.study.stopping.median import Median

    return Median(stopping, objectives)


def _curve(stopping: Stopping, objectives: Objectives) -> Rule:
    from nas.study.stopping.curves import LearningCurve

    return LearningCurve(stopping, objectives)


def _pruner(stopping: Stopping, objectives: Objectives) -> Rule:
    from nas.study.stopping.pruners import OptunaPruner

    return OptunaPruner(stopping, objectives)


def _ray_asha(stopping: Stopping, objectives: Objectives) -> Rule:
    from nas.study.stopping.ray_asha import RayAsha

    return RayAsha(stopping, objectives)


def _has_brackets(stopping: Stopping) -> None:
    most = len(stopping.rungs) + 1
    if stopping.settings["brackets"] > most:
        raise ExperimentError(
            f"stopping: {len(stopping.rungs)} rungs make at most {most} `brackets`, here stands {stopping.settings['brackets']}"
        )


def _has_budget(stopping: Stopping) -> None:
    if stopping.budget == float("inf"):
        raise ExperimentError("stopping: `learning-curve` needs a budget, such as {epochs: 30}: the end of the curves")


def _has_threshold(stopping: Stopping) -> None:
    lower, upper = stopping.settings["lower"], stopping.settings["upper"]
    if lower is None and upper is None:
        raise ExperimentError("stopping: `optuna:threshold` needs `lower`, `upper` or both")
    if lower is not None and upper is not None and lower > upper:
        raise ExperimentError(f"stopping: `lower` is at most `upper`, here stand {lower} and {upper}")


def _begins_in_time(stopping: Stopping) -> None:
    for key in ("min_resource", "grace_period"):
        if stopping.settings.get(key, 0) > stopping.rungs[-1]:
            raise ExperimentError(
                f"stopping: `{key}` is at most the last rung, {stopping.rungs[-1]}, here stands {stopping.settings[key]}"
            )


_ETA = above(3, "one in eta survives", 1)
_TIE = choice(("crowding", "epsilon-net"), "which of equal rank comes first", quiet=True)
_PATIENCE = {
    "warmup": whole(0, "of the budget's unit; nobody is stopped at earlier rungs", 0, quiet=True),
    "grace": whole(0, "the first candidates of a study, which are never stopped", 0, quiet=True),
}
_FIRST_RUNG = whole(0, "where its first rung lies; 0: at the first of ours", 0)
_BOOTSTRAP = whole(0, "candidates that a rung needs before it lets anybody pass", 0)
_INTERVAL = whole(1, "of the budget's unit, between two decisions", 1)
_MEDIANS = {
    "n_startup_trials": whole(5, "candidates that must have completed", 0),
    "interval_steps": _INTERVAL,
    "n_min_trials": whole(1, "completed candidates that must have reached the rung", 1),
}

RULES: dict[str, RuleEntry] = {
    entry.name: entry
    for entry in (
        RuleEntry(
            "pareto-halving",
            "Asynchronous halving (ASHA) by non-dominated rank: the front goes on, and one in eta of the others.",
            _halving,
            {"eta": _ETA, "tie": _TIE, **_PATIENCE},
            keeps_front=True,
        ),
        RuleEntry(
            "hyperband",
            "Halving by rank in brackets that begin to stop at different rungs, against misleading early rungs.",
            _hyperband,
            {"eta": _ETA, "tie": _TIE, "brackets": whole(0, "how many, 0 for one more than rungs", 0), **_PATIENCE},
            keeps_front=True,
            check=_has_brackets,
        ),
        RuleEntry(
            "median",
            "Stops what is dominated by the medians of the others and not on the front.",
            _median,
            {"peers": whole(5, "others that must have reached the rung", 1), **_PATIENCE},
            keeps_front=True,
        ),
        RuleEntry(
            "learning-curve",
            "Fits a power law to each curve and stops what would end dominated by a completed candidate.",
            _curve,
            {
                "points": whole(4, "rungs to fit a curve to", 3),
                "margin": number(0.1, "in a candidate's favour, a share of the spread of the completed", 0),
                **_PATIENCE,
            },
            check=_has_budget,
        ),
        RuleEntry(
            "optuna:successive-halving",
            "Optuna's SuccessiveHalvingPruner.",
            _pruner,
            {
                "min_resource": _FIRST_RUNG,
                "reduction_factor": whole(4, "one in so many passes a rung", 2),
                "min_early_stopping_rate": whole(0, "rungs to leave out", 0),
                "bootstrap_count": _BOOTSTRAP,
                **_PATIENCE,
            },
            one_objective=True,
        ),
        RuleEntry(
            "optuna:hyperband",
            "Optuna's HyperbandPruner.",
            _pruner,
            {
                "min_resource": _FIRST_RUNG,
                "reduction_factor": whole(3, "one in so many passes a rung", 2),
                "bootstrap_count": _BOOTSTRAP,
                **_PATIENCE,
            },
            one_objective=True,
            check=_begins_in_time,
        ),
        RuleEntry("optuna:median", "Optuna's MedianPruner.", _pruner, {**_MEDIANS, **_PATIENCE}, one_objective=True),
        RuleEntry(
            "optuna:percentile",
            "Optuna's PercentilePruner.",
            _pruner,
            {"percentile": number(25.0, "the best share that goes on", 0, 100), **_MEDIANS, **_PATIENCE},
            one_objective=True,
        ),
        RuleEntry(
            "optuna:patient",
            "Optuna's PatientPruner: stops what has not improved for some rungs.",
            _pruner,
            {
                "patience": whole(3, "rungs without an improvement", 0),
                "min_delta": number(0.0, "what counts as one", 0),
                **_PATIENCE,
            },
            one_objective=True,
        ),
        RuleEntry(
            "optuna:threshold",
            "Optuna's ThresholdPruner: stops what lies outside of bounds.",
            _pruner,
            {
                "lower": number(None, "as the metric is reported"),
                "upper": number(None, "as the metric is reported"),
                "interval_steps": _INTERVAL,
                **_PATIENCE,
            },
            one_objective=True,
            check=_has_threshold,
        ),
        RuleEntry(
            "optuna:wilcoxon",
            "Optuna's WilcoxonPruner: a signed-rank test of a curve against that of the best.",
            _pruner,
            {
                "p_threshold": number(0.1, "level of the test", 0, 1),
                "n_startup_steps": whole(2, "rungs in common with the best", 0),
                **_PATIENCE,
            },
            one_objective=True,
        ),
        RuleEntry(
            "ray:asha",
            "Ray Tune's ASHAScheduler, judging at its own milestones.",
            _ray_asha,
            {
                "grace_period": _FIRST_RUNG,
                "reduction_factor": above(4, "one in so many passes a milestone", 1),
                **_PATIENCE,
            },
            one_objective=True,
            check=_begins_in_time,
        ),
    )
}


def parse_stopping(settings: str | Mapping[str, Any] | None, budget: Mapping[str, float]) -> Stopping:
    """`none`, or `{rule: pareto-halving, rungs: [10, 30], eta: 3}`: the rule and all its settings, defaults filled in.

    Args:
        budget: the whole budget of a candidate; its first entry gives the unit of the rungs.
    Raises: ExperimentError: an unknown rule or key, rungs that do not rise or lie beyond the budget, a value out of its
        range.
    """
    if settings is None or settings == "none":
        return Stopping()
    given: dict[str, Any] = {"rule": settings} if isinstance(settings, str) else {}
    if isinstance(settings, Mapping):
        given = dict(settings)
    if "rule" not in given:
        raise ExperimentError(
            f"`stopping` is `none` or {{rule: pareto-halving, rungs: [10, 30], eta: 3}}, here stands {settings!r}"
        )
    rule = given.pop("rule")
    known = ("none", *RULES)
    if rule not in known:
        raise ExperimentError(
            f"stopping: there is no rule `{rule}` among {', '.join(known)}{nearest(str(rule), known)}"
        )
    taken = RULES[rule].settings if rule in RULES else {}
    allowed = ("rungs", *taken) if taken else ()
    for key in given:
        if key not in allowed:
            raise ExperimentError(
                f"stopping: `{rule}` takes {_listed(allowed)}, not `{key}`{nearest(str(key), allowed)}"
            )
    if rule == "none":
        return Stopping()
    rungs = _rungs(given.get("rungs"), budget)
    filled = {key: one.checked(key, given.get(key, one.default)) for key, one in taken.items()}
    written = frozenset(key for key, value in filled.items() if not taken[key].quiet or value != taken[key].default)
    stopping = Stopping(rule, rungs, filled, next(iter(budget.values()), float("inf")), written)
    RULES[rule].check(stopping)
    return stopping


def make_rungs(stopping: Stopping, objectives: Sequence[Objective]) -> Rungs:
    """The state of a study that stops by this rule: nobody has reported yet.

    Raises: ExperimentError: the rule judges one uncertain objective and there is another number; says which rules do.
    """
    if stopping.rule == "none":
        return Rungs(stopping)
    entry = RULES[stopping.rule]
    uncertain = [one.name for one in objectives if one.is_learned]
    if entry.one_objective and len(uncertain) != 1:
        others = ", ".join(one.name for one in RULES.values() if not one.one_objective)
        raise ExperimentError(
            f"stopping: `{entry.name}` judges one objective that training decides, here are {len(uncertain) or 'none'}"
            f"{': ' if uncertain else ''}{', '.join(uncertain)}; take one of {others}"
        )
    return Rungs(stopping, entry.make(stopping, tuple(objectives)))


def _rungs(rungs: object, budget: Mapping[str, float]) -> tuple[int, ...]:
    if not isinstance(rungs, Sequence) or isinstance(rungs, str) or not rungs or not all(map(_is_whole, rungs)):
        raise ExperimentError(
            f"stopping: `rungs` is a list of whole amounts of the budget, such as [10, 30], here stands {rungs!r}"
        )
    if rungs[0] < 1 or any(a >= b for a, b in pairwise(rungs)):
        raise ExperimentError(f"stopping: `rungs` start at 1 or more and rise, here stands {list(rungs)}")
    unit, most = next(iter(budget.items()), ("", None))
    if most is not None and rungs[-1] > most:
        raise ExperimentError(
            f"stopping: the rung {rungs[-1]} lies beyond the budget of {most:g} {unit}; drop it or raise the budget"
        )
    return tuple(rungs)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(names: Iterable[str]) -> str:
    *most, last = (f"`{name}`" for name in names) if names else ("no settings",)
    return f"{', '.join(most)} and {last}" if most else last
