"""Samplers: their settings, how decisions pass through Optuna, and better than chance where there is something to learn."""

from __future__ import annotations

import math
import re
import runpy
from pathlib import Path
from random import Random
from typing import Any

import moocore
import numpy as np
import pytest
import toys
from driving import create, run

from nas.errors import ExperimentError
from nas.space import load_space
from nas.space.domains import Categorical, Domain, Integer, Real
from nas.study.candidate import Outcome
from nas.study.distributions import distribution, from_optuna, to_optuna
from nas.study.objectives import Goal
from nas.study.parameters import Parameters, domain_from_json, domain_to_json, genotype_of
from nas.study.samplers import make_sampler, parse_sampler, unlimited
from nas.study.samplers.view import Groups

GOAL = Goal.parse(["maximize accuracy", "minimize params"], [], ["accuracy"])
QUICK: dict[str, dict[str, Any]] = {"tpe": {"startup": 5}, "gp": {"startup": 5}, "nsga2": {"population": 6}}
DOMAINS: list[Domain] = [
    Categorical((3, 5, 7)), Categorical(("relu", "kan(grid=5)", None)), Categorical((1, True, 1.0, "1")), Categorical(("a", "b"), (1, 9)),
    Integer(0, 9), Integer(5, 5), Integer(8, 1024, step=8, log=True), Integer(1, 100, log=True), Integer(0, 10, step=3),
    Real(0.0, 1.0), Real(1e-5, 1e-1, log=True), Real(0.0, 1.0, step=0.1), Real(0.1, 10.0, step=0.1, log=True), Real(0.0, 1.0, step=0.3),
]  # fmt: skip


def named(name: str) -> dict[str, Any]:
    return {"name": name, **QUICK.get(name, {})}


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_domains_pass_through_optuna_and_json(domain: Domain) -> None:
    rng = Random(0)
    known = distribution(domain)
    for value in [domain.sample(rng) for _ in range(30)]:
        there = to_optuna(domain, value)
        assert known._contains(known.to_internal_repr(there))
        back = from_optuna(domain, there)
        assert (
            (back, type(back)) == (value, type(value)) if not isinstance(value, float) else back == pytest.approx(value)
        )
    assert domain_from_json(domain_to_json(domain)) == domain


def test_steps_on_a_logarithmic_scale_are_kept(tmp_path: Path) -> None:
    with create(tmp_path, toys.flat(), sampler=named("tpe"), trials=25) as study:
        widths = [trial.genotype["width"] for trial in run(study).record().trials]
    assert all(isinstance(width, int) and width % 8 == 0 and 8 <= width <= 512 for width in widths)
    assert np.median(np.array(widths, dtype=float)) < 200, "most draws are small on a logarithmic scale"


def test_a_moving_domain_gets_names_of_its_own() -> None:
    parameters = Parameters()
    assert parameters.lookup("a", Integer(0, 3)) == "a"
    assert parameters.named({"a": 1, "b": 2}, {"a": Integer(0, 3), "b": Integer(0, 2)}) == {"a": 1, "b": 2}
    other = parameters.named({"a": 1}, {"a": Integer(0, 4)})
    (name,) = other
    assert re.fullmatch(r"a@[0-9a-f]{8}", name)
    assert genotype_of(other) == {"a": 1}
    assert parameters.lookup("a", Integer(0, 3)) == "a"
    assert list(parameters.domains) == ["a", "b", name]


def test_groups_are_those_of_optuna() -> None:
    from optuna.distributions import IntDistribution
    from optuna.search_space.group_decomposed import _SearchSpaceGroup

    rng = Random(1)
    ours, theirs = Groups(), _SearchSpaceGroup()
    for _ in range(40):
        names = rng.sample("abcdefghij", rng.randint(1, 7))
        ours.add(names)
        theirs.add_distributions({name: IntDistribution(0, 1) for name in names})
        assert {ours.together(name) for name in "abcdefghij"} - {frozenset()} == {
            frozenset(group) for group in theirs.search_spaces
        }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("tpee", "there is no sampler `tpee` among .*; did you mean `tpe`"),
        ({"population": 5}, "`sampler` is a name or"),
        (3, "`sampler` is a name or"),
        ({"name": "random", "seed": 1}, "the sampler `random` takes no settings, not `seed`"),
        ({"name": "nsga2", "populaton": 9}, "takes `population` and `crossover`, not `populaton`; did you mean `population`"),
        ({"name": "nsga2", "population": 1}, r"sampler `nsga2`: `population` is a whole number of at least 2 \(parents"),
        ({"name": "nsga2", "population": 2.5}, "is a whole number"),
        ({"name": "nsga2", "population": True}, "is a whole number"),
        ({"name": "nsga2", "crossover": 2}, "`crossover` is a number from 0 to 1"),
        ({"name": "nsga2", "crossover": "half"}, "`crossover` is a number from 0 to 1"),
    ],
)  # fmt: skip
def test_wrong_settings(settings: Any, message: str) -> None:
    with pytest.raises(ExperimentError, match=message):
        parse_sampler(settings)


