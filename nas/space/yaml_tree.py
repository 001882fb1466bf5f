"""YAML with its traps disarmed, as a tree in which every value knows its place.

The YAML 1.2 core schema: `1e-4` is a number; `on`, `no`, `12:30` and dates stay the words that were typed. A
duplicated key, an anchor, a tag and a second document are errors. `[linear, kan(grid=5, degree=3)]`, which YAML splits
at the inner comma, is put together again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import yaml

from nas.errors import Fault, NasError, Place
from nas.space.faults import Enough, Faults
from nas.space.yaml_faults import explain

MAX_CHARACTERS = 200_000
MAX_VALUES = 10_000
MAX_DEPTH = 32
MAX_PARTS = 64  # that a call in a list is put together from

_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass
class Tree:
    """A YAML value: `kind` is "scalar", "list" or "mapping".

    Args:
        place: where it starts.
        value: of a scalar, by the core schema.
        text: of a scalar, as written.
        items: of a list.
        keys: of a mapping, the keys' own places and the values by key.
        style: "" plain, quotes, "|" or ">".
        rows: lines that a plain or quoted scalar spans.
    """

    kind: str
    place: Place
    value: Any = None
    text: str = ""
    items: list[Tree] = field(default_factory=list)
    keys: dict[str, tuple[Place, Tree]] = field(default_factory=dict)
    style: str = ""
    rows: int = 1
    content_line: int = 0  # of a "|" scalar: the 1-based line and the indent of its text
    content_indent: int = 0

    def get(self, key: str) -> Tree | None:
        found = self.keys.get(key)
        return found[1] if found else None

    def plain(self) -> Any:
        """The value as plain dicts, lists and scalars."""
        if self.kind == "mapping":
            return {key: child.plain() for key, (_, child) in self.keys.items()}
        if self.kind == "list":
            return [child.plain() for child in self.items]
        return self.value

    def describe(self) -> str:
        """What stands here, for a message: "the string 'x'", "a list" …"""
        if self.kind != "scalar":
            return f"a {self.kind}"
        if self.value is None:
            return "nothing"
        if isinstance(self.value, bool):
            return str(self.value).lower()
        if isinstance(self.value, str):
            shown = self.value if len(self.value) <= 40 else self.value[:37] + "…"
            return f"the string '{shown}'"
        return f"the number {self.value:g}" if isinstance(self.value, float) else f"the number {self.value}"


def read_yaml(text: str, file: str, error: Callable[..., NasError]) -> Tree:
    """Parse one YAML document.

    Args:
        file: the name that places carry.
        error: the `NasError` subclass to raise.
    Raises: `error`: the text is not YAML, or uses what these files do without. All duplicated keys are named at once.
    """
    if len(text) > MAX_CHARACTERS:
        raise error(f"{file}: larger than {MAX_CHARACTERS:,} characters; this is not a file written by hand")
    return _Reader(text, file, error).document()


class _Reader:
    """Builds the tree from the parser's events, one after the other, and stops at the first that is too much."""

    def __init__(self, text: str, file: str, error: Callable[..., NasError]) -> None:
        self.text = text
        self.file = file
        self.error = error
        self.lines = text.splitlines()
        self.faults = Faults()
        self.events = iter(yaml.parse(text, Loader=yaml.SafeLoader))
        self.values = 0

    def place(self, mark: Any, width: int = 1) -> Place:
        """The place of a `line` and `column` that count from 0."""
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return Place(self.file, mark.line + 1, mark.column + 1, line, width)

    def document(self) -> Tree:
        tree: Tree | None = None
        try:
            for event in self.events:
                if isinstance(event, yaml.DocumentStartEvent) and tree is not None:
                    raise self._refusal("a file holds one document, and `---` begins another; take it out", event)
                if isinstance(event, yaml.NodeEvent):
                    tree = self.tree(event, 0)
        except yaml.YAMLError as problem:
            found = explain(problem, self.text, self.lines)
            raise self.error(Fault(found.message, self.place(found))) from None
        except Enough:
            pass
        if self.faults:
            raise self.error(*self.faults)
        if tree is None or (tree.kind == "scalar" and not tree.text and not tree.style):
            raise self.error(f"{self.file}: the file is empty")
        return tree

    def _refusal(self, message: str, event: Any) -> NasError:
        return self.error(Fault(message, self.place(event.start_mark)))

    def _next(self) -> Any:
        """The next event. Raises: `error`: it is one of those that these files do without."""
        event = next(self.events)
        self.values += 1
        if self.values > MAX_VALUES:
            raise self._refusal(f"more than {MAX_VALUES:,} values; this is not a file written by hand", event)
        return event

    def tree(self, event: Any, depth: int) -> Tree:
        """The value that begins with `event`; the events up to its end are taken."""
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise self._refusal("anchors and aliases (`&name`, `*name`) are not used here; write it out", event)
        if event.tag:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise self._refusal(f"tags (`{shown}`) are not used here; write the value alone", event)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if depth >= MAX_DEPTH:
            raise self._refusal(f"nested deeper than {MAX_DEPTH} levels", event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Tree] = []
            while not isinstance(child := self._next(), yaml.SequenceEndEvent):
                items.append(self.tree(child, depth + 1))
            return Tree("list", self.place(event.start_mark), items=_rejoined(items) if event.flow_style else items)
        pairs: list[tuple[Tree, Tree]] = []
        while not isinstance(child := self._next(), yaml.MappingEndEvent):
            key = self.tree(child, depth + 1)
            pairs.append((key, self.tree(self._next(), depth + 1)))
        return self._mapping(self.place(event.start_mark), _rejoined_pairs(pairs) if event.flow_style else pairs)

    def _mapping(self, place: Place, pairs: list[tuple[Tree, Tree]]) -> Tree:
        tree = Tree("mapping", place)
        for key, value in pairs:
            if key.kind != "scalar":
                self.faults.append(Fault("a key is a word, not a list or a mapping", key.place))
            elif key.text in tree.keys:
                first = tree.keys[key.text][0]
                message = f"`{key.text}` stands here twice; the first is in line {first.line}"
                self.faults.append(Fault(message, key.place))
            else:
                tree.keys[key.text] = (key.place, value)
        return tree

    def _scalar(self, node: Any) -> Tree:
        style = node.style or ""
        rows = node.end_mark.line - node.start_mark.line + 1
        width = node.end_mark.column - node.start_mark.column if rows == 1 else 1
        tree = Tree("scalar", self.place(node.start_mark, max(1, width)), text=node.value, style=style, rows=rows)
        tree.value = node.value if style else _core(node.value)
        if style == "|":
            first = node.start_mark.line + 1
            tree.content_line = first + 1
            for line, text in zip(self.lines[first:], node.value.split("\n"), strict=False):
                if text.strip():
                    tree.content_indent = len(line) - len(text)
                    break
        return tree


