"""Ask, report, tell: what is asked, what is never asked twice, how it ends, and what mistakes are told."""

from __future__ import annotations

import gc
import math
import weakref
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import toys
from driving import create, evaluate, run

from nas.errors import ExperimentError, StudyError
from nas.space import space_from_text
from nas.study.candidate import Candidate, Outcome, Report
from nas.study.records import read_study
from nas.study.study import Study


def test_a_search_from_end_to_end(tmp_path: Path) -> None:
    stopping = {"rule": "pareto-halving", "rungs": [10, 20], "eta": 3}
    with create(tmp_path / "run", toys.conditional(), trials=60, budget={"epochs": 30}, stopping=stopping) as study:
        run(study)
        assert study.n_finished == 60
        assert study.ask() is None
        assert study.exhausted is None
        live = study.record()
    read = read_study(tmp_path / "run")
    assert read == live
    assert [trial.number for trial in read.trials] == list(range(60))
    assert {trial.state for trial in read.trials} == {"complete", "stopped", "diverged"}
    for trial in read.trials:
        assert (trial.values is not None) == (trial.state == "complete") == trial.feasible
        if trial.values is not None:
            assert trial.values == (trial.metrics["accuracy"], trial.costs["params"])
            assert [report.rung for report in trial.curve] == [10, 20, 30]
    assert read.space_text == "space: conditional\n"
    assert read.experiment["sampler"] == {"name": "frontier", "startup": 10, "pool": 24}
    assert read.name == "run"


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2"])
def test_no_design_is_asked_for_twice(tmp_path: Path, sampler: str) -> None:
    study = run(create(tmp_path, toys.grammar(), sampler=sampler, trials=50))
    digests = [trial.digest for trial in study.record().trials]
    assert len(set(digests)) == 50
    study.close()


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsga2", "gp", "grid"])
def test_a_small_space_is_exhausted_exactly(tmp_path: Path, sampler: str) -> None:
    study = run(create(tmp_path, toys.tiny(4), sampler=sampler))
    assert {trial.costs["params"] for trial in study.record().trials} == set(range(10, 17))
    assert study.n_finished == 7
    assert study.exhausted == "the space is exhausted: all different designs that are allowed were asked for, 7 in all"
    assert study.ask() is None
    study.close()


def test_one_design_in_two_recipes_is_two_candidates(tmp_path: Path) -> None:
    space = toys.tiny(2)
    build = space.build

    def with_recipe(decider: Any) -> Any:
        design = build(decider)
        design.recipe["lr"] = 0.1 if design.genotype["a"] else 0.2
        return design

    space.build = with_recipe  # type: ignore[method-assign]
    study = run(create(tmp_path, space, recipe={"lr": 1.0, "epochs": 3}, sampler="random"))
    trials = study.record().trials
    assert len(trials) == 4
    assert sorted(trial.recipe["lr"] for trial in trials) == [0.1, 0.1, 0.2, 0.2]
    assert all(trial.recipe["epochs"] == 3 for trial in trials)
    study.close()


def test_candidates_in_flight_are_not_asked_for_again(tmp_path: Path) -> None:
    study = create(tmp_path, toys.tiny(3), sampler="tpe")
    flying = [study.ask() for _ in range(6)]
    assert flying[-1] is None
    assert len({one.digest for one in flying[:5] if one is not None}) == 5
    assert study.exhausted
    for one in flying[:5]:
        assert one is not None
        study.tell(one, evaluate(study, one))
    assert study.n_finished == 5
    study.close()


def test_graphs_of_what_was_told_are_let_go(tmp_path: Path) -> None:
    with create(tmp_path, toys.conditional()) as study:
        candidate = study.ask()
        assert candidate is not None
        graph = weakref.ref(candidate.architecture)
        study.tell(candidate, evaluate(study, candidate))
        del candidate
        gc.collect()
        assert graph() is None


def test_what_candidates_have_in_common_is_kept_once(tmp_path: Path) -> None:
    text = """\
space: common
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [2, 500]}
  lr: {choice: [0.1, 0.2]}
recipe: {lr: lr}
model: return linear(relu(linear(x, width)), targets)
"""
    space = space_from_text(text, "common.yaml").bind([(8,)], [(3,)])
    with create(tmp_path / "run", space, sampler="random", trials=20, recipe={"batch": 8}) as study:
        run(study)
        kept = [entry.candidate for entry in study._entries]
        points = study._knowledge.mirror.points
    assert len({id(one.recipe) for one in kept}) == 2
    assert len({id(path) for one in kept for path in one.genotype}) == 2
    for candidate, point in zip(kept, points, strict=True):
        assert point.values is point.genotype is candidate.genotype


