"""Every sampler on every shipped space, with one and with several objectives: valid, repeatable, resumable, no duplicates.

A sampler joins by standing in the registry, a space by being shipped. Nothing is trained: the quality of a design is read off
its graph, some designs fail, and where a sampler learns from rungs some are stopped.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from driving import facts

from nas.errors import ExperimentError
from nas.space import Space, load_space, shipped_spaces
from nas.space.loading import is_family
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.knowledge import Knowledge
from nas.study.samplers import SAMPLERS, SamplerEntry
from nas.study.samplers.plain import N_LISTED, rough_size
from nas.study.storage import read_entries
from nas.study.study import Study

GOALS = {
    "one": ["maximize quality"],
    "several": ["maximize quality", "minimize params", "minimize macs"],
}
QUICK = {"startup": 3, "population": 4, "tournament": 2, "neighbourhood": 2, "pool": 3}
"""So that a dozen candidates see more of a sampler than its random beginning."""

HEAVY = {"gp": "hpolib", "grid": "hpolib"}
"""Samplers that take seconds for a search on most spaces, and the one shipped space that they search in the default suite."""

FAMILIES = sorted(name for name, path in shipped_spaces().items() if is_family(path))
FEW_FAMILIES = ["hourglass-matched", "gr-kan", "tabm"]
SPACES = sorted(set(shipped_spaces()) - set(FAMILIES))


def pairs(spaces: list[str]) -> list[Any]:
    """Every sampler on each of these spaces, the heavy ones for the slow suite."""
    return [
        pytest.param(name, space, marks=pytest.mark.slow if HEAVY.get(name, space) != space else ())
        for name in SAMPLERS
        for space in spaces
    ]


@cache
def space_of(name: str) -> Space:
    return load_space(name)


def settings_of(entry: SamplerEntry, goal: str, **more: Any) -> dict[str, Any]:
    sampler = {"name": entry.name, **{key: value for key, value in QUICK.items() if key in entry.settings}}
    stopping = {"rule": "hyperband", "rungs": [1, 3]} if entry.needs_rungs else "none"
    return {
        "objectives": GOALS[goal],
        "metrics": ["quality"],
        "task": "none",
        "sampler": sampler,
        "stopping": stopping,
        "budget": {"epochs": 9},
        **more,
    }


def quality(space: Space, candidate: Candidate) -> float:
    """From 0 to 1: which operators a graph has, and how large it is."""
    counts = Counter(node.op for node in space.replay(candidate.genotype).graph.nodes)
    merits = {op: int(hashlib.sha256(op.encode()).hexdigest()[:8], 16) / 16**8 for op in counts}
    merit = sum(merits[op] * count for op, count in counts.items()) / counts.total()
    return merit * (1 - math.exp(-math.log10(candidate.costs["params"] + 10) / 3))


def evaluate(study: Study, space: Space, candidate: Candidate) -> Outcome:
    if candidate.digest.endswith("7"):
        return Outcome("diverged", message="the loss is nan")
    last = quality(space, candidate)
    for rung in (1, 3):
        if not study.report(candidate, Report(rung, {"quality": last * (1 - 0.5 / rung)})):
            return Outcome("stopped", message=f"stopped at {rung}")
    return Outcome("complete", {"quality": last})


def run(study: Study, space: Space, most: int = 10**9) -> Study:
    for _ in range(most):
        candidate = study.ask()
        if candidate is None:
            break
        study.tell(candidate, evaluate(study, space, candidate))
    return study


def refusal(entry: SamplerEntry, space: Space, goal: str) -> str | None:
    """Whether and how the sampler's own entry says that it cannot serve this search."""
    if entry.flat_only and not space.is_flat:
        return "models only decisions that every design has"
    if entry.n_objectives > len(GOALS[goal]):
        return f"spreads over at least {entry.n_objectives} objectives, here is 1"
    if entry.finite_only and rough_size(space) > 10 * N_LISTED:
        return "goes through every design in order"
    return None


def conforms(directory: Path, name: str, place: str, goal: str, trials: int) -> None:
    entry, space = SAMPLERS[name], space_of(place)
    settings = settings_of(entry, goal, trials=trials)
    if (said := refusal(entry, space, goal)) is not None:
        with pytest.raises(ExperimentError, match=f"the sampler `{name}` {said}"):
            Study.create(directory / "refused", space, **settings)
        assert not (directory / "refused").exists(), "refused before anything is written"
        return
    with Study.create(directory / "whole", space, **settings) as study:
        whole = run(study, space).record()
        live = study._knowledge
    trials = len(whole.trials) if study.exhausted else trials
    assert len(whole.trials) == trials
    for trial in whole.trials:
        assert space.replay(trial.genotype).digest == trial.digest, "valid"
    assert len({(trial.digest, str(trial.recipe)) for trial in whole.trials}) == trials, "no duplicates"

    Study.create(directory / "parts", space, **settings).close()
    for most in (trials // 2, trials):
        with Study.open(directory / "parts", space) as study:
            parts = run(study, space, most).record()
    assert facts(parts) == facts(whole), "seeded, deterministic with one worker, and resumable"

    back = Knowledge(study.settings, space, live.goal)
    for written in read_entries(directory / "parts" / study.settings.storage, study.settings.name):
        back.read_back(written)
    assert back.mirror.points == live.mirror.points
    if study.exhausted is None:
        again, first = (known.proposals.next(trials) for known in (back, live))
        assert again is not None and first is not None
        assert dict(again.architecture.genotype) == dict(first.architecture.genotype), "a function of mirror and seed"
        assert again.origin == first.origin


@pytest.mark.parametrize("goal", GOALS)
@pytest.mark.parametrize(("name", "space"), pairs(SPACES))
def test_on_shipped_spaces(tmp_path: Path, name: str, space: str, goal: str) -> None:
    conforms(tmp_path, name, space, goal, trials=5 if name == "gp" else 7)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "space"), pairs(FEW_FAMILIES))
def test_on_a_few_families(tmp_path: Path, name: str, space: str) -> None:
    conforms(tmp_path, name, space, "several", trials=5 if name == "gp" else 7)


def turns() -> list[Any]:
    """Every sampler on every family, with one objective on one half of them and with several on the other, in turns.

    Samplers that are another one with another setting are left to the spaces above.
    """
    names = [name for name in SAMPLERS if name not in ("bowl", "predictor")]
    goals = list(GOALS)
    return [(name, space, goals[(i + j) % 2]) for i, name in enumerate(names) for j, space in enumerate(FAMILIES)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "space", "goal"), turns())
def test_on_every_family(tmp_path: Path, name: str, space: str, goal: str) -> None:
    conforms(tmp_path, name, space, goal, trials=12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "space"), [(name, space) for name in SAMPLERS for space in SPACES if HEAVY.get(name, space) == space]
)
def test_for_longer(tmp_path: Path, name: str, space: str) -> None:
    conforms(tmp_path, name, space, "several", trials=40)


@pytest.mark.parametrize("name", [name for name, entry in SAMPLERS.items() if entry.needs_rungs])
def test_what_learns_from_rungs_asks_for_a_stopping_rule(tmp_path: Path, name: str) -> None:
    settings = {**settings_of(SAMPLERS[name], "one"), "stopping": "none"}
    with pytest.raises(ExperimentError, match=f"`{name}` learns from rungs, .* `stopping: {{rule: hyperband, rungs"):
        Study.create(tmp_path / "run", space_of("nasbench201"), **settings)
    assert not (tmp_path / "run").exists()
