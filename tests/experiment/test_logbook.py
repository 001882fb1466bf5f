"""`search.log`: what a search has to say beside its record."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

import nas
from nas.experiment.logbook import logbook
from nas.space import space_from_text

SPACE = """\
space: slopes
inputs: {x: [features]}
outputs: [targets]
choose:
  width: {int: [4, 16]}
  n: [1, 4]
model: |
  z = linear(x, width)
  for i in range(10):
      z = layer_norm(linear(relu(z), width)) + z
  for i in range(n):
      z = prelu(z)
  return linear(z, targets)
"""


@pytest.mark.parametrize(
    "engine", [{"name": "inline", "batch": 4}, {"name": "processes", "workers": 2, "batch": 4}, {"name": "inline"}]
)
def test_who_trains_alone_is_said_once_and_why(tmp_path: Path, engine: dict[str, Any]) -> None:
    logger = logging.getLogger("evaluators")
    before = logger.level, list(logger.handlers)
    space = space_from_text(SPACE, "slopes.yaml")
    settings = {
        "task": "digits",
        "trials": 12,
        "budget": {"epochs": 1},
        "sampler": "random",
        "device": "cpu",
        "seed": 1,
    }
    search = nas.search(space, engine=engine, directory=tmp_path / "run", **settings)
    assert {trial.state for trial in search.record().trials} == {"complete"}
    file = tmp_path / "run" / "search.log"
    if "batch" not in engine:
        assert not file.exists(), "alone is how each was to train"
    else:
        said = sorted(line.partition(" INFO ")[2] for line in file.read_text().splitlines())
        assert said[0] == "`prelu` has no rule for cohorts; each candidate runs its own layer there"
        assert len(said) == 1
    assert (logger.level, logger.handlers) == before


def test_a_log_that_cannot_be_written_ends_no_search(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "search.log").mkdir()
    with logbook(tmp_path):
        logging.getLogger("evaluators.engines.notices").info("nobody reads this")
    assert capsys.readouterr().err == ""
