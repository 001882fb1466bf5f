"""Small candidates on real data for the tests of cohorts, and what may befall them. Workers of other processes import it too."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine_cases import MemoryStudy
from torch import Generator, Tensor

from evaluators.tasks import Task, load_task
from nas.codegen import source
from nas.space import Space, space_from_text
from nas.study.candidate import Job, Report

SPACE = """\
space: narrow
inputs: {x: [features]}
outputs: [targets]
choose:
  depth: {int: [1, 3]}
  width: {int: [4, 32]}
  rate: [0.0, 0.1]
model: |
  z = x
  for i in range(depth):
      z = dropout(relu(linear(z, width)), rate)
  return linear(z, targets)
"""
EPOCHS = 3


def narrow(text: str = SPACE) -> Space:
    """MLPs for `digits`."""
    return space_from_text(text, "narrow.yaml").bind([(64,)], [(10,)])


def digits(augment: Any = None) -> Task:
    return replace(load_task("digits").reshaped([(64,)], [(10,)]), augment=augment)


def make_jobs(
    count: int, changes: Mapping[int, Mapping[str, Any]] | None = None, space: Space | None = None
) -> list[Job]:
    """Candidates of `narrow` with one order of batches. `changes`: number → what its job has otherwise."""
    rng, made = random.Random(4), []
    for number in range(count):
        design = (space or narrow()).sample(rng)
        job = Job(
            number=number,
            genotype=dict(design.genotype),
            source=source(design.graph),
            recipe={"lr": 3e-3},
            seed=number,
            budget={"epochs": EPOCHS},
            rungs=(1, 2),
            costs=design.costs.as_dict(),
            order=5,
            graph=design.graph,
        )
        made.append(replace(job, **(changes or {}).get(number, {})))
    return made


@dataclass
class Given(MemoryStudy):
    """Asks for jobs that were made before; notes who was told and what was reported, each once."""

    jobs: Sequence[Job] = ()
    curves: dict[int, list[Report]] = field(default_factory=dict)

    def job(self, candidate: int) -> Job:
        self.most = max(self.most, self.asked - len(self.told))
        return self.jobs[candidate]

    def report(self, candidate: int, report: Report) -> bool:
        curve = self.curves.setdefault(candidate, [])
        assert all(before.rung < report.rung for before in curve), "a rung was reported twice"
        curve.append(report)
        return super().report(candidate, report)


def given(jobs: Sequence[Job], stop: Sequence[int] = ()) -> Given:
    return Given(len(jobs), frozenset(stop), jobs=jobs)


@dataclass
class Mishap:
    """An `augment` that changes nothing and notes each epoch in `log`; as it begins number `at` something happens."""

    log: Path
    at: int = 0
    fate: str = ""

    def __call__(self, inputs: tuple[Tensor, ...], generator: Generator) -> tuple[Tensor, ...]:
        with self.log.open("a") as file:
            file.write("epoch\n")
        if self.epochs == self.at:
            match self.fate:
                case "raise":
                    raise ValueError("of the user's own")
                case "die":
                    os.kill(os.getpid(), signal.SIGKILL)
        return inputs

    @property
    def epochs(self) -> int:
        """That were begun, by whatever process."""
        return len(self.log.read_text().split()) if self.log.exists() else 0
