"""Equations as text → a checked Python syntax tree. Parsed with `ast`, never executed; every node knows its place."""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

from nas.errors import Fault, Place
from nas.space.aliases import operator_called
from nas.space.yaml_tree import Tree

MAX_CHARACTERS = 20_000
MAX_NESTING = 40

_STATEMENTS = "it has assignments, `for … in …`, `if` and `return`"
_ALLOWED: tuple[type[ast.AST], ...] = (
    ast.Module, ast.Expression, ast.Assign, ast.AugAssign, ast.For, ast.If, ast.Return, ast.IfExp,
    ast.Name, ast.Constant, ast.Call, ast.keyword, ast.List, ast.Tuple, ast.Subscript,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Load, ast.Store,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.UAdd, ast.USub, ast.Not, ast.And, ast.Or,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn,
)  # fmt: skip
_NAMES = {
    ast.Import: "`import`", ast.ImportFrom: "`import`", ast.Lambda: "`lambda`", ast.FunctionDef: "`def`; write a block",
    ast.ClassDef: "`class`", ast.While: "`while`", ast.ListComp: "comprehensions", ast.GeneratorExp: "comprehensions",
    ast.DictComp: "comprehensions", ast.SetComp: "comprehensions", ast.Dict: "dicts", ast.Set: "sets",
    ast.JoinedStr: "f-strings", ast.Starred: "`*` before a value", ast.NamedExpr: "`:=`", ast.Try: "`try`", ast.With: "`with`",
    ast.Slice: "slices", ast.Pass: "`pass`", ast.Delete: "`del`", ast.Global: "`global`", ast.Nonlocal: "`nonlocal`",
    ast.Assert: "`assert`", ast.Raise: "`raise`", ast.Break: "`break`", ast.Continue: "`continue`", ast.Match: "`match`",
    ast.AnnAssign: "type annotations", ast.Await: "`await`", ast.Yield: "`yield`", ast.YieldFrom: "`yield`",
    ast.AsyncFunctionDef: "`async`", ast.AsyncFor: "`async`", ast.AsyncWith: "`async`",
    ast.MatMult: "`@`", ast.Is: "`is`; write `==`", ast.IsNot: "`is not`; write `!=`", ast.BitOr: "`|`; write `or`",
    ast.BitAnd: "`&`; write `and`", ast.BitXor: "`^`; powers are `**`", ast.LShift: "`<<`", ast.RShift: "`>>`",
    ast.Invert: "`~`; write `not`",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A piece of a file that holds equations, and where its lines stand in that file."""

    text: str
    file: str
    lines: tuple[str, ...]  # the file's lines
    line: int  # 1-based line of the first line of `text`
    indent: int  # columns before each line of `text`
    first_indent: int  # columns before the first line
    whole: Place | None = None  # where columns are not those of the file: the place of everything

    @cached_property
    def rows(self) -> list[str]:
        """The lines of `text`."""
        return self.text.split("\n")

    def place(self, node: ast.AST) -> Place:
        """Where a node of the parsed text stands in the file."""
        line = getattr(node, "lineno", 1)
        source = self.rows[line - 1] if line <= len(self.rows) else ""
        start = _characters(source, getattr(node, "col_offset", 0))
        end_line, end_byte = getattr(node, "end_lineno", line), getattr(node, "end_col_offset", None)
        end = _characters(source, end_byte) if end_byte is not None and end_line == line else len(source)
        return self.at(line, start, max(1, end - start))

    def at(self, line: int, column: int, width: int = 1) -> Place:
        """The place of 1-based `line` and 0-based `column` of the text."""
        if self.whole is not None:
            return self.whole
        number = self.line + line - 1
        shown = self.lines[number - 1] if 0 < number <= len(self.lines) else ""
        indent = self.first_indent if line == 1 else self.indent
        return Place(self.file, number, indent + column + 1, shown, width)


def text_of(tree: Tree, lines: tuple[str, ...]) -> Text:
    """The equations held by a YAML scalar."""
    place = tree.place
    if tree.style == "|":
        return Text(tree.text, place.file, lines, tree.content_line, tree.content_indent, tree.content_indent)
    start = place.column - 1 + (1 if tree.style else 0)
    exact = place.text[start : start + len(tree.text)] == tree.text  # no escapes, no lines joined
    return Text(tree.text, place.file, lines, place.line, start, start, None if exact else place)


def parse_body(text: Text, faults: list[Fault]) -> list[ast.stmt] | None:
    """The statements of a block or model; None, with faults added, where they are not the language."""
    tree = _parse(text, "exec", faults)
    if tree is None:
        return None
    assert isinstance(tree, ast.Module)
    if not tree.body:
        faults.append(Fault("there are no equations here", text.at(1, 0)))
        return None
    return tree.body


def parse_expression(text: Text, faults: list[Fault]) -> ast.expr | None:
    """One expression, or None with faults added."""
    tree = _parse(text, "eval", faults)
    return tree.body if isinstance(tree, ast.Expression) else None


def _parse(text: Text, mode: str, faults: list[Fault]) -> ast.AST | None:
    if len(text.text) > MAX_CHARACTERS:
        faults.append(Fault(f"equations longer than {MAX_CHARACTERS:,} characters", text.at(1, 0)))
        return None
    deep = _deepest(text.text)
    if deep is not None:
        faults.append(Fault(f"brackets nested deeper than {MAX_NESTING}", text.at(*deep)))
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: ast.AST = ast.parse(text.text, mode=mode)
    except SyntaxError as problem:
        faults.append(_unreadable(problem, text, mode))
        return None
    except (RecursionError, MemoryError, ValueError):
        faults.append(Fault(f"this is nested deeper than {MAX_NESTING}", text.at(1, 0)))
        return None
    before = len(faults)
    _check(tree, text, faults, 0)
    return tree if len(faults) == before else None


_PLAIN = {
    "≤": "<=", "≥": ">=", "≠": "!=", "×": "*", "·": "*", "−": "-", "–": "-", "÷": "/", "²": "**2",
    **dict.fromkeys("“”„«»‘’‚`", '"'),
}  # fmt: skip
_SAYINGS = {
    r"unexpected indent": "this line is indented, and no `for` or `if` is above it",
    r"unindent does not match": "this line is indented like none of those above it",
    r"inconsistent use of tabs": "tabs and spaces mix here; indent with spaces",
    r"expected an indented block after '(\w+)'": "below the `{}` above an indented line is missing",
    r"expected '(.+)'": "a `{}` is missing here",
    r"'(.)' was never closed": "this `{}` is not closed",
    r"unmatched '(.)'": "this `{}` closes nothing",
    r"unterminated string": "the text in quotes that begins here has no closing quote",
    r"closing parenthesis '(.)' does not match opening parenthesis '(.)'": "this `{}` cannot close the `{}`",
    r"leading zeros": "a number does not begin with 0",
    r"positional argument follows keyword": "an argument without a name stands behind one with a name; it comes first",
}


def _unreadable(problem: SyntaxError, text: Text, mode: str) -> Fault:
    """What Python's parser says, at the place where it says it."""
    said = problem.msg or ""
    line = max(problem.lineno or 1, 1)
    row = text.rows[line - 1] if line <= len(text.rows) else ""
    column = (problem.offset or 0) - 1
    if isinstance(problem, IndentationError):
        column = len(row) - len(row.lstrip())
        return Fault(_said(said), text.at(line, column))
    if said.startswith("Exceeds the limit"):  # of the digits that Python reads
        return Fault("numbers end at 1e18", text.at(line, max(column, 0)))
    if column < 0:  # the text ends where more was expected
        return Fault("something is missing at the end", text.at(line, max(len(row.rstrip()) - 1, 0)))
    if row[column : column + 1] == "=" and row[column + 1 : column + 2] != "=" and mode == "eval":
        return Fault("`=` does not compare; write `==`", text.at(line, column))
    if "'==' or ':=' instead of '='" in said:
        return Fault("`=` does not compare; write `==`", text.at(line, column))
    if said.startswith("invalid decimal literal"):
        return Fault(_number_in_words(row), text.at(line, column))
    if said.startswith("cannot assign to"):
        return Fault("on the left of `=` stands a name", text.at(line, column))
    return Fault(_said(said), text.at(line, column))


def _number_in_words(row: str) -> str:
    """The way out where digits and letters stand together, such as `30k`."""
    match = re.search(r"\b(\d{1,6})([kKmM])\b", row)
    if match is None:
        return "this is no number; numbers are written `30_000`, `0.5` or `1e6`"
    number = int(match.group(1)) * (1_000 if match.group(2) in "kK" else 1_000_000)
    return f"`{match.group()}` is no number; numbers are written `{number:_}`"


def _said(said: str) -> str:
    """The parser's words in ours."""
    if said.startswith("invalid syntax") or not said:
        return "this cannot be read from here on"
    character = re.match(r"invalid (?:non-printable )?character (?:'(.)' )?\(?U\+([0-9A-F]+)", said)
    if character is not None:
        shown = f"`{character.group(1)}`" if character.group(1) else f"the character U+{character.group(2)}"
        plain = _PLAIN.get(character.group(1) or "")
        return f"{shown} is none of the language's characters" + (f"; write `{plain}`" if plain else "")
    for pattern, ours in _SAYINGS.items():
        match = re.match(pattern, said)
        if match is not None:
            return ours.format(*match.groups())
    return re.sub(r" on line \d+", "", said.split(". ")[0])


def _check(node: ast.AST, text: Text, faults: list[Fault], depth: int) -> None:
    if depth > 2 * MAX_NESTING:
        faults.append(Fault(f"this is nested deeper than {MAX_NESTING}", text.place(node)))
        return
    problem = _problem(node)
    if problem:
        faults.append(Fault(problem, text.place(node)))
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.operator | ast.unaryop | ast.cmpop) and not isinstance(child, _ALLOWED):
            faults.append(
                Fault(f"the language has no {_NAMES.get(type(child), type(child).__name__)}", text.place(node))
            )
            return
        _check(child, text, faults, depth + 1)


