"""What else is known of a design before training: `predictor` learns from it, nobody else asks for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from random import Random

import numpy as np
import pytest

from nas.space import Architecture, load_space
from nas.study.candidate import Outcome
from nas.study.parameters import Parameters
from nas.study.samplers.base import Statistics
from nas.study.samplers.frontier.beliefs import Belief, Observed
from nas.study.samplers.frontier.columns import Columns, described
from nas.study.study import Study


def luck(design: Architecture) -> float:
    """A quality that nothing else of a design foretells."""
    return int(design.digest[:8], 16) / 16**8


def statistics(design: Architecture) -> Mapping[str, float]:
    return {"told": math.exp(300 * luck(design)), "silent": math.nan}


def predicted(known: Statistics | None) -> float:
    """How well a model of 60 designs foretells 40 others: the correlation."""
    space, parameters, rng = load_space("grammar"), Parameters(), Random(0)
    designs = [space.sample(rng) for _ in range(100)]
    seen = [described(design, parameters, known) for design in designs]
    columns, losses = Columns(seen[:60]), np.array([-luck(design) for design in designs])
    belief = Belief(columns, seen[:60], Observed(losses[:60], {}), 60, None)
    return float(np.corrcoef(belief.process.predict(columns.rows(seen[60:])).means, losses[60:])[0, 1])


def test_the_model_learns_what_tells() -> None:
    assert predicted(statistics) > 0.95
    assert abs(predicted(None)) < 0.5


@pytest.mark.parametrize(("sampler", "looks"), [("predictor", True), ("frontier", False), ("random", False)])
def test_who_looks(tmp_path: Path, sampler: str, looks: bool) -> None:
    asked: list[str] = []

    def watched(design: Architecture) -> Mapping[str, float]:
        asked.append(design.digest)
        return statistics(design)

    settings = {"objectives": ["maximize quality"], "metrics": ["quality"], "task": "none", "trials": 6}
    named = {"name": sampler} if sampler == "random" else {"name": sampler, "startup": 3, "pool": 2}
    space = load_space("grammar")
    with Study.create(tmp_path / "run", space, sampler=named, **settings) as study:
        study.inform(watched)
        while (candidate := study.ask()) is not None:
            study.tell(candidate, Outcome("complete", {"quality": luck(space.replay(candidate.genotype))}))
    assert bool(asked) == looks


def test_a_statistic_is_a_column_of_ranks() -> None:
    space, parameters, rng = load_space("mlp"), Parameters(), Random(0)
    values = [1e90, 2.0, math.inf, math.nan, 2.0]
    seen = [described(space.sample(rng), parameters, lambda _, value=value: {"a": value, "b": 1.0}) for value in values]
    columns = Columns(seen)
    assert "score a" in columns.names
    assert "score b" not in columns.names, "for it does not vary"
    found = columns.rows(seen)[:, columns.groups == columns.names.index("score a")].ravel()
    expected = np.array([5 / 8, 2 / 8, 7 / 8, 4 / 8, 2 / 8])
    assert found == pytest.approx((expected - expected.mean()) / expected.std())
