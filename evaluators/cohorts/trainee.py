"""A candidate in a crew: how it begins or is taken up again, what is known of it, and what is kept of it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from evaluators.budget import Plan
from evaluators.checkpoint import Checkpoint, Saved
from evaluators.cohorts.cohort import Member
from evaluators.cohorts.streams import Stream
from evaluators.cohorts.weights import named
from evaluators.optimizer import State as Remembered
from evaluators.recipe import Recipe
from nas.codegen import build
from nas.study.candidate import Job, Outcome, Report, State

Moments = Mapping[str, tuple[Tensor, Tensor]]

# Multiply-accumulates that take as long as what a step of a member costs besides them; for sharing out the time.
MACS_OF_A_STEP = 100_000


@dataclass(eq=False)
class Trainee:
    """A candidate in the crew.

    Args:
        place: the number by which messages name it.
        kept: its checkpoint; None: it has none.
        again: reports that were made before it was taken up from its checkpoint, and whether each was due.
        curve: reports made in this crew, or said again.
        loss_sum: of the steps since the last mark that were taken in cohorts before the present one.
    """

    place: int
    job: Job
    recipe: Recipe
    plan: Plan
    member: Member
    kept: Checkpoint | None = None
    again: deque[tuple[Report, bool]] = field(default_factory=deque)
    curve: list[Report] = field(default_factory=list)
    loss_sum: float = 0.0
    seconds: float = 0.0
    joules: dict[str, float] = field(default_factory=dict)

    @property
    def effort(self) -> float:
        """What a step of it costs, in multiply-accumulates of one sample."""
        return MACS_OF_A_STEP / self.recipe.batch_size + self.job.costs.get("macs", 0)

    def outcome(self, state: State, message: str = "", test: dict[str, float] | None = None) -> Outcome:
        metrics = {**(self.curve[-1].metrics if self.curve else {}), **(test or {})}
        return Outcome(state, metrics, tuple(self.curve), self.seconds, message, dict(self.joules))


@dataclass(frozen=True)
class Measured:
    """Mean training loss since the last mark, validation metrics, and test metrics where that part was opened."""

    loss: float
    metrics: dict[str, float]
    test: dict[str, float]

    def not_finite(self, at: str) -> str:
        """What is not a number, if anything is."""
        if not math.isfinite(self.loss):
            return f"the training loss is {self.loss} by {at}"
        return next((f"{name} is {x} at {at}" for name, x in self.metrics.items() if not math.isfinite(x)), "")


def begin(
    place: int, job: Job, recipe: Recipe, stream: Stream, kept: Checkpoint | None, saved: Saved | None
) -> Trainee:
    """A candidate with the weights of its seed, or as it was when `saved`. Whatever is wrong with its source is raised."""
    module = seeded_module(job.source, job.seed)
    if saved is None:
        member = Member(job.graph, module, recipe, job.seed, stream.number, named=named(module, job.graph))
        return Trainee(place, job, recipe, stream.plan, member, kept)
    saved.restore(module, None, "cpu")
    member = Member(
        job.graph,
        module,
        recipe,
        job.seed,
        stream.number,
        saved.step,
        _moments(saved.optimizer, module),
        named(module, job.graph),
    )
    marks = zip(stream.plan.marks, saved.curve, strict=False)
    again = deque((report, step in stream.plan.due) for step, report in marks)
    return Trainee(place, job, recipe, stream.plan, member, kept, again, seconds=saved.seconds)


def state_of(one: Trainee, stream: Stream, module: nn.Module, moments: Moments) -> Saved:
    """All that a candidate is now, as when it trains alone. `module`: with its weights."""
    return Saved.of(
        stream.step,
        one.seconds,
        one.curve,
        module,
        _remembered(moments, module, one.recipe, stream.step),
        stream.random,
        stream.batches.position(),
    )


def _moments(remembered: Remembered, module: nn.Module) -> Moments:
    """The two running sums of a cohort's optimiser, from what a single one remembers."""
    first = remembered.get("first", remembered.get("momenta", {}))
    second = remembered.get("second", {})
    names = _single_names(module)
    found = {}
    for name, weight in module.named_parameters(remove_duplicate=False):
        zeros = torch.zeros_like(weight)
        found[name] = first.get(names[name], zeros), second.get(names[name], zeros)
    return found


def _remembered(moments: Moments, module: nn.Module, recipe: Recipe, steps: int) -> Remembered:
    """The other way round. Copies, as the sums of all members lie in one memory, which would be written whole."""
    names = _single_names(module)
    first = {names[name]: sums[0].clone() for name, sums in moments.items()}
    if recipe.optimizer == "sgd":
        return {"momenta": first if recipe.momentum else {}}
    second = {names[name]: sums[1].clone() for name, sums in moments.items()}
    return {"first": first, "second": second, "steps": {name: torch.tensor(float(steps)) for name in first}}


def _single_names(module: nn.Module) -> dict[str, str]:
    """Each name of a weight → the one that an optimiser knows it by, where several places share it."""
    single = {weight: name for name, weight in module.named_parameters()}
    return {name: single[weight] for name, weight in module.named_parameters(remove_duplicate=False)}


def seeded_module(source: str, seed: int) -> nn.Module:
    """The module of `source` with the weights of `seed`, on the CPU; torch's own random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build(source)
