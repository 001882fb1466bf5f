"""A cohort as one program: lists of calls on memory that never moves, made once and run in every step.

The rules of the operators write the calls; nothing here knows what a layer computes.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache

from torch import Tensor

from evaluators.cohorts.alignment import Block, Joint
from evaluators.cohorts.rules.base import Calls, Clock, Rule, Scratch, Site
from evaluators.cohorts.rules.island import island
from evaluators.cohorts.values import Pool, Value
from evaluators.cohorts.weights import Weights
from nas.graph.operators import TABLE


class Program:
    """The forward pass of all members, and in training the backward pass from their outputs to their weights.

    Args:
        blocks: of `align`.
        weights: of their members.
        batch: samples a step.
        clock: the members' seeds and steps, which dropout reads.
        training: whether there is a backward pass, noise and batch statistics.
        like: gives dtype and device.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        weights: Weights,
        batch: int,
        clock: Clock,
        *,
        training: bool,
        like: Tensor,
    ) -> None:
        self.blocks, self.weights, self.batch, self.training, self.like = blocks, weights, batch, training, like
        self.scratch, self.pool = Scratch(), Pool()
        self.inputs: list[tuple[Joint, Value]] = []
        self.forward_calls: Calls = []
        self.backward_calls: Calls = []
        self.values: dict[Block, Value] = {}
        self.learns: dict[Block, list[bool]] = {}  # each member's node, or one before it
        self.islands: set[str] = set()  # operators that run as the members' own layers
        self.outputs = self._outputs()
        steps: list[list[Callable[[], Calls]]] = []
        for block in blocks:
            steps.append([])
            for joint in block.joints:
                calls, backward = self._step(joint, clock)
                self.forward_calls += calls
                steps[-1].append(backward)
        if training:
            self.outputs.written = [True] * len(self.outputs)  # by the losses
            for block, backwards in zip(reversed(blocks), reversed(steps), strict=True):
                self.backward_calls += [call for backward in backwards for call in backward()]
                self.values[block].release_gradient()
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
        """One memory for what all members return, so that one call computes all losses; `values` has those of each block."""
        ends = [block for block in self.blocks if block.output]
        outputs = Value([node.type.shape for block in ends for node in block.nodes], self.batch, like=self.like)
        low = 0
        for block in ends:
            high = low + len(block.nodes)
            self.values[block] = outputs.slice(low, high)
            low = high
        return outputs

    def _step(self, joint: Joint, clock: Clock) -> tuple[Calls, Callable[[], Calls]]:
        block = joint.block
        if block not in self.values:
            shapes = [node.type.shape for node in block.nodes]
            self.values[block] = Value(shapes, self.batch, like=self.like, shared=block.shared, pool=self.pool)
        learns = self.learns.setdefault(block, [])
        if joint.nodes[0].op == "input":
            learns += [False] * len(joint.nodes)
            self.inputs.append((joint, self.values[block]))
            return [], list
        slots = self.weights.of(joint)
        count = 1 if block.shared else len(joint.nodes)
        learning = [any(self.learns[one][start : start + len(joint.nodes)]) for one, start in joint.inputs]
        trained = any(learning) or any(slot.learns for slot in slots.values())
        learns += [trained] * len(joint.nodes)
        site = Site(
            nodes=joint.nodes[:count],
            types=joint.types[:count],
            inputs=[self.values[one].slice(start, start + count) for one, start in joint.inputs],
            output=self.values[block].slice(joint.start, joint.start + count),
            weights=slots,
            learning=learning,
            training=self.training,
            members=joint.members,
            clock=clock,
            draws=joint.draws,
            readers=joint.readers,
            scratch=self.scratch,
        )
        rule = named_rule(TABLE[joint.nodes[0].op].cohort)
        made = None if rule is None else rule(site)
        if made is None:
            self.islands.add(joint.nodes[0].op)
            made = island(site)
        calls, backward = made
        return calls, backward if trained else list


@cache
def named_rule(path: str) -> Rule | None:
    """The rule at a dotted path, as the operator table has it; None for none."""
    if not path:
        return None
    module, _, name = path.partition(":")
    found: Rule = getattr(importlib.import_module(module), name)
    return found
