"""`nas ops`: the operators of the language, as a list, one in full, as JSON, or as the page of the documentation."""

from __future__ import annotations

import argparse
import inspect
import re
import sys
import textwrap
from typing import Any

from nas.cli.options import add_json, print_json
from nas.errors import NasError, nearest
from nas.graph.cost import Costs, costs
from nas.graph.examples import SYMBOLS, TENSORS, example_of
from nas.graph.graph import Graph
from nas.graph.operators import TABLE
from nas.graph.operators.table import REQUIRED, Argument, Operator
from nas.space.builtins import BUILTINS

_WIDTH = 100
_CALL = 36  # columns of the list that calls take
_INTRODUCTION = f"""\
# Operators

Every operator of the language: what it computes, its arguments, how many parameters it has, and an example. This page is
made by `nas ops --markdown > docs/operators.md`; `nas ops NAME` shows one of them in the terminal.

Tensors come first in a call, then the arguments in the order of the table; those with a default may be left out or given by
name. An operator that works along an axis takes the last one unless `axis` names another. The batch is never written.

Counts are those of the parameters. What stands before `with` an argument is there where that is true. Names are those of
arguments, or

{"".join(f"- `{name}`: {meaning}{chr(10)}" for name, meaning in SYMBOLS.items())}
MACs are multiply-accumulates for one sample; only contractions count.
"""


def add_ops(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="one operator, in full")
    add_json(parser)
    parser.add_argument("--markdown", action="store_true", help="the page docs/operators.md")
    parser.set_defaults(run=run_ops)


def run_ops(options: argparse.Namespace) -> int:
    if options.name in BUILTINS:
        print(
            f"{inspect.getdoc(BUILTINS[options.name]) or options.name}\n\nA function of the language; see docs/language.md."
        )
        return 0
    if options.name and options.name not in TABLE:
        raise NasError(f"there is no operator `{options.name}` among those of `nas ops`{nearest(options.name, TABLE)}")
    shown = [TABLE[options.name]] if options.name else [each for topic in topics().values() for each in topic]
    if options.json:
        print_json({operator.name: described(operator) for operator in shown})
    elif options.markdown:
        print(page(), end="")
    elif options.name:
        print("\n".join(_in_full(shown[0])))
    else:
        print("\n".join(_listed()))
    return 0


def topics() -> dict[str, list[Operator]]:
    """The operators by topic, which is what the module that registers them says of itself first."""
    found: dict[str, list[Operator]] = {}
    for operator in sorted(TABLE.values(), key=lambda each: each.topic):
        heading = re.split(r"[.:;\n]", sys.modules[operator.topic].__doc__ or operator.topic)[0]
        found.setdefault(heading, []).append(operator)
    return found


def described(operator: Operator) -> dict[str, Any]:
    """All that the table says of an operator, as plain data."""
    fewest, most = operator.arity
    data: dict[str, Any] = {
        "call": call_of(operator),
        "equation": operator.equation,
        "doc": operator.doc,
        "source": operator.source,
        "topic": operator.topic.rpartition(".")[2],
        "tensors": {"fewest": fewest, "most": most},
        "arguments": {argument.name: _argument(argument) for argument in operator.arguments},
        "count": operator.count,
        "cohort_rule": bool(operator.cohort),
    }
    if operator.example:
        graph, counted = _example(operator)
        data["keeps_zero"], data["keeps_zero_changes_with"] = _zero(operator)
        data["example"] = {
            "call": operator.example,
            "tensors": {name: str(graph.nodes[i].type) for name, i in zip(TENSORS, graph.inputs, strict=False)},
            "result": str(graph.nodes[-1].type),
            "params": counted.params,
            "active_params": counted.active_params,
            "buffers": counted.buffers,
            "macs": counted.macs,
        }
    return data


def call_of(operator: Operator, short: bool = False) -> str:
    """The operator with its tensors and arguments; `short` leaves out what has a default."""
    fewest, most = operator.arity
    tensors = [*TENSORS[:fewest], *(["…"] if most is None else [])]
    given = [
        argument.name if argument.default is REQUIRED else f"{argument.name}={_default(argument)}"
        for argument in operator.arguments
        if not short or argument.default is REQUIRED
    ]
    more = ["…"] if short and len(given) < len(operator.arguments) else []
    return f"{operator.name}({', '.join(tensors + given + more)})"


def page() -> str:
    """docs/operators.md."""
    lines = [_INTRODUCTION]
    for heading, operators in topics().items():
        names = ", ".join(f"[{operator.name}](#{operator.name})" for operator in operators)
        lines.append(f"- [{heading}](#{_anchor(heading)}): {names}")
    for heading, operators in topics().items():
        lines += ["", f"## {heading}"]
        for operator in operators:
            lines += ["", f"### {operator.name}", "", *_section(operator)]
    return "\n".join(lines) + "\n"