def test_a_clear_word_where_a_sampler_cannot_be_used() -> None:
    free = f"take one of {', '.join(unlimited())}"
    with pytest.raises(ExperimentError, match=f"`gp` models only decisions that every design has, .* {free}"):
        make_sampler("gp", toys.grammar(), GOAL)  # type: ignore[arg-type]
    with pytest.raises(ExperimentError, match="`grid` goes through every design in order, and `flat` has no end"):
        make_sampler("grid", toys.flat(), GOAL)  # type: ignore[arg-type]
    with pytest.raises(ExperimentError, match=r"`mlp` has about \de\+\d\d designs; it is for spaces of some 20,000"):
        make_sampler("grid", load_space("mlp"), GOAL)


def test_gp_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ExperimentError, match="the sampler `gp` needs scipy: run `pip install scipy`"):
        make_sampler("gp", toys.flat(), GOAL)  # type: ignore[arg-type]


def sphere(decide: toys.Decide) -> tuple[int, Any]:
    """Six integers of which few combinations are good; `c` exists for even `a` only."""
    names = ["a", "b", "d", "e", "f"]
    values = {name: decide(name, Integer(0, 15)) for name in names}
    if values["a"] % 2 == 0:
        values["c"] = decide("c", Integer(0, 15))
    return 1 + values["b"] + values["e"], values


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_learning_beats_chance(tmp_path: Path, name: str) -> None:
    """Hypervolume on a closed-form objective, ten seeds, paired by seed."""
    volumes: dict[str, list[float]] = {name: [], "random": []}
    for sampler, found in volumes.items():
        for seed in range(10):
            settings: Any = {"sampler": sampler, "seed": seed, "trials": 120}
            with create(tmp_path / sampler / str(seed), toys.ToySpace(sphere, "sphere"), **settings) as study:
                while (candidate := study.ask()) is not None:
                    values = [float(str(value)) for value in candidate.genotype.values()]
                    distance = math.dist(values, [7.0] * len(values))
                    study.tell(candidate, Outcome("complete", {"accuracy": -distance}))
                points = [trial.values for trial in study.record().completed()]
            losses = np.array([(-a, b) for a, b in points if a is not None])
            found.append(moocore.hypervolume(losses, ref=[40, 40]))
    wins = sum(ours > chance for ours, chance in zip(volumes[name], volumes["random"], strict=True))
    assert wins >= 9, f"{name} beats chance in {wins} of 10: {volumes}"


@pytest.mark.slow
def test_few_proposals_of_tpe_are_rejected_on_a_grammar(tmp_path: Path) -> None:
    with create(tmp_path, toys.grammar(), sampler="tpe", trials=100) as study:
        learnt = run(study).record()
    with create(tmp_path / "random", toys.grammar(), sampler="random", trials=100) as study:
        chance = run(study).record()

    def share(counts: dict[str, int]) -> float:
        return counts.get("rejected", 0) / (100 + sum(counts.values()))

    assert share(chance.counts) > 0.3
    assert share(learnt.counts) < 0.3


@pytest.mark.slow
def test_nsga2_beats_chance_on_families() -> None:
    """Ten seeds, paired; the benchmark that prints the numbers is the test."""
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "samplers.py"))
    rows = {
        row["sampler"]: row
        for row in benchmark["compare"]("families", trials=400, seeds=10, samplers=("random", "nsga2"))
    }
    assert rows["nsga2"]["p"] < 0.05
    assert rows["nsga2"]["hypervolume"] > rows["random"]["hypervolume"]


@pytest.mark.slow
def test_few_proposals_of_tpe_are_refused_on_the_shipped_grammar() -> None:
    benchmark = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "samplers.py"))
    refused = [benchmark["search"]("grammar", "tpe", seed, 100)[1].get("rejected", 0) for seed in range(3)]
    assert sum(refused) / (300 + sum(refused)) < 0.3


def test_nsga2_breeds_its_way_to_what_constraints_allow(tmp_path: Path) -> None:
    """Fewer than one draw in a thousand is allowed; refused designs are parents, ranked by how much they violate."""
    constraints = ["params <= 70"]
    with create(tmp_path, toys.flat(), sampler=named("nsga2"), constraints=constraints, trials=5) as study:
        record = run(study).record()
    assert all(trial.costs["params"] <= 70 for trial in record.trials)
    assert any(trial.origin.startswith(("mutation", "crossover")) for trial in record.trials)
