"""YAML with its traps disarmed, as a tree in which every value knows its place.

The YAML 1.2 core schema: `1e-4` is a number; `on`, `no`, `12:30` and dates stay the words that were typed. A
duplicated key, an anchor, a tag and a second document are errors. `[linear, kan(grid=5, degree=3)]`, which YAML splits
at the inner comma, is put together again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from nas.errors import Fault, NasError, Place
from nas.space.yaml_faults import explain

MAX_CHARACTERS = 200_000
MAX_VALUES = 20_000
MAX_DEPTH = 32

_INTEGER = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
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
    def __init__(self, text: str, file: str, error: Callable[..., NasError]) -> None:
        self.text = text
        self.file = file
        self.error = error
        self.lines = text.splitlines()
        self.faults: list[Fault] = []

    def place(self, mark: Any, width: int = 1) -> Place:
        """The place of a `line` and `column` that count from 0."""
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        return Place(self.file, mark.line + 1, mark.column + 1, line, width)

    def document(self) -> Tree:
        try:
            self._refuse_references()
            node = yaml.compose(self.text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as problem:
            found = explain(problem, self.text, self.lines)
            raise self.error(Fault(found.message, self.place(found))) from None
        except RecursionError:
            raise self.error(f"{self.file}: nested deeper than {MAX_DEPTH} levels") from None
        if node is None:
            raise self.error(f"{self.file}: the file is empty")
        tree = self.tree(node, 0)
        if self.faults:
            raise self.error(*self.faults)
        return tree

    def _refuse_references(self) -> None:
        """Before anything is built: no anchors, aliases, tags, no depth or length that could exhaust us."""
        depth = 0
        for number, event in enumerate(yaml.parse(self.text, Loader=yaml.SafeLoader)):
            if number > MAX_VALUES:
                message = f"more than {MAX_VALUES:,} values; this is not a file written by hand"
                raise self.error(Fault(message, self.place(event.start_mark)))
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise self.error(
                    Fault(
                        "anchors and aliases (`&name`, `*name`) are not used here; write it out",
                        self.place(event.start_mark),
                    )
                )
            tag = getattr(event, "tag", None)
            if tag and not isinstance(event, yaml.DocumentStartEvent):
                shown = tag.replace("tag:yaml.org,2002:", "!!")
                raise self.error(
                    Fault(f"tags (`{shown}`) are not used here; write the value alone", self.place(event.start_mark))
                )
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    raise self.error(Fault(f"nested deeper than {MAX_DEPTH} levels", self.place(event.start_mark)))
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def tree(self, node: yaml.Node, depth: int) -> Tree:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if isinstance(node, yaml.SequenceNode):
            items = [self.tree(child, depth + 1) for child in node.value]
            return Tree("list", self.place(node.start_mark), items=self._rejoined(items) if node.flow_style else items)
        tree = Tree("mapping", self.place(node.start_mark))
        for key_node, value_node in node.value:
            width = key_node.end_mark.column - key_node.start_mark.column
            place = self.place(key_node.start_mark, max(1, width))
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(Fault("a key is a word, not a list or a mapping", place))
                continue
            key = key_node.value
            if key in tree.keys:
                first = tree.keys[key][0]
                self.faults.append(Fault(f"`{key}` stands here twice; the first is in line {first.line}", place))
                continue
            tree.keys[key] = (place, self.tree(value_node, depth + 1))
        return tree

    def _scalar(self, node: yaml.ScalarNode) -> Tree:
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

    def _rejoined(self, items: list[Tree]) -> list[Tree]:
        """Put `kan(grid=5` and `degree=3)` together again: a plain scalar with an open bracket takes its neighbours."""
        joined: list[Tree] = []
        waiting: list[Tree] = []
        for item in items:
            waiting.append(item)
            plain = all(part.kind == "scalar" and not part.style for part in waiting)
            text = ", ".join(part.text for part in waiting)
            if plain and text.count("(") > text.count(")") and item is not items[-1]:
                continue
            if plain and len(waiting) > 1 and text.count("(") == text.count(")"):
                first, last = waiting[0].place, waiting[-1].place
                rows = last.line - first.line + 1
                width = last.column + last.width - first.column if rows == 1 else first.width
                if rows == 1:  # as written, so that columns are right
                    text = first.text[first.column - 1 : first.column - 1 + width]
                place = Place(first.file, first.line, first.column, first.text, width)
                joined.append(Tree("scalar", place, value=text, text=text, rows=rows))
            else:
                joined.extend(waiting)
            waiting = []
        return joined


def _core(text: str) -> Any:
    """A plain scalar's value by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text) and len(text) <= 20:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.match(text) and len(text) <= 40:
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
