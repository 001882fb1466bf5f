"""Our spaces and samplers in a user's own Optuna study, and Optuna's samplers in our searches."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random
from typing import Any

import optuna
import pytest
import toys
from driving import create, run

import nas
from nas.errors import ExperimentError
from nas.space.operator_files import allow_code
from nas.study.mirror import Mirror, Point
from nas.study.objectives import Goal
from nas.study.samplers import SAMPLERS, make_sampler, parse_sampler
from nas.study.samplers.foreign import optuna_names

GOAL = ["maximize accuracy", "minimize params"]
DIRECTIONS = ["maximize", "minimize"]


def merit(design: Any) -> float:
    return int(design.digest[:8], 16) / 16**8


def searched(sampler: Any, space: Any, trials: int = 12, **settings: Any) -> optuna.Study:
    study = optuna.create_study(directions=DIRECTIONS, sampler=sampler, **settings)

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        design = nas.suggest(trial, space)
        return merit(design), design.costs.params

    study.optimize(objective, n_trials=trials)
    return study


def genotypes(study: optuna.Study) -> list[dict[str, Any]]:
    return [trial.params for trial in study.trials]


# ------------------------------------------------------------------ ours in plain Optuna


@pytest.mark.parametrize("name", [name for name, entry in SAMPLERS.items() if not entry.flat_only])
def test_our_samplers_in_plain_optuna(name: str) -> None:
    space = nas.load_space("nasbench201")
    runs = [searched(nas.OptunaSampler(space, name, objectives=GOAL, seed=3), space, 6) for _ in range(2)]
    assert genotypes(runs[0]) == genotypes(runs[1])
    digests = {nas.suggest(optuna.trial.FixedTrial(trial.params), space).digest for trial in runs[0].trials}
    assert len(digests) == 6, "no design twice"
    assert {trial.state.name for trial in runs[0].trials} == {"COMPLETE"}


@pytest.mark.parametrize("space", ["conditional", "grammar"])
def test_decisions_that_depend_on_others(space: str) -> None:
    """Rules refuse half of a grammar's draws, and domains move; no trial is wasted on either."""
    made = toys.SPACES[space]()
    study = searched(nas.OptunaSampler(made, {"name": "nsga2", "population": 5}, objectives=GOAL), made, 25)
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}
    assert any(trial.params for trial in study.trials)


def test_a_study_in_a_database_is_gone_on_with(tmp_path: Path) -> None:
    space = toys.flat()
    settings: dict[str, Any] = {"storage": f"sqlite:///{tmp_path}/study.db", "study_name": "mine"}

    def sampler() -> nas.OptunaSampler:
        return nas.OptunaSampler(space, {"name": "evolution", "population": 4}, objectives=GOAL, seed=1)  # type: ignore[arg-type]

    whole = searched(sampler(), space, 14)
    for _ in range(2):
        parts = searched(sampler(), space, 7, load_if_exists=True, **settings)
    assert genotypes(parts) == genotypes(whole)


def test_constraints_and_parameters_of_ones_own() -> None:
    space = toys.flat()
    sampler = nas.OptunaSampler(space, "random", objectives=["maximize accuracy"], constraints=["params <= 5000"])  # type: ignore[arg-type]
    study = optuna.create_study(direction="maximize", sampler=sampler)

    def objective(trial: optuna.Trial) -> float:
        design = nas.suggest(trial, space)  # type: ignore[arg-type]
        assert design.costs.params <= 5000
        return merit(design) * trial.suggest_float("lr", 1e-4, 1e-1, log=True)

    study.optimize(objective, n_trials=10)
    assert len({trial.params["lr"] for trial in study.trials}) == 10


