"""Arithmetic of the language: of numbers and lists, with bounds, and of tensors, as operators of the graph."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nas.errors import Fault, Place, SpaceError
from nas.space.values import Tensor, describe

if TYPE_CHECKING:
    from nas.space.program import Expression
    from nas.space.run import Frame

__all__ = ["binary", "bounded_range", "comparison", "describe", "error", "index", "unary"]

LARGEST = 1e18
MAX_LIST = 10_000
MAX_RANGE = 10_000


def error(place: Place, message: str) -> SpaceError:
    return SpaceError(Fault(message, place))


def bounded_list(frame: Frame, items: list[Any], place: Place) -> list[Any]:
    """A list that may stand: of values, or of lists of values, and not too long."""
    total = 0
    for item in items:
        if type(item) is list:
            if any(type(inner) is list for inner in item):
                raise error(place, "a list may hold lists, and those hold none")
            total += len(item)
        total += 1
    if total > MAX_LIST:
        raise error(place, f"a list longer than {MAX_LIST:,}")
    frame.run.spend(total // 16, place)
    return items


_SYMBOLS: dict[type[ast.AST], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", operator.pow),
}


def binary(op: ast.operator, left: Expression, right: Expression, place: Place) -> Expression:
    """`left op right` on numbers, on tensors, on a tensor and a number; `+` also on two lists."""
    symbol, compute = _SYMBOLS[type(op)]
    power = symbol == "**"

    def apply(frame: Frame) -> Any:
        a, b = left(frame), right(frame)
        if type(a) is Tensor or type(b) is Tensor:
            return _of_tensors(frame, symbol, a, b, place)
        if isinstance(a, list) and isinstance(b, list) and symbol == "+":
            return bounded_list(frame, a + b, place)
        if not isinstance(a, int | float) or not isinstance(b, int | float):
            wanted = "two numbers" + (" or two lists" if symbol == "+" else "")
            raise error(place, f"`{symbol}` stands between {describe(a)} and {describe(b)}; it takes {wanted}")
        if power and abs(a) > 1 and b * math.log2(abs(a)) > 62:
            raise error(place, "numbers end at 1e18")
        try:
            result = compute(a, b)
        except ZeroDivisionError:
            raise error(place, "division by zero") from None
        if isinstance(result, complex) or not abs(result) <= LARGEST:
            raise error(place, "numbers end at 1e18")
        return result

    return apply


_TENSOR_SYMBOLS = ("+", "-", "*", "/", "**")


def _of_tensors(frame: Frame, symbol: str, a: Any, b: Any, place: Place) -> Tensor:
    """`a symbol b`, at least one of them a tensor, as operators of the graph."""

    def node(op: str, *tensors: Tensor, by: float | None = None) -> Tensor:
        given = {} if by is None else {"by": float(by)}
        return frame.run.apply(frame, op, tuple(tensor.id for tensor in tensors), (), given, "", place)

    for value in (a, b):
        if type(value) is not Tensor and not isinstance(value, int | float):
            took = "a tensor and a number" if symbol == "**" else "tensors and numbers"
            raise error(place, f"`{symbol}` stands between {describe(a)} and {describe(b)}; it takes {took}")
    if symbol not in _TENSOR_SYMBOLS:
        listed = ", ".join(f"`{known}`" for known in _TENSOR_SYMBOLS)
        raise error(place, f"`{symbol}` stands between {describe(a)} and {describe(b)}; tensors know {listed}")
    if symbol == "**":
        if type(b) is Tensor:
            raise error(place, f"`**` raises {describe(a)} to {describe(b)}; the exponent is a number")
        return node("power", a, by=b)
    if type(a) is Tensor and type(b) is Tensor:
        if symbol == "-":
            b = node("times", b, by=-1)
        return node({"*": "multiply", "/": "divide"}.get(symbol, "add"), a, b)
    if type(b) is Tensor:  # a number stands before it
        if symbol == "/":
            inverse = node("power", b, by=-1)
            return inverse if a == 1 else node("times", inverse, by=a)
        a, b = (node("times", b, by=-1) if symbol == "-" else b), a
        symbol = "+" if symbol == "-" else symbol
    if symbol == "/":
        b = _inverse(b, place)
    return node("times", a, by=b) if symbol in "*/" else node("plus", a, by=-b if symbol == "-" else b)


def _inverse(number: float, place: Place) -> float:
    if not number:
        raise error(place, "division by zero")
    if abs(number) < 1 / LARGEST:
        raise error(place, "numbers end at 1e18")
    return 1 / number


def truth(value: Expression, place: Place) -> Expression:
    """A test. Tensors are none: a tensor that only a test reads would be lost from the graph unseen."""

    def apply(frame: Frame) -> Any:
        result = value(frame)
        if type(result) is Tensor or type(result) is list:
            raise error(place, f"a test looks at {describe(result)}; it takes a comparison, such as depth > 2")
        return result

    return apply


def unary(op: ast.unaryop, value: Expression, place: Place) -> Expression:
    if isinstance(op, ast.Not):
        test = truth(value, place)
        return lambda frame: not test(frame)
    minus = isinstance(op, ast.USub)

    def apply(frame: Frame) -> Any:
        number = value(frame)
        if type(number) is Tensor:
            return _of_tensors(frame, "*", number, -1, place) if minus else number
        if not isinstance(number, int | float):
            raise error(place, f"a sign stands before {describe(number)}; it takes a number or a tensor")
        return -number if minus else +number

    return apply


_COMPARE: dict[type[ast.AST], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda a, b: a in b),
    ast.NotIn: ("not in", lambda a, b: a not in b),
}


def comparison(ops: list[ast.cmpop], operands: list[Expression], place: Place) -> Expression:
    """A chain such as `8 <= hidden < skip`."""
    tests = [_COMPARE[type(op)] for op in ops]

    def apply(frame: Frame) -> bool:
        a = operands[0](frame)
        for (symbol, test), operand in zip(tests, operands[1:], strict=True):
            b = operand(frame)
            if type(a) is Tensor or type(b) is Tensor:
                raise error(place, f"`{symbol}` compares {describe(a)} with {describe(b)}; it takes numbers and words")
            if type(a) is list or type(b) is list:
                frame.run.spend(sum(len(side) for side in (a, b) if type(side) is list) // 16, place)
                if _holds_tensors(a) or _holds_tensors(b):
                    raise error(place, f"`{symbol}` looks into a list of tensors; it takes numbers and words")
            if symbol in ("<", "<=", ">", ">="):
                if not isinstance(a, int | float) or not isinstance(b, int | float):
                    raise error(place, f"`{symbol}` compares {describe(a)} with {describe(b)}; it takes two numbers")
            elif symbol in ("in", "not in") and not isinstance(b, list):
                raise error(place, f"`{symbol}` looks into {describe(b)}; it takes a list")
            if not test(a, b):
                return False
            a = b
        return True

    return apply


def _holds_tensors(value: Any) -> bool:
    if type(value) is list:
        return any(map(_holds_tensors, value))
    return type(value) is Tensor


def index(value: Expression, position: Expression, place: Place) -> Expression:
    def apply(frame: Frame) -> Any:
        items, at = value(frame), position(frame)
        if not isinstance(items, list):
            raise error(place, f"`[…]` takes an element of a list, and this is {describe(items)}")
        if isinstance(at, bool) or not isinstance(at, int):
            raise error(place, f"a list is indexed by an integer, not by {describe(at)}")
        if not -len(items) <= at < len(items):
            raise error(place, f"the list has {len(items)} elements, there is no number {at}")
        return items[at]

    return apply


def rounds(items: Any, place: Place) -> list[Any]:
    """What a loop goes over where it is no `range`. Raises: SpaceError: it is no list."""
    if type(items) is not list:
        raise error(place, f"a loop goes over `range(…)` or a list, and this is {describe(items)}")
    return items


def bounded_range(bounds: list[Any], place: Place) -> range:
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise error(place, f"`range` takes integers, got {describe(bound)}")
    if len(bounds) == 3 and bounds[2] == 0:
        raise error(place, "`range` needs a step other than 0")
    values = range(*map(int, bounds))
    if len(values) > MAX_RANGE:
        raise error(place, f"a loop of {len(values):,} rounds; at most {MAX_RANGE:,}")
    return values
