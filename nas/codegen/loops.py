"""Where the parts of a class repeat, and which modules therefore live in lists.

A repetition is a stretch of parts, several times in a row, in which every part reads the same as its counterpart: a
value from outside, a value of its own turn, or what a counterpart made in the turn before. Such a stretch becomes a
`for` loop, and each of its modules a list of modules, unless all turns use the same one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

from nas.codegen.blocks import Part, constructor_text


class Source(NamedTuple):
    """Where a part reads from: `here` and `before` count parts from the start of a turn, `outside` is a value's id."""

    place: str
    part: int
    which: int = 0


@dataclass(slots=True)
class Home:
    """An attribute of the class: one module, or the list of those that the turns of a loop go through.

    `name` is the attribute's, `item` that of one of the list, both given by the renderer.
    """

    word: str
    members: list[Part]
    is_list: bool = False
    name: str = ""
    item: str = ""


@dataclass(slots=True)
class Loop:
    """`turns` repetitions of as many parts each; `carried` maps a part of the turn to the value it starts from."""

    turns: list[list[Part]]
    sources: list[list[Source]]
    carried: dict[tuple[int, int], int]


@dataclass(slots=True)
class Layout:
    """A class's parts with loops folded, and its modules. `home[i]` is that of part i, None for functions."""

    items: list[Part | Loop]
    homes: list[Home]
    home_of: dict[int, Home] = field(default_factory=dict)


def layout(parts: list[Part], outputs: tuple[int, ...]) -> Layout:
    """Fold the repetitions, the shortest period first, and give every module a home."""
    search = _Search(parts, outputs)
    items: list[Part | Loop] = []
    homes: list[Home] = []
    home_of: dict[int, Home] = {}
    shared: dict[Hashable, Home] = {}

    def settle(i: int) -> None:
        group = search.groups[i]
        if group is None:
            return
        home = shared.get(group)
        if home is None:
            home = shared[group] = Home(parts[i].step.word, [parts[i]])
            homes.append(home)
        home_of[i] = home

    start = 0
    while start < len(parts):
        found = search.repetition(start)
        if found is None:
            settle(start)
            items.append(parts[start])
            start += 1
            continue
        period, count, sources, carried = found
        for q in range(period):
            turns = range(start + q, start + q + period * count, period)
            if search.groups[start + q] is None or len({search.groups[i] for i in turns}) == 1:
                for i in turns:
                    settle(i)
                continue
            members = [parts[i] for i in turns]
            home = Home(parts[start + q].step.word, members, True)
            homes.append(home)
            home_of.update((i, home) for i in turns)
        turned = [parts[start + t * period : start + (t + 1) * period] for t in range(count)]
        items.append(Loop(turned, sources, carried))
        start += period * count
    return Layout(items, homes, home_of)


_Found = tuple[int, int, list[list[Source]], dict[tuple[int, int], int]]


class _Search:
    """Finds repetitions; everything that depends on one part only is worked out once."""

    def __init__(self, parts: list[Part], outputs: tuple[int, ...]) -> None:
        self.parts = parts
        self.maker = {value: (i, w) for i, part in enumerate(parts) for w, value in enumerate(part.step.writes)}
        self.last_read = dict.fromkeys(outputs, len(parts))
        self.groups: list[Hashable] = []
        numbers: dict[Hashable, int] = {}
        self.keys: list[int] = []
        for i, part in enumerate(parts):
            step = part.step
            for value in step.reads:
                self.last_read[value] = max(self.last_read.get(value, 0), i)
            self.groups.append(_group(part, i))
            key = (
                step.word,
                step.call,
                part.call_numbers,
                len(step.writes),
                step.instance is None,
                step.has_module,
            )
            self.keys.append(numbers.setdefault(key, len(numbers)))
        self.uses: dict[Hashable, int] = {}
        for group in self.groups:
            self.uses[group] = self.uses.get(group, 0) + 1

    def repetition(self, start: int) -> _Found | None:
        """The repetition of the shortest period that starts here: period, number of turns, sources, carried values."""
        keys, n = self.keys, len(self.keys)
        for period in range(1, (n - start) // 2 + 1):
            if (
                keys[start] != keys[start + period]
                or keys[start : start + period] != keys[start + period : start + 2 * period]
            ):
                continue
            found = self._from(start, period)
            if found is not None:
                return found
        return None

    def _from(self, start: int, period: int) -> _Found | None:
        first, second = self._sources(start, start, period), self._sources(start, start + period, period)
        carried: dict[tuple[int, int], int] = {}
        for q, (at_first, later) in enumerate(zip(first, second, strict=True)):
            for one, two in zip(at_first, later, strict=True):
                if two.place == "before":
                    if one.place != "outside" or two.part < q:
                        return None  # overwritten before it is read
                    if carried.setdefault((two.part, two.which), one.part) != one.part:
                        return None
                elif one != two:
                    return None
        count = 2
        while True:
            turn = start + count * period
            if self.keys[turn : turn + period] != self.keys[start : start + period]:
                break
            if self._sources(start, turn, period) != second:
                break
            count += 1
        same_class = [
            a.block is b.block for a, b in zip(self.parts[start:], self.parts[start + period :], strict=False)
        ]
        blocks = [part.block for part in self.parts[start : start + period] if part.block is not None]
        fewest = 2 if blocks and all(same_class[:period]) else 3
        for turns in range(count, fewest - 1, -1):
            if self._keeps_inside(start, period, turns) and self._modules_alternate(start, period, turns):
                return period, turns, second, carried
        return None

    def _sources(self, start: int, turn: int, period: int) -> list[list[Source]]:
        result = []
        for part in self.parts[turn : turn + period]:
            row = []
            for value in part.step.reads:
                made, which = self.maker.get(value, (-1, 0))
                if made >= turn:
                    row.append(Source("here", made - turn, which))
                elif made >= start and made >= turn - period:
                    row.append(Source("before", made - turn + period, which))
                else:
                    row.append(Source("outside", value))
            result.append(row)
        return result

    def _keeps_inside(self, start: int, period: int, turns: int) -> bool:
        """Whether only the last turn's values are read after the loop."""
        end = start + period * turns
        return all(
            self.last_read.get(value, -1) < end
            for part in self.parts[start : end - period]
            for value in part.step.writes
        )

    def _modules_alternate(self, start: int, period: int, turns: int) -> bool:
        """Whether each place in the turn has one module throughout, or a new one in each turn that nobody else uses."""
        for q in range(period):
            group = [self.groups[i] for i in range(start + q, start + q + period * turns, period)]
            if len(set(group)) == 1:
                continue
            if self.parts[start + q].step.has_weights and any(self.uses[one] > 1 for one in group):
                return False
        return True


def _group(part: Part, position: int) -> Hashable:
    """What modules have in common that one attribute can hold: the same weights, or none and the same constructor."""
    if not part.step.has_module:
        return None
    if part.step.has_weights:
        return part.share
    return part.step.word, constructor_text(part)