def _problem(node: ast.AST) -> str | None:
    """What of the language's rules a single node breaks."""
    if not isinstance(node, _ALLOWED):
        if isinstance(node, ast.Expr):
            return "nothing uses this result; assign it to a name, or return it"
        if isinstance(node, ast.Attribute):
            return "the language has no `.`; a size is `size(x, axis)`, an operator is called by its name"
        name = _NAMES.get(type(node), f"`{type(node).__name__.lower()}`")
        return f"the language has no {name}" if ";" in name else f"the language has no {name}; {_STATEMENTS}"
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bytes | complex) or node.value is Ellipsis:
            return "a value is a number, a word in quotes, True, False or None"
        if isinstance(node.value, int | float) and abs(node.value) > 1e18:
            return "numbers end at 1e18"
    elif isinstance(node, ast.For):
        if not isinstance(node.target, ast.Name):
            return "a loop has one variable: `for i in range(…)`, `for item in list`"
        if node.orelse:
            return "the language has no `else` after a loop"
    elif isinstance(node, ast.Assign):
        if len(node.targets) != 1 or not _is_target(node.targets[0]):
            return "assign to a name, or to several names in a tuple"
    elif isinstance(node, ast.AugAssign):
        if not isinstance(node.target, ast.Name):
            return "assign to a name"
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            name = operator_called(node.func.attr) or node.func.attr
            return f"the language has no methods; call an operator by its name: `{name}(…)`"
        if not isinstance(node.func, ast.Name):
            return "call an operator, a block or a decision by its name"
        if any(keyword.arg is None for keyword in node.keywords):
            return "the language has no `**` before an argument"
    elif isinstance(node, ast.Return):
        if node.value is None:
            return "`return` needs a value"
    elif isinstance(node, ast.Name) and node.id.startswith("_"):
        return f"`{node.id}`: a name does not start with an underscore"
    return None


def is_range(node: ast.expr) -> TypeGuard[ast.Call]:
    """Whether this is `range(…)`, which stands only behind the `in` of a loop."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"


def _is_target(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple):
        return all(isinstance(part, ast.Name) for part in node.elts)
    return isinstance(node, ast.Name)


def _deepest(text: str) -> tuple[int, int] | None:
    """Where brackets nest too deep, as (line, column), before Python's own parser has to find out."""
    depth = 0
    for number, line in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line):
            depth += (character in "([{") - (character in ")]}")
            if depth > MAX_NESTING:
                return number, column
    return None


def _characters(line: str, offset: int | None) -> int:
    """A column in characters from `ast`'s column in UTF-8 bytes."""
    if offset is None or line.isascii():
        return offset or 0
    return len(line.encode()[:offset].decode(errors="ignore"))
