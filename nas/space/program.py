"""A space after reading: decisions, rules and blocks whose expressions are compiled to closures over a frame."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nas.errors import Place
from nas.space.domains import Domain, Value

if TYPE_CHECKING:
    from nas.space.run import Frame

Expression = Callable[["Frame"], Any]

COSTS = ("params", "active_params", "trainable_params", "macs", "activation_bytes")
GROWING_COSTS = ("params", "active_params", "trainable_params", "macs")  # those that a partial graph bounds from below


@dataclass
class ElementSpec:
    """One element of a choice: its value in the genotype and, where it can be called, what and with which arguments."""

    value: Value
    place: Place
    callee: str | None = None
    bound: tuple[tuple[str, Expression], ...] = ()
    names: frozenset[str] = frozenset()  # that the bound arguments mention


@dataclass
class DecisionSpec:
    """A declared decision. `domain` gives its values in a frame; `constant` is that domain where it is always the same."""

    name: str
    place: Place
    domain: Callable[[Frame], Domain]
    constant: Domain | None
    elements: tuple[ElementSpec, ...] = ()
    by_value: dict[Value, ElementSpec] = field(default_factory=dict)
    needs: tuple[float, ...] = ()  # for each element, the block calls below this one that it cannot do without
    mentions: set[str] = field(default_factory=set)  # decisions in its bounds and bound arguments
    rule_only: bool = False  # no equation reads it, only rules do
    solve: RuleSpec | None = None  # it is not chosen: it is the largest value that satisfies this rule

    @property
    def callable(self) -> bool:
        return any(element.callee for element in self.elements)


@dataclass
class RuleSpec:
    """A `require` line. `early` is (cost, limit, strict) where it bounds a growing cost from above."""

    text: str
    place: Place
    holds: Expression
    early: tuple[str, Expression, bool] | None = None
    mentions: frozenset[str] = frozenset()  # names in it

    @property
    def costly(self) -> bool:
        """Whether it reads a cost."""
        return not self.mentions.isdisjoint(COSTS)


@dataclass
class BlockSpec:
    """A block, or the model itself (named ``), compiled."""

    name: str
    place: Place
    params: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    decisions: dict[str, DecisionSpec] = field(default_factory=dict)
    rules: list[RuleSpec] = field(default_factory=list)
    share: frozenset[str] = frozenset()
    body: Callable[[Frame], Any] = lambda frame: None
    tree: list[ast.stmt] = field(default_factory=list)
    steps: int = 1  # that a call counts for
    reads: set[str] = field(default_factory=set)  # decisions that its equations, domains and rules mention


@dataclass
class Program:
    """The whole space, ready to run."""

    name: str
    inputs: dict[str, tuple[str, ...]]
    outputs: tuple[str, ...]
    axes: tuple[str, ...]  # declared names that exist only inside
    model: BlockSpec
    blocks: dict[str, BlockSpec]
    recipe: dict[str, Expression]
    max_nodes: int = 2_000
    max_depth: int = 24
    drops_nothing: bool = False  # all that the equations make is used, so a partial graph's cost is a lower bound
    ensemble: str = ""  # the axis of the members, first of the result, where the model is an ensemble
    seed_places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def decisions(self) -> dict[str, DecisionSpec]:
        return self.model.decisions

    @cached_property
    def solved(self) -> DecisionSpec | None:
        """The decision that is solved for rather than chosen."""
        return next((spec for spec in self.decisions.values() if spec.solve), None)

    @cached_property
    def calls(self) -> dict[str, frozenset[str]]:
        """For each block (the model is ``), the blocks it can call: directly, through a choice, or as an argument."""
        return {block.name: self._calls(block) for block in (self.model, *self.blocks.values())}

    def _calls(self, block: BlockSpec) -> frozenset[str]:
        decisions = {**self.decisions, **block.decisions}
        front = [node.id for statement in block.tree for node in ast.walk(statement) if isinstance(node, ast.Name)]
        seen: set[str] = set()
        while front:
            name = front.pop()
            if name not in seen:
                seen.add(name)
                for element in decisions[name].elements if name in decisions else ():
                    front.extend(element.names)
                    if element.callee is not None:
                        front.append(element.callee)
        return frozenset(seen & set(self.blocks))

    @cached_property
    def reach(self) -> dict[str, frozenset[str]]:
        """For each block (the model is ``), the blocks that its calls can lead to."""
        found: dict[str, frozenset[str]] = {}
        for start in self.calls:
            seen: set[str] = set()
            front = [start]
            while front:
                for name in self.calls[front.pop()] - seen:
                    seen.add(name)
                    front.append(name)
            found[start] = frozenset(seen)
        return found