def _rejoined(items: list[Tree]) -> list[Tree]:
    """Put `kan(grid=5` and `degree=3)` together again: a plain scalar with an open bracket takes its neighbours."""
    joined: list[Tree] = []
    position = 0
    while position < len(items):
        end = _end(items, position)
        joined.append(_one(items[position:end]))
        position = end
    return joined


def _rejoined_pairs(pairs: list[tuple[Tree, Tree]]) -> list[tuple[Tree, Tree]]:
    """The same in a mapping: of `{step: max(a, b)}` YAML makes a second key, `b)`, without a value."""
    joined: list[tuple[Tree, Tree]] = []
    position = 0
    while position < len(pairs):
        key, value = pairs[position]
        bare = [value]
        for word, nothing in pairs[position + 1 : position + MAX_PARTS]:
            if nothing.kind != "scalar" or nothing.style or nothing.text:
                break
            bare.append(word)
        end = _end(bare, 0)
        joined.append((key, _one(bare[:end])))
        position += end
    return joined


def _end(items: list[Tree], start: int) -> int:
    """Behind the item that closes what the item at `start` opens; behind that itself where none does."""
    end, balance = start + 1, _balance(items[start])
    while balance > 0 and end < min(len(items), start + MAX_PARTS):
        balance += _balance(items[end])
        end += 1
    return end if balance == 0 else start + 1


def _balance(item: Tree) -> float:
    """Brackets that a plain scalar opens and does not close; endless for what cannot be a part of a call."""
    if item.kind != "scalar" or item.style:
        return inf
    return item.text.count("(") - item.text.count(")")


def _one(parts: list[Tree]) -> Tree:
    """The scalar that these are the parts of."""
    if len(parts) == 1:
        return parts[0]
    first, last = parts[0].place, parts[-1].place
    rows = last.line - first.line + 1
    width = last.column + last.width - first.column if rows == 1 else first.width
    text = ", ".join(part.text for part in parts)
    if rows == 1:  # as written, so that columns are right
        text = first.text[first.column - 1 : first.column - 1 + width]
    return Tree("scalar", replace(first, width=width), value=text, text=text, rows=rows)


def _core(text: str) -> Any:
    """A plain scalar's value by the YAML 1.2 core schema; `10_000` is the number that it is in equations."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text) and len(text) <= 40:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.match(text) and len(text) <= 40:
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