def _anchor(heading: str) -> str:
    """What GitHub calls a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(operator: Operator) -> list[str]:
    lines = [f"`{call_of(operator)}`", "", f"    {operator.equation}", "", operator.doc, ""]
    if operator.arguments:
        lines += ["| argument | is | default | |", "|---|---|---|---|"]
        lines += [
            f"| `{argument.name}` | {_kind(argument)} | {_quoted(argument)} | {argument.doc.replace('|', chr(92) + '|')} |"
            for argument in operator.arguments
        ]
        lines.append("")
    lines += [f"- {name}: {said}" for name, said in _facts(operator, "`").items()]
    return lines


def _in_full(operator: Operator) -> list[str]:
    call = textwrap.wrap(call_of(operator), _WIDTH, subsequent_indent=" " * (len(operator.name) + 1))
    lines = [*call, "", f"  {operator.equation}", "", *_wrapped(operator.doc)]
    if operator.arguments:
        width = max(len(argument.name) for argument in operator.arguments) + 2
        lines.append("")
        for argument in operator.arguments:
            default = "" if argument.default is REQUIRED else f" (default {_default(argument)})"
            lines += _wrapped(f"{_kind(argument)}{default}: {argument.doc}", f"  {argument.name:<{width}}")
    lines.append("")
    for name, said in _facts(operator).items():
        lines += _wrapped(said, f"  {name + ':':<13}")
    return lines


def _facts(operator: Operator, quote: str = "") -> dict[str, str]:
    """What is said of an operator besides its equation and arguments, by title."""
    facts: dict[str, str] = {}
    if operator.count:
        names = re.findall(r"[a-z_]+", operator.count)
        where = ", ".join(f"{quote}{name}{quote} {SYMBOLS[name]}" for name in dict.fromkeys(names) if name in SYMBOLS)
        facts["parameters"] = f"{quote}{operator.count}{quote}{where and f'; {where}'}"
    else:
        facts["parameters"] = "none"
    if operator.example:
        kept, changing = _zero(operator)
        but = f", but {'not ' if kept else ''}with {', '.join(changing)}" if changing else ""
        facts["zeros"] = f"{'stay' if kept else 'do not stay'} zeros{but}"
        graph, counted = _example(operator)
        types = [f"{name} {graph.nodes[i].type}" for name, i in zip(TENSORS, graph.inputs, strict=False)]
        facts["example"] = f"{quote}{operator.example}{quote} on {', '.join(types)} gives {graph.nodes[-1].type}"
        active = f" ({counted.active_params:,} active)" if counted.active_params != counted.params else ""
        buffers = f", {counted.buffers:,} numbers in buffers" if counted.buffers else ""
        facts["its cost"] = f"{counted.params:,} parameters{active}{buffers}, {counted.macs:,} MACs"
    if not operator.cohort:
        facts["together"] = "no rule trains those of several candidates as one; each runs its own layer"
    if operator.source:
        facts["source"] = operator.source
    return facts


def _listed() -> list[str]:
    lines: list[str] = []
    for heading, operators in topics().items():
        lines += ["", heading] if lines else [heading]
        for operator in operators:
            call = f"  {call_of(operator, short=True)}"
            if len(call) >= _CALL:
                lines.append(call)
                call = ""
            lines += textwrap.wrap(
                operator.equation, _WIDTH, initial_indent=f"{call:<{_CALL}}", subsequent_indent=" " * (_CALL + 2)
            )
    return [*lines, "", "`nas ops NAME` explains one of them."]


def _wrapped(text: str, title: str = "  ") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=title, subsequent_indent=" " * len(title), break_on_hyphens=False)


def _argument(argument: Argument) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": argument.kind, "doc": argument.doc}
    if argument.default is not REQUIRED:
        said["default"] = argument.default
    if argument.options:
        said["options"] = argument.options
    bounds = {"low": argument.low, "high": argument.high}
    return said | {name: bound for name, bound in bounds.items() if bound is not None}


def _kind(argument: Argument) -> str:
    """What an argument may be, in words."""
    if argument.options:
        return "one of " + ", ".join(argument.options)
    words = {"size": "positive integer", "int": "integer", "float": "number", "bool": "True or False", "str": "word"}
    said = words.get(argument.kind) or {"axis": "axis", "axes": "list of axes"}[argument.kind]
    low, high = argument.low, argument.high
    if low is not None and high is not None:
        return f"{said} from {low:g} to {high:g}"
    if low is not None:
        return f"{said} from {low:g}"
    return said if high is None else f"{said} up to {high:g}"


def _default(argument: Argument) -> str:
    """A default as equations write it."""
    value = argument.default
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, tuple):
        return f"[{', '.join(value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _quoted(argument: Argument) -> str:
    return "" if argument.default is REQUIRED else f"`{_default(argument)}`"


def _zero(operator: Operator) -> tuple[bool, list[str]]:
    """Whether zeros stay zeros in the example, and the settings of one argument that would change it."""
    attrs = _attributes(operator)
    kept = operator.keeps_zero(attrs)
    tried = [
        (argument.name, value)
        for argument in operator.arguments
        for value in ((True, False) if argument.kind == "bool" else argument.options)
    ]
    return kept, [f"{name}={value}" for name, value in tried if operator.keeps_zero(attrs | {name: value}) != kept]


def _attributes(operator: Operator) -> dict[str, Any]:
    """The example's arguments, all of them."""
    return dict(example_of(operator).nodes[-1].attrs)


def _example(operator: Operator) -> tuple[Graph, Costs]:
    graph = example_of(operator)
    return graph, costs(graph)
