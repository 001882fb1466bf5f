"""Engines: every candidate asked for is told once, reports are answered, observers hear all of it."""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from engine_cases import MemoryStudy, Parabola

from evaluators.engines import ENGINES, Engine, Inline, Processes, RayEngine, Step, make_engine
from nas.cli.options import add_engine, engine_of
from nas.errors import ExperimentError, TaskError
from nas.study.candidate import Job, Outcome, Report


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def started(self, candidate: Any, worker: int) -> None:
        self.heard.append(("started", candidate, worker))

    def reported(self, candidate: Any, report: Report, worker: int) -> None:
        self.heard.append(("reported", candidate, report.rung, worker))

    def finished(self, candidate: Any, outcome: Outcome, worker: int) -> None:
        self.heard.append(("finished", candidate, outcome.state, worker))


def test_inline_runs_a_study_to_its_end() -> None:
    study, listener = MemoryStudy(3, stop=frozenset({1})), Listener()
    Inline().run(study, Parabola(), listener)
    assert {number: outcome.state for number, outcome in study.told.items()} == {
        0: "complete",
        1: "stopped",
        2: "complete",
    }
    assert study.reports == [(0, 1), (0, 2), (0, 3), (1, 1), (2, 1), (2, 2), (2, 3)]
    assert listener.heard[3:8] == [
        ("reported", 0, 3, 0),
        ("finished", 0, "complete", 0),
        ("started", 1, 0),
        ("reported", 1, 1, 0),
        ("finished", 1, "stopped", 0),
    ]
    assert len(listener.heard) == 3 + 7 + 3
    assert study.told[2].metrics["value"] == 4 / 3


def test_inline_leaves_what_is_in_flight_untold() -> None:
    study = MemoryStudy(3)
    with pytest.raises(KeyboardInterrupt):
        Inline().run(study, Parabola("interrupt"))
    assert list(study.told) == [0]
    assert study.reports[-1] == (1, 1)


def test_inline_lets_wrong_input_through() -> None:
    study = MemoryStudy(3)
    with pytest.raises(TaskError, match="the data cannot be used"):
        Inline().run(study, Parabola("data"))
    assert list(study.told) == [0]


def test_step_has_an_order() -> None:
    step = Step(Parabola())
    with pytest.raises(RuntimeError, match=r"start\(\) comes before advance\(\)"):
        step.advance(True)
    assert isinstance(step.start([Job(0, {"x": 1.0}, "", {}, 0, {}, (1,))])[1], Report)
    step.close()
    with pytest.raises(RuntimeError, match=r"start\(\) comes before advance\(\)"):
        step.advance(True)


def test_make_engine() -> None:
    assert make_engine("inline") == Inline()
    assert make_engine({"name": "ray", "workers": 4, "gpus": 0.5}) == RayEngine(workers=4, gpus=0.5)
    assert set(ENGINES) == {"inline", "processes", "ray"}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("rey", "no engine is called `rey`; did you mean `ray`[?]; there are inline, processes, ray"),
        ({"workers": 2}, "expected a name .inline, processes, ray. or a mapping with `name`, got {'workers': 2}"),
        (None, "expected a name .inline, processes, ray. or a mapping with `name`, got None"),
        ({"name": ["ray"]}, "no engine is called `.'ray'.`"),
        (
            {"name": "ray", "worker": 2},
            "`ray` has no option `worker`; did you mean `workers`[?]; it has workers, cpus, gpus, memory_gb, address, batch",
        ),
        ({"name": "inline", "workers": 2}, "`inline` has no option `workers`; it has batch"),
        ({"name": "ray", "workers": 0}, "`workers` is a whole number from 1, got 0"),
        ({"name": "ray", "workers": 1.5}, "`workers` is a whole number from 1, got 1.5"),
        ({"name": "ray", "cpus": 0}, "`cpus` is a number above 0, got 0"),
        ({"name": "ray", "gpus": "all"}, "`gpus` is a number from 0, got 'all'"),
        ({"name": "ray", "gpus": 1.5}, "`gpus` is a fraction up to 1 or a whole number, got 1.5"),
        ({"name": "ray", "memory_gb": 0}, "`memory_gb` is a number above 0, got 0"),
        ({"name": "processes", "workers": 0}, "`workers` is a whole number from 1, got 0"),
        ({"name": "processes", "memory_gb": -1}, "`memory_gb` is a number above 0, got -1"),
        ({"name": "processes", "gpus": 1}, "`processes` has no option `gpus`; it has workers, memory_gb, batch"),
        ({"name": "inline", "batch": "many"}, "`batch` is a whole number from 1, or auto; got 'many'"),
        ({"name": "ray", "batch": 0}, "`batch` is a whole number from 1, or auto; got 0"),
        ({"name": "ray", "address": "here"}, "`address` is local, auto, ray://HOST:PORT or HOST:PORT, got 'here'"),
    ],
)
def test_engine_errors(setting: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        make_engine(setting)


class InFlight(MemoryStudy):
    """Notes how many results there were, and how many candidates were in flight, when each began."""

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.seen: list[tuple[int, int]] = []

    def ask(self) -> int | None:
        candidate = super().ask()
        if candidate is not None:
            self.seen.append((len(self.told), self.asked - len(self.told)))
        return candidate


@pytest.mark.parametrize(("engine", "workers"), [(Inline(batch="auto"), 1), (Processes(2, batch="auto"), 2)])
def test_batches_grow_with_the_results(engine: Engine, workers: int) -> None:
    study = InFlight(200)
    engine.run(study, Parabola())
    assert sorted(study.told) == list(range(200))
    assert all(flying <= workers + told / 4 for told, flying in study.seen)
    assert max(flying for told, flying in study.seen if told < 4) <= workers
    assert 12 * workers <= max(flying for _, flying in study.seen) <= 16 * workers


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        ("", None),
        ("--engine inline", "inline"),
        ("--engine ray", "ray"),
        ("--workers 3", {"name": "processes", "workers": 3}),
        ("--memory-gb 2 --batch 4", {"name": "processes", "memory_gb": 2.0, "batch": 4}),
        ("--workers 3 --gpus 1", {"name": "ray", "workers": 3, "gpus": 1.0}),
        ("--engine ray --workers 3", {"name": "ray", "workers": 3}),
        ("--batch auto", {"name": "inline", "batch": "auto"}),
        (
            "--engine ray --address auto --cpus 2 --gpus 0.25 --memory-gb 8 --batch 4",
            {"name": "ray", "cpus": 2.0, "gpus": 0.25, "memory_gb": 8.0, "address": "auto", "batch": 4},
        ),
    ],
)
def test_flags(flags: str, setting: Any) -> None:
    parser = argparse.ArgumentParser()
    add_engine(parser)
    assert engine_of(parser.parse_args(flags.split())) == setting
    if setting:
        make_engine(setting)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            "--engine inline --memory-gb 2",
            "`inline` has no memory_gb; use --engine processes or --engine ray with --mem",
        ),
        ("--engine processes --workers 2 --gpus 1", "`processes` has no gpus; use --engine ray with --gpus"),
    ],
)
def test_flags_of_another_engine(flags: str, message: str) -> None:
    parser = argparse.ArgumentParser()
    add_engine(parser)
    with pytest.raises(ExperimentError, match=message):
        engine_of(parser.parse_args(flags.split()))


def test_without_ray_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ExperimentError, match=r"engine `ray` needs the package ray: pip install ray, or use `engine: inline`"
    ):
        RayEngine().run(MemoryStudy(1), Parabola())
