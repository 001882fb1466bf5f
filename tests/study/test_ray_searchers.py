"""Ray Tune's searchers as samplers: on flat spaces, for one objective, and the same again for the same seed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import toys
from driving import OBJECTIVES, create, facts, run

from nas.errors import ExperimentError
from nas.space import load_space
from nas.space.domains import Categorical, Domain, Integer, Real
from nas.study.candidate import Outcome
from nas.study.objectives import Goal
from nas.study.samplers import make_sampler, parse_sampler
from nas.study.samplers.ray_tune import SEARCHERS, _Axis
from nas.study.study import Study

ONE = ["maximize accuracy"]
PACKAGES = {name: kind.package for name, kind in SEARCHERS.items()}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def installed(name: str) -> str:
    if importlib.util.find_spec(PACKAGES[name]) is None:
        pytest.skip(f"{PACKAGES[name]} is not installed")
    return f"ray:{name}"


@pytest.mark.parametrize("name", sorted(SEARCHERS))
def test_the_same_seed_gives_the_same_candidates_and_a_resume_goes_on_exactly(tmp_path: Path, name: str) -> None:
    sampler = {"name": installed(name), "startup": 4}
    records = []
    for take, stops in (("whole", ()), ("again", ()), ("resumed", (6, 9))):
        space = toys.flat()
        study = create(tmp_path / take, space, objectives=ONE, sampler=sampler, trials=12)
        for at in stops:
            run(study, at - study.n_finished)
            study.close()
            study = Study.open(tmp_path / take, space)  # type: ignore[arg-type]
        with study:
            records.append(facts(run(study).record()))
    assert records[0] == records[1] == records[2]
    origins = [trial[4] for trial in records[0]]
    assert origins[:4] == ["random"] * 4
    assert "sampler" in origins[4:], "it was asked, and answered"


@pytest.mark.parametrize("name", ["hyperopt", "bayesopt", "optuna"])
def test_a_shipped_space(tmp_path: Path, name: str) -> None:
    sampler = {"name": installed(name), "startup": 4}
    with create(tmp_path, load_space("residual-mlp"), objectives=ONE, sampler=sampler, trials=10) as study:
        assert run(study).n_finished == 10
        assert sum(trial.origin == "sampler" for trial in study.record().trials) >= 1


def test_several_objectives_where_the_searcher_takes_them(tmp_path: Path) -> None:
    with create(tmp_path, toys.flat(), sampler={"name": "ray:optuna", "startup": 4}, trials=12) as study:
        origins = [trial.origin for trial in run(study).record().trials]
    assert origins.count("sampler") >= 4


def sphere(decide: toys.Decide) -> tuple[int, Any]:
    values = [decide(name, Integer(0, 31)) for name in "abcd"]
    return 1 + sum(values), values


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hyperopt"])
def test_learning_beats_chance(tmp_path: Path, name: str) -> None:
    """The best of 50 on a sphere, eight seeds, paired by seed."""
    best: dict[str, list[float]] = {installed(name): [], "random": []}
    for sampler, found in best.items():
        for seed in range(8):
            directory = tmp_path / sampler.replace(":", "-") / str(seed)
            space = toys.ToySpace(sphere, "sphere", flat=True)
            with create(directory, space, objectives=ONE, sampler=sampler, seed=seed, trials=50) as study:
                while (candidate := study.ask()) is not None:
                    values = np.array([float(str(value)) for value in candidate.genotype.values()])
                    study.tell(candidate, Outcome("complete", {"accuracy": -float(np.sum((values - 11) ** 2))}))
                found.append(max(trial.values[0] for trial in study.record().completed() if trial.values))
    wins = sum(ours > chance for ours, chance in zip(*best.values(), strict=True))
    assert wins >= 7, f"{name} beats chance in {wins} of 8: {best}"


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize(
    "domain",
    [
        Categorical((1, True, 1.0, "1")), Integer(3, 12, step=3), Integer(8, 512, step=8, log=True), Integer(0, 9, log=True),
        Real(-1.0, 2.0), Real(1e-5, 1e-1, log=True), Real(0.0, 1.0, step=0.1),
    ],
    ids=str,
)  # fmt: skip
def test_values_go_there_and_back(domain: Domain, unit: bool) -> None:
    axis, rng = _Axis("x", domain, unit), Random(0)
    for value in [domain.sample(rng) for _ in range(30)]:
        at = axis.coordinate(value)
        back = axis.value(at)
        assert domain.contains(back)
        assert type(back) is type(value)
        assert back == pytest.approx(value)
        assert not unit or 0 <= at <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("ray:hyperop", "there is no sampler `ray:hyperop` among ray:hyperopt, .*; did you mean `ray:hyperopt`"),
        ("ray:bohb", "Ray's `bohb` is no sampler here: it works with Ray's own scheduler only"),
        ("ray:random", "Ray's `random` is no sampler here: take `random`"),
        ({"name": "ray:hyperopt", "gama": 0.3}, "the sampler `ray:hyperopt` takes `startup` and `gamma`, not `gama`"),
        ({"name": "ray:hyperopt", "gamma": 2}, "`gamma` is a number from 0 to 1"),
    ],
)
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        parse_sampler(settings)


def test_a_clear_word_where_a_searcher_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = (Goal.parse(texts, [], ["accuracy"]) for texts in (ONE, OBJECTIVES))
    with pytest.raises(
        ExperimentError, match=r"`ray:optuna` models only decisions that every design has, .* take one of"
    ):
        make_sampler("ray:optuna", toys.grammar(), two)  # type: ignore[arg-type]
    with pytest.raises(
        ExperimentError, match=r"`ray:hyperopt` takes one objective, here are 2 .*; take one of tpe, nsga2"
    ):
        make_sampler("ray:hyperopt", toys.flat(), two)  # type: ignore[arg-type]
    monkeypatch.setattr("nas.study.samplers.ray_tune._installed", lambda package: package != "hyperopt")
    with pytest.raises(ExperimentError, match="`ray:hyperopt` needs the package hyperopt: run `pip install hyperopt`"):
        make_sampler("ray:hyperopt", toys.flat(), one)  # type: ignore[arg-type]
    monkeypatch.undo()
    monkeypatch.setattr("ray.tune.search.hyperopt.hyperopt_search.HyperOptSearch.suggest", lambda *_: 1 / 0)
    with pytest.raises(
        ExperimentError, match=r"the version of hyperopt that is installed \(ZeroDivisionError: .*; try `pip"
    ):
        make_sampler("ray:hyperopt", toys.flat(), one)  # type: ignore[arg-type]
