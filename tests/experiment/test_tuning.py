"""Our candidates in a Tuner of the user's own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from closed_form import write_space, write_task

import nas
from nas.errors import ExperimentError
from nas.experiment.tuning import SEED, Tunable, _snapped, _tune_domain
from nas.space import load_space
from nas.space.domains import Categorical, Domain, Integer, Real

PLAIN = """\
space: plain
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [4, 64], log: true}
  act: [relu, gelu]
model: return linear(act(linear(x, width)), targets)
"""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a trial reports, without Ray around it."""
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr("ray.tune.report", reports.append)
    return reports


def test_a_trial_reports_metrics_and_costs_after_every_epoch(told: list[dict[str, Any]]) -> None:
    space = load_space("residual-mlp")
    ours = nas.tune_trainable(space, "digits", budget={"epochs": 3}, device="cpu")
    assert (ours.metric, ours.mode) == ("accuracy", "max")
    config = space.sample(Random(0)).genotype
    assert set(config) == set(ours.param_space)
    ours.trainable(dict(config))
    assert [report["epochs"] for report in told] == [1, 2, 3]
    assert [report["state"] for report in told] == ["running", "running", "complete"]
    assert all({"accuracy", "train_loss", "params", "macs", "activation_bytes"} <= set(report) for report in told)
    assert told[0]["params"] == told[2]["params"] > 0


def test_a_conditional_space_is_one_seed(told: list[dict[str, Any]]) -> None:
    ours = nas.tune_trainable("grammar", "digits", budget={"epochs": 1}, device="cpu")
    assert list(ours.param_space) == [SEED]
    for _ in range(2):
        ours.trainable({SEED: 5})
    assert told[0] == told[1], "the same seed, the same design and the same training"


def test_what_a_space_refuses_is_the_worst_there_is(told: list[dict[str, Any]]) -> None:
    ours = nas.tune_trainable("residual-mlp", "digits", budget={"epochs": 1}, device="cpu")
    config = {name: domain.sample() for name, domain in ours.param_space.items()}
    ours.trainable({**config, "shape": "hourglass", "hidden": 1024, "skip": 64})
    assert [report["state"] for report in told] == ["rejected"]
    assert (told[0]["accuracy"], told[0]["params"]) == (-math.inf, math.inf)


def test_a_bad_end_is_a_report_and_a_crash_is_raised(tmp_path: Path, told: list[dict[str, Any]]) -> None:
    space, task = write_space(tmp_path), write_task(tmp_path)
    ours = nas.tune_trainable(str(space), {"name": task if ":" in str(task) else f"{task}:make", "fail": "no luck"})
    config = {name: domain.sample() for name, domain in ours.param_space.items()}
    with pytest.raises(RuntimeError, match="no luck"):
        ours.trainable(config)
    ours = nas.tune_trainable("mlp", "digits", budget={"epochs": 2}, device="cpu", recipe={"lr": 1e30})
    ours.trainable({name: domain.sample() for name, domain in ours.param_space.items()})
    assert told[-1]["state"] == "diverged"
    assert told[-1]["accuracy"] == -math.inf


@pytest.mark.parametrize(
    "domain",
    [Categorical(("a", None, 3)), Integer(8, 64, step=8, log=True), Integer(1, 10, step=3), Real(0.0, 1.0, step=0.1), Real(1e-4, 1e-1, log=True)],
    ids=str,
)  # fmt: skip
def test_what_is_drawn_is_of_the_domain(domain: Domain) -> None:
    from ray import tune

    drawn = [_snapped(domain, value) for value in _tune_domain(tune, domain).sample(size=200)]
    assert all(domain.contains(value) for value in drawn)
    assert domain.size > 10 or len(set(drawn)) == domain.size


def test_a_clear_word_without_ray_tune(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ExperimentError, match=r"`tune_trainable` needs the package ray.tune: run `pip install 'ray\[tune\]'`"
    ):
        nas.tune_trainable("mlp", "digits")


@pytest.fixture
def ray_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import ray

    for name, value in {"RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=128 * 2**20)
    yield ray
    ray.shutdown()


def fit(ours: Tunable, directory: Path, **settings: Any) -> Any:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    tuner = tune.Tuner(
        tune.with_resources(ours.trainable, {"cpu": 1}),
        param_space=ours.param_space,
        tune_config=tune.TuneConfig(
            metric=ours.metric,
            mode=ours.mode,
            num_samples=6,
            scheduler=ASHAScheduler(max_t=4, grace_period=1, reduction_factor=2),
            **settings,
        ),
        run_config=tune.RunConfig(name="ours", storage_path=str(directory), verbose=0),
    )
    return tuner.fit()


@pytest.mark.slow
def test_a_tuner_with_asha(tmp_path: Path, ray_here: Any) -> None:
    (tmp_path / "plain.yaml").write_text(PLAIN)
    ours = nas.tune_trainable(str(tmp_path / "plain.yaml"), "digits", budget={"epochs": 4}, device="cpu")
    results = fit(ours, tmp_path)
    assert len(results) == 6
    assert not results.errors
    epochs = sorted(result.metrics["epochs"] for result in results)
    assert epochs[0] < 4, "some were stopped"
    assert epochs[-1] == 4, "and some were not"
    best = results.get_best_result()
    assert best.metrics["accuracy"] > 0.3
    assert set(best.config) == {"width", "act"}
    assert 64 * 4 < best.metrics["params"] < 64 * 65 + 65 * 10
