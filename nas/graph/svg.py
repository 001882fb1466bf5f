"""A graph as an SVG: layers from top to bottom, blocks as rounded frames, repeats folded."""

from __future__ import annotations

from html import escape

from nas.graph.graph import Graph, Node
from nas.graph.layout import PADDING, Cell, Frame, Point, frame
from nas.graph.outline import Block, Outline, arguments, outline

_SIGNS = {"add": "+", "multiply": "×"}
_MARGIN = 16.0
_LETTER, _SMALL = 7.2, 5.9  # widths of a letter of the two sizes of text

_STYLE = """
.nas-graph { --ink: #1c2733; --soft: #66717d; --line: #93a0ad; --paper: #ffffff; --plain: #eef1f4; --weighted: #d9e8fb;
  --edge: #5b8fd1; --end: #e3f3e6; --end-edge: #58a769; --block: rgba(120, 140, 165, 0.09); color: var(--ink);
  font-family: ui-sans-serif, system-ui, "Helvetica Neue", Arial, sans-serif; }
@media (prefers-color-scheme: dark) { .nas-graph { --ink: #e6ebf0; --soft: #9aa6b2; --line: #66727f; --paper: #15191e;
  --plain: #262d35; --weighted: #1d3553; --edge: #5b8fd1; --end: #1f3a27; --end-edge: #58a769;
  --block: rgba(150, 170, 200, 0.10); } }
.nas-graph text { fill: var(--ink); font-size: 12.5px; text-anchor: middle; }
.nas-graph .small { fill: var(--soft); font-size: 10.5px; }
.nas-graph .title { font-size: 11.5px; font-weight: 600; text-anchor: start; fill: var(--soft);
  paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
.nas-graph .block { fill: var(--block); stroke: var(--line); stroke-dasharray: 4 3; }
.nas-graph .many { stroke-dasharray: none; stroke-width: 1.5; }
.nas-graph .node { fill: var(--plain); stroke: var(--line); }
.nas-graph .weighted { fill: var(--weighted); stroke: var(--edge); }
.nas-graph .end { fill: var(--end); stroke: var(--end-edge); }
.nas-graph .wire { fill: none; stroke: var(--line); stroke-width: 1.4; }
.nas-graph .tip { fill: var(--line); }
"""


def svg(graph: Graph) -> str:
    """The drawing as one self-contained `<svg>` element, for a page or a file; it follows light and dark."""
    seen = outline(graph)
    edges = {
        (seen.shown[source], seen.shown[node.id])
        for node in graph.nodes
        for source in node.inputs
        if seen.shown[source] < seen.shown[node.id]  # what a repeat reads of the repeat before is not drawn
    }
    outputs = {seen.shown[i]: [] for i in graph.outputs}  # type: dict[int, list[str]]
    for place, i in enumerate(graph.outputs):
        outputs[seen.shown[i]].append("output" if len(graph.outputs) == 1 else f"output {place + 1}")
    whole = frame(seen.items, edges, outputs, lambda node: _size(node, seen), _title_width)
    parts: list[str] = []
    _draw(whole, _MARGIN, _MARGIN, seen, parts)
    for cell in whole.layers[-1]:
        x, y = cell.x + _MARGIN, cell.y + _MARGIN
        parts.append(_tip((x, y)))
        parts.append(_text(x, y + 13, ", ".join(outputs[cell.lane]), "small"))
    width, height = whole.width + 2 * _MARGIN, whole.height + 2 * _MARGIN + 18
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nas-graph" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="the graph of an architecture">'
        f"<style>{_STYLE}</style>{''.join(parts)}</svg>"
    )


