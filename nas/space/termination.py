"""How deep a recursion must at least go: found from the equations alone, so that a limit can be met instead of hit.

For every block, the smallest number of nested block calls below it over all ways to choose; for every element of a
choice, the same once that element is chosen. A least fixed point over the call graph, starting from infinity.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from math import inf

from nas.space.domains import Categorical, Integer, Value
from nas.space.program import BlockSpec, DecisionSpec, Program
from nas.space.syntax import is_range

_UNDECIDED = object()


def endless_blocks(program: Program) -> list[str]:
    """Names of the blocks (the model is ``) whose every way leads back to themselves."""
    needs = _needs(program)
    endless = [name for name, need in needs.items() if need == inf]
    # the culprit is where the loop lies, not everything that leads to it
    looping = [name for name in endless if name in program.reach[name]]
    return looping or endless


def mark_needs(program: Program) -> None:
    """Give every choice of a block that can reach a recursion the needs of its elements."""
    needs = _needs(program)
    for block in (program.model, *program.blocks.values()):
        if not any(name in program.reach[name] for name in program.reach[block.name]):
            continue
        for spec in block.decisions.values():
            if isinstance(spec.constant, Categorical):
                found = tuple(_block_need(program, block, needs, {spec.name: value}) for value in spec.constant.options)
                spec.needs = found if any(found) else ()


def _needs(program: Program) -> dict[str, float]:
    blocks = {"": program.model, **program.blocks}
    needs: dict[str, float] = dict.fromkeys(blocks, inf)
    callers: dict[str, set[str]] = {name: set() for name in blocks}
    for name, called in program.calls.items():
        for callee in called:
            callers[callee].add(name)
    waiting = dict.fromkeys(reversed(blocks))
    while waiting:
        name = next(iter(waiting))
        del waiting[name]
        need = _block_need(program, blocks[name], needs, {})
        if need < needs[name]:
            needs[name] = need
            waiting |= dict.fromkeys(callers[name])
    return needs


def _block_need(program: Program, block: BlockSpec, needs: Mapping[str, float], chosen: Mapping[str, Value]) -> float:
    falls, returns = _Needs(program, block, needs, chosen).statements(block.tree)
    return min(falls, returns) if block.tree else 0


class _Needs:
    """The need of one block's body, some of its decisions being chosen."""

    def __init__(
        self, program: Program, block: BlockSpec, needs: Mapping[str, float], chosen: Mapping[str, Value]
    ) -> None:
        self.program = program
        self.decisions: dict[str, DecisionSpec] = {**program.decisions, **block.decisions}
        self.needs = needs
        self.chosen = chosen

    def statements(self, body: list[ast.stmt]) -> tuple[float, float]:
        """The least need of the paths that fall through, and of those that return; infinity for none."""
        falls, returns = 0.0, inf
        for statement in body:
            step_falls, step_returns = self._statement(statement)
            returns = min(returns, max(falls, step_returns))
            falls = max(falls, step_falls)
            if falls == inf:
                break
        return falls, returns

    def _statement(self, node: ast.stmt) -> tuple[float, float]:
        if isinstance(node, ast.Return) and node.value is not None:
            return inf, self._expression(node.value)
        if isinstance(node, ast.If):
            test = self._expression(node.test)
            known = self._known(node.test)
            then, other = self.statements(node.body), self.statements(node.orelse)
            if known is not _UNDECIDED:
                falls, returns = then if known else other
            else:
                falls, returns = min(then[0], other[0]), min(then[1], other[1])
            return max(test, falls), max(test, returns)
        if isinstance(node, ast.For):
            over = self._expression(node.iter)
            falls, returns = self.statements(node.body)
            return max(over, falls if self._runs(node.iter) else 0.0), max(over, returns)
        value = getattr(node, "value", None)
        return (self._expression(value) if isinstance(value, ast.expr) else 0.0), inf

    def _runs(self, loop: ast.expr) -> bool:
        """Whether a loop has at least one round for certain."""
        if isinstance(loop, ast.List | ast.Tuple):
            return bool(loop.elts)
        if not is_range(loop) or len(loop.args) != 1:
            return False
        bound = loop.args[0]
        if isinstance(bound, ast.Constant):
            return isinstance(bound.value, int) and bound.value > 0
        spec = self.decisions.get(bound.id) if isinstance(bound, ast.Name) else None
        return spec is not None and isinstance(spec.constant, Integer) and spec.constant.low > 0

    def _expression(self, node: ast.expr) -> float:
        if isinstance(node, ast.IfExp):
            known = self._known(node.test)
            then, other = self._expression(node.body), self._expression(node.orelse)
            branch = min(then, other) if known is _UNDECIDED else then if known else other
            return max(self._expression(node.test), branch)
        parts = [self._expression(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
        parts += [self._expression(keyword.value) for keyword in getattr(node, "keywords", ())]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            parts.append(self._called(node.func.id))
        return max(parts, default=0.0)

    def _called(self, name: str) -> float:
        if name in self.program.blocks:
            return 1 + self.needs[name]
        spec = self.decisions.get(name)
        if spec is None or not spec.elements:
            return 0.0
        options = [
            1 + self.needs[element.callee] if element.callee in self.program.blocks else 0.0
            for element in spec.elements
            if name not in self.chosen or element.value == self.chosen[name]
        ]
        return min(options, default=0.0)

    def _known(self, test: ast.expr) -> object:
        """The truth of a test that reads nothing but what is chosen; `_UNDECIDED` elsewhere."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._known(test.operand)
            return inner if inner is _UNDECIDED else not inner
        if isinstance(test, ast.BoolOp):
            values = [self._known(value) for value in test.values]
            decisive = isinstance(test.op, ast.Or)
            if any(value is not _UNDECIDED and bool(value) is decisive for value in values):
                return decisive
            return _UNDECIDED if _UNDECIDED in values else not decisive
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = self._value(test.left), self._value(test.comparators[0])
            if left is _UNDECIDED or right is _UNDECIDED:
                return _UNDECIDED
            op = test.ops[0]
            if isinstance(op, ast.Eq | ast.NotEq):
                return (left == right) is isinstance(op, ast.Eq)
            if isinstance(op, ast.In | ast.NotIn) and isinstance(right, list):
                return (left in right) is isinstance(op, ast.In)
            return _UNDECIDED
        return self._value(test)

    def _value(self, node: ast.expr) -> object:
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name) and node.id in self.chosen:
            return self.chosen[node.id]
        if isinstance(node, ast.List | ast.Tuple):
            values = [self._value(item) for item in node.elts]
            return _UNDECIDED if any(value is _UNDECIDED for value in values) else values
        return _UNDECIDED
