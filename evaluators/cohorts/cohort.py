"""Several candidates trained as one: their weights, their programs, their optimisers, and who of them is still there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn

from evaluators.cohorts.alignment import align, order
from evaluators.cohorts.cuda_graph import Recorded
from evaluators.cohorts.losses import Losses, make_losses
from evaluators.cohorts.optimizer import Steps
from evaluators.cohorts.program import Program
from evaluators.cohorts.rules.base import Clock
from evaluators.cohorts.values import Value
from evaluators.cohorts.weights import Named, Weights, named
from evaluators.recipe import Recipe
from evaluators.tasks.criteria import Criterion
from nas.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Member:
    """One candidate in a cohort.

    Args:
        graph: of the source that `module` was built from.
        module: with the weights to begin with, on the CPU. Its own tensors stay as they are.
        recipe: of its training.
        seed: of its randomness.
        stream: members with equal numbers see the same batches, at the same step of schedules of the same length.
        steps: it has taken so far; with `moments`, where it goes on from.
        moments: weight → its optimiser's two running sums; None at the start.
        named: the weights of `module` and what they are called; found where it is None.
    """

    graph: Graph
    module: nn.Module
    recipe: Recipe
    seed: int
    stream: int = 0
    steps: int = 0
    moments: Mapping[str, tuple[Tensor, Tensor]] | None = None
    named: Named | None = None


class Cohort:
    """Members that take each step together.

    Args:
        members: in any order; `self.members` has them in that of the cohort, which all other lists follow.
        criterion: of the task.
        targets: shape and dtype of a batch's target come from it: `(batch, …)`.
        like: gives dtype and device.
    """

    def __init__(self, members: Sequence[Member], criterion: Criterion, target: Tensor, like: Tensor) -> None:
        found = order([one.graph for one in members], [one.stream for one in members])
        self.members = [members[i] for i in found]
        self.criterion, self.like, self.batch = criterion, like, len(target)
        self.streams = [one.stream for one in self.members]
        blocks = align([one.graph for one in self.members], self.streams)
        self.joints = [joint for block in blocks for joint in block.joints]
        self.named = [one.named or named(one.module, one.graph) for one in self.members]
        self.weights = Weights(self.joints, self.named, like)
        self.clock = Clock([one.seed for one in self.members], [one.steps for one in self.members])
        self.training = Program(blocks, self.weights, self.batch, self.clock, training=True, like=like)
        self._evaluations: dict[tuple[int, int], Program] = {}
        self.optimizer = Steps(self.weights, [one.recipe for one in self.members], self.streams)
        for place, (member, own) in enumerate(zip(self.members, self.named, strict=True)):
            self.weights.load(place, own.tensors)
            if member.moments is not None:
                self.optimizer.load(place, member.steps, member.moments)
        self.clips = [(place, one.recipe.clip) for place, one in enumerate(self.members) if one.recipe.clip is not None]
        self.losses = {
            self.streams[low]: make_losses(
                criterion,
                self.training.outputs.slice(low, high),
                torch.empty_like(target),
                [one.recipe.label_smoothing for one in self.members[low:high]],
            )
            for low, high in _runs(self.streams)
        }

        self._compute: Callable[[], None] = self._gradients
        if like.is_cuda and self.is_recordable:
            self._compute = Recorded(self._gradients, like.device)

    @property
    def is_recordable(self) -> bool:
        """Whether a step up to its gradients asks the host for nothing: no layers of members' own, no noise, joint losses."""
        noisy = any(joint.draws >= 0 for joint in self.joints)
        return not self.training.islands and not noisy and all(type(one) is not Losses for one in self.losses.values())

    def _gradients(self) -> None:
        self.training.forward()
        for losses in self.losses.values():
            losses.step()
        self.training.backward()

    def step(
        self, batches: Mapping[int, tuple[Sequence[Tensor], Tensor]], rates: Mapping[int, float] | Sequence[float]
    ) -> None:
        """One step of training for all.

        Args:
            batches: stream → inputs and target.
            rates: the learning rates of `optimizer.leader`, by their places; those of all members will do.
        """
        for place in range(len(self.members)):
            self.clock.steps[place] += 1
        for joint, value in self.training.inputs:
            inputs, _ = batches[self.members[joint.members[0]].stream]
            value.tensor.copy_(inputs[joint.nodes[0].id])
        for stream, losses in self.losses.items():
            losses.target.copy_(batches[stream][1])
        self._compute()
        for place, limit in self.clips:
            self.optimizer.clip(place, limit)
        self.optimizer.step(rates)

    def places(self, stream: int) -> range:
        """The members that see the batches of `stream`."""
        low = self.streams.index(stream)
        return range(low, low + self.streams.count(stream))

    def mean_losses(self, stream: int, steps: int) -> list[float]:
        """The mean loss over the last `steps` steps of each member of a stream; counting starts anew."""
        losses = self.losses[stream]
        means: list[float] = (losses.sum / steps).tolist()
        losses.sum.zero_()
        return means

    def predict(self, stream: int, inputs: Sequence[Tensor], batch: int) -> list[Tensor]:
        """What each member of a stream returns for all samples, in evaluation mode. `batch`: samples at once, at most."""
        count = len(inputs[0])
        batch = ceil(count / ceil(count / batch))  # parts of one size, so that the last one sees few samples again
        if (stream, batch) not in self._evaluations:
            places = self.places(stream)
            graphs = [self.members[place].graph for place in places]
            blocks = align(graphs, [stream] * len(graphs), places.start)
            self._evaluations[stream, batch] = Program(
                blocks, self.weights, batch, self.clock, training=False, like=self.like
            )
        program = self._evaluations[stream, batch]
        outputs = program.outputs
        results = Value(outputs.shapes, count, like=self.like)
        for start in range(0, count, batch):
            start = min(start, count - batch)  # the last one overlaps the one before
            for joint, value in program.inputs:
                value.tensor.copy_(inputs[joint.nodes[0].id][start : start + batch])
            program.forward()
            if outputs.side:
                results.memory[..., start : start + batch] = outputs.memory
            else:
                for result, part in zip(results.parts, outputs.parts, strict=True):
                    result[start : start + batch] = part
        return results.parts

    def module(self, place: int) -> nn.Module:
        """A member's own module, with the weights as they are now."""
        module = self.members[place].module
        module.load_state_dict(self.weights.tensors(place), strict=False)
        return module


def _runs(streams: Sequence[int]) -> list[tuple[int, int]]:
    """Where each stream begins and ends."""
    starts = [i for i, stream in enumerate(streams) if i == 0 or streams[i - 1] != stream]
    return list(zip(starts, [*starts[1:], len(streams)], strict=True))
