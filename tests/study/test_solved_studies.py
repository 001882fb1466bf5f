"""A study of a space that solves for a value: samplers never meet it, records and reports show it, a resume finds it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from driving import create, evaluate, facts, run

from nas.errors import SpaceError
from nas.space import Space, space_from_text
from nas.study.candidate import Candidate
from nas.study.records import read_study
from nas.study.samplers import SAMPLERS
from nas.study.study import Study

QUICK: dict[str, dict[str, Any]] = {"tpe": {"startup": 4}, "gp": {"startup": 4}, "nsga2": {"population": 4}}
TEXT = """
space: matched
inputs: {x: [features]}
outputs: [targets]
sizes: {features: 8, targets: 4}
choose:
  budget: [900, 4000]
  shape: [wide, narrow]
  depth: {int: [1, 4]}
  skip: {int: [4, 32], step: 4}
  hidden: {solve: "params <= budget", int: [1, 512]}
model: |
  z = linear(x, skip)
  for i in range(depth):
      h = linear(relu(linear(z, hidden)), skip)
      if shape == "wide":
          z = z + h
      else:
          z = h
  return linear(z, targets)
"""


def matched() -> Space:
    return space_from_text(TEXT, "matched.yaml")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in ("gp", "grid"))) for name in sorted(SAMPLERS)]
)
def test_every_sampler_leaves_the_solved_value_alone(tmp_path: Path, name: str) -> None:
    space, settings = matched(), {"trials": 12, "sampler": {"name": name, **QUICK.get(name, {})}}
    if SAMPLERS[name].needs_rungs:
        settings |= {"stopping": {"rule": "hyperband", "rungs": [5]}, "budget": {"epochs": 10}}
    with create(tmp_path / "whole", space, **settings) as study:
        record = run(study).record()
        assert "hidden" not in study._knowledge.mirror.parameters.domains
        assert all("hidden" not in point.values for point in study._knowledge.mirror.points)
    assert len(record.trials) == 12
    for trial in record.trials:
        design = space.replay(trial.genotype)
        assert list(trial.genotype) == [*design.genotype, "hidden"]
        assert trial.genotype["hidden"] == design.solved["hidden"]
        assert (design.digest, design.costs.as_dict()) == (trial.digest, trial.costs)
        assert trial.costs["params"] <= int(str(trial.genotype["budget"]))
    create(tmp_path / "parts", space, **settings).close()
    for step in range(40):
        with Study.open(tmp_path / "parts", matched()) as study:
            candidate = study.ask()
            if candidate is None:
                break
            if step % 2:
                study.tell(candidate, evaluate(study, candidate))
    assert facts(read_study(tmp_path / "parts")) == facts(record)


def test_a_candidate_carries_it_beside_its_genotype(tmp_path: Path) -> None:
    with create(tmp_path, matched()) as study:
        candidate = study.ask()
        assert candidate is not None and candidate.architecture.solved == candidate.solved
        assert list(candidate.solved) == ["hidden"] and "hidden" not in candidate.genotype
        assert study.job(candidate).genotype == candidate.values == {**candidate.genotype, **candidate.solved}
        assert Candidate.from_json(json.loads(json.dumps(candidate.to_json()))) == candidate
    with Study.open(tmp_path, matched()) as again:
        found = again.ask()
        assert found == candidate and again.architecture(found).digest == candidate.digest


def test_a_candidate_of_a_record_without_solved_values() -> None:
    data = Candidate(0, {"width": 3}, "d", {}, {}, 1).to_json()
    del data["solved"]
    assert Candidate.from_json(data).values == {"width": 3}


def test_designs_that_differ_in_the_budget_and_not_in_the_solution_are_one(tmp_path: Path) -> None:
    """Where the budget changes nothing, as at the upper bound, a design is trained once."""
    text = (
        TEXT.replace("[900, 4000]", "[3000, 4000]").replace("[1, 512]", "[1, 2]").replace("[4, 32], step: 4", "[4, 4]")
    )
    with create(tmp_path, space_from_text(text, "matched.yaml"), sampler="grid") as study:
        trials = run(study).record().trials
    assert len(trials) == 2 * 4 == len({trial.digest for trial in trials})
    assert {trial.genotype["hidden"] for trial in trials} == {2}


def test_a_value_that_cannot_be_solved_for_ends_the_search(tmp_path: Path) -> None:
    space = space_from_text(TEXT.replace("params <= budget", "params >= budget"), "matched.yaml")
    said = "`params >= budget` holds with `hidden = 512` and not with `hidden = 1`"
    with create(tmp_path, space) as study, pytest.raises(SpaceError, match=said):
        run(study)
