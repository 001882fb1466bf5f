"""Training one candidate: a generator that reports at its rungs and may be stopped there."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from evaluators.batches import Batches
from evaluators.budget import Plan, plan
from evaluators.checkpoint import Checkpoint, Saved, serialized, training_key, write_whole
from evaluators.failure import Diverged, OutOfTime, classify
from evaluators.latency import latency
from evaluators.optimizer import make_optimizer
from evaluators.precision import is_half
from evaluators.random_states import random_states, set_random_states
from evaluators.randomness import Noise
from evaluators.recipe import Recipe, check_recipe
from evaluators.schedule import rate
from evaluators.tasks.criteria import Criterion
from evaluators.tasks.ensembles import criterion_of
from evaluators.tasks.task import Task, Tensors
from evaluators.zero_cost import scored
from nas.errors import NasError, WorkFailed
from nas.study.candidate import Job, Outcome, Report
from nas.study.latency import Protocol

EVALUATION_BATCH = 1024


def train(
    job: Job,
    task: Task,
    device: str = "cpu",
    *,
    weights: Path | None = None,
    checkpoint: Path | None = None,
    checkpoint_s: float = 0.0,
    on_finish: Callable[[nn.Module], None] | None = None,
    timeout_s: float | None = None,
    test_reason: str = "",
    protocol: Protocol | None = None,
    scores: Sequence[str] = (),
    gpus: int = 1,
) -> Generator[Report, bool | None, Outcome]:
    """Train `job` on `task`. Yields a report at each rung and at the end of the budget; returns how it ended.

    Sending False stops the candidate (`stopped`); closing the generator drops it and its memory. On the CPU the same
    job gives the same numbers, bit for bit: weights and dropout come from `job.seed`, the order of batches from `job.order`,
    with one torch thread, and the random state of torch outside is left as it was.

    Args:
        job: what to train; its `budget` counts `epochs` or `steps`.
        task: its shapes must be those of the model.
        device: such as `cpu` or `cuda:0`.
        weights: where those of a completed candidate are written, whole or not at all.
        checkpoint: where the state of training is kept until it ends. Where there is one, the training goes on from it: the
            reports made before are yielded again, untrained, and the seconds until then count. None: none is kept.
        checkpoint_s: seconds between two checkpoints at least; 0: one at each mark.
        on_finish: called with the completed module in evaluation mode.
        timeout_s: seconds after which the candidate is given up.
        test_reason: why the test part is opened at the end of this training; its metrics join the outcome as `test_…`.
            Empty: it stays sealed.
        protocol: by which the latency is measured, once, before the first report; None: it is not.
        scores: at initialisation that join the metrics, likewise; see `evaluators.zero_cost`.
        gpus: over which every batch is split, from `cuda:0` on; batch norms see their own part, and dropout is the same on all.
    Raises: NasError: the recipe, the budget or the task's data are wrong, or the weights cannot be written. Whatever
        goes wrong in the model itself is an outcome.
    """
    started = time.perf_counter()
    recipe = check_recipe(job.recipe)
    train_part = task.resident(device).train
    steps = plan(job.budget, job.rungs, max(1, len(train_part) // recipe.batch_size))
    kept = None
    if checkpoint is not None:
        kept = Checkpoint(checkpoint, training_key(job, recipe, task, device), checkpoint_s)
    session = _Session(job, task, device, recipe, steps, started, timeout_s, kept, protocol, scores, gpus)
    curve = session.curve

    def ended(state: Any, message: str = "", test: dict[str, float] | None = None) -> Outcome:
        if kept is not None:
            kept.remove()
        metrics = {**(curve[-1].metrics if curve else {}), **(test or {})}
        return Outcome(state, metrics, tuple(curve), session.seconds, message)

    reports = session.reports()
    try:
        while True:
            with session.settled():
                step, report = next(reports, (0, None))
            if report is None:
                break
            if step in steps.due and (yield report) is False and step < steps.steps:
                return ended("stopped", f"stopped at {report.rung} {next(iter(job.budget))}")
        with session.settled():
            test = session.test_metrics(test_reason) if test_reason else {}
            session.module.eval()
            if on_finish is not None:
                on_finish(session.module)
        if weights is not None:
            save_weights(session.module, weights)
        return ended("complete", test=test)
    except NasError:
        raise
    except Exception as error:  # a failure is data
        return ended(*classify(error))
    finally:
        reports.close()
        session.release()


class _Session:
    """One candidate in training: its module, its random state, its clock."""

    module: nn.Module

    def __init__(
        self,
        job: Job,
        task: Task,
        device: str,
        recipe: Recipe,
        steps: Plan,
        started: float,
        timeout_s: float | None,
        checkpoint: Checkpoint | None,
        protocol: Protocol | None,
        scores: Sequence[str],
        gpus: int,
    ) -> None:
        self.job, self.task, self.device, self.recipe, self.plan = job, task, device, recipe, steps
        self.started, self.timeout_s, self.checkpoint = started, timeout_s, checkpoint
        self.protocol, self.scores, self.gpus = protocol, scores, gpus
        self.curve: list[Report] = []
        self.on_gpu = torch.device(device).type == "cuda"
        self.random_state: list[Tensor] | None = None
        self.criterion = criterion_of(task, job.members)

    @property
    def seconds(self) -> float:
        """Spent on it until now, with those of the training that a checkpoint was taken from."""
        return time.perf_counter() - self.started

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Inside, torch has one thread and this candidate's random numbers; outside, whatever it had before."""
        threads, before = torch.get_num_threads(), random_states(self.device)
        torch.set_num_threads(1)
        if self.random_state is None:
            torch.manual_seed(self.job.seed)
        else:
            set_random_states(self.device, self.random_state)
        try:
            yield
        finally:
            self.random_state = random_states(self.device)
            set_random_states(self.device, before)
            torch.set_num_threads(threads)

    def release(self) -> None:
        """Let go of the module, and give a GPU's memory back, so that an outcome of out_of_memory does not spread."""
        if "module" in vars(self):
            del self.module
        if self.on_gpu:
            torch.cuda.empty_cache()

    def reports(self) -> Generator[tuple[int, Report], None, None]:
        """Trains; yields step and report at every mark, first those that a checkpoint has."""
        from nas.codegen import build

        saved = None if self.checkpoint is None else self.checkpoint.read()
        if saved is not None:
            self.started -= saved.seconds
            for step, report in zip(self.plan.marks, saved.curve, strict=False):
                self.curve.append(report)
                yield step, report
        recipe, steps = self.recipe, self.plan.steps
        part = self.task.resident(self.device).train
        self.module = module = build(self.job.source).to(self.device)
        optimizer = make_optimizer(module, recipe)
        noise = Noise(module, self.job.seed)
        network = nn.DataParallel(module, list(range(self.gpus))) if self.gpus > 1 else module
        order = self.job.seed if self.job.order is None else self.job.order
        batches = Batches(part, recipe.batch_size, self.task.augment, order, self.device)
        if saved is None:
            done, stream = 0, batches.stream()
        else:
            done, stream = saved.step, batches.stream(saved.position)
            saved.restore(module, optimizer, self.device)
            del saved  # a second copy of everything
        loss_sum, summed = torch.zeros((), device=self.device), 0
        for step, (inputs, target) in zip(range(done + 1, steps + 1), stream, strict=False):
            noise.begin(step)
            with self._precision():
                loss = self.criterion.loss(network(*inputs), target, recipe.label_smoothing)
            if optimizer is not None and loss.requires_grad:
                loss.backward()  # type: ignore[no-untyped-call]
                if recipe.clip is not None:
                    nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
                optimizer.step(rate(recipe, step - 1, steps))
            loss_sum += loss.detach()
            summed += 1
            if self.timeout_s is not None and self.seconds > self.timeout_s:
                raise OutOfTime(f"gave up after {self.timeout_s:g} s, at step {step} of {steps}")
            if step in self.plan.marks:
                self.curve.append(Report(self.plan.marks[step], self._measured(step, float(loss_sum) / summed)))
                if self.checkpoint is not None and self.checkpoint.due and step < steps:
                    state = {} if optimizer is None else optimizer.state
                    now = random_states(self.device), batches.position()
                    self.checkpoint.write(Saved.of(step, self.seconds, self.curve, module, state, *now))
                yield step, self.curve[-1]
                loss_sum.zero_()
                summed = 0

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        if is_half(self.job, self.recipe, self.device):
            return torch.autocast("cuda", torch.bfloat16)
        return contextlib.nullcontext()

    def _measured(self, step: int, train_loss: float) -> dict[str, float]:
        """Validation metrics, the mean loss of the batches since the last mark, as they were trained on, and what is
        measured of the untrained network.

        Raises: Diverged: one of them is not finite.
        """
        if not math.isfinite(train_loss):
            raise Diverged(f"the training loss is {train_loss} by step {step} of {self.plan.steps}")
        validation = self.task.resident(self.device).validation
        metrics = self.measure(validation)
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise Diverged(f"{name} is {value} at step {step} of {self.plan.steps}")
        own = latency(self.protocol, self.job, validation, self.device, self.curve)
        if self.scores:
            own |= scored(self.scores, self.job, self.task, self.device, self.curve)
        return {**metrics, "train_loss": train_loss, **own}

    def measure(self, part: Tensors) -> dict[str, float]:
        """Metrics over all of `part`."""
        return measure(self.module, part, self.criterion, self.task.resident(self.device).target_scale)

    def test_metrics(self, reason: str) -> dict[str, float]:
        part = self.task.tensors(self.task.open_test(reason), self.device)
        return {f"test_{name}": value for name, value in self.measure(part).items()}


