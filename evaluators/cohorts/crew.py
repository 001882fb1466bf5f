"""A changing crew of candidates that train as one cohort: who joins, who is measured, who leaves.

Candidates that join at the same time and see the same batches form a stream. At its marks a stream's members are measured;
those that are stopped, fail or are complete leave, and the cohort is built anew without them, so that they cost nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from evaluators.batches import Batches
from evaluators.budget import plan
from evaluators.checkpoint import Checkpoint, training_key
from evaluators.cohorts.alignment import order
from evaluators.cohorts.cohort import Cohort
from evaluators.cohorts.estimates import cohort_bytes, packed, step_bytes
from evaluators.cohorts.metrics import measured
from evaluators.cohorts.streams import Stream
from evaluators.cohorts.trainee import Measured, Trainee, begin, state_of
from evaluators.energy import Meter
from evaluators.failure import classify
from evaluators.latency import latency
from evaluators.random_states import random_states, set_random_states
from evaluators.recipe import Recipe, check_recipe
from evaluators.schedule import rate
from evaluators.tasks.task import Task, Tensors
from evaluators.training import measure, save_weights
from evaluators.zero_cost import scored
from nas.study.candidate import Job, Outcome, Report
from nas.study.latency import Protocol

Message = tuple[int, Report | Outcome]

# What the members of one cohort touch in a step should stay in the cache of a core, or they slow each other down.
CACHE_BYTES = 16 * 2**20

# Of what is free on a GPU.
GPU_SHARE = 0.8

# Samples of a split that members are measured on in one go.
SAMPLES_AT_ONCE = 256

# A cohort takes so many steps before it gives way to the next one.
STEPS_AT_A_TIME = 32


class Crew:
    """Candidates with one batch size that train as one.

    Args:
        task: what is learnt.
        device: where.
        weights: folder that gets `NUMBER.pt` of every completed candidate; None: weights are not kept.
        checkpoints: folder that keeps `NUMBER.pt` of candidates in training, as `train` writes and reads it; None: none are.
        checkpoint_s: seconds between two checkpoints of a candidate at least; 0: one at each of its marks.
        timeout_s: seconds of a candidate, its share of the common time; None: no limit.
        test_reason: why the test part is opened for completed candidates; empty: it stays sealed.
        protocol: by which each candidate's latency is measured, once, before its first report; None: it is not.
        scores: at initialisation that join each candidate's metrics, likewise; see `evaluators.zero_cost`.
        meter: of the energy, which is shared out like the time.
    """

    def __init__(
        self,
        task: Task,
        device: str = "cpu",
        *,
        weights: Path | None = None,
        checkpoints: Path | None = None,
        checkpoint_s: float = 0.0,
        timeout_s: float | None = None,
        test_reason: str = "",
        protocol: Protocol | None = None,
        scores: Sequence[str] = (),
        meter: Meter | None = None,
    ) -> None:
        self.task, self.device, self.weights = task, device, weights
        self.meter = meter or Meter.of_machine()
        self.checkpoints, self.checkpoint_s = checkpoints, checkpoint_s
        self.timeout_s, self.test_reason = timeout_s, test_reason
        self.protocol, self.scores = protocol, scores
        self.trainees: list[Trainee] = []
        self.streams: dict[int, Stream] = {}
        self.cohorts: list[Cohort] = []
        self._begun = 0

    def __len__(self) -> int:
        return len(self.trainees)

    def join(self, jobs: Sequence[tuple[int, Job]]) -> list[Message]:
        """Take candidates in, under the numbers by which messages name them; the outcomes of those that cannot begin.

        Those that have a checkpoint go on from it; reports made before come again first, one at each `advance`.

        Raises: NasError: recipe, budget or the task's data are wrong.
        """
        self._disband()
        failed: list[Message] = []
        begun: dict[tuple[int, str, int], Stream] = {}
        for place, job in jobs:
            started = time.perf_counter()
            recipe = check_recipe(job.recipe)
            part = self.task.resident(self.device).train
            steps = plan(job.budget, job.rungs, max(1, len(part) // recipe.batch_size))
            kept = self._checkpoint(job, recipe)
            saved = None if kept is None else kept.read()
            shuffled = job.seed if job.order is None else job.order
            key = shuffled, repr(steps), 0 if saved is None else saved.step
            with _undisturbed(self.device):
                try:
                    if key not in begun:
                        self._begun += 1
                        batches = Batches(part, recipe.batch_size, self.task.augment, shuffled, self.device)
                        begun[key] = Stream(self._begun, batches, steps, shuffled, saved)
                    trainee = begin(place, job, recipe, begun[key], kept, saved)
                except Exception as error:  # a failure is data
                    state, message = classify(error)
                    failed.append((place, Outcome(state, {}, (), time.perf_counter() - started, message)))
                    if kept is not None:
                        kept.remove()
                    continue
            trainee.seconds += time.perf_counter() - started
            self.trainees.append(trainee)
        there = {one.member.stream for one in self.trainees}
        self.streams.update({stream.number: stream for stream in begun.values() if stream.number in there})
        return failed

    @torch.no_grad()
    def advance(self) -> list[Message]:
        """Train to the next mark of any stream; reports that are due, and outcomes of those that ended there.

        A report is to be answered with `stop` where its candidate should not go on.
        """
        if again := self._said_before():
            return again
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
        for stream, cohort, known in found:
            for place, (trainee, one) in zip(cohort.places(stream.number), known, strict=True):
                said = self._said(trainee, stream, one, partial(cohort.module, place))
                messages += said
                if trainee.kept is not None and trainee.kept.due and not _ended(said):
                    moments = cohort.optimizer.moments(place)
                    trainee.kept.write(state_of(trainee, stream, cohort.module(place), moments))
        gone = {message[0] for message in messages if _ended([message])}
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
        """Let everybody go, as they came; their checkpoints stay."""
        left, self.trainees, self.streams, self.cohorts = self.trainees, [], {}, []
        return [(one.place, one.job) for one in left]

    # ------------------------------------------------------------------ inside

    def _checkpoint(self, job: Job, recipe: Recipe) -> Checkpoint | None:
        if self.checkpoints is None:
            return None
        key = training_key(job, recipe, self.task, self.device)
        return Checkpoint(self.checkpoints / f"{job.number}.pt", key, self.checkpoint_s)

    def _said_before(self) -> list[Message]:
        """The next report that is due of each member that made it before it was lost."""
        said: list[Message] = []
        for one in self.trainees:
            due = False
            while one.again and not due:
                report, due = one.again.popleft()
                one.curve.append(report)
                if due:
                    said.append((one.place, report))
        return said

    def _settled(self) -> list[Cohort]:
        """The cohorts of those who are there, built anew where somebody came or went."""
        if not self.cohorts:
            part = self.task.resident(self.device).train
            batch = min(self.trainees[0].recipe.batch_size, len(part))
            members = [one.member for one in self.trainees]
            members = [members[i] for i in order([one.graph for one in members], [one.stream for one in members])]
            sizes = [step_bytes(one.graph, batch) for one in members]
            if torch.device(self.device).type == "cuda":
                sizes = [cohort_bytes([one.graph], batch, SAMPLES_AT_ONCE) for one in members]
            self.cohorts = [
                Cohort(pack, self.task.criterion, part.targets[:batch], part.inputs[0][:0])
                for pack in packed(members, sizes, room(self.device))
            ]
        return self.cohorts

    def _train(self, cohorts: list[Cohort], steps: int) -> None:
        """Some steps of each cohort, one cohort after the other, so that what it touches stays in the cache."""
        taken = {number: stream.take(steps) for number, stream in self.streams.items()}
        coming = [{number: batches[step] for number, batches in taken.items()} for step in range(steps)]
        plans = {number: (stream.step, stream.plan.steps) for number, stream in self.streams.items()}
        for cohort in cohorts:
            leaders = {
                place: (cohort.members[place].recipe, *plans[cohort.members[place].stream])
                for place in set(cohort.optimizer.leader)
            }
            for step, batches in enumerate(coming):
                rates = {place: rate(recipe, done + step, whole) for place, (recipe, done, whole) in leaders.items()}
                cohort.step(batches, rates)
        for stream in self.streams.values():
            stream.step += steps
            stream.counted += steps

    def _leave(self, trainee: Trainee) -> None:
        """Without it from the next step on; what the others are at is kept."""
        self._disband()
        if trainee.kept is not None:
            trainee.kept.remove()
        self.trainees.remove(trainee)
        if not any(one.member.stream == trainee.member.stream for one in self.trainees):
            del self.streams[trainee.member.stream]

    def _disband(self) -> None:
        """Take the members' weights, moments and losses out of the cohort, for another one to begin with."""
        cohorts, self.cohorts = self.cohorts, []
        sums = {
            id(cohort.members[place]): value
            for cohort in cohorts
            for stream, losses in cohort.losses.items()
            for place, value in zip(cohort.places(stream), losses.sum.tolist(), strict=True)
        }
        found = {id(member): (cohort, place) for cohort in cohorts for place, member in enumerate(cohort.members)}
        for one in self.trainees if found else ():
            cohort, place = found[id(one.member)]
            one.loss_sum += sums[id(one.member)]
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

    def _measured(self, cohort: Cohort, stream: Stream) -> list[tuple[Trainee, Measured]]:
        """What is known of a stream's members now; counting of their losses starts anew."""
        by_member = {id(one.member): one for one in self.trainees}
        trainees = [by_member[id(cohort.members[place])] for place in cohort.places(stream.number)]
        losses = cohort.mean_losses(stream.number, stream.counted)
        for i, one in enumerate(trainees):
            losses[i] += one.loss_sum / stream.counted
            one.loss_sum = 0.0
        validation = self._metrics(cohort, stream, self.task.resident(self.device).validation)
        test: list[dict[str, float]] = [{} for _ in losses]
        if self.test_reason and stream.is_over:
            test = self._metrics(cohort, stream, self.task.tensors(self.task.open_test(self.test_reason), self.device))
        return list(zip(trainees, map(Measured, losses, validation, test), strict=True))

    def _metrics(self, cohort: Cohort, stream: Stream, part: Tensors) -> list[dict[str, float]]:
        """Of each member of a stream; in the end by the members' own modules, so that an export repeats them to the last bit."""
        criterion, scale = self.task.criterion, self.task.resident(self.device).target_scale
        if stream.is_over:
            modules = (cohort.module(place).to(self.device) for place in cohort.places(stream.number))
            return [measure(module, part, criterion, scale) for module in modules]
        results = cohort.predict(stream.number, part.inputs, SAMPLES_AT_ONCE)
        return measured(criterion, results, part.targets, scale)

    def _said(self, one: Trainee, stream: Stream, measured: Measured, module: Callable[[], nn.Module]) -> list[Message]:
        """The messages about a member at a mark."""
        at = f"step {stream.step} of {stream.plan.steps}"
        wrong = measured.not_finite(at)
        if wrong:
            return [(one.place, one.outcome("diverged", wrong))]
        known = {**measured.metrics, "train_loss": measured.loss, **self._untrained(one)}
        one.curve.append(Report(stream.plan.marks[stream.step], known))
        said: list[Message] = [(one.place, one.curve[-1])] if stream.step in stream.plan.due else []
        if stream.is_over:
            if self.weights is not None:
                save_weights(module(), self.weights / f"{one.job.number}.pt")
            test = {f"test_{name}": value for name, value in measured.test.items()}
            said.append((one.place, one.outcome("complete", test=test)))
        elif self.timeout_s is not None and one.seconds > self.timeout_s:
            said.append((one.place, one.outcome("timeout", f"gave up after {self.timeout_s:g} s, at {at}")))
        return said

    def _untrained(self, one: Trainee) -> dict[str, float]:
        """What is measured of the network without training."""
        started = time.perf_counter()
        validation = self.task.resident(self.device).validation
        found = latency(self.protocol, one.job, validation, self.device, one.curve)
        if self.scores:
            found |= scored(self.scores, one.job, self.task, self.device, one.curve)
        one.seconds += time.perf_counter() - started
        return found


def room(device: str) -> int:
    """Bytes that the members of one cohort may touch together: those of a core's cache, or what is free of a GPU's memory."""
    if torch.device(device).type != "cuda":
        return CACHE_BYTES
    free, whole = torch.cuda.mem_get_info(device)
    share = torch.cuda.get_per_process_memory_fraction(device)
    return int(GPU_SHARE * min(free, share * whole - torch.cuda.memory_allocated(device)))


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


def _ended(said: Sequence[Message]) -> bool:
    return any(isinstance(message, Outcome) for _, message in said)
