"""A cohort as one program: lists of calls on memory that never moves, made once and run in every step.

The rules of the operators write the calls; nothing here knows what a layer computes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

from evaluators.cohorts.alignment import Joint
from evaluators.cohorts.rules.base import Calls, Clock, Rule, Scratch, Site
from evaluators.cohorts.rules.island import island
from evaluators.cohorts.values import Pool, Value
from evaluators.cohorts.weights import Weights
from nas.graph.operators import TABLE


class Program:
    """The forward pass of all members, and in training the backward pass from their outputs to their weights.

    Args:
        joints: of `align`.
        weights: of these joints.
        batch: samples a step.
        clock: the members' seeds and steps, which dropout reads.
        training: whether there is a backward pass, noise and batch statistics.
        like: gives dtype and device.
        low: the first member of the joints.
    """

    def __init__(
        self,
        joints: Sequence[Joint],
        weights: Weights,
        batch: int,
        clock: Clock,
        *,
        training: bool,
        like: Tensor,
        low: int = 0,
    ) -> None:
        self.low = low
        self.joints, self.weights, self.batch, self.training, self.like = joints, weights, batch, training, like
        self.scratch, self.pool = Scratch(), Pool()
        self.inputs: list[tuple[Joint, Value]] = []
        self.forward_calls: Calls = []
        self.backward_calls: Calls = []
        self.values: dict[Joint, Value] = {}
        self.learns: dict[Joint, bool] = {}
        self.islands: set[str] = set()  # operators that run as the members' own layers
        self.outputs = self._outputs()
        steps: list[Callable[[], Calls]] = []
        for joint in joints:
            calls, backward = self._step(joint, clock)
            self.forward_calls += calls
            steps.append(backward)
        if training:
            self.outputs.written = [True] * len(self.outputs)  # by the losses
            for joint, backward in zip(reversed(joints), reversed(steps), strict=True):
                self.backward_calls += backward()
                self.values[joint].release_gradient()
            tied = [slot.gradient for slot in weights.slots() if slot.tied and slot.gradient is not None]
            self.backward_calls[:0] = [gradient.zero_ for gradient in tied]

    def forward(self) -> None:
        """From the inputs' memory to the outputs'."""
        for call in self.forward_calls:
            call()

    def backward(self) -> None:
        """From the gradient of the outputs to that of the weights."""
        for call in self.backward_calls:
            call()

    # ------------------------------------------------------------------ inside

    def _outputs(self) -> Value:
        """One memory for what all members return, so that one call computes all losses."""
        last = sorted((joint for joint in self.joints if joint.output), key=lambda joint: joint.low)
        shapes = [node.type.shape for joint in last for node in joint.nodes]
        return Value(shapes, self.batch, like=self.like)

    def _step(self, joint: Joint, clock: Clock) -> tuple[Calls, Callable[[], Calls]]:
        output = self._output(joint)
        self.values[joint] = output
        if joint.nodes[0].op == "input":
            self.learns[joint] = False
            self.inputs.append((joint, output))
            return [], list
        slots = self.weights.of(joint)
        learning = [self.learns[one] for one in joint.inputs]
        self.learns[joint] = any(learning) or any(slot.learns for slot in slots.values())
        count = 1 if joint.shared else joint.high - joint.low
        starts = [joint.low - one.low for one in joint.inputs]
        site = Site(
            nodes=joint.nodes[:count],
            types=joint.types[:count],
            inputs=[self.values[one].slice(i, i + count) for one, i in zip(joint.inputs, starts, strict=True)],
            output=output.slice(0, count),
            weights=slots,
            learning=learning,
            training=self.training,
            low=joint.low,
            clock=clock,
            draws=joint.draws,
            readers=[one.readers for one in joint.inputs],
            scratch=self.scratch,
        )
        rule = named_rule(TABLE[joint.nodes[0].op].cohort)
        made = None if rule is None else rule(site)
        if made is None:
            self.islands.add(joint.nodes[0].op)
            made = island(site)
        calls, backward = made
        return calls, backward if self.learns[joint] else list

    def _output(self, joint: Joint) -> Value:
        if joint.output and not joint.shared:
            return self.outputs.slice(joint.low - self.low, joint.high - self.low)
        shapes = [node.type.shape for node in joint.nodes]
        return Value(shapes, self.batch, like=self.like, shared=joint.shared, pool=self.pool)


@cache
def named_rule(path: str) -> Rule | None:
    """The rule at a dotted path, as the operator table has it; None for none."""
    if not path:
        return None
    module, _, name = path.partition(":")
    found: Rule = getattr(importlib.import_module(module), name)
    return found
