"""Confirming: the frontier with new seeds, the test split for the first time, nothing trained twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from evaluators.tasks import SealedSplit
from nas.errors import ExperimentError, ParetoError, StudyError
from nas.experiment import Search
from nas.experiment.interruption import Interrupted
from nas.pareto.confirmation import Confirmation, read_confirmation, write_confirmation


class Watched:
    """Notes what a confirmation trains; interrupts it after `most`."""

    def __init__(self, most: int = 10**6) -> None:
        self.trained: list[tuple[int, int]] = []
        self.most = most

    def began(self, total: int | None, done: int, record: Any) -> None:
        self.total, self.before = total, done

    def started(self, candidate: Any, worker: int) -> None:
        if len(self.trained) == self.most:
            raise KeyboardInterrupt

    def reported(self, candidate: Any, report: Any, worker: int) -> None:
        pass

    def finished(self, candidate: Any, outcome: Any, worker: int) -> None:
        self.trained.append((candidate.number, candidate.seed))


@pytest.fixture
def search(tmp_path: Path) -> Search:
    task = write_task(tmp_path)
    return nas.search(write_space(tmp_path), task=task, trials=8, directory=str(tmp_path / "run"))


def timeless(found: Confirmation) -> Confirmation:
    return replace(
        found,
        environment={},
        candidates=tuple(
            replace(one, runs=tuple(replace(run, seconds=0.0) for run in one.runs)) for one in found.candidates
        ),
    )


def test_every_member_with_every_seed(search: Search) -> None:
    watched = Watched()
    found = nas.confirm(search.directory, seeds=3, observer=watched)
    members = search.front().members
    assert [one.number for one in found.candidates] == [one.number for one in members]
    assert all(len(one.runs) == 3 for one in found.candidates)
    seeds = {run.seed for one in found.candidates for run in one.runs}
    assert len(seeds) == 3 * len(members), "each training has a seed of its own"
    assert not seeds & {one.seed for one in search.record().trials}, "and none that the search used"
    assert watched.total == len(watched.trained) == 3 * len(members)
    assert timeless(found) == timeless(read_confirmation(search.directory) or pytest.fail("nothing was written"))


def test_only_what_is_missing_is_trained(search: Search) -> None:
    once = nas.confirm(search.directory, seeds=2)
    idle = Watched()
    assert timeless(nas.confirm(search.directory, seeds=2, observer=idle)) == timeless(once)
    assert idle.trained == []
    more = Watched()
    found = nas.confirm(search.directory, seeds=3, observer=more)
    assert len(more.trained) == len(search.front().members)
    assert all(new.runs[:2] == old.runs for new, old in zip(found.candidates, once.candidates, strict=True))
    assert timeless(nas.confirm(search.directory, seeds=1)) == timeless(found), "fewer seeds take nothing away"


def test_an_interrupted_confirmation_goes_on(search: Search, tmp_path: Path) -> None:
    watched = Watched(most=3)
    with pytest.raises(Interrupted, match=f"interrupted; go on with: nas confirm {search.directory}"):
        nas.confirm(search.directory, seeds=2, observer=watched)
    rest = Watched()
    found = nas.confirm(search.directory, seeds=2, observer=rest)
    assert len(set(watched.trained + rest.trained)) == len(watched.trained + rest.trained) == rest.total
    assert rest.before == 3
    (search.directory / "confirm.json").unlink()
    assert timeless(nas.confirm(search.directory, seeds=2)) == timeless(found), "as if it had never been interrupted"


def test_what_was_lost_is_tried_again(search: Search) -> None:
    found = nas.confirm(search.directory, seeds=1)
    first, *others = found.candidates
    lost = replace(first.runs[0], state="lost", validation={}, test={})
    write_confirmation(replace(found, candidates=(replace(first, runs=(lost,)), *others)), search.directory)
    again = Watched()
    assert timeless(nas.confirm(search.directory, seeds=1, observer=again)) == timeless(found)
    assert [number for number, _ in again.trained] == [first.number]


def test_a_member_that_was_overtaken_keeps_its_runs(tmp_path: Path) -> None:
    search = nas.search(
        write_space(tmp_path),
        task=write_task(tmp_path),
        objectives="minimize loss",
        trials=2,
        directory=str(tmp_path / "run"),
    )
    (before,) = nas.confirm(search.directory, seeds=2).candidates
    search = nas.resume(search.directory, trials=30)
    after = nas.confirm(search.directory, seeds=1)
    assert [one.number for one in after.candidates] == [search.front().members[0].number, before.number]
    assert after.candidates[1] == before
    assert len(after.candidates[0].runs) == 1


def test_those_near_the_frontier_are_retrained_too(tmp_path: Path) -> None:
    search = nas.search(
        write_space(tmp_path),
        task=write_task(tmp_path),
        objectives="maximize accuracy",
        confirm={"seeds": 2, "near": 2},
        trials=8,
        directory=str(tmp_path / "run"),
    )
    ranked = sorted(search.record().trials, key=lambda one: -one.metrics["accuracy"])
    found = nas.confirm(search.directory)
    assert [one.number for one in found.candidates] == [one.number for one in ranked[:3]], "the nearest first"
    assert all(len(one.runs) == 2 for one in found.candidates)
    more = Watched()
    found = nas.confirm(search.directory, near=3, observer=more)
    assert {number for number, _ in more.trained} == {ranked[3].number}, "only what is missing"
    idle = Watched()
    assert timeless(nas.confirm(search.directory, near=0, observer=idle)).candidates[0] == timeless(found).candidates[0]
    assert idle.trained == []
    assert len((search.confirmation() or found).candidates) == 4, "fewer take nothing away"


@pytest.mark.parametrize("near", [-1, True, 0.5])
def test_near_members_are_a_number(search: Search, near: Any) -> None:
    with pytest.raises(ExperimentError, match="confirm takes a number of near-members from 0, got"):
        nas.confirm(search.directory, near=near)


def test_the_test_part_is_opened_only_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    unseal = SealedSplit.open
    monkeypatch.setattr(SealedSplit, "open", lambda self, reason: opened.append(reason) or unseal(self, reason))
    search = nas.search(
        write_space(tmp_path), task="digits", trials=3, budget={"epochs": 1}, directory=str(tmp_path / "run")
    )
    search.report()
    assert opened == []
    assert all(not name.startswith("test") for one in search.record().trials for name in one.metrics)
    found = nas.confirm(search.directory, seeds=2)
    assert opened == ["confirm"] * sum(len(one.runs) for one in found.candidates)
    for one in found.candidates:
        assert len(one.values("accuracy", "test")) == len(one.values("accuracy", "validation")) == 2
    assert search.confirmation() == found
    assert "over 2 seeds" in search._facts(search.trial(found.candidates[0].number))["test"]


@pytest.mark.parametrize("seeds", [0, -1, True, 2.5, "3"])
def test_seeds_are_a_number(search: Search, seeds: Any) -> None:
    with pytest.raises(ExperimentError, match="confirm takes a number of seeds from 1, got"):
        nas.confirm(search.directory, seeds=seeds)


def test_there_must_be_a_frontier_and_nobody_else_at_it(search: Search, tmp_path: Path) -> None:
    from nas.study.directory import Lock

    with pytest.raises(StudyError, match="holds no study"):
        nas.confirm(tmp_path)
    lock = Lock(search.directory)
    with pytest.raises(StudyError, match="is being driven by another process"):
        nas.confirm(search.directory)
    lock.release()
    failing = nas.search(
        tmp_path / "narrow.yaml",
        task={"name": f"{tmp_path / 'my_task.py'}:make", "fail": "x"},
        trials=2,
        directory=str(tmp_path / "failing"),
    )
    with pytest.raises(ParetoError, match="no candidate is complete yet"):
        nas.confirm(failing.directory)
