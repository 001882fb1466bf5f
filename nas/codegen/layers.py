"""The torch layers that a source file carries along, cut out of the modules that define them."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast


@dataclass(frozen=True)
class Carried:
    """Definitions in the order in which they must stand, by name, and the import statements they need."""

    definitions: tuple[tuple[str, str], ...] = ()
    imports: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.definitions)


def carried(paths: Iterable[str]) -> Carried:
    """What the layers at these dotted paths (`nas.layers.kan:SplineLinear`) need, each definition once.

    Raises: ValueError: two modules give one name to different definitions.
    """
    definitions: dict[str, str] = {}
    imports: set[str] = set()
    for path in sorted(set(paths)):
        layer = _cut(path)
        for name, text in layer.definitions:
            if definitions.setdefault(name, text) != text:
                raise ValueError(f"two layers define `{name}` differently; `{path}` is one of them")
        imports |= layer.imports
    return Carried(tuple(definitions.items()), frozenset(imports))


@cache
def _cut(path: str) -> Carried:
    """One layer with everything of its module that it names, directly or not. The module is read, never imported."""
    module, _, wanted = path.partition(":")
    text = _text(module)
    tree = ast.parse(text)
    lines = text.splitlines()
    defined: dict[str, ast.stmt] = {}
    imported: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imported.update(_imports(statement))
        else:
            defined.update(dict.fromkeys(_bound(statement), statement))
    if wanted not in defined:
        raise ValueError(f"`{module}` defines no `{wanted}`")
    needed, pending = set[str](), [wanted]
    while pending:
        name = pending.pop()
        if name in needed or (name not in defined and name not in imported):
            continue
        needed.add(name)
        if name in defined:
            pending.extend(node.id for node in _walk(defined[name]) if isinstance(node, ast.Name))
    statements: dict[int, tuple[str, str]] = {}
    for name, statement in defined.items():
        if name in needed:
            statements.setdefault(statement.lineno, (name, _source_of(statement, lines)))
    imports = {imported[name] for name in needed if name in imported}
    if "annotations" in imported:
        imports.add(imported["annotations"])
    return Carried(tuple(statements[line] for line in sorted(statements)), frozenset(imports))


def import_block(imports: Iterable[str]) -> list[str]:
    """Import statements, one name each, joined and sorted: `__future__`, the standard library, torch."""
    plain: set[str] = set()
    members: dict[str, set[str]] = {}
    for statement in imports:
        words = statement.split(" ", 3)
        if words[0] == "import":
            plain.add(statement)
        else:
            members.setdefault(words[1], set()).add(words[3])
    groups: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for statement in sorted(plain):
        groups[2 if statement.split()[1].split(".")[0] == "torch" else 1].append(statement)
    for module in sorted(members):
        names = ", ".join(sorted(members[module], key=lambda name: (not name.isupper(), name[0].islower(), name)))
        group = 0 if module == "__future__" else 2 if module.split(".")[0] == "torch" else 1
        groups[group].append(f"from {module} import {names}")
    lines: list[str] = []
    for statements in groups.values():
        lines += ([""] if lines and statements else []) + statements
    return lines


def _text(module: str) -> str:
    loaded = sys.modules.get(module)
    if loaded is not None and loaded.__spec__ is None and loaded.__file__:  # a script that defines operators
        return Path(loaded.__file__).read_text(encoding="utf-8")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or spec.loader is None:
        raise ValueError(f"there is no module `{module}` to take a layer from")
    return cast("str", spec.loader.get_source(module))  # type: ignore[attr-defined]


def _imports(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Each imported name with a statement that imports it alone."""
    start = "import " if isinstance(statement, ast.Import) else f"from {statement.module} import "
    return {
        alias.asname or alias.name.split(".")[0]: start + alias.name + (f" as {alias.asname}" if alias.asname else "")
        for alias in statement.names
    }


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.ClassDef | ast.FunctionDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [
        node.id for target in targets if target is not None for node in ast.walk(target) if isinstance(node, ast.Name)
    ]


def _walk(statement: ast.stmt) -> Iterator[ast.AST]:
    """All nodes of a statement but those of the decorator that makes it an operator."""
    yield statement
    registering = [one for one in getattr(statement, "decorator_list", []) if _registers(one)]
    for child in ast.iter_child_nodes(statement):
        if child not in registering:
            yield from ast.walk(child)


def _registers(decorator: ast.expr) -> bool:
    """Whether this is `@operator(…)` or `@nas.operator(…)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")) == "operator"


def _source_of(statement: ast.stmt, lines: list[str]) -> str:
    """The statement's lines, its decorators and the comment right above it included."""
    decorators = getattr(statement, "decorator_list", [])
    start = min([statement.lineno, *(one.lineno for one in decorators)]) - 1
    text = "\n".join(_above(start, lines))
    for one in decorators:
        if _registers(one):
            start = max(start, one.end_lineno or 0)
    return (text + "\n" if text else "") + "\n".join(lines[start : statement.end_lineno])


def _above(start: int, lines: list[str]) -> list[str]:
    """The comment right above a line."""
    first = start
    while first > 0 and lines[first - 1].startswith("#"):
        first -= 1
    return lines[first:start]
