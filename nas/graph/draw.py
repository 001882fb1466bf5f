"""Drawings of a graph: `text` for a terminal, `svg` for a page."""

from __future__ import annotations

from nas.graph.graph import Graph, Node
from nas.graph.outline import Block, Item, Outline, outline, written
from nas.graph.svg import svg

__all__ = ["svg", "text"]


def text(graph: Graph) -> str:
    """One line a node: its number, what it does to which lines, its type, and the parameters it brings in.

    Blocks are framed; what comes several times in a row is shown once, with how often and the parameters of all. Read from
    below, a line number in a chain of repeats means the last of them.
    """
    seen = outline(graph)
    rows: list[tuple[str, str, str]] = []
    numbers = _numbers(seen)
    _rows(seen.items, seen, numbers, "", rows)
    outputs = ", ".join(str(numbers[seen.shown[i]]) for i in graph.outputs)
    rows.append((f"{'':>{_digits(numbers)}}  → {outputs}", "", f"{sum(seen.params):,}"))
    left, middle, right = (max(len(row[column]) for row in rows) for column in range(3))
    return "\n".join(f"{a:<{left}}  {b:<{middle}}  {c:>{right}}".rstrip() for a, b, c in rows)


def _numbers(seen: Outline) -> dict[int, int]:
    """Line numbers of the nodes shown, by id."""
    found: dict[int, int] = {}
    for i, stand in enumerate(seen.shown):
        if i == stand:
            found[i] = len(found) + 1
    return found


def _digits(numbers: dict[int, int]) -> int:
    return len(str(len(numbers)))


def _rows(
    items: tuple[Item, ...], seen: Outline, numbers: dict[int, int], frame: str, rows: list[tuple[str, str, str]]
) -> None:
    blank = " " * _digits(numbers)
    for item in items:
        if isinstance(item, Block):
            rows.append((f"{blank}  {frame}┌ {item.title}", "", f"{item.params:,}" if item.params else ""))
            _rows(item.items, seen, numbers, frame + "│ ", rows)
            rows.append((f"{blank}  {frame}└", "", ""))
        else:
            rows.append(_row(item, seen, numbers, frame))


def _row(node: Node, seen: Outline, numbers: dict[int, int], frame: str) -> tuple[str, str, str]:
    if node.op == "input":
        expression = str(node.arguments["name"])
    else:
        expression = written(node, [str(numbers[seen.shown[i]]) for i in node.inputs])
    params = seen.params[node.id]
    return (
        f"{numbers[node.id]:>{_digits(numbers)}}  {frame}{expression}",
        str(node.type),
        f"{params:,}" if params else "tied" if node.weights and not params and _has_params(node, seen) else "",
    )


def _has_params(node: Node, seen: Outline) -> bool:
    """Whether an earlier node brought the parameters that this one uses."""
    return any(other.weights == node.weights and seen.params[other.id] for other in seen.graph.nodes[: node.id])
