"""Importance on functions whose variance is known to fall to each decision in a known part."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nas.errors import ParetoError
from nas.pareto.front import Front, frontier
from nas.pareto.importance import ALL, importances
from nas.study.objectives import Goal
from nas.study.records import StudyRecord, TrialRecord

pytest.importorskip("sklearn")


@pytest.fixture
def front_of(new_trial: Callable[..., TrialRecord], new_study: Callable[..., StudyRecord]) -> Callable[..., Front]:
    """The frontier of random genotypes with a given accuracy."""

    def front_of(draw: Callable[[random.Random], dict[str, Any]], accuracy: Callable[..., float], n: int) -> Front:
        rng, goal = random.Random(0), Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])
        trials = []
        for number in range(n):
            genotype = draw(rng)
            value = accuracy(
                **{path.replace("[", "").replace("]", "").replace(".", "_"): v for path, v in genotype.items()}
            )
            trials.append(
                new_trial(
                    number, genotype=genotype, costs={"params": 100 + number}, metrics={"accuracy": value},
                    values=(value, 100 + number), feasible=True,
                )
            )  # fmt: skip
        return frontier(new_study(trials, goal))

    return front_of


def test_shares_of_a_sum_are_those_of_its_variances(front_of: Callable[..., Front]) -> None:
    # Var(4a + 2b) for uniform a, b is 16 : 4, and c has no part in it.
    front = front_of(
        lambda rng: {"a": rng.random(), "b": rng.random(), "c": rng.randrange(8)}, lambda a, b, c: 4 * a + 2 * b, 250
    )
    (found,) = importances(front)
    assert list(found.shares)[:2] == ["a", "b"]
    assert found.shares["a"] == pytest.approx(0.8, abs=0.07)
    assert found.shares["b"] == pytest.approx(0.2, abs=0.07)
    assert found.shares["c"] < 0.02
    assert found.fit > 0.9
    assert (found.group, found.n, found.left_out) == (ALL, 250, ())


def test_decisions_that_matter_together_matter_both(front_of: Callable[..., Front]) -> None:
    # Of an exclusive or, neither says anything alone, and the total effect of each is the whole variance.
    front = front_of(
        lambda rng: {"a": rng.randrange(2), "b": rng.choice([True, False])}, lambda a, b: float((a == 1) == b), 200
    )
    (found,) = importances(front)
    assert list(found.shares.values()) == pytest.approx([1.0, 1.0], abs=0.15)


def test_noise_is_told_by_the_fit(front_of: Callable[..., Front]) -> None:
    noise = random.Random(1)
    (found,) = importances(
        front_of(lambda rng: {"a": rng.random(), "b": rng.random()}, lambda a, b: noise.random(), 80)
    )
    assert found.fit < 0.1


def test_families_are_weighed_apart_and_what_some_lack_is_named(front_of: Callable[..., Front]) -> None:
    def draw(rng: random.Random) -> dict[str, Any]:
        if rng.random() < 0.5:
            return {"family": "mlp", "width": rng.randrange(50), "act": rng.choice(["relu", "gelu"])}
        gate = {"gate": rng.randrange(9)} if rng.random() < 0.5 else {}
        return {"family": "mixer", "layer[0].hidden": rng.randrange(50), "layer[1].hidden": rng.randrange(50), **gate}

    def accuracy(family: str, width: float = 0, layer0_hidden: float = 0, layer1_hidden: float = 0, **_: Any) -> float:
        return 200.0 + layer0_hidden + layer1_hidden if family == "mixer" else width

    found = {one.group: one for one in importances(front_of(draw, accuracy, 120))}
    assert found.keys() == {ALL, "mlp", "mixer"}
    assert list(found[ALL].shares) == ["family"]
    assert set(found[ALL].left_out) == {"width", "act", "layer[·].hidden", "gate"}
    assert next(iter(found["mlp"].shares)) == "width"
    assert found["mixer"].shares["layer[·].hidden"] > 0.8
    assert found["mixer"].left_out == ("gate",)


def test_few_candidates_and_equal_ones_say_nothing(front_of: Callable[..., Front]) -> None:
    assert importances(front_of(lambda rng: {"a": rng.random()}, lambda a: a, 19)) == ()
    assert importances(front_of(lambda rng: {"a": rng.random()}, lambda a: 1.0, 30)) == ()
    assert importances(front_of(lambda rng: {"a": 1}, lambda a: random.random(), 30)) == ()


def test_without_scikit_learn_it_says_what_to_install(
    front_of: Callable[..., Front], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(
        ParetoError, match=r"decision importance needs scikit-learn: pip install 'hourglass-nas\[data\]'"
    ):
        importances(front_of(lambda rng: {"a": rng.random()}, lambda a: a, 30))


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys, nas.pareto.importance, nas.pareto.trends, nas.pareto.paired, nas.pareto.sealed, nas.pareto.control\n"
        "print(sorted({'sklearn', 'optuna', 'matplotlib', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_shares_agree_with_optunas_fanova(front_of: Callable[..., Front]) -> None:
    import optuna

    front = front_of(
        lambda rng: {"a": rng.random(), "b": rng.random(), "c": rng.random()}, lambda a, b, c: 3 * a + 2 * b + c, 120
    )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    unit = optuna.distributions.FloatDistribution(0.0, 1.0)
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(trial.genotype), distributions=dict.fromkeys("abc", unit), value=trial.metrics["accuracy"]
            )
            for trial in front.candidates
        ]
    )
    expected = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0).evaluate(study)
    (found,) = importances(front)
    assert list(found.shares) == list(expected) == ["a", "b", "c"]
    for name, share in found.shares.items():
        assert share == pytest.approx(expected[name], abs=0.12)