def test_several_in_flight_told_in_any_order(tmp_path: Path) -> None:
    study = create(tmp_path, toys.conditional(), sampler={"name": "tpe", "startup": 4}, trials=40)
    flying: list[Candidate] = []
    while True:
        candidate = study.ask()
        if candidate is not None:
            flying.append(candidate)
        if not flying:
            break
        if len(flying) == 5 or candidate is None:
            one = flying.pop(len(flying) // 2)
            study.tell(one, evaluate(study, one))
    assert study.n_finished == 40
    assert len({trial.digest for trial in study.record().trials}) == 40
    study.close()


def test_seeds_come_first_and_only_once(tmp_path: Path) -> None:
    seeds = {
        "narrow": {"kind": "wide", "width": 64},
        "any kan": {"kind": "kan"},
        "again": {"width": 64, "kind": "wide"},
    }
    study = run(create(tmp_path, toys.conditional(seeds=seeds), trials=6), most=3)
    study.close()
    study = run(Study.open(tmp_path, toys.conditional(seeds=seeds)))
    trials = study.record().trials
    assert [trial.origin for trial in trials[:2]] == ["seed:narrow", "seed:any kan"]
    assert trials[0].genotype == {"kind": "wide", "width": 64}
    assert trials[1].genotype["kind"] == "kan"
    assert not any(trial.origin.startswith("seed") for trial in trials[2:])
    study.close()


def test_a_seed_that_is_no_design(tmp_path: Path) -> None:
    study = create(tmp_path, toys.conditional(seeds={"bad": {"kind": "narrow"}}))
    with pytest.raises(
        StudyError, match=r"seed `bad` is no design of it: `kind` is one of wide, deep, kan; the genotype says 'narrow'"
    ):
        study.ask()
    study.close()


def test_a_seed_that_rules_refuse_is_passed_over(tmp_path: Path) -> None:
    study = create(tmp_path, toys.grammar(seeds={"leaf": {"e.rule": "leaf"}}), trials=2)
    assert not any(trial.origin.startswith("seed") for trial in run(study).record().trials)
    study.close()


def test_what_is_too_expensive_is_never_asked_for(tmp_path: Path) -> None:
    constraints = ["params <= 20000", "accuracy >= 0.3"]
    study = run(create(tmp_path, toys.flat(), sampler="tpe", constraints=constraints, trials=40))
    record = study.record()
    assert all(trial.costs["params"] <= 20000 for trial in record.trials)
    assert record.counts["infeasible"] > 0
    for trial in record.trials:
        assert trial.feasible == (trial.state == "complete" and trial.metrics["accuracy"] >= 0.3)
    study.close()


def test_nothing_allowed(tmp_path: Path) -> None:
    study = create(tmp_path, toys.flat(), constraints=["params <= 3"])
    with pytest.raises(
        StudyError, match=r"none of 2,020 designs of `flat` is allowed; loosen(.|\n)*100\.0%  params <= 3"
    ):
        study.ask()
    study.close()


def test_nothing_allowed_any_more(tmp_path: Path) -> None:
    """One design passes, the rest is refused: that is an end, not a mistake."""
    study = run(
        create(tmp_path, toys.flat(seeds={"one": {"depth": 1, "width": 8}}), constraints=["params <= 64"], trials=3)
    )
    study.close()
    study = create(tmp_path / "b", toys.tiny(3), constraints=["params <= 10"], sampler="random")
    run(study)
    assert study.n_finished == 1
    assert study.exhausted == "the space is exhausted: all different designs that are allowed were asked for, 1 in all"
    study.close()


def test_an_endless_space_that_gives_nothing_new(tmp_path: Path) -> None:
    def program(decide: toys.Decide) -> tuple[int, Any]:
        return 10, [decide("x", toys.Real(0.0, 1.0)) > 2]

    study = run(create(tmp_path, toys.ToySpace(program, "endless", flat=True), sampler="random"))
    assert study.n_finished == 1
    assert study.exhausted is not None
    assert study.exhausted.startswith("the space seems exhausted: the last ")
    study.close()


def test_job_has_all_that_an_evaluator_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.codegen.source", lambda graph: f"source of {len(graph.nodes)} nodes")
    stopping = {"rule": "pareto-halving", "rungs": [5]}
    study = create(tmp_path, toys.flat(), budget={"epochs": 10}, stopping=stopping, recipe={"lr": 0.1})
    candidate = study.ask()
    assert candidate is not None
    job = study.job(candidate)
    assert job.source == "source of 1 nodes"
    assert (job.number, job.genotype, job.recipe) == (0, candidate.genotype, {"lr": 0.1})
    assert (job.seed, job.budget, job.rungs, job.costs) == (candidate.seed, {"epochs": 10}, (5,), candidate.costs)
    study.close()


def test_stopping_goes_by_rank_at_the_rung(tmp_path: Path) -> None:
    stopping = {"rule": "pareto-halving", "rungs": [10], "eta": 2}
    study = create(
        tmp_path,
        toys.flat(),
        sampler="random",
        budget={"epochs": 20},
        stopping=stopping,
        objectives=["maximize accuracy"],
    )
    answers = []
    for value in (0.9, 0.8, 0.7, 0.6):
        candidate = study.ask()
        assert candidate is not None
        assert study.report(candidate, Report(3, {"accuracy": 0.0}))
        answers.append(study.report(candidate, Report(10, {"accuracy": value})))
        state: Any = "complete" if answers[-1] else "stopped"
        study.tell(candidate, Outcome(state, {"accuracy": value}))
    assert answers == [True, True, False, False] or answers == [True, False, False, False]
    assert study.record().trials[0].curve[0].rung == 3
    study.close()


def test_rank_zero_is_never_stopped_and_a_report_without_the_metric_stops_nobody(tmp_path: Path) -> None:
    stopping = {"rule": "pareto-halving", "rungs": [10], "eta": 1000}
    study = create(tmp_path, toys.flat(), sampler="random", budget={"epochs": 20}, stopping=stopping)
    sizes = set()
    for _ in range(12):
        candidate = study.ask()
        assert candidate is not None
        smallest = candidate.costs["params"] < min(sizes, default=math.inf)
        sizes.add(candidate.costs["params"])
        assert study.report(candidate, Report(10, {"accuracy": 0.5})) or not smallest
        assert study.report(candidate, Report(10, {"accuracy": math.nan}))
        study.tell(candidate, Outcome("complete", {"accuracy": 0.5}))
    study.close()


def test_not_finite_is_diverged(tmp_path: Path) -> None:
    study = create(tmp_path, toys.flat())
    candidate = study.ask()
    assert candidate is not None
    study.tell(candidate, Outcome("complete", {"accuracy": math.nan}))
    trial = study.record().trials[0]
    assert (trial.state, trial.values, trial.message) == ("diverged", None, "not finite: accuracy = nan")
    study.close()
    assert read_study(tmp_path).trials[0].message == trial.message


def test_mistakes_of_a_driver(tmp_path: Path) -> None:
    study = create(tmp_path, toys.flat())
    candidate = study.ask()
    assert candidate is not None
    stranger = Candidate(7, {}, "", {}, {}, 0)
    with pytest.raises(StudyError, match="candidate 7 was never asked for"):
        study.tell(stranger, Outcome("crashed"))
    with pytest.raises(StudyError, match=r"candidate 0 completed without the metric `accuracy` .* gave loss"):
        study.tell(candidate, Outcome("complete", {"loss": 1.0}))
    study.tell(candidate, Outcome("crashed", message="boom"))
    with pytest.raises(StudyError, match="candidate 0 was told already: crashed"):
        study.tell(candidate, Outcome("crashed"))
    with pytest.raises(StudyError, match="candidate 0 was told already: crashed"):
        study.report(candidate, Report(1, {}))
    study.close()


@pytest.mark.parametrize("trials", [0, -1, 2.5, True])
def test_wrong_number_of_trials(tmp_path: Path, trials: Any) -> None:
    with pytest.raises(ExperimentError, match="`trials` is a whole number of at least 1"):
        create(tmp_path, toys.flat(), trials=trials)
    assert not list(tmp_path.iterdir()), "a wrong setting leaves nothing behind"


def test_seeds_of_candidates_differ_and_depend_on_the_study(tmp_path: Path) -> None:
    records = []
    for seed in (0, 0, 1):
        study = run(create(tmp_path / str(len(records)), toys.flat(), sampler="random", seed=seed, trials=8))
        records.append([(trial.seed, tuple(trial.genotype.values())) for trial in study.record().trials])
        study.close()
    assert records[0] == records[1]
    assert all(a != b for a, b in zip(records[0], records[2], strict=True))
    assert all(a[0] != b[0] for a, b in pairwise(records[0]))


def test_a_search_that_was_interrupted_in_its_middle_can_be_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names that samplers met in a search that came to nothing are written with the next candidate."""
    study = create(tmp_path, toys.conditional(), sampler={"name": "tpe", "startup": 3}, trials=12)
    run(study, most=4)
    with monkeypatch.context() as patch:
        patch.setattr("nas.study.storage.Record.ask", lambda *_: 1 / 0)
        for _ in range(6):
            with pytest.raises(ZeroDivisionError):
                study.ask()
    run(study)
    study.close()
    with Study.open(tmp_path, toys.conditional()) as again:
        assert again.n_finished == 12


PATCHES = """
space: patches
inputs: {x: [features]}
outputs: [targets]
axes: [tokens, channels]
choose:
  patch: {int: [2, features // 4]}
  width: [3, 4, 5, 6]
require: [features % patch == 0]
model: |
  z = patchify(x, patch, into=[tokens, channels])
  return linear(mean_pool(linear(z, width), axis=tokens), targets)
seeds:
  fits: {patch: 4, width: 4}
  rejected here: {patch: 3, sizes: {features: 12}}
  outside here: {patch: 16, sizes: {features: 784}}
"""


def test_published_designs_that_do_not_fit_the_task_are_passed_over_with_a_note(tmp_path: Path) -> None:
    space = space_from_text(PATCHES).bind([[32]], [[2]])
    study = create(tmp_path, space, trials=3)
    candidate = study.ask()
    assert candidate is not None and candidate.origin == "seed:fits"
    later = study.ask()
    assert later is not None and not later.origin.startswith("seed")
    noted = {passed.origin: passed.rule for entry in study._entries for passed in entry.passed_over}
    assert "features % patch == 0" in noted["seed:rejected here"]
    assert noted["seed:outside here"] == "`patch` is an integer from 2 to 8; the genotype says 16"
    study.close()
