"""Whether all that the equations make is used, so that the cost of a partial graph is a lower bound of the whole.

A must-analysis: a tensor counts as used only if every path from its making reads it. Where that is not certain the
answer is no, and cost rules are checked on the finished graph alone.
"""

from __future__ import annotations

import ast
from typing import TypeGuard

from nas.space.program import BlockSpec, Program
from nas.space.syntax import is_range


def drops_nothing(program: Program) -> bool:
    """True only if no candidate of the space can lose a node to dead code or to `zero`."""
    blocks = (program.model, *program.blocks.values())
    for block in blocks:
        names = {node.id for statement in block.tree for node in ast.walk(statement) if isinstance(node, ast.Name)}
        if "zero" in names or any(e.callee == "zero" for spec in block.decisions.values() for e in spec.elements):
            return False
        if not _all_used(block):
            return False
    return True


def _all_used(block: BlockSpec) -> bool:
    for statement in block.tree:
        for node in ast.walk(statement):
            # taking an element of a list may leave the others unread; what is made only to be measured is not used
            if isinstance(node, ast.Subscript) or (_measures(node) and any(map(_makes_tensors, node.args))):
                return False
    dead: list[bool] = []
    live = _before(block.tree, frozenset(), dead)
    return not dead and live >= set(block.params)


def _before(body: list[ast.stmt], after: frozenset[str], dead: list[bool]) -> frozenset[str]:
    """Names that every path from the start of `body` reads before it writes them; `dead` collects lost writes."""
    live = after
    for statement in reversed(body):
        live = _statement(statement, live, dead)
    return live


def _statement(node: ast.stmt, after: frozenset[str], dead: list[bool]) -> frozenset[str]:
    if isinstance(node, ast.Return):
        return _reads(node.value)
    if isinstance(node, ast.If):
        then, other = _before(node.body, after, dead), _before(node.orelse, after, dead)
        return (then & other) | _reads(node.test)
    if isinstance(node, ast.For):
        assert isinstance(node.target, ast.Name)
        target = node.target.id
        # after a round comes either the next round, which writes the target, or what follows the loop
        head = after & (_before(node.body, after, []) - {target})
        if is_range(node.iter):
            _before(node.body, head | {target}, dead)
        elif target not in _before(node.body, head, dead) or any(isinstance(n, ast.Return) for n in ast.walk(node)):
            dead.append(True)  # an element of the list is not read
        return head | _reads(node.iter)
    if isinstance(node, ast.Assign):
        targets = {part.id for part in ast.walk(node.targets[0]) if isinstance(part, ast.Name)}
        if not targets <= after and not isinstance(node.value, ast.Constant):
            dead.append(True)
        return (after - targets) | _reads(node.value)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        if node.target.id not in after:
            dead.append(True)
        return after | _reads(node.value) | {node.target.id}
    return after


def _makes_tensors(node: ast.expr) -> bool:
    return any(isinstance(part, ast.Call | ast.BinOp | ast.UnaryOp) for part in ast.walk(node))


def _measures(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether this looks at a tensor or a list and uses none of it."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("size", "len")


def _reads(node: ast.expr | None) -> frozenset[str]:
    """Names that evaluating `node` reads for certain."""
    if node is None:
        return frozenset()
    if isinstance(node, ast.Name):
        return frozenset({node.id})
    if isinstance(node, ast.IfExp):
        return _reads(node.test) | (_reads(node.body) & _reads(node.orelse))
    if isinstance(node, ast.BoolOp):
        return _reads(node.values[0])
    if _measures(node):
        return frozenset()
    found: frozenset[str] = frozenset()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.keyword):
            found |= _reads(child.value)
        elif isinstance(child, ast.expr):
            found |= _reads(child)
    return found