def validate(module: nn.Module, task: Task, members: int = 1, device: str = "cpu") -> dict[str, float]:
    """Metrics of `module` on the validation part, as training measures them."""
    resident = task.resident(device)
    return measure(module.to(device), resident.validation, criterion_of(task, members), resident.target_scale)


def measure(module: nn.Module, part: Tensors, criterion: Criterion, scale: Tensor) -> dict[str, float]:
    """Metrics of `module` over all of `part`, in float32 and in evaluation mode. `scale`: of the targets."""
    with torch.inference_mode():
        return criterion.measure(predict(module, part), part.targets, scale)


def predict(module: nn.Module, part: Tensors) -> Any:
    """What `module` returns for all samples, in evaluation mode and large batches; the mode is put back."""
    before = module.training
    module.eval()
    try:
        with torch.inference_mode():
            outputs = [module(*batch) for batch in part.slices(EVALUATION_BATCH)]
            if isinstance(outputs[0], Tensor):
                return torch.cat(outputs)
            return tuple(torch.cat(parts) for parts in zip(*outputs, strict=True))
    finally:
        module.train(before)


def save_weights(module: nn.Module, path: Path) -> None:
    """Write the weights, on the CPU, beside `path` and rename: readers see all of it or nothing.

    Raises: WorkFailed: the folder cannot be written.
    """
    weights = {name: value.detach().cpu() for name, value in module.state_dict().items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole([serialized(weights)], path)
    except OSError as error:
        raise WorkFailed(f"weights cannot be written to {path}: {error.strerror or error}") from None
