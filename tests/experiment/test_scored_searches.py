"""Searches with scores at initialisation: recorded, the same however candidates are trained, and held against quality."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task
from scipy.stats import spearmanr

import nas
from nas.errors import ExperimentError, StudyError
from nas.experiment import Search
from nas.experiment.scoring import BASELINES, _agreement, agreements, statistics_of
from nas.study.scores import SCORES

SOME = ("snip", "synflow")


def searched(folder: Path, name: str = "run", **settings: Any) -> Search:
    given = {"task": "digits", "trials": 5, "budget": {"epochs": 1}, "seed": 3, "device": "cpu", "scores": SOME}
    return nas.search(write_space(folder), directory=str(folder / name), **{**given, **settings})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Search:
    return searched(tmp_path_factory.mktemp("scored"))


def scores_of(search: Search) -> list[dict[str, float]]:
    return [{name: trial.metrics[name] for name in SOME} for trial in search.record().trials]


def test_scores_are_recorded_and_no_objectives(found: Search) -> None:
    record = found.record()
    assert all(math.isfinite(value) for one in scores_of(found) for value in one.values())
    assert [str(one) for one in record.objectives] == ["maximize accuracy", "minimize params"]
    assert "snip" in found.front().to_csv()
    assert found.prepared.experiment.scores == SOME, "also when it is gone on with"


def test_training_does_not_notice_and_cohorts_have_the_same(found: Search, tmp_path: Path) -> None:
    plain = searched(tmp_path, "plain", scores=())
    assert [{k: v for k, v in t.metrics.items() if k not in SOME} for t in found.record().trials] == [
        trial.metrics for trial in plain.record().trials
    ]
    together = searched(tmp_path, "together", engine={"name": "inline", "batch": 2}, sampler="random")
    alone = searched(tmp_path, "alone", sampler="random")
    assert scores_of(together) == scores_of(alone)


def test_they_are_held_against_quality_and_costs(found: Search) -> None:
    several = agreements(found)
    assert [one.name for one in several] == [*BASELINES, *SCORES]
    assert [one.is_cost for one in several] == [True, True, *(False for _ in SCORES)]
    trials = found.record().trials
    quality = [trial.metrics["accuracy"] for trial in trials]
    (params, *_), snip = several, next(one for one in several if one.name == "snip")
    assert params.rho == pytest.approx(spearmanr([trial.costs["params"] for trial in trials], quality).statistic)
    assert snip.rho == pytest.approx(spearmanr([trial.metrics["snip"] for trial in trials], quality).statistic)
    assert {one.n for one in several} == {5}
    assert all(one.low <= one.rho <= one.high for one in several if one.rho is not None)  # type: ignore[operator]


def test_what_is_recorded_is_what_is_computed_later(found: Search) -> None:
    record = found.record()
    bare = replace(record, trials=tuple(replace(t, metrics={"accuracy": t.metrics["accuracy"]}) for t in record.trials))
    assert agreements(found, SOME, bare) == agreements(found, SOME)


def test_a_score_that_is_not_finite_is_counted() -> None:
    rows = [(math.inf, 0.9, 5.0), (1.0, 0.1, 1.0), (2.0, 0.2, 3.0), (3.0, 0.4, 2.0), (4.0, math.nan, 4.0)]
    one = _agreement("synflow", "maximize accuracy", rows)
    assert (one.rho, one.n, one.n_not_finite) == (pytest.approx(1.0), 3, 1)


def test_what_size_alone_explains_is_nothing_at_equal_size() -> None:
    """The quality (1, 2, 4, 3) of four sizes, and a quantity that is the size but for one place."""
    rows = [(1, 1, 1), (2, 2, 2), (3, 4, 3), (4, 3, 4), (6, 5, 5), (5, 6, 6)]
    xy, xz, yz = (spearmanr(*sides).statistic for sides in _pairs(rows))
    expected = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    assert _agreement("snip", "maximize accuracy", rows).at_equal_params == pytest.approx(expected)
    same = [(size, good, size) for _, good, size in rows]
    assert _agreement("macs", "maximize accuracy", same).at_equal_params is None


def _pairs(rows: list[tuple[int, int, int]]) -> list[tuple[list[int], list[int]]]:
    first, second, third = (list(column) for column in zip(*rows, strict=True))
    return [(first, second), (first, third), (second, third)]


def test_what_is_not_trained_here_has_no_scores(tmp_path: Path) -> None:
    task = write_task(tmp_path)
    with pytest.raises(ExperimentError, match=r"`scores` are of models that are trained here; `.*make` evaluates"):
        searched(tmp_path, task=task)
    own = searched(tmp_path, task=task, scores=())
    with pytest.raises(StudyError, match="trained nothing, so there is nothing that a score could be held against"):
        agreements(own)


def test_a_predictor_with_scores_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    sampler = {"name": "predictor", "startup": 3, "pool": 2}
    whole = searched(tmp_path, "whole", sampler=sampler, trials=6).record().trials
    parts = searched(tmp_path, "parts", sampler=sampler, trials=4)
    again = nas.resume(parts.directory, trials=6).record().trials
    assert [(trial.digest, trial.metrics) for trial in again] == [(trial.digest, trial.metrics) for trial in whole]


def test_a_design_that_cannot_be_scored_is_unknown(found: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr("evaluators.zero_cost.zero_cost", full)
    known = statistics_of(found.prepared)(found.architecture(found.trial(0)))
    assert list(known) == list(SOME)
    assert all(map(math.isnan, known.values()))
