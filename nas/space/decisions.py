"""`choose:` entries → decisions: lists, integers and numbers with their bounds."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import Any

from nas.errors import Fault, Place, nearest
from nas.graph.operators import TABLE
from nas.space.aliases import operator_hint
from nas.space.arithmetic import error
from nas.space.compiler import Compiler, Names
from nas.space.domains import Categorical, Domain, Integer, Real, Value
from nas.space.program import COSTS, DecisionSpec, ElementSpec, Expression, RuleSpec
from nas.space.rules import RULES, compiled
from nas.space.run import Frame
from nas.space.syntax import parse_expression, text_of
from nas.space.values import describe
from nas.space.yaml_tree import Tree

_FORMS = "a list of values, {int: [low, high]} or {float: [low, high]}"
_OPTIONS = {"choice": ("choice", "weights"), "int": ("int", "step", "log"), "float": ("float", "step", "log")}
_SOLVE = ("solve", "int", "step")
_RANGE = re.compile(r"([-+]?\d+(?:\.\d+)?)(?:\.\.\.?|…)([-+]?\d+(?:\.\d+)?)")
_CALL = re.compile(r"[A-Za-z]\w*\s*\(")
MAX_ELEMENTS = 1_000


def read_decision(
    name: str, place: Place, tree: Tree, names: Names, lines: tuple[str, ...], faults: list[Fault], read: set[str]
) -> DecisionSpec | None:
    """One entry of `choose`; None, with faults added, where it is not one."""
    return _Decision(name, place, names, lines, faults, read).spec(tree)


class _Decision:
    def __init__(
        self, name: str, place: Place, names: Names, lines: tuple[str, ...], faults: list[Fault], read: set[str]
    ) -> None:
        self.name = name
        self.place = place
        self.names = names
        self.lines = lines
        self.faults = faults
        self.read = read

    def fault(self, tree: Tree, message: str) -> None:
        self.faults.append(Fault(message, tree.place))

    def spec(self, tree: Tree) -> DecisionSpec | None:
        if tree.kind == "list":
            return self._choice(tree, None)
        if tree.kind != "mapping":
            self.fault(
                tree, f"`{self.name}` is {_FORMS}; this is {tree.describe()} (a fixed value belongs in the equations)"
            )
            return None
        kinds = [kind for kind in _OPTIONS if kind in tree.keys]
        if "solve" in tree.keys:
            return self._solved(tree)
        if len(kinds) > 1:
            self.fault(tree, f"`{self.name}` has {' and '.join(f'`{kind}`' for kind in kinds)}; it takes one of them")
            return None
        if not kinds:
            known = sorted({option for options in _OPTIONS.values() for option in options})
            odd = next((key for key in tree.keys if key not in known), None)
            hint = f"; `{odd}` is not known{nearest(odd, known)}" if odd else ""
            self.fault(tree, f"`{self.name}` is {_FORMS}{hint}")
            return None
        kind = kinds[0]
        if not self._only(tree, kind, _OPTIONS[kind]):
            return None
        value = tree.keys[kind][1]
        if kind == "choice":
            if value.kind != "list":
                self.fault(value, f"`choice` is a list of values; this is {value.describe()}")
                return None
            return self._choice(value, tree.get("weights"))
        return self._number(kind, value, tree)

    def _only(self, tree: Tree, kind: str, options: tuple[str, ...]) -> bool:
        """Whether nothing stands here that does not belong to the kind."""
        for key, (place, _) in tree.keys.items():
            if key not in options:
                hint = nearest(key, options) or f"; it has {', '.join(options)}"
                self.faults.append(Fault(f"`{self.name}` is of kind `{kind}` and has no `{key}`{hint}", place))
                return False
        return True

    # ------------------------------------------------------------------ solved values

    def _solved(self, tree: Tree) -> DecisionSpec | None:
        if self.names.inside:
            self.fault(tree, f"a value is solved for the whole architecture; `{self.name}` belongs in the top `choose`")
            return None
        if not self._only(tree, "solve", _SOLVE):
            return None
        bounds = tree.get("int")
        if bounds is None:
            self.fault(tree, f'`{self.name}` is solved between bounds: {{solve: "params <= budget", int: [low, high]}}')
            return None
        rule = self._rule(tree.keys["solve"][1])
        spec = self._number("int", bounds, tree)
        if spec is not None:
            spec.solve = rule
        return spec if rule is not None else None

    def _rule(self, item: Tree) -> RuleSpec | None:
        """The rule of a solved value. Unlike other rules it draws what it reads: the value cannot do without."""
        if item.kind != "scalar" or not isinstance(item.value, str):
            self.fault(item, f'`solve` is a rule, such as "params <= budget"; this is {item.describe()}')
            return None
        before = len(self.faults)
        text = text_of(item, self.lines)
        node = parse_expression(text, self.faults)
        if node is None:
            return None
        if not isinstance(node, RULES):
            self.fault(item, "`solve` is a rule that says what must hold, such as params <= budget")
            return None
        rule = compiled(item, node, Compiler(text, replace(self.names, costs=True), self.faults, self.read))
        if not rule.costly and not self.names.partial and len(self.faults) == before:
            self.fault(item, f"`solve` bounds a cost, and this rule reads none of {', '.join(COSTS)}")
            return None
        return rule

    # ------------------------------------------------------------------ lists

    def _choice(self, tree: Tree, weights: Tree | None) -> DecisionSpec | None:
        if not tree.items:
            self.fault(tree, f"`{self.name}` has nothing to choose from; a choice needs at least one element")
            return None
        if len(tree.items) > MAX_ELEMENTS:
            self.fault(tree, f"`{self.name}` has more than {MAX_ELEMENTS:,} elements; use {{int: [low, high]}}")
            return None
        before = len(self.faults)
        elements = [element for item in tree.items if (element := self._element(item)) is not None]
        self._one_kind(tree)
        seen: dict[tuple[bool, Value], ElementSpec] = {}
        for element in elements:
            key = (isinstance(element.value, bool), element.value)
            if key in seen:
                self.faults.append(
                    Fault(f"`{element.value}` stands twice in `{self.name}`; use `weights` to prefer it", element.place)
                )
            seen[key] = element
        shares = self._weights(weights, len(tree.items)) if weights is not None else None
        if len(self.faults) > before:
            return None
        domain = Categorical(tuple(element.value for element in elements), shares)
        by_value = {element.value: element for element in elements if element.callee}
        return DecisionSpec(self.name, self.place, lambda frame: domain, domain, tuple(elements), by_value)

    def _element(self, item: Tree) -> ElementSpec | None:
        if item.kind != "scalar":
            self.fault(item, f"an element is a value, a word or an operator with arguments; this is {item.describe()}")
            return None
        value = item.value
        if isinstance(value, int | float) and not abs(value) <= 1e18:
            self.fault(item, f"`{self.name}` takes numbers up to 1e18; this is {item.describe()}")
            return None
        if not isinstance(value, str):
            return ElementSpec(value, item.place)
        if not value.isprintable():
            self.fault(item, "a word is a single line of characters that can be printed")
            return None
        span = _RANGE.fullmatch(value) if not item.style else None
        if span is not None:
            low, high = span.groups()
            kind = "float" if "." in low + high else "int"
            self.fault(item, f"this is a word, not a range; write `{self.name}: {{{kind}: [{low}, {high}]}}`")
            return None
        if not item.style and re.fullmatch(r"[-+]?[0-9][0-9_.]*", value):
            plain = value.replace("_", "")
            hint = f"; write {plain}" if "_" in value and len(plain) <= 18 else ""
            self.fault(item, f"YAML reads this as a word, not as a number{hint}; a word stands in quotes")
            return None
        if value in self.names.blocks or (value in TABLE and value != "input"):
            return ElementSpec(value, item.place, value)
        if not _CALL.match(value):
            return ElementSpec(value, item.place)
        return self._bound(item)

    def _bound(self, item: Tree) -> ElementSpec | None:
        """An element such as `kan(grid=5)`."""
        text = text_of(item, self.lines)
        node = parse_expression(text, self.faults)
        if node is None:
            return None
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            self.fault(item, "an element that binds arguments is written `kan(grid=5)`")
            return None
        callee = node.func.id
        operator = TABLE.get(callee) if callee != "input" else None
        if callee not in self.names.blocks and operator is None:
            known = {*self.names.blocks, *TABLE}
            self.faults.append(
                Fault(
                    f"`{callee}` is neither an operator nor a block{operator_hint(callee, known)}",
                    text.place(node.func),
                )
            )
            return None
        if node.args:
            self.faults.append(Fault("an element binds its arguments by name: `kan(grid=5)`", text.place(node.args[0])))
            return None
        allowed = self.names.blocks.get(callee) or tuple(argument.name for argument in operator.arguments if operator)  # type: ignore[union-attr]
        for keyword in node.keywords:
            if keyword.arg not in allowed:
                message = f"`{callee}` has no argument `{keyword.arg}`{nearest(keyword.arg or '', allowed)}"
                self.faults.append(Fault(message, text.place(keyword)))
        compiler = Compiler(text, self.names, self.faults, self.read)
        bound = tuple((keyword.arg or "", compiler.expression(keyword.value)) for keyword in node.keywords)
        try:
            spelled = ast.unparse(node)  # one spelling, however it is written
        except RecursionError:
            spelled = item.text
        names = {part.id for keyword in node.keywords for part in ast.walk(keyword) if isinstance(part, ast.Name)}
        return ElementSpec(spelled, item.place, callee, bound, frozenset(names))

    def _one_kind(self, tree: Tree) -> None:
        """Numbers and words do not mix: one of them is a slip."""
        kinds = [_kind(item.value) for item in tree.items if item.kind == "scalar" and item.value is not None]
        if not kinds:
            return
        for item in tree.items:
            numbers = {"integers", "numbers"} >= {kinds[0], _kind(item.value)}
            if item.kind == "scalar" and item.value is not None and _kind(item.value) != kinds[0] and not numbers:
                self.fault(item, f"`{self.name}` takes {kinds[0]} here, got {item.describe()}")

    def _weights(self, tree: Tree, count: int) -> tuple[float, ...] | None:
        values = tree.plain()
        right = isinstance(values, list) and all(
            isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e18 for value in values
        )
        if not right or len(values) != count or sum(values) <= 0:
            self.fault(
                tree, f"`weights` is a list of {count} numbers, none below 0 and not all 0; one for each element"
            )
            return None
        return tuple(float(value) for value in values)

    # ------------------------------------------------------------------ numbers

    def _number(self, kind: str, value: Tree, tree: Tree) -> DecisionSpec | None:
        before = len(self.faults)
        if value.kind != "list" or len(value.items) != 2:
            shown = f"a list of {len(value.items)}" if value.kind == "list" else value.describe()
            self.fault(value, f"`{kind}` is [low, high]; this is {shown}")
            return None
        log = tree.get("log")
        if log is not None and not isinstance(log.value, bool):
            self.fault(log, f"`log` is true or false; this is {log.describe()}")
        step = tree.get("step")
        bounds = [self._bound_value(item, kind) for item in value.items]
        stride = self._bound_value(step, kind) if step is not None else None
        if len(self.faults) > before:
            return None
        place = value.place
        spread = bool(log is not None and log.value)

        def domain(frame: Frame) -> Domain:
            low, high = (bound(frame) if callable(bound) else bound for bound in bounds)
            by = stride(frame) if callable(stride) else stride
            return _checked(self.name, kind, low, high, by, spread, place)

        constant: Domain | None = None
        if not any(map(callable, (*bounds, stride))):
            try:
                constant = _checked(self.name, kind, bounds[0], bounds[1], stride, spread, place)
            except Exception as problem:
                self.faults.extend(getattr(problem, "faults", ()))
                return None
        return DecisionSpec(self.name, self.place, domain, constant)

    def _bound_value(self, item: Tree, kind: str) -> Any:
        """A bound: a number, or an expression over arguments and decisions."""
        value = item.value
        if item.kind == "scalar" and isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if item.kind != "scalar" or not isinstance(value, str):
            self.fault(item, f"a bound of `{self.name}` is a number or an expression; this is {item.describe()}")
            return None
        text = text_of(item, self.lines)
        node = parse_expression(text, self.faults)
        if node is None:
            return None
        if all(
            isinstance(part, ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop)
            for part in ast.walk(node)
        ):
            try:
                return Compiler(text, self.names, self.faults, self.read).expression(node)(None)  # type: ignore[arg-type]
            except Exception as problem:
                self.faults.extend(getattr(problem, "faults", ()))
                return None
        compiled: Expression = Compiler(text, self.names, self.faults, self.read).expression(node)
        return compiled


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    return "words" if isinstance(value, str) else "numbers" if isinstance(value, float) else "integers"


def _checked(name: str, kind: str, low: Any, high: Any, step: Any, log: bool, place: Place) -> Domain:
    """The domain, or the reason why these bounds make none."""
    for bound in (low, high, *(() if step is None else (step,))):
        if isinstance(bound, bool) or not isinstance(bound, int | float) or not abs(bound) <= 1e18:
            raise error(place, f"the bounds of `{name}` are numbers up to 1e18, got {describe(bound)}")
        if kind == "int" and bound != int(bound):
            raise error(place, f"`{name}` takes integers, got {describe(bound)}")
    if low > high:
        raise error(place, f"`{name}` has no values: its low end {low:g} is above its high end {high:g}")
    if step is not None and step <= 0:
        raise error(place, f"the step of `{name}` is a positive number, got {step:g}")
    if log and low <= 0:
        raise error(place, f"`{name}` is drawn on a log scale, which starts above 0; its low end is {low:g}")
    if kind == "int":
        whole = Integer(int(low), int(high), int(step or 1), log)
        return Integer(whole.low, whole.low + whole.step * (whole.size - 1), whole.step, log)
    return Real(float(low), float(high), float(step) if step is not None else None, log)
