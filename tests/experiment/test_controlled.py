"""The control of a search: random architectures, each trained to the end once, beside a search that does not notice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.cli import main
from nas.errors import ExperimentError
from nas.experiment import Search
from nas.experiment.interruption import Interrupted
from nas.experiment.limits import Limited
from nas.study.control import Drawn, read_drawn
from nas.study.records import StudyRecord, TrialRecord

HALVING = {"rule": "pareto-halving", "rungs": [1, 2], "eta": 3}
THREE = """\
space: three
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [2, 4]}
model: return linear(relu(linear(x, width)), targets)
"""


class Watched:
    """Counts what is trained; interrupts before number `most`."""

    def __init__(self, most: int = 10**6) -> None:
        self.most, self.began_with, self.n = most, [], 0  # type: ignore[var-annotated]

    def began(self, total: int | None, done: int, record: Any) -> None:
        self.began_with.append((total, done))

    def started(self, candidate: Any, worker: int) -> None:
        if self.n == self.most:
            raise KeyboardInterrupt

    def reported(self, candidate: Any, report: Any, worker: int) -> None:
        pass

    def finished(self, candidate: Any, outcome: Any, worker: int) -> None:
        self.n += 1


def searched(folder: Path, name: str = "run", space: str = "", **settings: Any) -> Search:
    task = {"name": write_task(folder), "log": str(folder / f"{name}.log")}
    path = write_space(folder)
    if space:
        path.write_text(space, encoding="utf-8")
    given = {"trials": 8, "sampler": {"name": "nsga2", "population": 4}, "seed": 2, "budget": {"epochs": 4}}
    return nas.search(path, task=task, directory=str(folder / name), **{**given, **settings})


def trainings(search: Search) -> int:
    return len(search.directory.with_suffix(".log").read_text().splitlines())


def facts(record: StudyRecord) -> list[Any]:
    return [(one.number, one.genotype, one.state, one.metrics, one.origin) for one in record.trials]


def timeless(drawn: tuple[Drawn, ...]) -> list[Any]:
    return [(one.candidate, one.outcome and (one.outcome.state, one.outcome.metrics), one.of) for one in drawn]


def controlled(search: Search) -> tuple[TrialRecord, ...]:
    found = search.control()
    assert found is not None
    return found.trials


def test_a_random_search_is_its_own_control(tmp_path: Path) -> None:
    found = searched(tmp_path, sampler="random", control=5)
    assert trainings(found) == 8, "nothing is trained for it"
    assert [one.of for one in read_drawn(found.directory)] == [0, 1, 2, 3, 4]
    assert [one.values for one in controlled(found)] == [one.values for one in found.record().trials[:5]]


def test_the_search_does_not_notice_and_nothing_is_trained_twice(tmp_path: Path) -> None:
    plain = searched(tmp_path, "plain", trials=12)
    found = searched(tmp_path, trials=12, control=10)
    assert facts(found.record()) == facts(plain.record())
    drawn = read_drawn(found.directory)
    assert len(drawn) == len({one.candidate.digest for one in drawn}) == 10
    own = [one for one in drawn if one.of is None]
    assert 0 < len(own) < 10, "what chance proposed in the search counts, and it is not enough"
    assert trainings(found) == 12 + len(own)
    assert not {one.candidate.digest for one in own} & {one.digest for one in found.record().trials}
    assert all(one.state == "complete" and one.origin == "random" for one in controlled(found))
    assert facts(nas.resume(found.directory, trials=20).record()) == facts(
        nas.resume(plain.directory, trials=20).record()
    ), "nor when it goes on"
    assert timeless(read_drawn(found.directory)) == timeless(drawn), "and what was drawn stays"


def test_what_a_rule_stopped_is_trained_to_the_end_from_its_seed(tmp_path: Path) -> None:
    goal = "maximize accuracy"
    found = searched(tmp_path, sampler="random", trials=12, objectives=goal, stopping=HALVING, control=8)
    first = found.record().trials[:8]
    stopped = [one for one in first if one.state == "stopped"]
    assert stopped
    assert trainings(found) == 12 + len(stopped)
    for one, trial in zip(read_drawn(found.directory), first, strict=True):
        assert (one.candidate.digest, one.candidate.seed) == (trial.digest, trial.seed)
        assert one.outcome is not None
        assert one.outcome.state == "complete"
        assert (one.of is None) == (trial.state == "stopped")


def test_an_interrupted_control_goes_on(tmp_path: Path) -> None:
    whole = searched(tmp_path, "whole", control=9)
    with pytest.raises(Interrupted, match=f"interrupted; go on with: nas resume {tmp_path / 'run'}"):
        searched(tmp_path, control=9, observer=Watched(most=10))
    assert sum(one.outcome is None for one in read_drawn(tmp_path / "run")) > 0
    rest = Watched()
    found = nas.resume(tmp_path / "run", observer=rest)
    assert timeless(read_drawn(found.directory)) == timeless(read_drawn(whole.directory))
    assert rest.began_with == [(8, 8), (rest.n, 0)]
    begun = Counter((tmp_path / "run.log").read_text().splitlines())
    assert sum(begun.values()) == trainings(whole) == len(begun), "each once"
    idle = Watched()
    nas.resume(found.directory, observer=idle)
    assert idle.n == 0


def test_a_control_can_come_later_and_grow(tmp_path: Path) -> None:
    found = searched(tmp_path)
    assert found.control() is None
    nas.resume(found.directory, control=5)
    few = timeless(read_drawn(found.directory))
    nas.resume(found.directory, control=7)
    more = timeless(read_drawn(found.directory))
    assert (len(few), len(more)) == (5, 7)
    assert more[:5] == few
    nas.resume(found.directory, control=2)
    assert timeless(read_drawn(found.directory)) == more, "fewer take nothing away"
    with pytest.raises(ExperimentError, match="`control` is a whole number from 0, got -1"):
        nas.resume(found.directory, control=-1)


def test_what_was_lost_is_tried_again(tmp_path: Path) -> None:
    from dataclasses import replace

    from nas.study.candidate import Outcome
    from nas.study.control import write_drawn

    found = searched(tmp_path, control=9)
    drawn = read_drawn(found.directory)
    at = next(i for i, one in enumerate(drawn) if one.of is None)
    lost = replace(drawn[at], outcome=Outcome("lost", message="gone"))
    write_drawn([*drawn[:at], lost, *drawn[at + 1 :]], found.directory)
    before = trainings(found)
    nas.resume(found.directory, control=9)
    assert timeless(read_drawn(found.directory)) == timeless(drawn)
    assert trainings(found) == before + 1


def test_it_obeys_constraints_on_costs_and_ends_with_the_space(tmp_path: Path) -> None:
    found = searched(tmp_path, control=12, constraints="params <= 1000")
    assert all(one.costs["params"] <= 1000 for one in controlled(found))
    small = searched(tmp_path, "small", space=THREE, control=9)
    assert sorted(one.genotype["width"] for one in controlled(small)) == [2, 3, 4]


def test_limits_of_time_hold_for_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = searched(tmp_path, control=9, hours=1e-12)
    assert read_drawn(found.directory) == ()
    log = tmp_path / "late.log"
    monkeypatch.setattr(Limited, "out_of_time", property(lambda self: len(log.read_text().splitlines()) >= 10))
    late = searched(tmp_path, "late", control=9)
    left = sum(one.outcome is None for one in read_drawn(late.directory))
    assert left > 0
    assert late.ended == (
        f"{left} random candidates of the control are still to be trained; go on with: nas resume {late.directory}"
    )


def test_gpu_hours_count_what_the_control_takes(tmp_path: Path) -> None:
    from nas.study.study import Study

    found = searched(tmp_path, trials=2)
    experiment = nas.experiment.Experiment(gpu_hours=1.0)
    with Study.open(found.directory, found.space) as study:
        limited = Limited(study, experiment, gpus=1.0)
        assert not limited.out_of_time
        limited.spend(3600.0)
        assert limited.out_of_time
        assert limited.reached == "", "the search itself did not reach it"


def test_of_several_drivers_one_trains_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'all.db'}"
    task, space = write_task(tmp_path), write_space(tmp_path)

    def drive(name: str, trials: int) -> Search:
        return nas.search(space, task=task, storage=url, trials=trials, control=6, directory=str(tmp_path / name))

    first, second = drive("a", 3), drive("b", 5)
    assert len(second.record().trials) == 5
    assert len(read_drawn(first.directory)) == 6
    assert second.control() is None
    assert nas.resume(first.directory).control() is not None


def test_a_new_search_begins_without_it(tmp_path: Path) -> None:
    searched(tmp_path, control=5)
    assert searched(tmp_path, fresh=True).control() is None


def test_reports_and_commands_hold_the_search_against_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, other = searched(tmp_path, control=9), searched(tmp_path, "other", seed=3)
    mean = sum(one.metrics["accuracy"] for one in controlled(found)) / 9
    page = found.report().read_text()
    assert '<section id="chance"' in page
    assert "nas resume` with `--control 8` trains what is missing" in other.report().read_text()
    assert main(["front", str(found.directory)]) == 0
    assert f"against the average of 9 random candidates, {mean:.4g}" in capsys.readouterr().out
    assert main(["compare", str(found.directory), str(other.directory)]) == 0
    assert f"run: accuracy {max(one.metrics['accuracy'] for one in found.record().trials):.4g} is" in (
        capsys.readouterr().out
    )
