"""Checked syntax trees → closures.

Names are looked up once, here: local variable, block decision, top decision, axis, block, operator.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nas.errors import Fault, nearest
from nas.graph.operators import TABLE
from nas.space import arithmetic
from nas.space.aliases import operator_hint
from nas.space.builtins import BUILTINS, BY_NAME
from nas.space.comparing import slips
from nas.space.domains import Value
from nas.space.program import COSTS, Expression
from nas.space.run import Frame
from nas.space.syntax import Text, is_range
from nas.space.values import AxisName, Callee

_NEXT = object()  # a statement that did not return

AXIS_ARGUMENTS = frozenset({"axis", "axes", "into", "over", "per", "to", "first", "second", "parts", "cut"})


@dataclass
class Names:
    """What a name can mean in one scope. The caller's scope is never seen.

    Args:
        block: decisions of the block the text stands in, empty at the top.
        top: decisions of the whole architecture.
        sized: axes of the inputs and outputs; `unsized`: axes declared for inside.
        blocks: the blocks' parameter names.
        rule: the text is a `require` line: it peeks at decisions instead of drawing them; `costs`: it sees costs.
        inside: the text stands in a block, which does not see its caller.
        misread: blocks whose header is wrong; nothing more is said of their calls.
        choices: the values of the decisions that are lists.
        partial: a part of the file could not be read, so that nothing is said of names that are not known.
    """

    locals: frozenset[str] = frozenset()
    block: frozenset[str] = frozenset()
    top: frozenset[str] = frozenset()
    sized: frozenset[str] = frozenset()
    unsized: frozenset[str] = frozenset()
    blocks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rule: bool = False
    costs: bool = False
    inside: bool = False
    misread: frozenset[str] = frozenset()
    choices: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    partial: bool = False

    def values_held(self) -> set[str]:
        """Names of variables, decisions and sizes."""
        return {*self.locals, *self.block, *self.top, *self.sized}

    def values(self) -> set[str]:
        """Names that hold something; in a rule, something that it can judge."""
        held = self.values_held()
        if self.rule:
            return held | set(COSTS if self.costs else ())
        return held | {*self.unsized, *self.blocks, *TABLE}


def assigned(body: list[ast.stmt]) -> frozenset[str]:
    """Names that statements assign to."""
    stores = (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name))
    return frozenset(node.id for node in stores if isinstance(node.ctx, ast.Store))


def weight(body: list[ast.stmt]) -> int:
    """The steps that running statements once counts for: one, and one for every dozen of their parts."""
    return 1 + sum(1 for statement in body for _ in ast.walk(statement)) // 12


class Compiler:
    """Compiles the texts of one scope; `read` collects the decisions that they mention."""

    def __init__(self, text: Text, names: Names, faults: list[Fault], read: set[str]) -> None:
        self.text = text
        self.names = names
        self.faults = faults
        self.read = read
        self.sites: dict[str, int] = {}
        self.wants_axis = False  # while an argument is read that takes names of axes

    def fault(self, node: ast.AST, message: str) -> Expression:
        self.faults.append(Fault(message, self.text.place(node)))
        return lambda frame: None

    # ------------------------------------------------------------------ statements

    def body(self, statements: list[ast.stmt]) -> Callable[[Frame], Any]:
        """The block as one closure; it returns what `return` says."""
        run = self._sequence(statements)
        if not _returns(statements):
            self.fault(statements[-1], "the equations end without `return` here")

        def call(frame: Frame) -> Any:
            result = run(frame)
            return None if result is _NEXT else result

        return call

    def _sequence(self, statements: list[ast.stmt]) -> Expression:
        steps = [self._statement(statement) for statement in statements]
        if len(steps) == 1:
            return steps[0]

        def run(frame: Frame) -> Any:
            for step in steps:
                result = step(frame)
                if result is not _NEXT:
                    return result
            return _NEXT

        return run

    def _statement(self, node: ast.stmt) -> Expression:
        if isinstance(node, ast.Return):
            assert node.value is not None
            return self.expression(node.value)
        if isinstance(node, ast.Assign):
            return self._assign(node.targets[0], self.expression(node.value))
        if isinstance(node, ast.AugAssign):
            assert isinstance(node.target, ast.Name)
            load = ast.copy_location(ast.Name(node.target.id, ast.Load()), node.target)
            value = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
            return self._assign(node.target, self.expression(value))
        if isinstance(node, ast.If):
            test = self._test(node.test)
            then = self._sequence(node.body)
            other = self._sequence(node.orelse) if node.orelse else lambda frame: _NEXT
            return lambda frame: then(frame) if test(frame) else other(frame)
        assert isinstance(node, ast.For)
        return self._for(node)

    def _assign(self, target: ast.expr, value: Expression) -> Expression:
        place = self.text.place(target)
        if isinstance(target, ast.Name):
            name = target.id

            def store(frame: Frame) -> Any:
                frame.locals[name] = value(frame)
                return _NEXT

            return store
        assert isinstance(target, ast.Tuple)
        names = [part.id for part in target.elts if isinstance(part, ast.Name)]

        def unpack(frame: Frame) -> Any:
            values = value(frame)
            if not isinstance(values, list | tuple) or len(values) != len(names):
                raise arithmetic.error(place, f"{len(names)} names stand here for {arithmetic.describe(values)}")
            frame.locals.update(zip(names, values, strict=True))
            return _NEXT

        return unpack

    def _for(self, node: ast.For) -> Expression:
        assert isinstance(node.target, ast.Name)
        values = self._rounds(node.iter)
        inside = self._sequence(node.body)
        name, place, steps = node.target.id, self.text.place(node.iter), weight(node.body)

        def loop(frame: Frame) -> Any:
            rounds = values(frame)
            frame.run.spend(len(rounds) * steps, place)
            outer_loops, outer_suffix = frame.loops, frame.suffix
            result: Any = _NEXT
            for index, value in enumerate(rounds):
                frame.locals[name] = value
                frame.loops = (*outer_loops, index)
                frame.suffix = f"{outer_suffix}[{index}]"
                result = inside(frame)
                if result is not _NEXT:
                    break
            frame.loops, frame.suffix = outer_loops, outer_suffix
            return result

        return loop

    def _rounds(self, node: ast.expr) -> Expression:
        """What a loop goes over: a range, or the elements of a list."""
        place = self.text.place(node)
        if not is_range(node):
            items = self.expression(node)
            return lambda frame: arithmetic.rounds(items(frame), place)
        if node.keywords or not 1 <= len(node.args) <= 3:
            return self.fault(node, "`range` takes one to three numbers")
        bounds = [self.expression(argument) for argument in node.args]
        return lambda frame: arithmetic.bounded_range([bound(frame) for bound in bounds], place)

    # ------------------------------------------------------------------ expressions

    def expression(self, node: ast.expr) -> Expression:
        if isinstance(node, ast.Constant):
            value = node.value
            return lambda frame: value
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.BinOp):
            return arithmetic.binary(
                node.op, self.expression(node.left), self.expression(node.right), self.text.place(node)
            )
        if isinstance(node, ast.UnaryOp):
            return arithmetic.unary(node.op, self.expression(node.operand), self.text.place(node))
        if isinstance(node, ast.BoolOp):
            return _boolean(isinstance(node.op, ast.And), [self._test(value) for value in node.values])
        if isinstance(node, ast.Compare):
            return self._compare(node)
        if isinstance(node, ast.IfExp):
            test, then, other = self._test(node.test), self.expression(node.body), self.expression(node.orelse)
            return lambda frame: then(frame) if test(frame) else other(frame)
        if isinstance(node, ast.List | ast.Tuple):
            items, place = [self.expression(item) for item in node.elts], self.text.place(node)
            return lambda frame: arithmetic.bounded_list(frame, [item(frame) for item in items], place)
        if isinstance(node, ast.Subscript):
            return arithmetic.index(self.expression(node.value), self.expression(node.slice), self.text.place(node))
        if isinstance(node, ast.Call):
            return self._call(node)
        return self.fault(node, "this is not an expression of the language")

    def _compare(self, node: ast.Compare) -> Expression:
        names, before = self.names, len(self.faults)
        choices = {name: values for name, values in names.choices.items() if name not in names.locals}
        words = {value for values in choices.values() for value in values if isinstance(value, str)}
        bare = {*names.blocks, *TABLE, *words} - names.values_held() - names.unsized
        for part, message in slips(node, choices, bare):
            self.fault(part, message)
        if len(self.faults) > before:
            return lambda frame: None
        operands = [self.expression(value) for value in (node.left, *node.comparators)]
        return arithmetic.comparison(node.ops, operands, self.text.place(node))

    def _test(self, node: ast.expr) -> Expression:
        value = self.expression(node)
        if isinstance(node, ast.Compare | ast.BoolOp):  # True or False, or tests themselves
            return value
        return arithmetic.truth(value, self.text.place(node))

    def _name(self, node: ast.Name) -> Expression:
        name, names = node.id, self.names
        if name in names.locals:
            place = self.text.place(node)

            def local(frame: Frame) -> Any:
                try:
                    return frame.locals[name]
                except KeyError:
                    raise arithmetic.error(place, f"`{name}` has no value yet here") from None

            return local
        if name in names.block or name in names.top:
            self.read.add(name)
            return _decision(name, name in names.block, names.rule)
        if name in names.sized:
            return lambda frame: frame.run.axes[name]
        if name in names.unsized:
            axis = AxisName(name)
            return lambda frame: axis
        if name in COSTS:
            if names.costs:
                return lambda frame: frame.run.cost(name)
            where = "the `require` of the whole space" if names.rule else "`require`"
            return self.fault(node, f"`{name}` is a cost of the finished architecture; only {where} can read it")
        if name in names.blocks or (name in TABLE and name != "input"):
            callee = Callee(name)
            return lambda frame: callee
        if name in BUILTINS:
            return self.fault(node, f"`{name}` is a function; call it: `{name}(…)`")
        if names.partial:
            return lambda frame: None
        hint = operator_hint(name, names.values())
        if not hint and self.wants_axis:
            hint = f"; if it is an axis inside the model, declare it: axes: [{name}]"
        elif not hint and names.costs:
            hint = f"; a rule reads decisions and the costs {', '.join(COSTS)}"
        elif not hint and names.inside:
            hint = "; a block sees its arguments and decisions, not the variables of its caller"
        return self.fault(node, f"`{name}` is not known here{hint}")

    def _keyword(self, keyword: ast.keyword) -> Expression:
        before, self.wants_axis = self.wants_axis, keyword.arg in AXIS_ARGUMENTS
        try:
            return self.expression(keyword.value)
        finally:
            self.wants_axis = before

    def _call(self, node: ast.Call) -> Expression:
        assert isinstance(node.func, ast.Name)
        name, names = node.func.id, self.names
        number = self.sites[name] = self.sites.get(name, 0) + 1
        site = name if number == 1 else f"{name}#{number}"
        place = self.text.place(node)
        args = [self.expression(argument) for argument in node.args]
        keywords = [(keyword.arg or "", self._keyword(keyword)) for keyword in node.keywords]
        if name in names.locals or name in names.block or name in names.top:
            callee = self._name(node.func)
            return lambda frame: frame.run.call(frame, callee(frame), args, keywords, site, place)
        if name in names.blocks:
            self._check_block_call(node, names.blocks[name])
            return lambda frame: frame.run.call_block(frame, name, args, keywords, site, place)
        if name in BUILTINS:
            function = BUILTINS[name]
            if keywords and name not in BY_NAME:
                return self.fault(node, f"`{name}` takes no arguments by name")
            return lambda frame: function(
                frame, [value(frame) for value in args], {k: v(frame) for k, v in keywords}, site, place
            )
        if name in TABLE and name != "input":
            known = [argument.name for argument in TABLE[name].arguments]
            for keyword in node.keywords:
                if keyword.arg not in (*known, "tied"):
                    listed = f"; it has {', '.join(known)}" if known else "; it has none"
                    hint = nearest(keyword.arg or "", known) or listed
                    return self.fault(keyword, f"`{name}` has no argument `{keyword.arg}`{hint}")
            return lambda frame: frame.run.call_operator(frame, name, args, keywords, site, place)
        if name in names.sized or name in names.unsized:
            return self.fault(node.func, f"`{name}` is an axis, which cannot be called; name an operator or a block")
        if name in COSTS:
            return self.fault(node.func, f"`{name}` is a cost, which cannot be called")
        if name in names.misread or names.partial:
            return lambda frame: None
        callables = {*names.blocks, *TABLE, *BUILTINS, *names.block, *names.top}
        return self.fault(
            node.func, f"`{name}` is neither an operator nor a block nor a decision{operator_hint(name, callables)}"
        )

    def _check_block_call(self, node: ast.Call, params: tuple[str, ...]) -> None:
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if len(node.args) > len(params):
            self.fault(
                node, f"block `{name}` takes {len(params)} arguments ({', '.join(params)}), got {len(node.args)}"
            )
        for keyword in node.keywords:
            if keyword.arg not in (*params, "tied"):
                hint = nearest(keyword.arg or "", params) or f"; it has {', '.join(params) or 'none'}"
                self.fault(keyword, f"block `{name}` has no argument `{keyword.arg}`{hint}")


def _decision(name: str, own: bool, rule: bool) -> Expression:
    """Reading a decision: in equations reading draws it; a rule only looks."""
    if rule:
        return lambda frame: frame.run.peek(frame if own else frame.run.top, name)

    def read_own(frame: Frame) -> Any:
        values = frame.values
        return values[name] if name in values else frame.run.decide(frame, name)

    def read_top(frame: Frame) -> Any:
        top = frame.run.top
        return top.values[name] if name in top.values else frame.run.decide(top, name)

    return read_own if own else read_top


def _boolean(conjunction: bool, values: list[Expression]) -> Expression:
    def both(frame: Frame) -> Any:
        result: Any = True
        for value in values:
            result = value(frame)
            if not result:
                return result
        return result

    def either(frame: Frame) -> Any:
        result: Any = False
        for value in values:
            result = value(frame)
            if result:
                return result
        return result

    return both if conjunction else either


def _returns(statements: list[ast.stmt]) -> bool:
    """Whether every path through the statements ends in `return`."""
    for statement in statements:
        if isinstance(statement, ast.Return):
            return True
        if (
            isinstance(statement, ast.If)
            and statement.orelse
            and _returns(statement.body)
            and _returns(statement.orelse)
        ):
            return True
    return False
