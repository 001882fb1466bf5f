"""What YAML's parser says, in the words of somebody who writes a file by hand."""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

_JOINED = re.compile(r"(\s*)([\w.-]+):\S")
_OPENED_BY = {"]": "[", "}": "{"}


@dataclass(frozen=True)
class Misread:
    """Where the file stops being YAML, as 0-based `line` and `column`, and why."""

    message: str
    line: int
    column: int


def explain(problem: yaml.YAMLError, text: str, lines: list[str]) -> Misread:
    """The cause of a parser's error, which often lies before the place where the parser noticed."""
    if isinstance(problem, yaml.reader.ReaderError):
        before = text[: problem.position]
        column = problem.position - before.rfind("\n") - 1
        return Misread(
            f"the character U+{ord(text[problem.position]):04X} cannot stand in YAML", before.count("\n"), column
        )
    assert isinstance(problem, yaml.MarkedYAMLError)
    said = problem.problem or problem.context or "it cannot be read"
    noticed = problem.problem_mark or problem.context_mark
    at = (noticed.line, noticed.column) if noticed is not None else (0, 0)
    began = problem.context_mark
    context = (began.line, began.column) if began is not None else at
    for rule in (_bracket, _quote, _colon, _ending, _token):
        found = rule(said, problem.context or "", at, context, lines)
        if found is not None:
            return found
    return Misread(f"this is not YAML: {said}", *at)


_Spot = tuple[int, int]


def _bracket(said: str, context: str, at: _Spot, began: _Spot, lines: list[str]) -> Misread | None:
    match = re.match(r"expected ',' or '([\]}])', but got '(.*)'", said)
    if match is None and "while parsing a flow" not in context:
        return None
    close, got = match.groups() if match else ("]" if "sequence" in context else "}", "")
    if got in ("[", "{"):
        return Misread(f"a `{got}` inside an element; put the element in quotes", *at)
    if at[0] == began[0] and at[0] < len(lines) and lines[at[0]][at[1] :].strip():
        return Misread(f"a `,` or the closing `{close}` is missing before this", *at)
    opened = _OPENED_BY[close]
    return Misread(f"this `{opened}` is not closed, or a `,` is missing in what follows it", *began)


def _quote(said: str, context: str, at: _Spot, began: _Spot, lines: list[str]) -> Misread | None:
    if "quoted scalar" not in context:
        return None
    if said.startswith("found unknown escape"):
        return Misread("in double quotes a `\\` begins an escape such as `\\n`; use single quotes", *at)
    return Misread("the text in quotes that begins here has no closing quote", *began)


def _colon(said: str, context: str, at: _Spot, began: _Spot, lines: list[str]) -> Misread | None:
    if said == "mapping values are not allowed here":
        line = lines[at[0]] if at[0] < len(lines) else ""
        before = line[: at[1]]
        if ": " in before or re.search(r"^\s*(- +)?[\w.-]+:$", before):
            return Misread("a second `: ` in one line; a text that has one stands in quotes", *at)
        above = next((number for number in range(at[0] - 1, -1, -1) if lines[number].strip()), at[0])
        if _JOINED.match(lines[above]):
            return Misread("a space is missing after the `:`", above, lines[above].index(":"))
        return Misread(
            "this line belongs to the value above it; the keys of a mapping start in one column", at[0], _indent(line)
        )
    if said == "could not find expected ':'":
        line = lines[began[0]] if began[0] < len(lines) else ""
        if line.lstrip().startswith(("return", "for ", "if ")) or re.match(r"\s*\w+\s*[+*]?=", line):
            return Misread("this is no `key: value`; equations are indented below their key and its `|`", *began)
        return Misread("this is no `key: value`; a `:` with a space behind it is missing", *began)
    return None


def _ending(said: str, context: str, at: _Spot, began: _Spot, lines: list[str]) -> Misread | None:
    match = re.match(r"expected <block end>, but found '(.*)'", said)
    if match is None:
        return None
    got = match.group(1)
    if got in _OPENED_BY:
        line = lines[at[0]] if at[0] < len(lines) else ""
        if line[: at[1]].count(_OPENED_BY[got]) <= line[: at[1]].count(got):
            return Misread(f"there is no `{_OPENED_BY[got]}` that this `{got}` closes", *at)
        key = re.match(r"\s*(?:- +)?([\w.-]+)(:?)", line)
        if key is not None:
            missing = "a space" if key.group(2) else "a `: `"
            return Misread(f"behind `{key.group(1)}{key.group(2)}` {missing} is missing", at[0], key.end() - 1)
    if got in ("<block mapping start>", "<block sequence start>"):
        return Misread(
            "this line is indented like none of those around it; keys of one mapping start in one column", *at
        )
    if got in ("?", "-"):
        return Misread("a list and a mapping mix here; a line is either `- element` or `key: value`", *at)
    return Misread("a value has ended before this; put the whole of it in quotes", *at)


def _token(said: str, context: str, at: _Spot, began: _Spot, lines: list[str]) -> Misread | None:
    if "cannot start any token" in said:
        if "\\t" in said or "\t" in said:
            return Misread("YAML indents with spaces, and a tab stands here; write spaces", *at)
        return Misread("a value cannot start with this character; put it in quotes", *at)
    if said == "but found another document":
        return Misread("a file holds one document, and `---` begins another; take it out", *at)
    if said == "sequence entries are not allowed here":
        return Misread("a list of lines with `- ` begins in a line of its own", *at)
    if "scanning a block scalar" in context:
        return Misread("after `|` the line ends; the text starts in the next line, indented", *at)
    if said.startswith("expected the node content"):
        return Misread("a value was expected here", *at)
    return None


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
