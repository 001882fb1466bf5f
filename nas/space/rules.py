"""`require:` lines, and the settings of `recipe:`."""

from __future__ import annotations

import ast

from nas.errors import Fault
from nas.space.compiler import Compiler, Names
from nas.space.faults import Faults
from nas.space.program import COSTS, GROWING_COSTS, Expression, RuleSpec
from nas.space.reading import Reading
from nas.space.syntax import parse_expression, text_of
from nas.space.yaml_tree import Tree

RULES = ast.Compare | ast.BoolOp | ast.IfExp | ast.UnaryOp | ast.Name  # expressions that can be one


def rules(reading: Reading, tree: Tree, names: Names, read: set[str]) -> list[RuleSpec]:
    """The rules of a scope; `read` collects the decisions that they look at."""
    require = tree.get("require")
    found: list[RuleSpec] = []
    if require is None:
        return found
    if require.kind != "list":
        message = f"`require` is a list of rules, such as [params <= 2_000_000]; this is {require.describe()}"
        reading.fault(require, message)
        return found
    for item in require.items:
        rule = _rule(reading, item, names, read)
        if rule is not None:
            found.append(rule)
    return found


def _rule(reading: Reading, item: Tree, names: Names, read: set[str]) -> RuleSpec | None:
    if item.kind != "scalar" or not isinstance(item.value, str):
        reading.fault(item, f"a rule is a comparison, such as params <= 2_000_000; this is {item.describe()}")
        return None
    before = len(reading.faults)
    text = text_of(item, reading.lines)
    node = parse_expression(text, reading.faults)
    if node is None:
        return None
    if not isinstance(node, RULES):
        reading.fault(item, "a rule says what must hold, such as hidden < skip")
        return None
    rule = compiled(item, node, Compiler(text, names, reading.faults, read))
    looks = {*names.top, *names.block, *names.locals, *names.sized, *COSTS}
    if not rule.mentions & looks and not names.partial and len(reading.faults) == before:
        reading.fault(item, "this rule reads no decision and no cost, so it says the same of every candidate")
    return rule


def compiled(item: Tree, node: ast.expr, compiler: Compiler) -> RuleSpec:
    """The rule that `item` holds and that was parsed to `node`."""
    mentions = frozenset(part.id for part in ast.walk(node) if isinstance(part, ast.Name))
    return RuleSpec(item.text.strip(), item.place, compiler.expression(node), _early(node, compiler), mentions)


def _early(node: ast.expr, compiler: Compiler) -> tuple[str, Expression, bool] | None:
    """`cost <= limit`, where the limit reads no cost: a bound that a partial graph can already break."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    small, large, op = node.left, node.comparators[0], node.ops[0]
    if isinstance(op, ast.Gt | ast.GtE):
        small, large = large, small
    elif not isinstance(op, ast.Lt | ast.LtE):
        return None
    if not isinstance(small, ast.Name) or small.id not in GROWING_COSTS:
        return None
    if any(isinstance(part, ast.Name) and part.id in COSTS for part in ast.walk(large)):
        return None
    return small.id, compiler.expression(large), isinstance(op, ast.Lt | ast.Gt)


def recipe(reading: Reading, names: Names, read: set[str]) -> dict[str, Expression]:
    """Training settings by name; their expressions read decisions as the equations do."""
    tree = reading.tree.get("recipe")
    found: dict[str, Expression] = {}
    if tree is None:
        return found
    if tree.kind != "mapping":
        reading.fault(
            tree, f"`recipe` maps training settings to values, such as {{lr: 1e-3}}; this is {tree.describe()}"
        )
        return found
    for key, (_, value) in tree.keys.items():
        found[key] = _setting(reading, value, names, read)
    return found


def _setting(reading: Reading, value: Tree, names: Names, read: set[str]) -> Expression:
    """A training setting: a value, a word, an expression over decisions, or a mapping of such."""
    if value.kind == "mapping":
        inside = {key: _setting(reading, item, names, read) for key, (_, item) in value.keys.items()}
        return lambda frame: {key: setting(frame) for key, setting in inside.items()}
    plain = value.plain()
    if not isinstance(plain, str) or value.style in ("'", '"'):
        return lambda frame: plain
    quiet = Faults()
    text = text_of(value, reading.lines)
    node = parse_expression(text, quiet)
    if node is None or _is_word(node, {*names.top, *names.sized}):
        return lambda frame: plain
    setting = Compiler(text, names, quiet, read).expression(node)
    if any(isinstance(part, ast.Compare) for part in ast.walk(node)):  # surely no word
        reading.faults.extend(quiet)
    else:
        hint = "; put it in quotes if it is a word"
        reading.faults.extend(Fault(fault.message + hint, fault.place) for fault in quiet)
    return setting


def _is_word(node: ast.expr, known: set[str]) -> bool:
    """Whether this is a word such as `cosine` or `one-cycle` rather than an expression."""
    parts = list(ast.walk(node))
    if any(isinstance(part, ast.Constant | ast.Call) for part in parts):
        return False
    return not any(isinstance(part, ast.Name) and part.id in known for part in parts)
