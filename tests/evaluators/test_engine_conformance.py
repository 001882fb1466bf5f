"""What every engine owes a study: the same results, each misfortune as its outcome, nothing lost and nothing twice."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from engine_cases import DEADLY, ENDS, Faulty

import nas
from evaluators.engines import Engine, Inline, Processes, RayEngine, Silent
from evaluators.engines import ray as ray_engine
from nas.errors import WorkFailed
from nas.space import Space, space_from_text
from nas.study.records import TrialRecord
from nas.study.samplers.view import View
from nas.study.study import Study

SPACE = """\
space: narrow
inputs: {x: [features]}
outputs: [targets]
choose:
  depth: {int: [0, 3]}
  width: {int: [2, 64]}
model: |
  z = x
  for i in range(depth):
      z = relu(linear(z, width))
  return linear(z, targets)
"""
ENGINES = [
    pytest.param(Inline(), id="inline"),
    pytest.param(Inline(batch=4), id="inline-in-fours"),
    pytest.param(Processes(workers=1), id="processes-1"),
    pytest.param(Processes(workers=2, batch=4), id="processes-2-in-fours", marks=pytest.mark.slow),
    pytest.param(RayEngine(workers=1), id="ray-1", marks=pytest.mark.slow),
    pytest.param(RayEngine(workers=2), id="ray-2", marks=pytest.mark.slow),
    pytest.param(RayEngine(workers=2, batch=4), id="ray-2-in-fours", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with ray_engine._cluster(RayEngine(workers=2)) as ray:
        yield ray


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    if isinstance(request.param, RayEngine):
        request.getfixturevalue("cluster")
    chosen: Engine = request.param
    return chosen


def narrow() -> Space:
    return space_from_text(SPACE, "narrow.yaml").bind([(8,)], [(3,)])


def new_study(directory: Path, trials: int) -> Study:
    return Study.create(
        directory,
        narrow(),
        objectives=["maximize accuracy", "minimize params"],
        metrics=["accuracy"],
        task="none",
        sampler="random",
        stopping={"rule": "pareto-halving", "rungs": [1, 2, 3], "eta": 1000},
        budget={"epochs": 4},
        trials=trials,
        seed=5,
    )


def facts(trials: tuple[TrialRecord, ...]) -> list[tuple[Any, ...]]:
    """All of a trial but the time it took."""
    return [
        (one.number, one.state, one.genotype, one.digest, one.seed, one.values, one.curve, one.origin) for one in trials
    ]


def unharmed(directory: Path, trials: int) -> list[tuple[Any, ...]]:
    with new_study(directory, trials) as study:
        Inline().run(study, Faulty())
        return facts(study.record().trials)


def test_each_misfortune_is_its_outcome(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.engines.engine.GRACE_S", 0.5)
    jumps = iter(range(10**9))
    monkeypatch.setattr(time, "time", lambda: 1e9 - 3600.0 * next(jumps))  # the clock on the wall may say what it likes
    chosen = [name for name in ENDS if name not in DEADLY or not isinstance(engine, Inline)]
    fates = {2 * place + 1: name for place, name in enumerate(chosen)}
    n = 2 * len(fates) + 1
    expected = unharmed(tmp_path / "unharmed", n)
    (tmp_path / "marks").mkdir()
    with new_study(tmp_path / "harmed", n) as study:
        engine.run(study, Faulty(fates, tmp_path / "marks", timeout_s=1.5))
        trials = study.record().trials
        shown = View(study._knowledge.mirror, 2).study(optuna.samplers.RandomSampler()).trials
    assert [one.number for one in trials] == list(range(n))
    for one, whole in zip(trials, expected, strict=True):
        state, message = ENDS[fates[one.number]] if one.number in fates else ("complete", "")
        assert (one.number, one.state) == (one.number, state)
        assert one.message.startswith(message)
        assert one.seconds >= 0
        assert len({report.rung for report in one.curve}) == len(one.curve), "a rung was reported twice"
        if state == "complete":
            assert facts((one,)) == [whole]
        # To samplers a candidate that could not be trained is a design that violates a constraint.
        assert (max(shown[one.number].constraints.values(), default=0.0) > 0) == (state != "complete")
    with Study.open(tmp_path / "harmed", narrow()) as again:
        assert again.ask() is None
        assert facts(again.record().trials) == facts(trials)


class FillTheDisk(Silent):
    """From candidate 5 on no file of this process can grow."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal

    def started(self, candidate: Any, worker: int) -> None:
        if candidate.number == 5:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.journal.stat().st_size + 100, hard))


def test_a_full_disk_ends_the_search_and_loses_nothing(tmp_path: Path, engine: Engine) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    expected = unharmed(tmp_path / "unharmed", 8)
    study = new_study(tmp_path / "full", 8)
    try:
        with study, pytest.raises(WorkFailed, match=r"cannot be written: .*make room and resume the study"):
            engine.run(study, Faulty(), FillTheDisk(tmp_path / "full" / "journal.log"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with Study.open(tmp_path / "full", narrow()) as again:
        before = [one for one in again.record().trials if one.state != "running"]
        assert len(before) < 8
        if isinstance(engine, Inline):
            assert before, "two workers may have been given all of them at once"
        engine.run(again, Faulty())
        assert facts(again.record().trials) == expected


@pytest.mark.slow
def test_trained_values_are_the_same_bit_for_bit(tmp_path: Path, cluster: Any) -> None:
    """Real training, a sampler that learns from the results, and a stopping rule."""

    def found(name: str, engine: Any) -> list[tuple[Any, ...]]:
        rule = {"rule": "pareto-halving", "rungs": [1], "eta": 2}
        search = nas.search(
            "mlp", task="digits", trials=8, budget={"epochs": 2}, stopping=rule, sampler={"name": "tpe", "startup": 3},
            engine=engine, device="cpu", seed=3, directory=tmp_path / name,
        )  # fmt: skip
        return facts(search.record().trials)

    inline = found("inline", "inline")
    assert {row[1] for row in inline} == {"complete", "stopped"}
    assert found("processes", {"name": "processes", "workers": 1}) == inline
    assert found("ray", {"name": "ray", "workers": 1}) == inline
