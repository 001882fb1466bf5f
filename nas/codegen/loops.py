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
        self.maker = {value: (i, w) for i, part in enumerate(parts) for w, value in enumerate(part.writes)}
        self.last_read = dict.fromkeys(outputs, len(parts))
        self.groups: list[Hashable] = []
        numbers: dict[Hashable, int] = {}
        self.keys: list[int] = []
        for i, part in enumerate(parts):
            step = part.step
            for value in part.reads:
                self.last_read[value] = max(self.last_read.get(value, 0), i)
            self.groups.append(_group(part, i))
            key = (
                step.word,
                step.call,
                part.call_numbers,
                len(part.writes),
                step.instance is None,
                step.has_module,
            )
            self.keys.append(numbers.setdefault(key, len(numbers)))
        self.uses: dict[Hashable, int] = {}
        for group in self.groups:
            self.uses[group] = self.uses.get(group, 0) + 1

    def repetition(self, start: int) -> _Found | None:
        """The repetition of the shortest period that starts here: period, number of turns, sources, carried values."""
        for period in range(1, (len(self.keys) - start) // 2 + 1):
            found = self._from(start, period)
            if found is not None and not self._repeats_inside(start, period):
                return found
        return None

    def _repeats_inside(self, start: int, period: int) -> bool:
        """Whether a turn holds a repetition of its own; those are the better loops."""
        return any(
            self._from(start + q, shorter) is not None
            for q in range(1, period)
            for shorter in range(1, (period - q) // 2 + 1)
        )

    def _from(self, start: int, period: int) -> _Found | None:
        """The longest repetition of this period that starts here."""
        keys = self.keys
        turn_keys = keys[start : start + period]
        if (
            keys[start] != keys[start + period]
            or not self._hands_on(start, period)
            or turn_keys != keys[start + period : start + 2 * period]
        ):
            return None
        sources = self._sources(start, start + period, period)
        carried = _carried(self._sources(start, start, period), sources)
        if carried is None:
            return None
        count, turn = 2, start + 2 * period
        while (
            self._hands_on(turn - period, period)
            and turn_keys == keys[turn : turn + period]
            and sources == self._sources(start, turn, period)
        ):
            count, turn = count + 1, turn + period
        count = min([count, *(self._alternating(start + q, period, count) for q in range(period))])
        parts = self.parts
        blocks = [parts[i].block is parts[i + period].block for i in range(start, start + period) if parts[i].block]
        fewest = 2 if blocks and all(blocks) else 3
        return (period, count, sources, carried) if count >= fewest else None

    def _sources(self, start: int, turn: int, period: int) -> list[list[Source]]:
        result = []
        for part in self.parts[turn : turn + period]:
            row = []
            for value in part.reads:
                made, which = self.maker.get(value, (-1, 0))
                if made >= turn:
                    row.append(Source("here", made - turn, which))
                elif made >= start and made >= turn - period:
                    row.append(Source("before", made - turn + period, which))
                else:
                    row.append(Source("outside", value))
            result.append(row)
        return result

    def _hands_on(self, turn: int, period: int) -> bool:
        """Whether a turn's values are read in it and in the next one only, so that it need not be the last."""
        end = turn + 2 * period
        return all(
            self.last_read.get(value, -1) < end for part in self.parts[turn : turn + period] for value in part.writes
        )

    def _alternating(self, start: int, period: int, count: int) -> int:
        """How many turns one place has the same module, or each time a new one that nobody else uses."""
        groups = [self.groups[i] for i in range(start, start + period * count, period)]
        same = next((t for t, group in enumerate(groups) if group != groups[0]), count)
        if same > 1:
            return same
        if not self.parts[start].step.has_weights:
            return count
        return next((t for t, group in enumerate(groups) if self.uses[group] > 1), count)


def _carried(first: list[list[Source]], later: list[list[Source]]) -> dict[tuple[int, int], int] | None:
    """The value that each carried one starts from, if the first turn reads as the later ones do; None if not."""
    carried: dict[tuple[int, int], int] = {}
    for q, (at_first, then) in enumerate(zip(first, later, strict=True)):
        for one, two in zip(at_first, then, strict=True):
            if two.place != "before":
                if one != two:
                    return None
                continue
            overwritten = two.part < q  # by a part that stands before it
            if one.place != "outside" or overwritten:
                return None
            if carried.setdefault((two.part, two.which), one.part) != one.part:
                return None
    return carried


def _group(part: Part, position: int) -> Hashable:
    """What modules have in common that one attribute can hold: the same weights, or none and the same constructor."""
    if not part.step.has_module:
        return None
    if part.step.has_weights:
        return part.share
    return part.step.word, constructor_text(part)
