"""The body of `forward`: which values get a name, and which stand inside the expression that reads them.

Values that are read once wait, and are written where they are read if the order of evaluation stays as it was and the
expression stays short. Names go from a value to its successor when it is the last to read it: `x = self.norm(x)`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nas.codegen import lines, templates
from nas.codegen.blocks import Part
from nas.codegen.loops import Layout, Loop
from nas.codegen.naming import VALUES, Names
from nas.codegen.templates import Skeleton

_DEPTH = 3  # calls inside calls
_LENGTH = 80  # characters of an expression that stands inside another one


@dataclass(slots=True)
class _Waiting:
    """An expression that is not written yet. `reads` are the values it names, in order."""

    writes: tuple[int, ...]
    text: str
    binding: int
    depth: int
    reads: tuple[int, ...]


class Forward:
    """Writes the statements of one class.

    Args:
        type_of: the text of a value's type for comments; empty where there is none to show.
        names: names taken already, those of the arguments among them.
    """

    def __init__(
        self,
        layout: Layout,
        inputs: dict[int, str],
        outputs: Sequence[int],
        type_of: Callable[[int], str],
        names: Names,
        indent: int = 8,
    ) -> None:
        self.layout = layout
        self.outputs = tuple(outputs)
        self.type_of = type_of
        self.reserved = names
        self.indent = indent
        self.lines: list[str] = []
        self.name = dict(inputs)
        self.live = set(inputs.values())
        self.left: dict[int, int] = dict.fromkeys(self.outputs, 0)
        self.held: set[int] = set()
        self.waiting: list[_Waiting] = []
        self.shown: dict[int, str] = {}  # types where `type_of` does not know or must not say
        self.n_stand_ins = 0
        for value in self.outputs:
            self.left[value] += 1
        for item in layout.items:
            for part in [item] if isinstance(item, Part) else [part for turn in item.turns for part in turn]:
                for value in part.reads:
                    self.left[value] = self.left.get(value, 0) + 1

    def written(self) -> list[str]:
        """All lines, the `return` included."""
        position = 0
        for item in self.layout.items:
            if isinstance(item, Loop):
                self._loop(item, position)
                position += len(item.turns) * len(item.turns[0])
            else:
                home = self.layout.home_of.get(position)
                self._part(item, item.reads, "" if home is None else f"self.{home.name}")
                position += 1
        if len(self.outputs) == 1:
            skeleton: Skeleton = (0,)
        else:
            skeleton = tuple(", " if i % 2 else i // 2 for i in range(2 * len(self.outputs) - 1))
        result = self._expression(skeleton, (), "", self.outputs, ())
        self._write(f"return {result.text}", self._comment(self.outputs, result.reads))
        return self.lines

    def _part(
        self, part: Part, reads: tuple[int, ...], module: str, names: Sequence[str] = (), named: bool = False
    ) -> None:
        waiting = self._expression(part.step.call, part.call_numbers, module, reads, part.writes)
        self.waiting.append(waiting)
        if named or len(waiting.writes) > 1 or self.left.get(waiting.writes[0], 0) != 1:
            while self.waiting:
                self._flush(names if len(self.waiting) == 1 else ())

    def _expression(
        self, call: Skeleton, numbers: tuple[str, ...], module: str, reads: tuple[int, ...], writes: tuple[int, ...]
    ) -> _Waiting:
        """The call as text, with what waits written inside where that is right; what cannot be is named first."""
        grammar = templates.grammar(call)
        order = [hole.argument for hole in grammar.holes]
        own = int(grammar.calls)
        while True:
            ready = {one.writes[0]: one for one in self.waiting}
            inside = [reads[i] for i in order if reads[i] in ready]
            tail = [one.writes[0] for one in self.waiting[len(self.waiting) - len(inside) :]]
            depth = own + max((ready[value].depth for value in inside), default=0)
            if inside == tail and (not inside or not writes or depth <= _DEPTH):
                texts = self._arguments(grammar.holes, reads, ready)
                text = templates.filled(call, module, texts, numbers)
                if not inside or len(text) <= (_LENGTH if writes else _LENGTH + 10):
                    break
            self._flush()
        del self.waiting[len(self.waiting) - len(inside) :]
        named: list[int] = []
        for i in dict.fromkeys(order):  # an argument that the expression names twice is one reading
            named.extend(ready[reads[i]].reads if reads[i] in ready else [reads[i]])
        binding = grammar.binding if call != (0,) or not inside else ready[inside[0]].binding
        return _Waiting(writes, text, binding, depth, tuple(named))

    def _arguments(
        self, holes: tuple[templates.Hole, ...], reads: tuple[int, ...], ready: dict[int, _Waiting]
    ) -> list[str]:
        asked = {hole.argument: hole.binding for hole in holes}
        texts = []
        for i, value in enumerate(reads):
            one = ready.get(value)
            if one is None:
                texts.append(self.name.get(value, "?"))
            else:
                texts.append(one.text if one.binding >= asked.get(i, 0) else f"({one.text})")
        return texts

    def _flush(self, forced: Sequence[str] = ()) -> None:
        """Write what has waited longest as a statement of its own."""
        one = self.waiting.pop(0)
        dying: list[str] = []
        for value in one.reads:
            if value in self.held:
                continue
            self.left[value] -= 1
            if self.left[value] == 0:
                self.live.discard(self.name[value])
                dying.append(self.name[value])
        chosen = []
        for i, value in enumerate(one.writes):
            if not self.left.get(value, 0) and value not in self.held:
                chosen.append("_")
                continue
            name = forced[i] if i < len(forced) and forced[i] else next((n for n in dying if n not in self.live), "")
            name = name or self._new_name()
            self.live.add(name)
            self.name[value] = name
            chosen.append(name)
        if chosen != [one.text]:  # a tensor whose axis was renamed is the tensor that it was
            self._write(f"{', '.join(chosen)} = {one.text}", self._comment(one.writes, one.reads))

    def _new_name(self) -> str:
        number = 1
        while True:
            for name in VALUES:
                name = name if number == 1 else f"{name}{number}"
                if name not in self.live and name not in self.reserved.taken:
                    return name
            number += 1

    def _write(self, text: str, comment: str = "") -> None:
        self.lines.extend(lines.statement(text, self.indent, comment))

    def _comment(self, writes: Sequence[int], reads: Sequence[int]) -> str:
        """The types of what is written, where they differ from those of what is read."""
        types = [self._type(value) for value in writes]
        known = {self._type(value) for value in reads}
        return "" if "" in types or set(types) <= known else ", ".join(types)

    def _loop(self, loop: Loop, position: int) -> None:
        while self.waiting:
            self._flush()
        body, last = loop.turns[0], loop.turns[-1]
        inside = {value for turn in loop.turns for part in turn for value in part.writes}
        outer = Counter(value for turn in loop.turns for part in turn for value in part.reads if value not in inside)
        own_reads = Counter(value for part in last for value in part.reads)
        escaping = {
            (q, w)
            for q, part in enumerate(last)
            for w, value in enumerate(part.writes)
            if self.left.get(value, 0) > own_reads[value]
        }
        carried = self._carried(loop, outer)
        modules, header = self._header(loop, position)
        self.held = {*outer, *carried.values()}
        self._write(header)
        self.indent += 4
        start = len(self.lines)
        for q, part in enumerate(body):
            reads = tuple(
                carried[source.part, source.which] if source.place == "before" else value
                for source, value in zip(loop.sources[q], part.reads, strict=True)
            )
            places = [(q, w) for w in range(len(part.writes))]
            kept = [value for place, value in zip(places, part.writes, strict=True) if place in {*carried, *escaping}]
            self.held.update(kept)
            for w, value in enumerate(part.writes):
                self._show_common_type(value, [turn[q].writes[w] for turn in loop.turns])
            names = [self.name[carried[place]] if place in carried else "" for place in places]
            self._part(part, reads, modules[q], names, named=bool(kept))
        while self.waiting:
            self._flush()
        if len(self.lines) == start:
            self._write("pass")
        self.indent -= 4
        self.held = set()
        self._leave(loop, outer, carried, escaping, own_reads)

    def _carried(self, loop: Loop, outer: Counter[int]) -> dict[tuple[int, int], int]:
        """A value for each that turns hand on, under the name it keeps: that of its start, if nobody else needs it."""
        fixed = {source.part for row in loop.sources for source in row if source.place == "outside"}
        starts = list(loop.carried.values())
        carried = {}
        for place, start in loop.carried.items():
            self.n_stand_ins += 1
            value = -self.n_stand_ins
            self.shown[value] = self._type(start)
            if self.left[start] == outer[start] and start not in fixed and starts.count(start) == 1:
                self.name[value] = self.name[start]
            else:
                self.name[value] = self._new_name()
                self.live.add(self.name[value])
                self._write(f"{self.name[value]} = {self.name[start]}")
            carried[place] = value
        return carried

    def _leave(
        self,
        loop: Loop,
        outer: Counter[int],
        carried: dict[tuple[int, int], int],
        escaping: set[tuple[int, int]],
        own_reads: Counter[int],
    ) -> None:
        """After the loop the last turn's values have the names; what nobody reads any more is free."""
        for value, count in outer.items():
            self.left[value] -= count
            if self.left[value] == 0:
                self.live.discard(self.name[value])
        for place in carried:
            self.live.discard(self.name[carried[place]])
        for q, w in escaping:
            name = self.name[loop.turns[0][q].writes[w]]
            value = loop.turns[-1][q].writes[w]
            self.name[value] = name
            self.left[value] -= own_reads[value]
            self.live.add(name)

    def _header(self, loop: Loop, position: int) -> tuple[list[str], str]:
        """How each part of the turn reaches its module, and the `for` line."""
        modules, variables, lists = [], [], []
        period = len(loop.turns[0])
        homes = [self.layout.home_of.get(position + q) for q in range(period)]
        for home in homes:
            if home is None or not home.is_list:
                modules.append("" if home is None else f"self.{home.name}")
                continue
            variable = self.reserved.claim(home.item)
            variables.append(variable)
            lists.append(f"self.{home.name}")
            modules.append(variable)
        if not lists:
            return modules, f"for _ in range({len(loop.turns)}):"
        over = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
        return modules, f"for {', '.join(variables)} in {over}:"

    def _show_common_type(self, value: int, counterparts: list[int]) -> None:
        """In a loop a comment holds for all turns or is not there."""
        types = {self.type_of(one) for one in counterparts}
        self.shown[value] = types.pop() if len(types) == 1 else ""

    def _type(self, value: int) -> str:
        return self.shown[value] if value in self.shown else self.type_of(value)