def _lines(node: Node, seen: Outline) -> tuple[str, str]:
    """What stands in a node's box: what it does, and its type and parameters where they say something new."""
    if node.op == "input":
        return str(node.arguments["name"]), str(node.type)
    if node.op in _SIGNS:
        return _SIGNS[node.op], ""
    first = " ".join([node.op, *arguments(node)])
    same_type = all(seen.graph.nodes[i].type == node.type for i in node.inputs)
    details = [] if same_type and not node.weights else [str(node.type)]
    if seen.params[node.id]:
        details.append(f"{seen.params[node.id]:,}")
    return first, " · ".join(details)


def _size(node: Node, seen: Outline) -> tuple[float, float]:
    if node.op in _SIGNS:
        return 26.0, 26.0
    first, second = _lines(node, seen)
    width = max(len(first) * _LETTER, len(second) * _SMALL) + 22
    return max(width, 64.0), 40.0 if second else 26.0


def _title(block: Block) -> str:
    return f"{block.title} · {block.params:,}" if block.params else block.title


def _title_width(block: Block) -> float:
    return len(_title(block)) * 6.4 + 8


def _draw(drawn: Frame, left: float, top: float, seen: Outline, parts: list[str]) -> None:
    """Append the elements of a frame whose corner is at (left, top)."""
    for cell in drawn.cells:
        if isinstance(cell.item, Block):
            x, y = left + cell.x - cell.width / 2, top + cell.y
            many = " many" if cell.item.times > 1 else ""
            parts.append(
                f'<rect class="block{many}" x="{x:.1f}" y="{y:.1f}" width="{cell.width:.1f}" '
                f'height="{cell.height:.1f}" rx="10"/>'
            )
    for start, end, source in drawn.wires:
        a, b = _moved(start.bottom(source), left, top), _moved(end.top(source), left, top)
        parts.append(_wire(a, b))
        if isinstance(end.item, Node):
            parts.append(_tip(b))
    for cell in drawn.cells:
        x, y = left + cell.x, top + cell.y
        if cell.lane >= 0:
            if cell.height:
                parts.append(f'<path class="wire" d="M{x:.1f} {y:.1f}V{y + cell.height:.1f}"/>')
        elif cell.inside is not None and isinstance(cell.item, Block):
            corner = x - cell.width / 2
            _draw(cell.inside, corner + PADDING, y, seen, parts)
            parts.append(_text(corner + 10, y + 16, _title(cell.item), "title"))
        elif isinstance(cell.item, Node):
            parts.append(_node(cell, cell.item, x, y, seen))


def _node(cell: Cell, node: Node, x: float, y: float, seen: Outline) -> str:
    first, second = _lines(node, seen)
    kind = "end" if node.op == "input" else "weighted" if node.weights else "node"
    types = ", ".join(str(seen.graph.nodes[i].type) for i in node.inputs)
    hint = f"{types} → {node.type}" if types else str(node.type)
    radius = cell.height / 2 if node.op in _SIGNS or node.op == "input" else 6
    words = _text(x, y + (17 if second else cell.height / 2 + 4.5), first, "")
    if second:
        words += _text(x, y + 32, second, "small")
    return (
        f"<g><title>{escape(hint)}</title>"
        f'<rect class="{kind}" x="{x - cell.width / 2:.1f}" y="{y:.1f}" width="{cell.width:.1f}" '
        f'height="{cell.height:.1f}" rx="{radius:g}"/>{words}</g>'
    )


def _text(x: float, y: float, words: str, kind: str) -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _wire(a: Point, b: Point) -> str:
    bend = (b[1] - a[1]) / 2
    return (
        f'<path class="wire" d="M{a[0]:.1f} {a[1]:.1f}C{a[0]:.1f} {a[1] + bend:.1f} '
        f'{b[0]:.1f} {b[1] - bend:.1f} {b[0]:.1f} {b[1]:.1f}"/>'
    )


def _tip(at: Point) -> str:
    return f'<path class="tip" d="M{at[0]:.1f} {at[1]:.1f}l-3.5 -6h7z"/>'


def _moved(point: Point, left: float, top: float) -> Point:
    return point[0] + left, point[1] + top
