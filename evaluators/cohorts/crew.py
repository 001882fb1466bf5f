"""A changing crew of candidates that train as one cohort: who joins, who is measured, who leaves.

Candidates that join at the same time and see the same batches form a stream. At its marks a stream's members are measured;
those that are stopped, fail or are complete leave, and the cohort is built anew without them, so that they cost nothing.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from evaluators.batches import Batches
from evaluators.budget import Plan, plan
from evaluators.cohorts.alignment import order
from evaluators.cohorts.cohort import Cohort, Member
from evaluators.cohorts.estimates import packed, step_bytes
from evaluators.cohorts.weights import named
from evaluators.energy import Meter
from evaluators.failure import classify
from evaluators.random_states import random_states, set_random_states
from evaluators.recipe import Recipe, check_recipe
from evaluators.schedule import rate
from evaluators.tasks.task import Task, Tensors
from evaluators.training import EVALUATION_BATCH, save_weights
from nas.codegen import build
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.study.candidate import Job, Outcome, Report, State

Message = tuple[int, Report | Outcome]

# What the members of one cohort touch in a step should stay in the cache of a core, or they slow each other down.
CACHE_BYTES = 4 * 2**20

# A cohort takes so many steps before it gives way to the next one.
STEPS_AT_A_TIME = 32

# Operators whose noise a candidate draws the same alone and in a cohort.
REPEATABLE = ("dropout", "drop_path")

# Multiply-accumulates that take as long as what a step of a member costs besides them; for sharing out the time.
MACS_OF_A_STEP = 100_000


@dataclass(eq=False)
class Trainee:
    """A candidate in the crew."""

    place: int
    job: Job
    recipe: Recipe
    plan: Plan
    member: Member
    curve: list[Report] = field(default_factory=list)
    seconds: float = 0.0
    joules: dict[str, float] = field(default_factory=dict)

    @property
    def effort(self) -> float:
        """What a step of it costs, in multiply-accumulates of one sample."""
        return MACS_OF_A_STEP / self.recipe.batch_size + self.job.costs.get("macs", 0)

    def outcome(self, state: State, message: str = "", test: dict[str, float] | None = None) -> Outcome:
        metrics = {**(self.curve[-1].metrics if self.curve else {}), **(test or {})}
        return Outcome(state, metrics, tuple(self.curve), self.seconds, message, dict(self.joules))


@dataclass(eq=False)
class _Stream:
    """Members that began together and see the same batches."""

    number: int
    batches: Iterator[tuple[tuple[Tensor, ...], Tensor]]
    plan: Plan
    step: int = 0
    counted: int = 0  # steps since the last mark

    @property
    def steps_to_mark(self) -> int:
        return min(mark for mark in self.plan.marks if mark > self.step) - self.step


def why_alone(job: Job, task: Task, device: str) -> str:
    """Why a candidate cannot train in a cohort; empty where it can."""
    graph: Graph | None = job.graph
    if graph is None:
        return "its graph did not come with it"
    if job.members != 1:
        return "it is an ensemble"
    if len(graph.outputs) != 1 or graph.nodes[graph.outputs[0]].op == "input":
        return "it has not exactly one output"
    noisy = [
        node.op for node in graph.nodes if node.op in TABLE and TABLE[node.op].random and node.op not in REPEATABLE
    ]
    if noisy:
        return f"`{noisy[0]}` draws numbers of its own"
    if (
        torch.device(device).type == "cuda"
        and job.recipe.get("amp", "auto") != "off"
        and torch.cuda.is_bf16_supported()
    ):
        return "it trains in bfloat16; `amp: off` lets it join"
    if not any(TABLE[node.op].weights(tuple(graph.nodes[i].type for i in node.inputs), dict(node.attrs))
               for node in graph.nodes if node.op in TABLE):  # fmt: skip
        return "it has no weights"
    return ""


class Crew:
    """Candidates with one batch size that train as one.

    Args:
        task: what is learnt.
        device: where.
        weights: folder that gets `NUMBER.pt` of every completed candidate; None: weights are not kept.
        timeout_s: seconds of a candidate, its share of the common time; None: no limit.
        test_reason: why the test part is opened for completed candidates; empty: it stays sealed.
        meter: of the energy, which is shared out like the time.
    """

    def __init__(
        self,
        task: Task,
        device: str = "cpu",
        *,
        weights: Path | None = None,
        timeout_s: float | None = None,
        test_reason: str = "",
        meter: Meter | None = None,
    ) -> None:
        self.task, self.device, self.weights = task, device, weights
        self.meter = meter or Meter.of_machine()
        self.timeout_s, self.test_reason = timeout_s, test_reason
        self.trainees: list[Trainee] = []
        self.streams: dict[int, _Stream] = {}
        self.cohorts: list[Cohort] = []
        self._begun = 0

    def __len__(self) -> int:
        return len(self.trainees)

    def join(self, jobs: Sequence[tuple[int, Job]]) -> list[Message]:
        """Take candidates in, under the numbers by which messages name them; the outcomes of those that cannot begin.

        Raises: NasError: recipe, budget or the task's data are wrong.
        """
        self._disband()
        failed: list[Message] = []
        begun: dict[tuple[int, str], int] = {}
        for place, job in jobs:
            recipe = check_recipe(job.recipe)
            part = self.task.resident(self.device).train
            steps = plan(job.budget, job.rungs, max(1, len(part) // recipe.batch_size))
            shuffled = job.seed if job.order is None else job.order
            stream = begun.get((shuffled, repr(steps)))
            if stream is None:
                self._begun += 1
                stream = begun[shuffled, repr(steps)] = self._begun
                batches = Batches(part, recipe.batch_size, self.task.augment, shuffled, self.device)
                self.streams[stream] = _Stream(stream, batches.stream(), steps)
            started = time.perf_counter()
            try:
                module = seeded_module(job.source, job.seed)
                member = Member(job.graph, module, recipe, job.seed, stream, named=named(module, job.graph))
            except Exception as error:  # a failure is data
                state, message = classify(error)
                failed.append((place, Outcome(state, {}, (), time.perf_counter() - started, message)))
                continue
            self.trainees.append(Trainee(place, job, recipe, steps, member, seconds=time.perf_counter() - started))
        there = {one.member.stream for one in self.trainees}
        self.streams = {number: stream for number, stream in self.streams.items() if number in there}
        return failed

    @torch.no_grad()
    def advance(self) -> list[Message]:
        """Train to the next mark of any stream; reports that are due, and outcomes of those that ended there.

        A report is to be answered with `stop` where its candidate should not go on.
        """
        started = time.perf_counter()
        with self.meter.start() as energy, _undisturbed(self.device):
            cohorts = self._settled()
            left = min(stream.steps_to_mark for stream in self.streams.values())
            while left:
                self._train(cohorts, min(left, STEPS_AT_A_TIME))
                left -= min(left, STEPS_AT_A_TIME)
            due = [stream for stream in self.streams.values() if stream.step in stream.plan.marks]
            found = [
                (stream, cohort, self._measured(cohort, stream))
                for stream in due
                for cohort in cohorts
                if stream.number in cohort.losses
            ]
            for stream in due:
                stream.counted = 0
            self._share(time.perf_counter() - started, energy.joules())
        messages: list[Message] = []
        by_member = {id(one.member): one for one in self.trainees}
        for stream, cohort, measured in found:
            for place, one in zip(cohort.places(stream.number), measured, strict=True):
                trainee = by_member[id(cohort.members[place])]
                messages += self._said(trainee, stream, one, partial(cohort.module, place))
        gone = {place for place, said in messages if isinstance(said, Outcome)}
        for trainee in [one for one in self.trainees if one.place in gone]:
            self._leave(trainee)
        return messages

    def stop(self, place: int) -> Message:
        """Let a candidate go that was told not to go on."""
        trainee = next(one for one in self.trainees if one.place == place)
        self._leave(trainee)
        at = f"stopped at {trainee.curve[-1].rung} {next(iter(trainee.job.budget))}"
        return place, trainee.outcome("stopped", at)

    def holds(self, place: int) -> bool:
        """Whether a candidate is still in training."""
        return any(one.place == place for one in self.trainees)

    def dissolve(self) -> list[tuple[int, Job]]:
        """Let everybody go, as they came."""
        left, self.trainees, self.streams, self.cohorts = self.trainees, [], {}, []
        return [(one.place, one.job) for one in left]

    # ------------------------------------------------------------------ inside

    def _settled(self) -> list[Cohort]:
        """The cohorts of those who are there, built anew where somebody came or went."""
        if not self.cohorts:
            part = self.task.resident(self.device).train
            batch = min(self.trainees[0].recipe.batch_size, len(part))
            members = [one.member for one in self.trainees]
            members = [members[i] for i in order([one.graph for one in members], [one.stream for one in members])]
            sizes = [step_bytes(one.graph, batch) for one in members]
            self.cohorts = [
                Cohort(pack, self.task.criterion, part.targets[:batch], part.inputs[0][:0])
                for pack in packed(members, sizes, CACHE_BYTES if self.device == "cpu" else sum(sizes))
            ]
        return self.cohorts

    def _train(self, cohorts: list[Cohort], steps: int) -> None:
        """Some steps of each cohort, one cohort after the other, so that what it touches stays in the cache."""
        coming = [{number: next(stream.batches) for number, stream in self.streams.items()} for _ in range(steps)]
        plans = {number: (stream.step, stream.plan.steps) for number, stream in self.streams.items()}
        for cohort in cohorts:
            of_members = [(one.recipe, *plans[one.stream]) for one in cohort.members]
            for step, batches in enumerate(coming):
                cohort.step(batches, [rate(recipe, done + step, whole) for recipe, done, whole in of_members])
        for stream in self.streams.values():
            stream.step += steps
            stream.counted += steps

    def _leave(self, trainee: Trainee) -> None:
        """Without it from the next step on; what the others are at is kept."""
        self._disband()
        self.trainees.remove(trainee)
        if not any(one.member.stream == trainee.member.stream for one in self.trainees):
            del self.streams[trainee.member.stream]

    def _disband(self) -> None:
        """Take the members' weights and moments out of the cohort, for another one to begin with."""
        cohorts, self.cohorts = self.cohorts, []
        found = {id(member): (cohort, place) for cohort in cohorts for place, member in enumerate(cohort.members)}
        for one in self.trainees if found else ():
            cohort, place = found[id(one.member)]
            one.member = replace(
                one.member,
                named=replace(cohort.named[place], tensors=cohort.weights.tensors(place)),
                steps=self.streams[one.member.stream].step,
                moments=cohort.optimizer.moments(place),
            )

    def _share(self, seconds: float, joules: dict[str, float]) -> None:
        """Share what was spent out among all."""
        whole = sum(one.effort for one in self.trainees)
        for one in self.trainees:
            part = one.effort / whole
            one.seconds += seconds * part
            for what, spent in joules.items():
                one.joules[what] = one.joules.get(what, 0.0) + spent * part

    def _measured(self, cohort: Cohort, stream: _Stream) -> list[_Measured]:
        """What is known of a stream's members now; counting of their losses starts anew."""
        losses = cohort.mean_losses(stream.number, stream.counted)
        validation = self._metrics(cohort, stream.number, self.task.resident(self.device).validation)
        test: list[dict[str, float]] = [{} for _ in losses]
        if self.test_reason and stream.step == stream.plan.steps:
            test = self._metrics(
                cohort, stream.number, self.task.tensors(self.task.open_test(self.test_reason), self.device)
            )
        return [_Measured(*one) for one in zip(losses, validation, test, strict=True)]

    def _metrics(self, cohort: Cohort, stream: int, part: Tensors) -> list[dict[str, float]]:
        scale = self.task.resident(self.device).target_scale
        results = cohort.predict(stream, part.inputs, EVALUATION_BATCH)
        return [self.task.criterion.measure(result, part.targets, scale) for result in results]

    def _said(
        self, one: Trainee, stream: _Stream, measured: _Measured, module: Callable[[], nn.Module]
    ) -> list[Message]:
        """The messages about a member at a mark."""
        at = f"step {stream.step} of {stream.plan.steps}"
        wrong = measured.not_finite(at)
        if wrong:
            return [(one.place, one.outcome("diverged", wrong))]
        one.curve.append(Report(stream.plan.marks[stream.step], {**measured.metrics, "train_loss": measured.loss}))
        said: list[Message] = [(one.place, one.curve[-1])] if stream.step in stream.plan.due else []
        if stream.step == stream.plan.steps:
            if self.weights is not None:
                save_weights(module(), self.weights / f"{one.job.number}.pt")
            test = {f"test_{name}": value for name, value in measured.test.items()}
            said.append((one.place, one.outcome("complete", test=test)))
        elif self.timeout_s is not None and one.seconds > self.timeout_s:
            said.append((one.place, one.outcome("timeout", f"gave up after {self.timeout_s:g} s, at {at}")))
        return said


@contextlib.contextmanager
def _undisturbed(device: str) -> Iterator[None]:
    """Inside, torch has one thread; afterwards threads and random numbers are what they were."""
    threads, before = torch.get_num_threads(), random_states(device)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        set_random_states(device, before)
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _Measured:
    """Mean training loss since the last mark, validation metrics, and test metrics where that part was opened."""

    loss: float
    metrics: dict[str, float]
    test: dict[str, float]

    def not_finite(self, at: str) -> str:
        """What is not a number, if anything is."""
        if not math.isfinite(self.loss):
            return f"the training loss is {self.loss} by {at}"
        return next((f"{name} is {x} at {at}" for name, x in self.metrics.items() if not math.isfinite(x)), "")


def seeded_module(source: str, seed: int) -> nn.Module:
    """The module of `source` with the weights of `seed`, on the CPU; torch's own random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return build(source)
