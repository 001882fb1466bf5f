"""Remembers designs by the decisions that lead to them, so that none is built twice.

What the equations ask for next, and what comes out in the end, follows from the answers so far. The answers met so far
are a tree, whose leaves are designs and rejections. A decider is led down this tree, and the equations run only where it
leaves what is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nas.space.architecture import Architecture
from nas.space.domains import Domain, Value
from nas.space.run import Decider, Rejected

N_REMEMBERED = 50_000  # decisions and nodes of graphs; beyond, all is forgotten

Step = tuple[str, Domain, Value]


@dataclass(slots=True)
class _Fork:
    """The decision at `path`, and where each of its values leads. A value goes with its type, for 1 equals True."""

    path: str
    domain: Domain
    ways: dict[tuple[type, Value], _Place] = field(default_factory=dict)


_Place = _Fork | Architecture | Rejected


class _Recorder:
    """Repeats the first steps of a way, asks `decider` for the others, and writes them down."""

    def __init__(self, way: list[Step], decider: Decider) -> None:
        self.way = way
        self._given = iter([value for _, _, value in way])
        self._decider = decider

    def decide(self, path: str, domain: Domain) -> Value:
        for value in self._given:
            return value
        value = self._decider.decide(path, domain)
        self.way.append((path, domain, value))
        return value


class Memory:
    """See the module. One is for one space at one binding."""

    def __init__(self) -> None:
        self._root: _Place | None = None
        self._size = 0

    def build(self, build: Callable[[Decider], Architecture], decider: Decider) -> Architecture:
        """What `build` makes of `decider`, which is asked the same questions as by `build` itself.

        The architecture is shared with all who got to the same place.
        Raises: what `build` does.
        """
        way: list[Step] = []
        here = self._root
        while isinstance(here, _Fork):
            value = decider.decide(here.path, here.domain)
            way.append((here.path, here.domain, value))
            here = here.ways.get((type(value), value))
        if here is None:
            recorder = _Recorder(way, decider)
            try:
                here = build(recorder)
            except Rejected as rejected:
                here = rejected
            self._remember(way, here)
        if isinstance(here, Rejected):
            raise here.again()
        return here

    def _remember(self, way: list[Step], end: Architecture | Rejected) -> None:
        self._size += len(way) + (len(end.graph.nodes) if isinstance(end, Architecture) else 0)
        if self._size > N_REMEMBERED:
            self._root, self._size = None, 0
        places: list[_Place] = [*(_Fork(path, domain) for path, domain, _ in way), end]
        if self._root is None:
            self._root = places[0]
        here = self._root
        for (_, _, value), place in zip(way, places[1:], strict=True):
            assert isinstance(here, _Fork)
            here = here.ways.setdefault((type(value), value), place)
