"""Where the boxes and wires of a drawing go: layers from top to bottom, blocks laid out inside and placed as one box.

Sugiyama, Tagawa and Toda 1981: layers by the longest path, lanes through the layers that a wire passes, order by the mean
of the neighbours, and places that stray least from them. Lengths are in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from nas.graph.graph import Node
from nas.graph.outline import Block, Item, nodes_in

LANE = 14.0
GAP = 18.0  # between cells of a layer
DROP = 24.0  # between layers; a block's title stands in the first of its own
PADDING = 14.0  # inside a block

Point = tuple[float, float]


@dataclass(eq=False)
class Cell:
    """What stands in a layer: a node, a block with its frame, or a lane for the wire of node `lane`.

    `x` is its middle and `y` its top, in its frame.
    """

    layer: int
    width: float
    height: float
    item: Item | None = None
    inside: Frame | None = None
    lane: int = -1
    x: float = 0.0
    y: float = 0.0

    def top(self, source: int) -> Point:
        """Where the wire of `source` comes in."""
        return self.x + (self.inside.entry(source) if self.inside else 0.0), self.y

    def bottom(self, source: int) -> Point:
        """Where the wire of `source` goes out."""
        return self.x + (self.inside.exit(source) if self.inside else 0.0), self.y + self.height


Wire = tuple[Cell, Cell, int]


@dataclass(eq=False)
class Frame:
    """Cells in layers, and wires `(from, to, source)` between cells of neighbouring layers."""

    layers: list[list[Cell]]
    wires: list[Wire]
    width: float = 0.0
    height: float = 0.0

    @property
    def cells(self) -> list[Cell]:
        return [cell for layer in self.layers for cell in layer]

    def entry(self, source: int) -> float:
        """How far right of the middle the wire of an outer `source` comes in."""
        return self._port(self.layers[0], source)

    def exit(self, source: int) -> float:
        """How far right of the middle the wire of an inner `source` goes out."""
        return self._port(self.layers[-1], source)

    def _port(self, layer: list[Cell], source: int) -> float:
        return next(cell.x for cell in layer if cell.lane == source) - self.width / 2


def frame(
    items: Sequence[Item],
    edges: Iterable[tuple[int, int]],
    below: Iterable[int],
    size: Callable[[Node], tuple[float, float]],
    title_width: Callable[[Block], float],
) -> Frame:
    """Lay out `items` and what is in them.

    Args:
        edges: pairs (source, target) of node ids, of the whole drawing.
        below: ids of nodes in `items` that something further down reads.
        size: width and height of a node.
        title_width: the room that a block's title needs.
    """
    edges, below = list(edges), sorted(below)
    owner = {node.id: place for place, item in enumerate(items) for node in nodes_in([item])}
    entering = sorted({source for source, target in edges if target in owner and source not in owner})
    links = sorted(
        {
            (owner[source], owner[target], source)
            for source, target in edges
            if source in owner and target in owner and owner[source] != owner[target]
        }
    )
    layer_of = [1] * len(items)
    for place in range(len(items)):  # items are in topological order
        layer_of[place] = 1 + max((layer_of[a] for a, b, _ in links if b == place), default=0)
    last = max(layer_of, default=0) + 1
    layers: list[list[Cell]] = [[] for _ in range(last + 1)]
    cells: list[Cell] = []
    for place, item in enumerate(items):
        cell = _cell(item, layer_of[place], edges, _read_outside(item, edges, below), size, title_width)
        cells.append(cell)
        layers[cell.layer].append(cell)
    wires: dict[Wire, None] = {}
    lanes: dict[tuple[int, int], Cell] = {}

    def lane(source: int, layer: int) -> Cell:
        if (source, layer) not in lanes:
            lanes[source, layer] = Cell(layer, LANE, 0.0, lane=source)
            layers[layer].append(lanes[source, layer])
        return lanes[source, layer]

    def run(start: Cell, end: Cell, source: int) -> None:
        at = start
        for layer in range(start.layer + 1, end.layer):
            following = lane(source, layer)
            wires[at, following, source] = None
            at = following
        wires[at, end, source] = None

    for source in entering:
        start = lane(source, 0)
        for place in sorted({owner[target] for one, target in edges if one == source and target in owner}):
            run(start, cells[place], source)
    for a, b, source in links:
        run(cells[a], cells[b], source)
    for source in below:
        run(cells[owner[source]], lane(source, last), source)
    drawn = Frame(layers, list(wires))
    _order(drawn)
    _place(drawn)
    return drawn


def _read_outside(item: Item, edges: list[tuple[int, int]], below: list[int]) -> set[int]:
    inner = {node.id for node in nodes_in([item])}
    return {a for a, b in edges if a in inner and b not in inner} | inner.intersection(below)


def _cell(
    item: Item,
    layer: int,
    edges: list[tuple[int, int]],
    below: set[int],
    size: Callable[[Node], tuple[float, float]],
    title_width: Callable[[Block], float],
) -> Cell:
    if isinstance(item, Block):
        inside = frame(item.items, edges, below, size, title_width)
        spare = max(title_width(item) + PADDING - inside.width, 0.0)
        for cell in inside.cells:
            cell.x += spare / 2
        inside.width += spare
        return Cell(layer, inside.width + 2 * PADDING, inside.height, item, inside)
    width, height = size(item)
    return Cell(layer, width, height, item)


def _order(drawn: Frame) -> None:
    """Order each layer by the mean place of what it is wired to, down and up a few times."""
    above: dict[Cell, list[Cell]] = {cell: [] for cell in drawn.cells}
    under: dict[Cell, list[Cell]] = {cell: [] for cell in drawn.cells}
    for start, end, _ in drawn.wires:
        above[end].append(start)
        under[start].append(end)
    for near, layers in ((above, drawn.layers), (under, drawn.layers[::-1])) * 3 + ((above, drawn.layers),):
        for layer in layers:
            place = {cell: i / len(row) for row in drawn.layers for i, cell in enumerate(row)}
            layer.sort(key=partial(_mean_place, place, near))


def _mean_place(place: dict[Cell, float], near: dict[Cell, list[Cell]], cell: Cell) -> float:
    """The mean place of a cell's neighbours, its own where it has none."""
    return sum(place[other] for other in near[cell]) / len(near[cell]) if near[cell] else place[cell]


