"""What the model sees of a design, as numbers: its decisions, its graph, its exact costs, and what else is known of it.

Decisions say where a design lies in its space; the graph says what it is, whatever the space calls it: two cells that
compute the same look the same. The graph is described by Weisfeiler–Lehman colours: the colour of a node at depth h names
its operator and all that lies h steps before it. How often each colour occurs is hashed into a few columns, so that every
space has the same number of them and none needs a dictionary.

Source: Shervashidze et al. 2011, "Weisfeiler-Lehman Graph Kernels"; Ru et al. 2021, "Interpretable Neural Architecture
Search via Bayesian Optimisation with Weisfeiler-Lehman Kernels"; Weinberger et al. 2009, "Feature Hashing for Large Scale
Multitask Learning".
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nas.space.domains import Categorical, Domain, Value
from nas.study.parameters import Parameters

if TYPE_CHECKING:
    from nas.graph.graph import Graph
    from nas.space import Architecture
    from nas.study.samplers.base import Statistics

Array = NDArray[np.float64]

DEPTHS = (0, 1, 2, 4)  # of colours
N_BUCKETS = 48  # columns that the colours of one depth are hashed into
COSTS = ("params", "macs", "activation_bytes")
N_KEPT = 10_000  # designs that are not described twice
N_OWN = 128  # decisions with columns of their own; rarer ones are hashed
WIDTH = math.sqrt(12.0)  # of a uniform distribution whose variance is 1
SIZES, RARE = "sizes", "rare"

_HASHED = (*(f"colours {depth}" for depth in DEPTHS), SIZES)
_PLAIN = (*COSTS, "depth", "nodes")
GRAPH_GROUPS: tuple[str, ...] = tuple(name for name in _HASHED for _ in range(N_BUCKETS)) + _PLAIN


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """One design.

    Args:
        key: equal for designs that would train alike: one architecture under one recipe.
        costs: exact, by name.
        decisions: where each decision stands in its domain, by parameter name; see `position`.
        graph: the columns `GRAPH_GROUPS`.
        statistics: numbers of any scale, by name; the same names for every design.
    """

    key: str
    costs: Mapping[str, int]
    decisions: Mapping[str, Array]
    graph: Array
    statistics: Mapping[str, float] = field(default_factory=dict)


def described(design: Architecture, parameters: Parameters, statistics: Statistics | None = None) -> Described:
    """What the model sees of `design`; its decisions bear the names of `parameters`."""
    costs = design.costs.as_dict()
    decisions = {
        parameters.lookup(path, domain): position(domain, design.genotype[path])
        for path, domain in design.domains.items()
        if domain.size > 1 and path in design.genotype
    }
    amounts = [math.log10(1 + costs[name]) for name in COSTS]
    graph = np.concatenate([_hashed(design.graph), amounts, _extent(design.graph)])
    key = design.digest + json.dumps(design.recipe, sort_keys=True)
    return Described(key, costs, decisions, graph, {} if statistics is None else statistics(design))


class Describe:
    """`described`, which takes no design twice while decisions keep their names."""

    def __init__(self, parameters: Parameters, statistics: Statistics | None = None) -> None:
        self._parameters, self._statistics = parameters, statistics
        self._known: dict[str, Described] = {}
        self._n_names = 0  # parameters that these were described with

    def __call__(self, design: Architecture) -> Described:
        if len(self._known) >= N_KEPT or self._n_names != len(self._parameters.domains):
            self._known.clear()
            self._n_names = len(self._parameters.domains)
        name = repr(design.genotype)
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = described(design, self._parameters, self._statistics)
        return found


def _hashed(graph: Graph) -> Array:
    found = [array("d", bytes(8 * N_BUCKETS)) for _ in _HASHED]
    colours = [_label(node.op, node.attrs, node.type.shape) for node in graph.nodes]
    widths: Counter[int] = Counter()
    for node, colour in zip(graph.nodes, colours, strict=True):
        shape = node.type.shape
        widths[colour] += math.log2(max(shape[-1], 1)) if shape else 0.0  # type: ignore[assignment]
    for colour, count in Counter(colours).items():
        _add(found[-1], colour, widths[colour] / count)
    inputs = [node.inputs for node in graph.nodes]
    for depth in range(DEPTHS[-1] + 1):
        if depth:
            colours = [
                hash((here, colours[read[0]])) if len(read) == 1 else _mixed(colours, here, read)
                for here, read in zip(colours, inputs, strict=True)
            ]
        if depth in DEPTHS:
            row = found[DEPTHS.index(depth)]
            for colour, count in Counter(colours).items():
                _add(row, colour, math.log2(1 + count))
    return np.array(found).ravel()


def _mixed(colours: list[int], here: int, read: tuple[int, ...]) -> int:
    """The colour of a node one step deeper; what it reads has no order."""
    return hash((here, *sorted([colours[i] for i in read])))


def _add(row: array[float] | Array, key: int, amount: float) -> None:
    mixed = (key * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    row[(mixed >> 40) % N_BUCKETS] += amount if mixed >> 63 else -amount


@cache
def _label(op: str, attrs: tuple[tuple[str, object], ...], shape: tuple[int, ...]) -> int:
    """What a node is, apart from its sizes: those are told by the costs and the widths."""
    kept = tuple([pair for pair in attrs if type(pair[1]) is not int or pair[1] not in shape])
    return crc32(repr((op, kept)).encode())


def _extent(graph: Graph) -> list[float]:
    depths: list[int] = []
    for node in graph.nodes:
        depths.append(1 + max((depths[i] for i in node.inputs), default=-1))
    return [math.log2(1 + max(depths)), math.log2(1 + len(graph.nodes))]


class Columns:
    """Designs as rows of numbers, on scales that the observed ones set.

    Args:
        observed: at least one.
        decisions: whether rows hold them; else graphs and costs alone.

    A statistic becomes its rank among these, from 0 to 1. Only columns in which these differ are kept. A decision, and every group of columns of graphs, has about the variance 1 over
    random designs. `groups` (p,) is the group of each column, `names` what the groups are.
    """

    def __init__(self, observed: Sequence[Described], decisions: bool = True) -> None:
        self._decisions = decisions
        times = Counter(name for one in observed for name in self._taken(one))
        widths = {name: len(place) for one in observed for name, place in self._taken(one).items()}
        own = sorted(times, key=lambda name: -times[name])[:N_OWN]
        self._own = {name: (widths[name], times[name] < len(observed)) for name in own}
        labels = [_template(name) for name, (width, optional) in self._own.items() for _ in range(width + optional)]
        self._known = {
            name: np.sort([one.statistics[name] for one in observed if not math.isnan(one.statistics[name])])
            for name in observed[0].statistics
        }
        statistics = [f"score {name}" for name in self._known]  # no decision has a blank in its name
        labels += [RARE] * N_BUCKETS + list(GRAPH_GROUPS) + statistics
        self._width = len(labels)
        raw = np.array([self._row(one) for one in observed])
        spread = raw.std(0)
        self._alive = np.flatnonzero(spread > 0) if spread.any() else np.array([0])
        alive = [labels[i] for i in self._alive]
        self.names = tuple(dict.fromkeys(alive))
        self.groups = np.array([self.names.index(label) for label in alive], dtype=np.intp)
        self._centre, self._scale = raw[:, self._alive].mean(0), np.ones(len(alive))
        for group, name in enumerate(self.names):
            if name in (RARE, *GRAPH_GROUPS, *statistics):
                inside = self.groups == group
                self._scale[inside] = 1 / math.sqrt(float((spread[self._alive[inside]] ** 2).sum()) or 1.0)
        self._rows = dict(zip(observed, (raw[:, self._alive] - self._centre) * self._scale, strict=True))

    def rows(self, designs: Sequence[Described]) -> Array:
        """(n, p)"""
        for one in designs:
            if one not in self._rows:
                self._rows[one] = (self._row(one)[self._alive] - self._centre) * self._scale
        return np.array([self._rows[one] for one in designs]).reshape(len(designs), len(self.groups))

    def _taken(self, design: Described) -> Mapping[str, Array]:
        return design.decisions if self._decisions else {}

    def _row(self, design: Described) -> Array:
        row, taken = np.zeros(self._width), self._taken(design)
        at = 0
        for name, (width, optional) in self._own.items():
            place = taken.get(name)
            if optional:
                row[at] = place is not None
                at += 1
            if place is not None:
                row[at : at + width] = place
            elif width == 1:
                row[at] = WIDTH / 2
            at += width
        first = at + N_BUCKETS
        for name, place in taken.items():
            if name not in self._own:
                for i, amount in enumerate(place.tolist()):
                    _add(row[at:first], crc32(f"{name} {i}".encode()), amount)
        row[first:] = [*design.graph, *(_rank(design.statistics[name], known) for name, known in self._known.items())]
        return row


def _rank(value: float, known: Array) -> float:
    """The share of `known`, which rise, that is below `value`, equal ones counting half; ½ where nothing is known."""
    if math.isnan(value) or not len(known):
        return 0.5
    return float(np.searchsorted(known, value) + np.searchsorted(known, value, "right")) / (2 * len(known))


def _template(name: str) -> str:
    """Decisions that differ by the indices of loops only share a length scale."""
    return re.sub(r"\[\d+\]", "[]", name.partition("@")[0])


def position(domain: Domain, value: Value) -> Array:
    """Within an ordered domain from 0 to √12, (1,); else a column for each value, any two of them at one distance.

    So a value drawn evenly has the variance 1.
    """
    if isinstance(domain, Categorical):
        place = next(i for i, one in enumerate(domain.options) if one == value and type(one) is type(value))
        if _is_ordered(domain):
            return np.array([WIDTH * place / (len(domain.options) - 1)])
        found = np.zeros(len(domain.options))
        found[place] = math.sqrt(len(domain.options) / (len(domain.options) - 1))
        return found
    low, high, here = float(domain.low), float(domain.high), float(value)  # type: ignore[arg-type]
    if domain.log:
        low, high, here = math.log(low), math.log(high), math.log(here)
    return np.array([WIDTH * (here - low) / (high - low)])


@cache
def _is_ordered(domain: Categorical) -> bool:
    """Whether what a value does is likely to lie between what its neighbours do."""
    numbers = [one for one in domain.options if isinstance(one, int | float) and not isinstance(one, bool)]
    return len(numbers) == len(domain.options) > 2 and numbers in (sorted(numbers), sorted(numbers, reverse=True))