def test_what_is_reported_on_the_way_are_rungs() -> None:
    space = toys.flat()
    sampler = nas.OptunaSampler(space, {"name": "bohb", "startup": 3}, objectives=["maximize accuracy"])  # type: ignore[arg-type]
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)

    def objective(trial: optuna.Trial) -> float:
        design = nas.suggest(trial, space)  # type: ignore[arg-type]
        for epoch in (1, 2, 4):
            trial.report(merit(design) * epoch, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return merit(design) * 4

    study.optimize(objective, n_trials=15)
    states = [trial.state.name for trial in study.trials]
    assert {"COMPLETE", "PRUNED"} == set(states)
    mirror = sampler._followed._mirror
    assert len(mirror.reached[1]) == 14, "of all but the last, which no proposal needed to know"
    assert [point.stopped for point in mirror.points] == [state == "PRUNED" for state in states[:14]]


def test_failures_and_trials_still_running_are_known() -> None:
    space = toys.tiny(2)
    sampler = nas.OptunaSampler(space, "random", objectives=["minimize loss"])  # type: ignore[arg-type]
    study = optuna.create_study(sampler=sampler)
    trials = [study.ask() for _ in range(3)]
    designs = [nas.suggest(trial, space) for trial in trials]  # type: ignore[arg-type]
    assert len({design.digest for design in designs}) == 3, "all that there are, while none is told"
    study.tell(trials[0], state=optuna.trial.TrialState.FAIL)
    study.tell(trials[1], state=optuna.trial.TrialState.PRUNED)
    study.ask()
    assert [point.state for point in sampler._followed._mirror.points[:3]] == ["refused", "unknown", "pending"]


def test_under_optunas_own_sampler_a_rule_prunes() -> None:
    study = searched(optuna.samplers.RandomSampler(seed=0), toys.grammar(), 30)
    states = [trial.state.name for trial in study.trials]
    assert {"COMPLETE", "PRUNED"} == set(states)


def test_options_that_move_get_names_of_their_own() -> None:
    from nas.space.domains import Categorical

    def program(decide: toys.Decide) -> tuple[int, Any]:
        kind = decide("kind", Categorical(("a", "b")))
        act = decide("act", Categorical(("relu", "gelu") if kind == "a" else ("tanh", "silu", "relu")))
        return 10, [kind, act]

    space = toys.ToySpace(program, "moving")
    study = searched(nas.OptunaSampler(space, "random", objectives=GOAL), space, 5)  # type: ignore[arg-type]
    names = {name for trial in study.trials for name in trial.params}
    assert {"kind", "act"} < names and len(names) == 3
    assert next(name for name in names if name not in ("kind", "act")).startswith("act@")


def test_wrong_goals_are_told() -> None:
    space: Any = toys.flat()
    with pytest.raises(ExperimentError, match="an objective is written"):
        nas.OptunaSampler(space, objectives=["accuracy"])
    with pytest.raises(ExperimentError, match="there is no sampler `tpee`"):
        nas.OptunaSampler(space, "tpee", objectives=GOAL)
    sampler = nas.OptunaSampler(space, objectives=GOAL)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    with pytest.raises(
        ExperimentError, match=r"made for maximize accuracy, minimize params, and .* directions are maximize"
    ):
        study.ask()


# ------------------------------------------------------------------ Optuna's in our searches


@pytest.mark.parametrize("space", ["flat", "conditional", "grammar"])
@pytest.mark.parametrize("name", ["TPESampler", "NSGAIISampler", "NSGAIIISampler", "QMCSampler"])
def test_optunas_samplers_in_our_searches(tmp_path: Path, name: str, space: str) -> None:
    """Generations of NSGA-II stand in its trials, a sequence's place in the study: both are there again after a resume."""
    settings: dict[str, Any] = {"name": f"optuna:{name}"}
    if name.startswith("NSGA"):
        settings["population_size"] = 4
    made = toys.SPACES[space]()
    with create(tmp_path / "whole", made, sampler=settings, trials=14) as study:
        whole = run(study).record().trials
    create(tmp_path / "parts", made, sampler=settings, trials=14).close()
    for _ in range(2):
        with nas.study.study.Study.open(tmp_path / "parts", made) as study:
            parts = run(study, 7).record().trials
    assert [trial.genotype for trial in parts] == [trial.genotype for trial in whole]
    assert len({trial.digest for trial in whole}) == 14


def test_generations_of_nsga2_go_on() -> None:
    """Its trials carry numbers of generations, which only a replay in Optuna's own order gives."""
    space: Any = toys.flat()
    sampler: Any = make_sampler(
        {"name": "optuna:NSGAIISampler", "population_size": 4}, space, Goal.parse(GOAL, [], ["accuracy"])
    )
    mirror = Mirror()
    for number in range(13):
        design = space.sample(Random(number))
        values = mirror.parameters.named(design.genotype, design.domains)
        mirror.add(Point(values, design.genotype, "told", number, losses=(float(number), -float(number))))
    sampler.propose(mirror, 0)
    trials = sampler._shown._storage.get_all_trials(0)
    assert [trial.system_attrs["NSGAIISampler:generation"] for trial in trials] == [n // 4 for n in range(13)]


def test_pending_trials_are_shown_anew_until_they_are_told() -> None:
    space: Any = toys.flat()
    goal = Goal.parse(GOAL, [], ["accuracy"])
    asked: list[dict[str, Any]] = []
    for order in ((0, 1), (1, 0)):
        sampler: Any = make_sampler("optuna:TPESampler", space, goal)
        mirror = Mirror()
        for number in range(12):
            design = space.sample(Random(number))
            values = mirror.parameters.named(design.genotype, design.domains)
            mirror.add(Point(values, design.genotype, "pending", number))
        sampler.propose(mirror, 0)
        for number in (*order, *range(2, 12)):
            mirror.tell(number, "told", (float(number), 1.0), (), 0.0)
            if number < 2:
                sampler.propose(mirror, number)
        asked.append(dict(sampler.propose(mirror, 5).architecture.genotype))
    assert asked[0] == asked[1], "a function of mirror and seed, whatever the order of the outcomes"


OWN = '''
import optuna

class Counting(optuna.samplers.BaseSampler):
    """Counts in itself."""

    def __init__(self, stride=2, search_space=None):
        self.count, self.stride = 0, stride

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, space):
        return {}

    def sample_independent(self, study, trial, name, distribution):
        if isinstance(distribution, optuna.distributions.CategoricalDistribution):
            return distribution.choices[self.count % len(distribution.choices)]
        return distribution.low + self.count

    def after_trial(self, study, trial, state, values):
        self.count += self.stride

class Unwilling(Counting):
    def sample_relative(self, study, trial, space):
        raise RuntimeError("not today")

class Tanh(Counting):
    def sample_independent(self, study, trial, name, distribution):
        return "tanh"

class Together(Counting):
    def sample_relative(self, study, trial, space):
        return {"depth": 3, "width": 8, "act": "tanh"}

    def sample_independent(self, study, trial, name, distribution):
        return 0.25
'''


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_samplers.py").write_text(OWN)
    (tmp_path / "broken_samplers.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_samplers", raising=False)
    allow_code()
    yield
    allow_code(False)


@pytest.mark.usefixtures("own")
def test_a_sampler_of_ones_own_keeps_its_notes(tmp_path: Path) -> None:
    sampler = {"name": "own_samplers:Counting", "stride": 3}
    with create(tmp_path / "run", toys.tiny(9), sampler=sampler, trials=3) as study:
        trials = run(study).record().trials
    assert [trial.genotype["a"] for trial in trials] == [0, 3, 6]


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("optuna:NSGAISampler", "there is no sampler `optuna:NSGAISampler` among optuna:CmaEsSampler.*did you mean `optuna:NSGAIISampler`"),
        ({"name": "optuna:NSGAIISampler", "population_size": 1}, "cannot be made: ValueError: `population_size` must be"),
        ({"name": "optuna:NSGAIISampler", "populaton_size": 9}, "not `populaton_size`; did you mean `population_size`"),
        ({"name": "optuna:TPESampler", "multivariate": [1]}, "`multivariate` is a number, a word, true, false or null"),
        ("optuna:CmaEsSampler", "cannot serve this search: ValueError: If the study is being used for multi-objective"),
        ("nothing_here:Sampler", "importing `nothing_here` fails with ModuleNotFoundError"),
        ("broken_samplers:Sampler", "importing `broken_samplers` fails with ZeroDivisionError"),
        ("own_samplers:Nobody", "`Nobody` in the module `own_samplers` is no class derived from optuna.samplers.BaseSampler"),
        ("own_samplers:Countin", "is no class derived from optuna.samplers.BaseSampler; did you mean `Counting`"),
        ("own_samplers:Unwilling", "the sampler `own_samplers:Unwilling` cannot serve this search: RuntimeError: not today \\(own_samplers.py:26 in sample_relative\\)"),
        ("own_samplers:Tanh", "cannot serve this search: ValueError: the decision `depth` is an integer from 1 to 6, got 'tanh'$"),
        ("own_samplers:Together", "ValueError: the decision `act` is one of relu, gelu, silu, got 'tanh'$"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told(settings: Any, message: str) -> None:
    space: Any = toys.flat()
    with pytest.raises(ExperimentError, match=message):
        make_sampler(settings, space, Goal.parse(GOAL, [], ["accuracy"]))


@pytest.mark.usefixtures("own")
def test_a_sampler_in_a_file(tmp_path: Path) -> None:
    file, broken = tmp_path / "own_samplers.py", tmp_path / "broken_samplers.py"
    with create(tmp_path / "run", toys.tiny(9), sampler={"name": f"{file}:Counting", "stride": 3}, trials=3) as study:
        trials = run(study).record().trials
    assert [trial.genotype["a"] for trial in trials] == [0, 3, 6]
    file.write_text(f"{OWN}\nNobody = optuna.samplers.RandomSampler\n")
    assert parse_sampler(f"{file}:Nobody"), "an edited file is run again"
    with pytest.raises(ExperimentError, match=rf"`Unknown` in the file `{file}` is no class derived from"):
        parse_sampler(f"{file}:Unknown")
    with pytest.raises(ExperimentError, match=rf"{broken}:1\n  1 / 0\n  ZeroDivisionError: division by zero"):
        parse_sampler(f"{broken}:Sampler")
    with pytest.raises(ExperimentError, match=r"no file .*own_sampler.py; did you mean `own_samplers.py`"):
        parse_sampler(f"{tmp_path / 'own_sampler.py'}:Counting")


def test_code_of_ones_own_needs_permission() -> None:
    with pytest.raises(ExperimentError, match="this would run the Python module `own_samplers`; if you trust it"):
        parse_sampler("own_samplers:Counting")
    with pytest.raises(ExperimentError, match=r"this would run the Python file `own_samplers.py`; if you trust it"):
        parse_sampler("own_samplers.py:Counting")


def test_names_are_those_of_optuna() -> None:
    assert {"optuna:TPESampler", "optuna:NSGAIISampler", "optuna:GPSampler"} <= set(optuna_names())
    assert "optuna:GridSampler" not in optuna_names(), "it needs an object"