def _place(drawn: Frame) -> None:
    """Give every cell its coordinates, and the frame its size."""
    for layer in drawn.layers:
        at = 0.0
        for cell in layer:
            cell.x = at + cell.width / 2
            at += cell.width + GAP
    ends: dict[Cell, list[Wire]] = {cell: [] for cell in drawn.cells}
    for wire in drawn.wires:
        ends[wire[0]].append(wire)
        ends[wire[1]].append(wire)
    last = len(drawn.layers) - 1
    for layers in (drawn.layers, drawn.layers[::-1]) * 20:
        for layer in layers:
            _settle(layer, [_wish(cell, ends[cell], last) for cell in layer])
    left = min((cell.x - cell.width / 2 for cell in drawn.cells), default=0.0)
    y = 0.0
    for layer in drawn.layers:
        height = max((cell.height for cell in layer), default=0.0)
        for cell in layer:
            cell.x -= left
            cell.y = y + (height - cell.height) / 2
            if cell.lane >= 0:
                cell.y, cell.height = y, height
        y += height + DROP
    drawn.width = max((cell.x + cell.width / 2 for cell in drawn.cells), default=0.0)
    drawn.height = y - DROP


def _wish(cell: Cell, wires: list[Wire], last: int) -> tuple[float, float]:
    """Where the cell's wires would be straight, and how much that matters.

    Those between two boxes, or within the lane of one wire, come before those that turn from a box into a lane.
    """
    total, weight = 1e-3 * cell.x, 1e-3
    for start, end, source in wires:
        straight = start.bottom(source)[0] - end.top(source)[0]
        turns = (start.lane >= 0 and start.layer > 0) != (end.lane >= 0 and end.layer < last)
        importance = 1.0 if turns else 8.0
        total += importance * (cell.x + straight if cell is end else cell.x - straight)
        weight += importance
    return total / weight, weight


def _settle(layer: list[Cell], wishes: list[tuple[float, float]]) -> None:
    """The places nearest to the wishes that keep the order and the gaps (pool adjacent violators)."""
    offset = 0.0
    pools: list[tuple[float, float, int]] = []  # mean wish, weight, number of cells
    offsets = []
    for i, (cell, (wish, weight)) in enumerate(zip(layer, wishes, strict=True)):
        if i:
            offset += (layer[i - 1].width + cell.width) / 2 + GAP
        offsets.append(offset)
        mean, count = wish - offset, 1
        while pools and pools[-1][0] > mean:
            other, heavy, others = pools.pop()
            mean, weight, count = (mean * weight + other * heavy) / (weight + heavy), weight + heavy, count + others
        pools.append((mean, weight, count))
    places = [mean for mean, _, count in pools for _ in range(count)]
    for cell, place, shift in zip(layer, places, offsets, strict=True):
        cell.x = place + shift
